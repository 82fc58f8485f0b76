"""A history in a terminal: change points first, then the checks as a table with a picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement as Width
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toolkit.history import Point, Reading
from toolkit.report.history_text import (
    HOW_TO_INSTALL,
    besides,
    change,
    day,
    elsewhere,
    headline,
    moment,
    remarks,
    span,
    step_words,
    subject,
    version,
)
from toolkit.trend import Series, Step
from toolkit.units import counted

_BLOCKS = "▁▂▃▄▅▆▇█"
_LEAST_SPAN = 0.05
"""Of the log ratios in a picture: noise of 1 % must not look like much."""

_LEAST_PICTURE, _MOST_PICTURE = 20, 60
_LEAST_FOR_INTERVALS = 50
_UNBOUNDED = 10_000


def show(
    series: Sequence[Series], console: Console, *, last: int = 30, searched: bool = True
) -> None:
    """Print series, no wider than the console.

    Args:
        series: Of one metric or of several.
        console: Where to.
        last: How many checks of each are in its table, the newest; 0: all.
        searched: Whether change points were looked for; if not, how to get them is said.
    """
    for item in series:
        console.print(_section(item, console, last))
    if not searched:
        console.print(Text(f"\n{HOW_TO_INSTALL}", style="yellow"))


def _section(series: Series, console: Console, last: int) -> RenderableType:
    parts: list[RenderableType] = [
        Text.assemble("\n", (headline(series), "bold"), f" of {subject(series)}"),
        _course(series, console.width),
    ]
    for step in series.steps:
        parts.append(Text(step_words(step), style="bold red" if step.worse else "bold green"))
        if step.besides:
            parts.append(Text(besides(step), style="yellow"))
    shown = series.points[-last:] if last else series.points
    table, legend = _fitting(series, shown, console)
    parts.append(table)
    lines = [*remarks(series), *legend]
    earlier = len(series.points) - len(shown)
    if earlier:
        lines.append(f"{counted(earlier, 'earlier check')} not in the table: --last 0 shows all.")
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row("-", Text(line))
    parts.append(Padding(grid, (0, 0, 0, 2)))
    return Group(*parts)


def _course(series: Series, width: int) -> Text:
    """Draw all checks in a line, the newest as far as there is room."""
    readings = [reading for _, reading in series.readings]
    value, interval = change(readings[-1])
    now = f"  now {value} {interval}".rstrip()
    logs = [math.log(reading.ratio) for reading in readings][-max(8, width - len(now)) :]
    low = min(logs)
    scale = (len(_BLOCKS) - 1) / max(max(logs) - low, _LEAST_SPAN)
    blocks = "".join(_BLOCKS[round((log - low) * scale)] for log in logs)
    return Text(f"{span(series.points)}\n{blocks}{now}")


def _fitting(
    series: Series, points: Sequence[Point], console: Console
) -> tuple[Table, Sequence[str]]:
    """Make the table that there is room for, and the lines that explain its signs."""
    unbounded = console.options.update(width=_UNBOUNDED)
    table = _table(series, points, words=True)
    width = Width.get(console, unbounded, table).maximum
    if width > console.width:
        narrow = console.width < _LEAST_FOR_INTERVALS
        return _table(series, points, words=False, intervals=not narrow), _legend(series)
    room = console.width - width - 3
    if room < _LEAST_PICTURE:
        return table, ()
    picture = _Picture.of(series, points, min(room, _MOST_PICTURE))
    return _table(series, points, words=True, picture=picture), ()


def _legend(series: Series) -> list[str]:
    signs = []
    if series.steps:
        signs.append("▲ ▼ a change point")
    if elsewhere(series.points):
        signs.append("* another machine than before")
    return ["; ".join(signs)] if signs else []


def _table(
    series: Series,
    points: Sequence[Point],
    *,
    words: bool,
    intervals: bool = True,
    picture: "_Picture | None" = None,
) -> Table:
    """Make the table: with marks in words or signs, with intervals and a picture or without."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("date", no_wrap=True)
    table.add_column("version", overflow="fold", min_width=10)
    table.add_column("change", justify="right", no_wrap=True)
    if intervals:
        table.add_column("interval", no_wrap=True)
    if picture is not None:
        table.add_column(Text(picture.axis), no_wrap=True)
    table.add_column("", no_wrap=True)
    steps = {step.first.check: step for step in series.steps}
    moved = elsewhere(series.points)
    for point in points:
        reading = point.reading(series.metric)
        value, interval = ("invalid", "") if reading is None else change(reading)
        cells = [moment(point) if words else day(point), version(point), value]
        if intervals:
            cells.append(interval)
        if picture is not None:
            cells.append("" if reading is None else picture.row(reading))
        mark = _mark(steps.get(point.check), moved=point.check in moved, words=words)
        table.add_row(*map(Text, cells), mark, style=None if reading else "dim")
    return table


def _mark(step: Step | None, *, moved: bool, words: bool) -> Text:
    text = Text()
    if step is not None:
        sign = "▲" if step.ratio > 1 else "▼"
        meaning = f" {'worse' if step.worse else 'better'}" if words else ""
        text.append(f"{sign}{meaning}", style="bold red" if step.worse else "bold green")
    if moved:
        text.append(" " * bool(text) + "other machine" if words else "*", style="yellow")
    return text


@dataclass(frozen=True, slots=True)
class _Picture:
    """Points with their intervals on a common scale, one to a row.

    Args:
        low: Log ratio at the left end ...
        high: ... and at the right; no change lies between them.
        width: Columns.
    """

    low: float
    high: float
    width: int

    @classmethod
    def of(cls, series: Series, points: Sequence[Point], width: int) -> "_Picture":
        found = [point.reading(series.metric) for point in points]
        values = [
            value
            for reading in found
            if reading is not None
            for value in (reading.low, reading.ratio, reading.high)
            if value is not None
        ]
        logs = [0.0, *map(math.log, values)]
        low, high = min(logs), max(logs)
        spare = max(0.0, _LEAST_SPAN - (high - low)) / 2
        return cls(low - spare, high + spare, width)

    @property
    def axis(self) -> str:
        """Give the ends of the scale, above the ends of the rows."""
        left, right = (f"{round(math.expm1(end) * 100) + 0:+} %" for end in (self.low, self.high))
        return f"{left}{right:>{self.width - len(left)}}"

    def row(self, reading: Reading) -> str:
        cells = [" "] * self.width
        if reading.low is not None and reading.high is not None:
            for column in range(self._column(reading.low), self._column(reading.high) + 1):
                cells[column] = "─"
        none = self._column(1.0)
        cells[none] = "┼" if cells[none] == "─" else "│"
        cells[self._column(reading.ratio)] = "●"
        return "".join(cells)

    def _column(self, ratio: float) -> int:
        part = (math.log(ratio) - self.low) / (self.high - self.low)
        return round(part * (self.width - 1))
