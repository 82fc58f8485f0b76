"""The tables of a report as HTML: the same columns as in the terminal, sortable by script.js."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from toolkit.compare import Row, Table
from toolkit.measured import Run
from toolkit.parity import parity
from toolkit.report.circumstances import circumstances
from toolkit.report.columns import (
    Column,
    capacity_columns,
    cost_columns,
    rate_columns,
    shape_columns,
    shape_title,
)
from toolkit.report.elements import Markup, element
from toolkit.report.tune_findings import finalist_columns
from toolkit.tuned import Tuned


class _OfStack(Protocol):
    @property
    def stack(self) -> str: ...


_S = TypeVar("_S", bound=_OfStack)

_MOST_DUELLISTS = 16
"""More make a matrix that nobody reads."""


def capacity_table(table: Table, run: Run) -> Markup:
    """What each stack can do at most, and how sure that is."""
    return _of_rows("Capacity", table, capacity_columns(table, run))


def latency_table(table: Table, run: Run) -> Markup | None:
    """How long answers took at the same rates for all; None if no rate was measured."""
    columns = rate_columns(table, run)
    return _of_rows("Latency: p50 / p99 / p99.9 ms", table, columns) if columns else None


def cost_table(table: Table, wanted: float | None) -> Markup | None:
    """What an answer costs; None if nobody knows."""
    columns = cost_columns(table, wanted)
    return _of_rows("Cost", table, columns) if columns else None


def shape_table(table: Table) -> Markup | None:
    """What the shape of the locustfile met; None if none was played."""
    columns = shape_columns(table)
    return _of_rows(shape_title(table), table, columns) if columns else None


def finalist_table(tuned: Tuned) -> Markup:
    """What the finalists of a search were compared by."""
    columns = finalist_columns(tuned)
    return _sortable(
        "Finalists", "Finalists", columns, tuned.finalists, lambda item: not item.trouble
    )


def duel_table(duels: Mapping[tuple[str, str], tuple[float, bool]], workload: str) -> Markup | None:
    """Who beats whom and by how much; None with nobody to compare."""
    known = [*dict.fromkeys(a for a, _ in duels)]
    stacks = known[:_MOST_DUELLISTS]
    if not stacks:
        return None
    head = element(
        "tr",
        element("th", "serves so many times as much as", scope="col"),
        *(
            element("th", element("span", stack), scope="col", data_against=stack)
            for stack in stacks
        ),
    )
    body = [
        element(
            "tr",
            element("th", a, scope="row"),
            *(_duel(duels.get((a, b)), b) if a != b else _cell("", b) for b in stacks),
            data_stack=a,
        )
        for a in stacks
    ]
    title = "Who beats whom; ~ where they cannot be told apart"
    if len(known) > len(stacks):
        title += f"; the first {len(stacks)} of {len(known)} stacks"
    caption = element("caption", title)
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


def _duel(duel: tuple[float, bool] | None, against: str) -> Markup:
    if duel is None:
        return _cell("-", against)
    ratio, sure = duel
    kind = ("more" if ratio > 1 else "less") if sure else "tie"
    return _cell(f"{'' if sure else '~ '}{ratio:.2f}", against, class_=kind)


def _cell(text: str, against: str, **attributes: str) -> Markup:
    return element("td", text, data_against=against, **attributes)


def _of_rows(title: str, table: Table, columns: Sequence[Column[Row]]) -> Markup:
    label = f"{title}, {table.workload}"
    return _sortable(title, label, columns, table.rows, lambda row: bool(row.valid))


def _sortable(
    title: str,
    label: str,
    columns: Sequence[Column[_S]],
    rows: Sequence[_S],
    sound: Callable[[_S], bool],
) -> Markup:
    heads = [
        element(
            "th",
            element("button", column.title, type="button"),
            scope="col",
            class_="n" if column.justify == "right" else "",
        )
        for column in columns
    ]
    body = [_row(row, columns, sound(row)) for row in rows]
    inside = element(
        "table",
        element("caption", title),
        element("thead", element("tr", *heads)),
        element("tbody", *body),
        class_="sortable",
    )
    return _scrolling(label, inside)


def _row(row: _S, columns: Sequence[Column[_S]], sound: bool) -> Markup:
    cells = [
        element("th", column.cell(row), scope="row")
        if column.least
        else element("td", column.cell(row), class_="n" if column.justify == "right" else "")
        for column in columns
    ]
    return element("tr", *cells, data_stack=row.stack, class_="" if sound else "invalid")


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
