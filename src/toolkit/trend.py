"""Where the ratios of a history change for good. Pure, but for the search, which is ruptures'.

A history is cut into series whose points can be compared: of the same reference, workloads and
settings. Within one, the logarithms of the ratios are fitted by levels, each at least two checks
long, such that the squared distances plus a penalty per level are least. The penalty grows with the
noise, so that levels do not follow it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from statistics import fmean, median

from toolkit.checked import Metric
from toolkit.history import Machine, Point, Reading

Search = Callable[[Sequence[float], float], Sequence[int]]
"""Gives the indices at which new levels begin, from the values and the penalty of each level."""

LEAST_POINTS = 6
"""Fewer say nothing of the noise, so nothing of what is more than noise."""

_PENALTY = 4.0
"""Times ln(N) and the variance of the noise: simulated by benchmarks/history_detection.py ..."""

_FEW = 20
"""... where N is this at least: the noise of fewer points is known less well, see there."""

_MAD = 0.6745
"""Median absolute deviation of a normal distribution, in standard deviations."""

_INTERVAL = 2.0
"""Half-width of the interval of a check (95.4 %), in standard deviations."""

_FINEST = 0.001
"""No check tells a tenth of a percent: ratios that agree by chance must not make noise of 0."""

_PASSES = 5
"""Most searches: each knows the noise better, as it knows the steps of the one before."""

_SOON = 3
_SHORT = 19
"""Characters of an identity that tell it from others: of a commit, and of sha256:0123456789ab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Neighbouring points of a series that differ by noise only.

    Attributes:
        start: Index of its first point ...
        stop: ... and of the one after its last, among the points that have a reading.
        ratio: Geometric mean of theirs.
    """

    start: int
    stop: int
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change point: from one level to the next.

    Attributes:
        last: Last point of the level before.
        first: First point of the new one.
        ratio: New level to the level before ...
        low: ... less two standard errors ...
        high: ... and more.
        worse: Whether that is for the worse.
        besides: What else changed between the two points: the machine, the toolkit.
    """

    last: Point
    first: Point
    ratio: float
    low: float
    high: float
    worse: bool
    besides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points that can be compared with each other, oldest first.

    Attributes:
        points: All of them; an invalid check has no reading.
        new: Why it is not one with the series before it, which had the same stack and workloads:
            what differs. Empty for the first.
        noise: Standard deviation of a point's log ratio within a level; None: too few points.
        levels: All that were found; None where nothing was looked for.
        steps: Between the levels.
    """

    metric: Metric
    points: tuple[Point, ...]
    new: tuple[str, ...] = ()
    noise: float | None = None
    levels: tuple[Level, ...] | None = None
    steps: tuple[Step, ...] = ()

    @property
    def readings(self) -> tuple[tuple[Point, Reading], ...]:
        """Give the points that say something of the metric, with what they say."""
        found = ((point, point.reading(self.metric)) for point in self.points)
        return tuple((point, reading) for point, reading in found if reading is not None)

    @property
    def visible(self) -> float | None:
        """Give the step that is found three points after it in every second case, as 0.03.

        It is the one whose levels save as much as the penalty of another level costs.
        """
        count = len(self.readings)
        if self.noise is None or count <= 2 * _SOON:
            return None
        penalty = _penalty(count, self.noise)
        return math.expm1(math.sqrt(penalty * (1 / _SOON + 1 / (count - _SOON))))


def find_search() -> Search | None:
    """Give the search of ruptures, None where it is not installed.

    Its ``KernelCPD`` with the linear kernel minimises what ``Pelt(model="l2")`` does, the squared
    distances to the means of the levels plus a penalty for each, but in C: 4 ms instead of 13 s for
    a thousand points (ruptures 1.1.10). Killick, Fearnhead, Eckley, Optimal Detection of
    Changepoints With a Linear Computational Cost, JASA 107, 2012.
    """
    try:
        # an extra, and SciPy takes more than a second
        import numpy as np  # noqa: PLC0415
        from ruptures import KernelCPD  # noqa: PLC0415
    except ImportError:
        return None

    def search(values: Sequence[float], penalty: float) -> Sequence[int]:
        cost = KernelCPD(kernel="linear", min_size=2).fit(np.asarray(values))
        *starts, _ = cost.predict(pen=penalty)
        return [int(start) for start in starts]

    return search


def series_of(
    points: Sequence[Point], metric: Metric, search: Search | None = None
) -> tuple[Series, ...]:
    """Cut a history into series, in the order in which they began, and find their levels.

    Args:
        points: Oldest first. Those of a stack and workloads for which the metric was never
            measured are left out.
        metric: Which.
        search: See ``find_search``; None looks for nothing.
    """
    groups: dict[tuple[object, ...], list[Point]] = {}
    for point in points:
        groups.setdefault(tuple(_conditions(point, metric).values()), []).append(point)
    found, latest = [], dict[tuple[object, ...], Point]()
    for members in groups.values():
        subject = (members[0].stack, _workloads(members[0]))
        if any(point.reading(metric) for point in members):
            before = latest.get(subject)
            new = () if before is None else _unlike(before, members[0], metric)
            found.append(_searched(metric, members, new, search))
            latest[subject] = members[-1]
    return tuple(found)


def _conditions(point: Point, metric: Metric) -> dict[str, object]:
    """Give what must be the same for two points to be comparable, by its name for people."""
    settings = point.settings
    decides = metric.is_latency and metric in settings.metrics
    return {
        "stack": point.stack,
        "workloads": _workloads(point),
        "reference": point.reference.identity,
        "runtime": point.runtime,
        "users": settings.users,
        "burst": (settings.burst, settings.burst_requests, settings.burst_latencies),
        # latencies that decide come from a fixed rate, the others from the bursts
        "rate": settings.rate if decides else None,
        # what leaks depends on how long it was asked
        "seconds": settings.seconds if metric is Metric.MEMORY else None,
        "CPU limit": point.cpus,
        "memory limit": point.memory,
        **{name.replace("_", " "): value for name, value in asdict(point.knobs).items()},
    }


def _workloads(point: Point) -> tuple[str, ...]:
    return tuple(sorted(point.workloads))


def _unlike(before: Point, after: Point, metric: Metric) -> tuple[str, ...]:
    old, new = _conditions(before, metric), _conditions(after, metric)
    old["reference"], new["reference"] = (
        # a moved tag keeps its label
        point.reference.label
        if before.reference.label != after.reference.label
        else f"{point.reference.label}, {point.reference.identity[:_SHORT]}"
        for point in (before, after)
    )
    return tuple(
        f"{name}: {_shown(old[name])}, now {_shown(value)}"
        for name, value in new.items()
        if old[name] != value
    )


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _searched(
    metric: Metric, points: Sequence[Point], new: tuple[str, ...], search: Search | None
) -> Series:
    series = Series(metric=metric, points=tuple(points), new=new)
    readings = series.readings
    if len(readings) < LEAST_POINTS:
        return series
    logs = [math.log(reading.ratio) for _, reading in readings]
    least = max(_own_error([reading for _, reading in readings]), _FINEST)
    noise = max(_noise(logs, ()), least)
    if search is None:
        return replace(series, noise=noise)
    starts: Sequence[int] = ()
    for _ in range(_PASSES):
        found = search(logs, _penalty(len(logs), noise))
        if found == starts:
            break
        starts = found
        noise = max(_noise(logs, starts), least)
    levels = tuple(
        Level(start=start, stop=stop, ratio=math.exp(fmean(logs[start:stop])))
        for start, stop in pairwise((0, *starts, len(logs)))
    )
    steps = tuple(
        _step(metric, readings[after.start - 1][0], readings[after.start][0], before, after, noise)
        for before, after in pairwise(levels)
    )
    return replace(series, noise=noise, levels=levels, steps=steps)


def _penalty(count: int, noise: float) -> float:
    return _PENALTY * math.log(max(count, _FEW)) * noise**2


def _noise(logs: Sequence[float], starts: Sequence[int]) -> float:
    """Estimate the standard deviation of a point from the differences of neighbours.

    The greater of two estimates: by the median of their sizes, which a step that is not known yet
    does not move, and by their root mean square, which few points suffice for (von Neumann, Kent,
    Bellinson, Hart, The Mean Square Successive Difference, Annals of Mathematical Statistics 12,
    1941) where the median would often be far too small.

    Args:
        logs: Of the ratios.
        starts: Where levels are known to begin: differences across them are no noise.
    """
    differences = [
        after - before
        for index, (before, after) in enumerate(pairwise(logs), 1)
        if index not in starts
    ]
    by_median = median(map(abs, differences)) / _MAD
    by_square = math.sqrt(fmean(value**2 for value in differences))
    return max(by_median, by_square) / math.sqrt(2)


def _own_error(readings: Sequence[Reading]) -> float:
    """Give what the checks themselves say that they are off by, 0 where they say nothing."""
    widths = [
        math.log(reading.high / reading.low) / 2 / _INTERVAL
        for reading in readings
        if reading.low is not None and reading.high is not None
    ]
    return median(widths) if widths else 0.0


def _step(
    metric: Metric, last: Point, first: Point, before: Level, after: Level, noise: float
) -> Step:
    lengths = (before.stop - before.start, after.stop - after.start)
    error = noise * math.sqrt(sum(1 / length for length in lengths))
    ratio = after.ratio / before.ratio
    return Step(
        last=last,
        first=first,
        ratio=ratio,
        low=ratio * math.exp(-2 * error),
        high=ratio * math.exp(2 * error),
        worse=(ratio > 1) is metric.less_is_better,
        besides=host_changes(last.host, first.host),
    )


def host_changes(before: Machine, after: Machine) -> tuple[str, ...]:
    """Name what of the machine and its software differs between two points."""
    names = {"cpu_model": "CPU", "cpus": "number of CPUs", "system": "system", "toolkit": "toolkit"}
    return tuple(
        f"{name}: {getattr(before, key)}, now {getattr(after, key)}"
        for key, name in names.items()
        if getattr(before, key) != getattr(after, key)
    )
