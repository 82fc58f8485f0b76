"""The page of a run: answers, then what they rest on."""

from collections.abc import Iterator, Sequence
from typing import Any

from toolkit.compare import Table, tables
from toolkit.measured import Measurement, Run
from toolkit.noise import noise_floors
from toolkit.report.answers import answer, answers
from toolkit.report.browser import charts, data
from toolkit.report.browser.document import Library, document
from toolkit.report.browser.tables import (
    capacity_table,
    circumstance_list,
    cost_table,
    duel_table,
    finalist_table,
    latency_table,
    parity_table,
    shape_table,
)
from toolkit.report.circumstances import limits
from toolkit.report.elements import Markup, element
from toolkit.report.notes import notes
from toolkit.report.tune_findings import find, remarks, settings_of, wish
from toolkit.tuning.finals import finals_of

Spec = dict[str, Any]


def page(run: Run, library: Library, *, wanted: float | None = None, up: str = "") -> str:
    """Write the report of a run.

    Args:
        run: What was measured.
        library: What draws charts, see ``drawing.library``.
        wanted: Requests/s for which replicas are counted, None: for no rate.
        up: Address of the site that the page is part of, relative to it; empty: it stands alone.
    """
    shown = finals_of(run)
    found = tables(shown)
    sections = [_section(number, table, shown, wanted) for number, table in enumerate(found)]
    content = {"workloads": [_charts(shown, table) for table in found], "waits": _waits(found)}
    main = element("main", *_search(run), _filters(found), *sections, *_common(shown, found))
    return document(f"Run {run.id}", library, content, _header(run, found, up), main)


def _header(run: Run, found: Sequence[Table], up: str) -> Markup:
    host = run.served_on
    items = [
        element(
            "li",
            element("a", workload, href=f"#w{number}"),
            element("p", said),
        )
        for number, (workload, said) in enumerate(answers(run, found))
    ]
    what = "stack serves most" if run.tuned is None else "configuration is the one to take"
    return element(
        "header",
        element(
            "p",
            element("a", "All runs", href=up) if up else "flask-production-toolkit",
            f", run {run.id}",
            class_="quiet",
        ),
        element("h1", f"Which {what}, and how sure is that?"),
        element("ul", *items, class_="answers"),
        element(
            "p",
            f"Measured {run.started_at.replace('T', ' ')[:16]} UTC on {host.cpus} CPUs, "
            f"{host.cpu_model}; {limits(run)}; {run.runtime.name}. {_soundness(run)}",
            class_="quiet",
        ),
        element("button", "Dark", type="button", id="theme", aria_pressed="false"),
    )


def _soundness(run: Run) -> str:
    done = len(run.outcomes)
    measured = [item for item in run.outcomes if isinstance(item, Measurement)]
    invalid = sum(not item.valid for item in measured)
    text = f"{done} of {len(run.trials)} trials: {done - len(measured)} failed, {invalid} invalid."
    return text if run.finished_at else f"It did not come to its end. {text}"


def _search(run: Run) -> Iterator[Markup]:
    """Show what a search looked for and found, and what to write down to have it."""
    tuned = run.tuned
    if tuned is None:
        return
    parts: list[str] = [element("h2", "What the search found"), element("p", wish(run, tuned))]
    if tuned.finalists:
        parts.append(finalist_table(tuned))
    said = (element("li", text.plain) for text in remarks(run, tuned))
    parts.append(element("ul", *said, class_="notes"))
    if tuned.recommended is not None:
        taken = find(tuned, tuned.recommended)
        lines = settings_of(run.knobs, taken, tuned.recommended)
        parts += [
            element("h3", "To have it: in toolkit.toml, or [tool.toolkit.server]"),
            element("pre", "\n".join(lines), tabindex="0"),
        ]
    yield element("section", *parts, id="search")


def _filters(found: Sequence[Table]) -> Markup:
    apps, servers = data.apps_and_servers(row for table in found for row in table.rows)
    workloads = [table.workload for table in found]
    return element(
        "form",
        _choice("workload", "Workload", workloads),
        _choice("app", "App", apps),
        _choice("server", "Server", servers),
        element("output", "", id="shown"),
        class_="filters",
        aria_label="What is shown",
    )


def _choice(name: str, label: str, values: Sequence[str]) -> Markup:
    options = [element("option", "all", value="")]
    options += [element("option", value, value=value) for value in values]
    return element("label", label, element("select", *options, name=name, id=f"by-{name}"))


def _section(number: int, table: Table, run: Run, wanted: float | None) -> Markup:
    latency, duels = latency_table(table, run), duel_table(data.duels(run, table), table.workload)
    parts: list[str] = [
        element("h2", table.workload),
        element("p", answer(table, run), class_="answer"),
        _figure(
            number,
            "throughput",
            "Each dot is a trial, the bar their median, the line its "
            "interval. Crosses are invalid trials. Ratios below are taken within rounds and are "
            "surer than these intervals, which hold the machine's drift.",
        ),
        capacity_table(table, run),
    ]
    if latency is not None:
        parts += [
            element("h3", "Latency at the same rate for all"),
            _figure(
                number,
                "percentiles",
                "From the time a request was meant to start.",
                _rates(number, run),
            ),
            _figure(number, "load", "Hollow: the stack did not carry that rate."),
            latency,
        ]
    cost = cost_table(table, wanted)
    if cost is not None:
        parts += [
            element("h3", "Cost at capacity"),
            cost,
            _figure(number, "cpu", ""),
            _figure(number, "memory", ""),
        ]
    shape = shape_table(table)
    if shape is not None:
        parts += [element("h3", "Under the shape of the locustfile"), shape]
    if duels is not None:
        parts += [element("h3", "Who beats whom"), duels]
    parts += [element("h3", "Notes"), element("ul", *_notes(table, run), class_="notes")]
    return element(
        "section",
        *parts,
        id=f"w{number}",
        data_workload=table.workload,
        aria_label=table.workload,
    )


def _rates(number: int, run: Run) -> Markup:
    parts = sorted(part for part in run.load.rates if part <= 1)
    buttons = [
        element("button", f"{part:.0%}", type="button", data_part=f"{part:g}") for part in parts
    ]
    return element("div", "Rate: ", *buttons, class_="rates", role="group", aria_label="Rate")


def _figure(number: int, name: str, caption: str, *more: Markup) -> Markup:
    return element(
        "figure",
        *more,
        element("div", class_="chart", data_chart=name, data_number=str(number)),
        element("figcaption", caption),
    )


def _notes(table: Table, run: Run) -> Iterator[Markup]:
    for note in notes(table, run, []):
        text = note.plain
        grave = text.startswith(("INVALID", "FAILED"))
        kind = "grave" if grave else "warned" if text.startswith("warning") else ""
        yield element("li", text, class_=kind)


def _common(run: Run, found: Sequence[Table]) -> Iterator[Markup]:
    waits = data.waits(found)
    if waits["stack"]:
        yield element(
            "section",
            element("h2", "What waiting does"),
            _figure(0, "waits", "Where lines cross, another stack serves more."),
            id="waiting",
        )
    for floor in noise_floors(run):
        ratio = floor.ratio
        yield element(
            "section",
            element("h2", "Noise floor"),
            element(
                "p",
                f"{run.baseline} against itself under {floor.workload}: {ratio.value:.3f} times"
                + ("" if ratio.low is None else f" [{ratio.low:.3f}, {ratio.high:.3f}]"),
            ),
        )
    if any(stack.knobs is not None for stack in run.stacks):
        yield element(
            "section",
            element("h2", "What the stacks were set to"),
            parity_table(run),
            id="settings",
        )
    yield element("section", element("h2", "How it was measured"), circumstance_list(run), id="how")


def _charts(run: Run, table: Table) -> Spec:
    # a stack has the same colour everywhere
    stacks = [*dict.fromkeys(stack.id for stack in run.stacks), *(r.stack for r in table.rows)]
    stacks = [*dict.fromkeys(stacks)]
    parts = sorted(part for part in run.load.rates if part <= 1)
    return {
        "stacks": stacks,
        "specs": {
            "throughput": charts.throughput(
                stacks,
                [row.stack for row in table.rows],
                intervals=any(row.throughput and row.throughput.low for row in table.rows),
            ),
            "load": charts.latency_by_load(stacks),
            "cpu": charts.over_time(stacks, "cpu", "CPU in use, cores"),
            "memory": charts.over_time(stacks, "memory", "memory, MiB"),
            "percentiles": {f"{part:g}": charts.percentiles(stacks, part) for part in parts},
        },
        "data": {
            "capacity": data.capacity(table),
            "trials": data.trials(run, table),
            "curves": data.curves(run, table),
            "loads": data.loads(table),
            "course": data.course(run, table),
        },
    }


def _waits(found: Sequence[Table]) -> Spec:
    columns = data.waits(found)
    stacks = [*dict.fromkeys(columns["stack"])]
    return {"stacks": stacks, "spec": charts.waiting(stacks), "data": columns}
