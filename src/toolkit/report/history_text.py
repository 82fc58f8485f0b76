"""What a history says, in words that the terminal and the browser share."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from toolkit.history import Machine, Point, Reading
from toolkit.report.check_text import change_of, name_of, plain, width_of
from toolkit.stats import Ratio
from toolkit.trend import LEAST_POINTS, Series, Step
from toolkit.units import counted

HOW_TO_INSTALL = (
    "Change points were not looked for: ruptures does that, and it is not installed. "
    "pip install 'flask-production-toolkit[history]'"
)


def headline(series: Series) -> str:
    """Name the metric: ``CPU per request``, ``Throughput``, ``p99 latency``."""
    name = name_of(series.metric, gated=series.metric in series.points[0].settings.metrics)
    return name if series.metric.is_latency else name[0].upper() + name[1:]


def subject(series: Series) -> str:
    """Say of what the metric is, and relative to what."""
    first = series.points[0]
    whose = f"{plain(first.stack)} under " if first.stack else ""
    workloads = ", ".join(map(plain, first.workloads))
    return f"{whose}{workloads}, relative to {plain(first.reference.label)}"


def span(points: Sequence[Point]) -> str:
    """Say how many checks there are, and from when to when."""
    first, last = day(points[0]), day(points[-1])
    when = f"of {first}" if first == last else f"from {first} to {last}"
    return f"{counted(len(points), 'check')} {when}"


def day(point: Point) -> str:
    """Give the date of a check, as its clock had it."""
    return f"{point.time:%Y-%m-%d}"


def moment(point: Point) -> str:
    """Give date and time of a check."""
    return f"{point.time:%Y-%m-%d %H:%M}"


def version(point: Point) -> str:
    """Name the version that was checked."""
    return plain(point.candidate.label)


def change(reading: Reading) -> tuple[str, str]:
    """Write a ratio as a change, and its interval, which may be empty: ``+1.2 %``, ``[0.1, 2]``."""
    value, bracket, rest = change_of(_ratio(reading)).partition(" [")
    return value, f"{bracket.strip()}{rest}"


def _ratio(item: Reading | Step) -> Ratio:
    return Ratio(value=item.ratio, low=item.low, high=item.high, pairs=0)


def step_words(step: Step) -> str:
    """Say which is the first version of a new level, by how much it differs, and from which."""
    return (
        f"{'WORSE' if step.worse else 'Better'} from {version(step.first)} of {day(step.first)} "
        f"on: {change_of(_ratio(step))}. The last before it: {version(step.last)} of "
        f"{day(step.last)}."
    )


def besides(step: Step) -> str:
    """Say what else may be the cause; empty if there is nothing."""
    if not step.besides:
        return ""
    return (
        f"Between the two also changed: {'; '.join(map(plain, step.besides))}. Check both versions "
        "on one machine before you look for the cause in the app."
    )


def remarks(series: Series) -> Iterator[str]:
    """Say what is to be known besides the steps, sentence by sentence."""
    if series.new:
        differing = "; ".join(map(plain, series.new))
        yield f"A new series, not to be compared with the one before: {differing}."
    yield from _sureness(series)
    count = len(series.readings)
    invalid = len(series.points) - count
    if invalid:
        yield f"{counted(invalid, 'check')} gave no valid number."
    machines = Counter(machine(point.host) for point, _ in series.readings)
    if len(machines) > 1:
        named = "; ".join(f"{name} ({times})" for name, times in machines.most_common())
        yield (
            f"Measured on {len(machines)} kinds of machine: {named}. A ratio survives a change of "
            "machine for the most part, not wholly."
        )


def _sureness(series: Series) -> Iterator[str]:
    if series.noise is None:
        yield (
            f"{counted(len(series.readings), 'check')} so far; it takes {LEAST_POINTS} to tell a "
            "change from noise."
        )
        return
    if series.levels is not None and not series.steps:
        yield "No change points."
    text = f"A single check is off by about {width_of(series.noise)} (standard deviation)"
    if series.levels is not None and series.visible is not None:
        text += (
            f": a change for good of {width_of(series.visible)} is found by its third check in "
            "about half of the cases, a smaller one later"
        )
    yield f"{text}."


def machine(host: Machine) -> str:
    """Name a machine by what its speed depends on most."""
    return f"{plain(host.cpu_model)}, {counted(host.cpus, 'CPU')}"


def elsewhere(points: Sequence[Point]) -> set[str]:
    """Give the ids of the checks that ran on another machine than the one before."""
    return {
        after.check
        for before, after in pairwise(points)
        if machine(before.host) != machine(after.host)
    }
