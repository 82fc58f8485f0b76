"""The tables of a report as HTML: the same columns as in the terminal, sortable by script.js."""

from collections.abc import Mapping, Sequence

from toolkit.compare import Row, Table
from toolkit.measured import Run
from toolkit.parity import parity
from toolkit.report.circumstances import circumstances
from toolkit.report.columns import Column, capacity_columns, cost_columns, rate_columns
from toolkit.report.elements import Markup, element

_MOST_DUELLISTS = 16
"""More make a matrix that nobody reads."""


def capacity_table(table: Table, run: Run) -> Markup:
    """What each stack can do at most, and how sure that is."""
    return _sortable("Capacity", table, capacity_columns(table, run))


def latency_table(table: Table, run: Run) -> Markup | None:
    """How long answers took at the same rates for all; None if no rate was measured."""
    columns = rate_columns(table, run)
    return _sortable("Latency: p50 / p99 / p99.9 ms", table, columns) if columns else None


def cost_table(table: Table, wanted: float | None) -> Markup:
    """What an answer costs."""
    return _sortable("Cost", table, cost_columns(table, wanted))


def duel_table(duels: Mapping[tuple[str, str], tuple[float, bool]], workload: str) -> Markup | None:
    """Who beats whom and by how much; None with nobody to compare."""
    stacks = [*dict.fromkeys(a for a, _ in duels)][:_MOST_DUELLISTS]
    if not stacks:
        return None
    head = element(
        "tr",
        element("th", "serves so many times as much as", scope="col"),
        *(element("th", element("span", stack), scope="col") for stack in stacks),
    )
    body = [
        element(
            "tr",
            element("th", a, scope="row"),
            *(_duel(duels.get((a, b))) if a != b else element("td", "") for b in stacks),
        )
        for a in stacks
    ]
    caption = element("caption", "Who beats whom; ~ where they cannot be told apart")
    inside = element("table", caption, element("thead", head), element("tbody", *body))
    return _scrolling(f"Who beats whom, {workload}", inside, class_="duels")


def parity_table(run: Run) -> Markup:
    """What the stacks were set to."""
    rows = []
    for setting in parity(run.stacks):
        first, *others = setting.values
        differing = [f"{value} ({', '.join(having)})" for value, having in others]
        cells = ("; ".join((first[0], *differing)), ", ".join(setting.absent))
        name = element("th", setting.name, scope="row")
        rows.append(element("tr", name, *(element("td", cell) for cell in cells)))
    head = element(
        "tr", *(element("th", t, scope="col") for t in ("setting", "value", "no such thing in"))
    )
    inside = element("table", element("thead", head), element("tbody", *rows))
    return _scrolling("Settings", inside)


def circumstance_list(run: Run) -> Markup:
    """Under what circumstances it was measured."""
    pairs = (
        element("div", element("dt", label.strip()), element("dd", text))
        for label, text in circumstances(run)
    )
    return element("dl", *pairs)


def _duel(duel: tuple[float, bool] | None) -> Markup:
    if duel is None:
        return element("td", "-")
    ratio, sure = duel
    kind = ("more" if ratio > 1 else "less") if sure else "tie"
    return element("td", f"{'' if sure else '~ '}{ratio:.2f}", class_=kind)


def _sortable(title: str, table: Table, columns: Sequence[Column]) -> Markup:
    heads = [
        element(
            "th",
            element("button", column.title, type="button"),
            scope="col",
            class_="n" if column.justify == "right" and column.title != "stack" else "",
        )
        for column in columns
    ]
    body = [_row(row, columns) for row in table.rows]
    inside = element(
        "table",
        element("caption", title),
        element("thead", element("tr", *heads)),
        element("tbody", *body),
        class_="sortable",
    )
    return _scrolling(f"{title}, {table.workload}", inside)


def _row(row: Row, columns: Sequence[Column]) -> Markup:
    cells = [
        element("th", column.cell(row), scope="row")
        if column.title == "stack"
        else element("td", column.cell(row), class_="n" if column.justify == "right" else "")
        for column in columns
    ]
    return element("tr", *cells, data_stack=row.stack, class_="" if row.valid else "invalid")


def _scrolling(title: str, inside: Markup, *, class_: str = "") -> Markup:
    # a keyboard must reach what scrolls
    return element(
        "div",
        inside,
        class_=f"scroll {class_}".rstrip(),
        tabindex="0",
        role="region",
        aria_label=title,
    )
