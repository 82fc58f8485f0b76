"""A history as one HTML file that needs nothing else: no network, no script."""

from collections.abc import Sequence

from toolkit.history import Point
from toolkit.report.check_text import plain
from toolkit.report.elements import Markup, element
from toolkit.report.history_svg import chart
from toolkit.report.history_text import (
    HOW_TO_INSTALL,
    besides,
    change,
    day,
    elsewhere,
    headline,
    machine,
    moment,
    remarks,
    span,
    step_words,
    subject,
    version,
)
from toolkit.trend import Series

_STYLE = """
:root { color-scheme: light dark;
  --ground: #fff; --text: #1c2127; --quiet: #5b6570; --rule: #dde2e7; --mark: #1f5fbf;
  --worse: #b3261e; --better: #1a7335; --doubt: #8a5a00; --raised: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #14181d; --text: #e4e8ec; --quiet: #9aa5b1; --rule: #2c343c; --mark: #79aaf2;
  --worse: #ff8a80; --better: #6fce8b; --doubt: #e0b050; --raised: #1c2229; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 92rem; padding: 1.5rem clamp(1rem, 3vw, 2.5rem);
  background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 0; }
p { margin: .2rem 0; } .quiet, figcaption { color: var(--quiet); }
section { border-top: 1px solid var(--rule); margin-top: 2rem; padding-top: 1.25rem; }
a { color: var(--mark); }
ul { margin: .5rem 0; padding-left: 1.2rem; } figure { margin: 0; overflow-x: auto; }
nav ul { list-style: none; padding: 0; } nav li { margin: .6rem 0; } nav div { font-size: .87rem; }
.worse { color: var(--worse); } .better { color: var(--better); } .doubt { color: var(--doubt); }
.steps { list-style: none; padding: 0; font-weight: 600; }
.steps .doubt { font-weight: 400; display: block; }
.beside { display: grid; gap: 1.5rem; margin: 1rem 0;
  grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); }
@media (max-width: 70rem) { .beside { grid-template-columns: minmax(0, 1fr); } }
.scroll { max-height: 26rem; overflow: auto; border: 1px solid var(--rule); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .87rem; }
th, td { padding: .25rem .55rem; text-align: left; vertical-align: top; white-space: nowrap; }
td.name { white-space: normal; overflow-wrap: break-word; min-width: 9.5rem; }
.number { text-align: right; }
.scroll th { position: sticky; top: 0; background: var(--raised); }
tr + tr td { border-top: 1px solid var(--rule); }
svg { width: 100%; min-width: 36rem; height: auto; display: block;
  font: 12px system-ui, sans-serif; }
.tick { fill: var(--quiet); } .grid { stroke: var(--rule); } .none { stroke: var(--quiet); }
.band { fill: var(--mark); opacity: .16; }
.course { fill: none; stroke: var(--mark); stroke-width: 1.5; opacity: .55; }
.level { stroke: var(--text); stroke-width: 1.5; stroke-dasharray: 6 4; opacity: .75; }
.dot { fill: var(--mark); } .dot.worse { fill: var(--worse); } .dot.better { fill: var(--better); }
.target { fill: transparent; } .dot:hover { stroke: var(--text); stroke-width: 1.5; }
.dot:hover .target { stroke: none; }
.step line { stroke: currentColor; stroke-dasharray: 2 3; stroke-width: 1.5; }
.step text { fill: currentColor; font-weight: 600; } .machine { fill: var(--doubt); }
"""
_CAPTION = (
    "Each dot is a check: candidate to reference, with its interval as the band. Dashed: levels. "
    "Details on hover."
)


def page(series: Sequence[Series], *, searched: bool = True) -> str:
    """Write the page.

    Args:
        series: Of all metrics that are to be seen; each with a reading at least.
        searched: Whether change points were looked for.
    """
    named = [(f"series-{number}", item) for number, item in enumerate(series, 1)]
    points = {point.check: point for item in series for point in item.points}
    oldest_first = sorted(points.values(), key=lambda point: point.time)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        # not even a mistake of ours lets the text of a file load or run anything
        element(
            "meta",
            http_equiv="Content-Security-Policy",
            content="default-src 'none'; style-src 'unsafe-inline'",
        ),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", "Performance history"),
        element("style", Markup(_STYLE)),
    )
    body = element(
        "body",
        element(
            "header",
            element("h1", "Performance history"),
            element("p", f"{span(oldest_first)}, by flask-production-toolkit.", class_="quiet"),
            *([] if searched else [element("p", HOW_TO_INSTALL, class_="doubt")]),
            _overview(named),
        ),
        element("main", *(_section(name, item) for name, item in named)),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _overview(named: Sequence[tuple[str, Series]]) -> Markup:
    """Say of each series in a line how it stands."""
    items = []
    for name, series in named:
        value, interval = change(series.readings[-1][1])
        step = series.steps[-1] if series.steps else None
        kind = "quiet" if step is None else "worse" if step.worse else "better"
        none = "No change points." if series.levels is not None else ""
        items.append(
            element(
                "li",
                element("a", headline(series), href=f"#{name}"),
                element("b", f" {value} {interval}. "),
                element("span", none if step is None else step_words(step), class_=kind),
                element("div", f"{subject(series)}; {span(series.points)}", class_="quiet"),
            )
        )
    return element("nav", element("ul", *items), aria_label="Series")


def _section(name: str, series: Series) -> Markup:
    steps = [
        element(
            "li",
            step_words(step),
            *([element("span", besides(step), class_="doubt")] if step.besides else []),
            class_="worse" if step.worse else "better",
        )
        for step in series.steps
    ]
    figure = element("figure", chart(series, name), element("figcaption", _caption(series)))
    return element(
        "section",
        element("h2", headline(series)),
        element("p", subject(series), class_="quiet"),
        *([element("ul", *steps, class_="steps")] if steps else []),
        element("div", figure, _checks(name, series), class_="beside"),
        element("ul", *(element("li", line) for line in remarks(series))),
        id=name,
        aria_label=f"{headline(series)} of {subject(series)}",
    )


def _caption(series: Series) -> str:
    moved = " A triangle at the foot: another machine than before." * bool(elsewhere(series.points))
    return f"{_CAPTION}{moved}"


def _checks(name: str, series: Series) -> Markup:
    """Give all checks, the newest first, in a part of the page that scrolls by itself."""
    moved = elsewhere(series.points)
    marks = {
        step.first.check: element(
            "div",
            f"{'▲' if step.ratio > 1 else '▼'} {'worse' if step.worse else 'better'}",
            class_="worse" if step.worse else "better",
        )
        for step in series.steps
    }
    rows = [
        _row(point, series, marks.get(point.check, Markup()), moved=point.check in moved)
        for point in reversed(series.points)
    ]
    titles = ("date", "version", "change", "interval")
    heads = (
        element("th", title, scope="col", class_="number" if title == "change" else "")
        for title in titles
    )
    head = element("thead", element("tr", *heads))
    return element(
        "div",
        element("table", head, element("tbody", *rows)),
        class_="scroll",
        # a keyboard must reach what scrolls
        tabindex="0",
        role="region",
        aria_label=f"Checks of {name}",
    )


def _row(point: Point, series: Series, mark: Markup, *, moved: bool) -> Markup:
    reading = point.reading(series.metric)
    value, interval = (point.verdict, "") if reading is None else change(reading)
    other = element("div", f"on {machine(point.host)}", class_="doubt")
    return element(
        "tr",
        element("td", element("time", day(point), datetime=point.at, title=moment(point))),
        element(
            "td",
            element("span", version(point), title=plain(point.candidate.identity)),
            mark,
            other if moved else "",
            class_="name",
        ),
        element("td", value, class_="number"),
        element("td", interval),
    )
