"""Columns of the terminal's tables, and which of them go where there is no room for all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement as Width
from rich.table import Table
from rich.text import Text

from toolkit.compare import AtRate, Row, Shaped, missing_rounds
from toolkit.compare import Table as Comparison
from toolkit.measured import Run
from toolkit.plan import RATE_STRETCH, recovery_limit
from toolkit.stats import Interval, Ratio
from toolkit.units import counted, format_bytes, format_duration, format_latency, format_rate


class _Droppable(Protocol):
    @property
    def title(self) -> str: ...

    @property
    def drop(self) -> int: ...


R = TypeVar("R")
"""What a row of a table is about."""

_T = TypeVar("_T")
_C = TypeVar("_C", bound=_Droppable)
_UNBOUNDED = 10_000


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """A column of a table.

    Attributes:
        title: Its head.
        cell: What it says of a row.
        drop: The highest goes first where the width does not do; 0 never.
        justify: Where its text stands.
        least: Characters that the name of a row, which may break over lines, is given at least; 0:
            the column is none of names.
    """

    title: str
    cell: Callable[[R], str]
    drop: int = 0
    justify: Literal["left", "right"] = "right"
    least: int = 0


def fitting(
    rows: Sequence[R],
    columns: Sequence[Column[R]],
    console: Console,
    style: Callable[[R], str | None],
) -> tuple[Table, list[str]]:
    """Make a table of as many columns as there is room for; name the others.

    Args:
        rows: What it is about.
        columns: All of them; the highest ``drop`` goes first.
        console: Where the room is.
        style: How a row looks.
    """
    hidden: list[str] = []
    shown = list(columns)
    widths = [_width(column, rows) for column in columns]
    for column in sorted((c for c in columns if c.drop), key=lambda column: -column.drop):
        if _width_of_table(widths) <= console.width:
            break
        index = shown.index(column)
        hidden.append(column.title)
        del shown[index], widths[index]
    return _table(rows, shown, style), hidden


def _width(column: Column[R], rows: Sequence[R]) -> int:
    """Say how wide a column is whose text is not broken."""
    cells = (column.title, *(column.cell(row) for row in rows))
    return max(column.least, *(cell_len(line) for cell in cells for line in cell.split("\n")))


def _width_of_table(widths: Sequence[int]) -> int:
    """Say how wide a table is, as rich draws it: an edge, a rule, a space beside each column."""
    return sum(widths) + 3 * len(widths) - 1


def widest(
    columns: Sequence[_C], console: Console, make: Callable[[Sequence[_C]], Table]
) -> tuple[Table, list[str]]:
    """Make a table of as many columns as there is room for; name the others.

    Args:
        columns: All of them; the highest ``drop`` goes first, 0 never.
        console: Where the room is.
        make: Makes the table of those that are given.
    """
    hidden: list[str] = []
    shown = list(columns)
    table = make(shown)
    droppable = sorted((c for c in columns if c.drop), key=lambda column: -column.drop)
    unbounded = console.options.update(width=_UNBOUNDED)
    while droppable and Width.get(console, unbounded, table).maximum > console.width:
        gone = droppable.pop(0)
        shown.remove(gone)
        hidden.append(gone.title)
        table = make(shown)
    return table, hidden


def _table(
    rows: Sequence[R], columns: Sequence[Column[R]], style: Callable[[R], str | None]
) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        # a name may break, but not to pieces; a number never
        table.add_column(
            column.title,
            justify=column.justify,
            no_wrap=not column.least,
            overflow="fold",
            min_width=column.least or None,
        )
    for row in rows:
        # text, and no markup: a name may have brackets
        table.add_row(*(Text(column.cell(row)) for column in columns), style=style(row))
    return table


def capacity_columns(comparison: Comparison, run: Run) -> list[Column[Row]]:
    """What each stack can do at most, and how sure that is."""

    def ratio(row: Row) -> str:
        return "baseline" if row.stack == comparison.baseline else format_ratio(row.ratio)

    enough = missing_rounds(run) is None
    columns = [
        Column("rank", _rank, drop=1),
        _STACK,
        Column("req/s", lambda row: _optional(row.throughput, lambda x: format_rate(x.value))),
        Column("95 %", lambda row: _optional(row.throughput, _interval), drop=4, justify="left"),
        Column("ratio to baseline", ratio, justify="left"),
        Column(
            f"{run.load.goal.latency} at",
            lambda row: _optional(row.under_objective, _objective),
            drop=2,
        ),
        Column("users", _users, drop=3),
        Column("errors", lambda row: _optional(row.error_rate, _percent), drop=5),
    ]
    absent = {
        "rank": all(row.rank is None for row in comparison.rows),
        "95 %": not enough,
        columns[5].title: all(row.under_objective is None for row in comparison.rows),
        "errors": not any(row.error_rate for row in comparison.rows),
    }
    return [column for column in columns if not absent.get(column.title)]


def rate_columns(comparison: Comparison, run: Run) -> list[Column[Row]]:
    """How long answers took at the same rate for all; empty if no rate was measured."""
    parts = sorted({at.part for row in comparison.rows for at in row.at_rates})
    if not parts:
        return []
    columns = [_STACK]
    limit = recovery_limit(run.load.duration * RATE_STRETCH)
    below = [part for part in parts if part <= 1]
    for part in parts:
        rate = next(at.rate for row in comparison.rows for at in row.at_rates if at.part == part)
        title = f"{part:.0%} ({format_rate(rate)}/s)"
        if part > 1:
            columns.append(Column(title, _overload(part, limit), drop=2))
        else:
            # the rates between tell least, the highest that all should carry the most
            drop = 3 if part in below[1:-1] else 1 if part in below[:-1] else 0
            columns.append(Column(title, _latencies(part), drop=drop))
    return columns


def shape_title(comparison: Comparison) -> str:
    """Say what the table of the shape is about; empty if none was played."""
    played = next((row.shaped for row in comparison.rows if row.shaped is not None), None)
    if played is None:
        return ""
    return (
        f"The shape of the locustfile: {counted(played.users, 'user')} at most, "
        f"{format_duration(played.seconds)}, with their waits"
    )


def shape_columns(comparison: Comparison) -> list[Column[Row]]:
    """What the shape of the locustfile met on each stack; empty if none was played."""

    def told(form: Callable[[Shaped], str]) -> Callable[[Row], str]:
        return lambda row: "-" if row.shaped is None else form(row.shaped)

    def latencies(shaped: Shaped) -> str:
        if shaped.latencies is None:
            return "-"
        return " / ".join(_optional(seconds, format_latency) for seconds in shaped.latencies)

    if not shape_title(comparison):
        return []
    return [
        Column("stack", _name_in_shape, justify="left", least=14),
        Column("p50 / p99 / p99.9 ms", told(latencies)),
        Column("errors", told(lambda shaped: _percent(shaped.error_rate))),
        Column("req/s", told(lambda shaped: format_rate(shaped.throughput)), drop=1),
        Column("cores", told(lambda shaped: _optional(shaped.cpu, _hundredths)), drop=3),
        Column("memory", told(lambda shaped: _optional(shaped.memory_peak, format_bytes)), drop=2),
    ]


def cost_columns(comparison: Comparison, wanted: float | None) -> list[Column[Row]]:
    """What an answer costs, and what a server costs that waits for requests; empty if nobody knows.

    Args:
        comparison: The stacks.
        wanted: Requests/s for which replicas are counted, None: for no rate.
    """
    columns = [
        _STACK,
        Column("CPU ms/req", lambda row: _optional(row.cpu_per_request, _cpu)),
        Column("user + system", _user_and_system, drop=6),
        Column("req/s per core", lambda row: _optional(row.rate_per_core, format_rate), drop=2),
        Column("memory", lambda row: _optional(row.memory_peak, format_bytes)),
        Column("per worker", _per_worker, drop=3),
        Column("req/s per MiB", lambda row: _optional(row.rate_per_mebibyte, format_rate), drop=3),
        Column("switches/req", lambda row: _optional(row.switches, _hundredths), drop=8),
        Column("threads", lambda row: _optional(row.threads, str), drop=7),
        Column("start s", lambda row: _optional(row.start_seconds, _hundredths), drop=4),
        Column("stop s", lambda row: _optional(row.stop_seconds, _hundredths), drop=5),
    ]
    measured = [row for row in comparison.rows if row.throughput is not None]
    if measured and all(row.cpu_per_request is row.memory_peak is None for row in measured):
        return []
    if wanted is not None:
        title = f"for {format_rate(wanted)}/s"
        columns.append(Column(title, lambda row: _optional(row.replicas(wanted), str), drop=1))
    return [c for c in columns if not c.drop or any(c.cell(row) != "-" for row in comparison.rows)]


def _name(row: Row) -> str:
    if row.valid:
        return row.stack
    return f"{row.stack} ({'failed' if row.throughput is None else 'invalid'})"


_STACK = Column("stack", _name, justify="left", least=14)


def _name_in_shape(row: Row) -> str:
    if row.shaped is None or row.shaped.valid:
        return row.stack
    return f"{row.stack} (invalid)"


def _rank(row: Row) -> str:
    if row.rank is None:
        return "-"
    return f"{row.rank}=" if row.shared else str(row.rank)


def _interval(rate: Interval) -> str:
    if rate.low is None or rate.high is None:
        return "-"
    return f"[{format_rate(rate.low)}, {format_rate(rate.high)}]"


def format_ratio(ratio: Ratio | None) -> str:
    """Write a ratio with its interval; ~ marks a tie."""
    if ratio is None:
        return "-"
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.2f}x"
    tie = " ~" if ratio.tie else ""
    return f"{ratio.value:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}]{tie}"


def _users(row: Row) -> str:
    if row.users is None:
        return "-"
    if row.knee is None or row.knee.users == row.users:
        return str(row.users)
    return f"{row.users} (knee {row.knee.users})"


def _objective(rate: float) -> str:
    return f"{format_rate(rate)}/s" if rate else "missed"


def _latencies(part: float) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        at = _at(row, part)
        if at is None or at.latencies is None:
            return "-"
        if not at.valid:
            return "invalid"
        mark = "" if at.carried else "> "
        return mark + " / ".join(_optional(seconds, format_latency) for seconds in at.latencies)

    return cell


def _overload(part: float, limit: float) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        at = _at(row, part)
        if at is None:
            return "-"
        if not at.valid:
            return "invalid"
        calm = f"> {limit:g} s" if at.recovery is None else f"{at.recovery:.2f} s"
        wrong = f", {_percent(at.error_rate)} wrong" if at.error_rate else ""
        left = f", {_percent(at.unanswered)} unanswered" if at.unanswered else ""
        return f"{format_rate(at.goodput)}/s{wrong}{left}, {calm}"

    return cell


def _at(row: Row, part: float) -> AtRate | None:
    return next((at for at in row.at_rates if at.part == part), None)


def _user_and_system(row: Row) -> str:
    if row.cpu_user is None or row.cpu_system is None:
        return "-"
    return f"{_cpu(row.cpu_user)} + {_cpu(row.cpu_system)}"


def _cpu(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}"


def _per_worker(row: Row) -> str:
    several = row.workers is not None and row.workers > 1
    return _optional(row.memory_per_worker if several else None, format_bytes)


def _hundredths(number: float) -> str:
    return f"{number:.2f}"


def _percent(part: float) -> str:
    if part == 0:
        return "0"
    return "<0.01 %" if part < 1e-4 else f"{part:.2%}".replace("%", " %")


def _optional(value: _T | None, form: Callable[[_T], str]) -> str:
    return "-" if value is None else form(value)
