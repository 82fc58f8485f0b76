"""How often change points are found in a history, and how often where there is none. Simulated.

Each series is drawn from a seed of its own, so the same numbers come out again. What is searched is
what `toolkit history` searches, from points as it reads them.
"""

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from toolkit.changes import Verdict
from toolkit.checked import Metric
from toolkit.history import Machine, Point, Reading, Version
from toolkit.host import read_host
from toolkit.store import utc_now
from toolkit.trend import LEAST_POINTS, Search, Series, find_search, series_of

NOISE = 0.03
"""Standard deviation of a check's log ratio."""

LENGTH = 50
OWN_ERROR = 0.02
"""What the intervals of the checks allow for, where they have any: less than the whole noise."""

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_MACHINE = Machine(cpu_model="simulated", cpus=2, system="none")
_POINTS = [
    Point(
        check=str(number),
        at=(_BEGAN + timedelta(days=number)).isoformat(),
        verdict=Verdict.FINE,
        reference=Version(label="reference", identity="0"),
        candidate=Version(label=str(number), identity=str(number)),
        stack=None,
        workloads=("simulated",),
        metrics={},
        runtime="process",
        host=_MACHINE,
        cpus=1.0,
        memory=2**29,
        seed=number,
    )
    for number in range(4 * LENGTH)
]

Draw = Callable[[random.Random], float]


def _normal(draws: random.Random) -> float:
    return draws.gauss(0, NOISE)


def _heavy(draws: random.Random) -> float:
    """Student's t with 3 degrees of freedom, scaled to the same standard deviation."""
    return draws.gauss(0, NOISE) / math.sqrt(draws.gammavariate(1.5, 2))


@dataclass(frozen=True, slots=True)
class Study:
    """What all series of a row have in common.

    Args:
        search: Of the toolkit.
        series: How many are drawn.
        intervals: Whether the checks have intervals.
    """

    search: Search
    series: int
    intervals: bool = False

    def searched(self, values: Sequence[float]) -> Series:
        """Search a series of log ratios."""
        points = [
            replace(point, metrics={"cpu": self._reading(value)})
            for point, value in zip(_POINTS, values, strict=False)
        ]
        (found,) = series_of(points, Metric.CPU, self.search)
        return found

    def _reading(self, value: float) -> Reading:
        ratio = math.exp(value)
        if not self.intervals:
            return Reading(ratio=ratio)
        # the interval of a check reaches two standard errors to each side
        width = math.exp(2 * OWN_ERROR)
        return Reading(ratio=ratio, low=ratio / width, high=ratio * width)

    def flagged(self, length: int, draw: Draw) -> float:
        """Give the part of clean series in which a change point is found."""
        found = 0
        for seed in range(self.series):
            draws = random.Random(seed)
            found += bool(self.searched([draw(draws) for _ in range(length)]).steps)
        return found / self.series

    def flagged_drifting(self, length: int, persistence: float) -> float:
        """Give the same where the noise of a check lasts into the next (AR(1))."""
        found = 0
        for seed in range(self.series):
            draws = random.Random(seed)
            now, values = draws.gauss(0, NOISE), []
            for _ in range(length):
                values.append(now)
                now = persistence * now + draws.gauss(0, NOISE * math.sqrt(1 - persistence**2))
            found += bool(self.searched(values).steps)
        return found / self.series

    def ever_flagged(self, length: int) -> float:
        """Give the part of clean series in which one is found at any time while they grow."""
        found = 0
        for seed in range(self.series):
            draws = random.Random(seed)
            values = [_normal(draws) for _ in range(length)]
            found += any(
                self.searched(values[:end]).steps for end in range(LEAST_POINTS, length + 1)
            )
        return found / self.series

    def found(self, length: int, change: float, after: int) -> dict[str, float]:
        """Give how often a step is found that is so many points old, and where, and how large."""
        at = length - after
        near = exact = 0
        covered = []
        for seed in range(self.series):
            draws = random.Random(seed)
            values = [
                _normal(draws) + (math.log1p(change) if index >= at else 0.0)
                for index in range(length)
            ]
            for step in self.searched(values).steps:
                if abs(step.first.seed - at) <= 1:
                    near += 1
                    exact += step.first.seed == at
                    covered.append(step.low <= 1 + change <= step.high)
                    break
        return {
            "found": near / self.series,
            "at_the_very_check": exact / near if near else math.nan,
            "interval_holds_it": sum(covered) / near if near else math.nan,
        }


def main() -> int:
    """Simulate, print, and write what was found if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--output", type=Path, help="JSON file for all numbers")
    given = parser.parse_args()
    search = find_search()
    if search is None:
        raise SystemExit("it takes the extra: pip install 'flask-production-toolkit[history]'")
    began, clock = utc_now(), time.perf_counter()
    bare, own = Study(search, given.series), Study(search, given.series, intervals=True)
    few = replace(bare, series=max(1, given.series // 4))
    clean = {
        "6 checks": bare.flagged(6, _normal),
        "10 checks": bare.flagged(10, _normal),
        "20 checks": bare.flagged(20, _normal),
        f"{LENGTH} checks": bare.flagged(LENGTH, _normal),
        f"{2 * LENGTH} checks": bare.flagged(2 * LENGTH, _normal),
        "10 checks with intervals": own.flagged(10, _normal),
        f"{LENGTH} checks with intervals": own.flagged(LENGTH, _normal),
        f"{LENGTH} checks, heavy tails (t, 3 df)": bare.flagged(LENGTH, _heavy),
        f"{LENGTH} checks, noise lasts (AR(1), 0.5)": bare.flagged_drifting(LENGTH, 0.5),
        f"{LENGTH} checks, noise lasts (AR(1), 0.8)": bare.flagged_drifting(LENGTH, 0.8),
        f"at any time from 6 to {LENGTH} checks": few.ever_flagged(LENGTH),
        "the same with intervals": replace(few, intervals=True).ever_flagged(LENGTH),
    }
    print(f"series without a change in which one is found, {NOISE:.0%} noise")
    for name, share in clean.items():
        print(f"  {name:42} {share:6.1%}")
    steps = [
        {"length": length, "change": change, "after": after, **bare.found(length, change, after)}
        for length, change in ((LENGTH, 0.05), (LENGTH, 0.10), (LENGTH, 0.20), (15, 0.10))
        for after in (2, 3, 4, 5, 6, 8)
    ]
    print("a step found (give or take one check), by how many checks are on the new level")
    for item in steps:
        print(
            f"  {item['length']:3.0f} checks, {item['change']:+4.0%}, {item['after']:.0f} on it: "
            f"{item['found']:6.1%}, of these at the very check {item['at_the_very_check']:6.1%}, "
            f"its interval holds the true change {item['interval_holds_it']:6.1%}"
        )
    print(f"{given.series} series each, took {time.perf_counter() - clock:.0f} s")
    if given.output:
        host = read_host()
        document = {
            "what": "benchmarks/history_detection.py",
            "at": began,
            "machine": f"{host.cpus} CPUs, {host.cpu_model}, {host.system}",
            "ruptures": version("ruptures"),
            "series": given.series,
            "noise": NOISE,
            "own_error": OWN_ERROR,
            "clean": clean,
            "steps": steps,
        }
        given.output.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
