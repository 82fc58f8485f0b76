"""The course of a metric as a picture: points, intervals, levels, change points. SVG."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from toolkit.history import Point, Reading
from toolkit.report.elements import Markup, element
from toolkit.report.history_text import (
    change,
    day,
    elsewhere,
    headline,
    machine,
    moment,
    step_words,
    subject,
    version,
)
from toolkit.trend import Series, Step

_WIDTH, _HEIGHT = 880.0, 320.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 14.0, 36.0, 44.0
_LEAST_SPAN = 0.05
"""Of the log ratios, see report.history."""

_MOST_DATES = 7
_NICE = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Percent between two lines of the grid."""


@dataclass(frozen=True, slots=True)
class _Dot:
    """A reading and where it lies."""

    index: int
    x: float
    point: Point
    reading: Reading


@dataclass(frozen=True, slots=True)
class _Frame:
    """From checks and log ratios to units of the picture."""

    count: int
    low: float
    high: float

    @classmethod
    def around(cls, series: Series) -> "_Frame":
        values = [
            value
            for _, reading in series.readings
            for value in (reading.low, reading.ratio, reading.high)
            if value is not None
        ]
        logs = [0.0, *map(math.log, values)]
        low, high = min(logs), max(logs)
        spare = max(_LEAST_SPAN - (high - low), (high - low) / 10) / 2
        return cls(len(series.points), low - spare, high + spare)

    @property
    def spacing(self) -> float:
        return (_WIDTH - _LEFT - _RIGHT) / self.count

    def x(self, index: float) -> float:
        return _LEFT + (index + 0.5) * self.spacing

    def y(self, ratio: float) -> float:
        part = (math.log(ratio) - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - part * (_HEIGHT - _TOP - _BOTTOM)


def chart(series: Series, name: str) -> Markup:
    """Draw a series.

    Args:
        series: With a reading at least.
        name: Its id in the page.
    """
    frame = _Frame.around(series)
    dots = [
        _Dot(index, frame.x(index), point, reading)
        for index, point in enumerate(series.points)
        if (reading := point.reading(series.metric)) is not None
    ]
    runs = _runs(dots)
    return element(
        "svg",
        element("title", f"{headline(series)} of {subject(series)}", id=f"{name}-title"),
        element("desc", _description(series), id=f"{name}-desc"),
        *_grid(frame),
        *_dates(series.points, frame),
        *(_band(run, frame) for run in runs),
        *_levels(series, dots, frame),
        *(_line(run, frame) for run in runs),
        *_machines(series.points, frame),
        *(_change_point(at, step, series, frame) for at, step in enumerate(series.steps)),
        *(_dot(dot, series, frame) for dot in dots),
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def _description(series: Series) -> str:
    newest = " ".join(change(series.readings[-1][1])).strip()
    steps = " ".join(map(step_words, series.steps))
    return f"{len(series.points)} checks, the newest {newest}. {steps}".strip()


def _runs(dots: Sequence[_Dot]) -> list[list[_Dot]]:
    """Split where checks without a number lie between."""
    groups = groupby(enumerate(dots), lambda item: item[1].index - item[0])
    return [[dot for _, dot in group] for _, group in groups]


def _grid(frame: _Frame) -> Iterator[Markup]:
    """Draw a line for each round change, and one for no change."""
    ends = [math.expm1(frame.low) * 100, math.expm1(frame.high) * 100]
    step = next((nice for nice in _NICE if (ends[1] - ends[0]) / nice <= 7), _NICE[-1])
    for number in range(math.ceil(ends[0] / step), math.floor(ends[1] / step) + 1):
        y = frame.y(1 + number * step / 100)
        label = f"{number * step:+g} %" if number else "0 %"
        kind = "grid" if number else "none"
        yield element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_=kind)
        yield element("text", label, x=_LEFT - 8, y=y + 4, class_="tick", text_anchor="end")


def _dates(points: Sequence[Point], frame: _Frame) -> Iterator[Markup]:
    count = min(_MOST_DATES, len(points))
    chosen = {round(at * (len(points) - 1) / max(1, count - 1)) for at in range(count)}
    for index in sorted(chosen):
        yield element(
            "text",
            day(points[index]),
            x=min(max(frame.x(index), _LEFT + 36), _WIDTH - _RIGHT - 36),
            y=_HEIGHT - 10,
            class_="tick",
            text_anchor="middle",
        )


def _band(run: Sequence[_Dot], frame: _Frame) -> Markup:
    """Fill between the ends of the intervals; a lone point gets some width."""
    known = [
        (dot.x, frame.y(dot.reading.low), frame.y(dot.reading.high))
        for dot in run
        if dot.reading.low is not None and dot.reading.high is not None
    ]
    if len(known) == 1:
        ((x, low, high),) = known
        known = [(x - 3, low, high), (x + 3, low, high)]
    lower = [(x, low) for x, low, _ in known]
    upper = [(x, high) for x, _, high in reversed(known)]
    return element("polygon", points=_coordinates([*lower, *upper]), class_="band")


def _line(run: Sequence[_Dot], frame: _Frame) -> Markup:
    places = [(dot.x, frame.y(dot.reading.ratio)) for dot in run]
    return element("polyline", points=_coordinates(places), class_="course")


def _coordinates(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _levels(series: Series, dots: Sequence[_Dot], frame: _Frame) -> Iterator[Markup]:
    half = frame.spacing / 2
    for level in series.levels or ():
        y = frame.y(level.ratio)
        ends = dots[level.start].x - half, dots[level.stop - 1].x + half
        yield element("line", x1=ends[0], x2=ends[1], y1=y, y2=y, class_="level")


def _change_point(number: int, step: Step, series: Series, frame: _Frame) -> Markup:
    """Draw a line between the last point of a level and the first of the next, with the change."""
    ids = [point.check for point in series.points]
    x = frame.x((ids.index(step.last.check) + ids.index(step.first.check)) / 2)
    value, _ = change(Reading(ratio=step.ratio))
    return element(
        "g",
        element("title", step_words(step)),
        element("line", x1=x, x2=x, y1=_TOP, y2=_HEIGHT - _BOTTOM),
        element(
            "text",
            f"{'▲' if step.ratio > 1 else '▼'} {value}",
            x=min(max(x, _LEFT + 34), _WIDTH - _RIGHT - 34),
            # two neighbours must not lie on each other
            y=_TOP - 8 - 14 * (number % 2),
            text_anchor="middle",
        ),
        class_="step worse" if step.worse else "step better",
    )


def _machines(points: Sequence[Point], frame: _Frame) -> Iterator[Markup]:
    """Mark where the machine is another than before, at the foot."""
    moved = elsewhere(points)
    y = _HEIGHT - _BOTTOM
    for index, point in enumerate(points):
        if point.check in moved:
            x = frame.x(index - 0.5)
            yield element(
                "path",
                element("title", f"from here on {machine(point.host)}"),
                d=f"M{x:.1f} {y + 2:.1f}l5 9h-10z",
                class_="machine",
            )


def _dot(dot: _Dot, series: Series, frame: _Frame) -> Markup:
    value, interval = change(dot.reading)
    y = frame.y(dot.reading.ratio)
    lines = (
        f"{value} {interval}".strip(),
        version(dot.point),
        f"{moment(dot.point)}, {dot.point.verdict}",
        machine(dot.point.host),
    )
    first = {step.first.check: step for step in series.steps}.get(dot.point.check)
    spacing = frame.spacing
    radius = min(3, 1 + spacing / 4)
    kind = "" if first is None else " worse" if first.worse else " better"
    return element(
        "g",
        element("title", "\n".join(lines)),
        # what is to be hit with a pointer is larger than what is seen
        element("circle", cx=dot.x, cy=y, r=min(9, 2 + spacing / 2), class_="target"),
        element("circle", cx=dot.x, cy=y, r=radius if first is None else 5),
        class_=f"dot{kind}",
    )
