"""How often the statistics err: coverage, false and found differences, by simulation.

Not called statistics.py: as a script beside it, every other benchmark would import that instead of
the standard library's module.
"""

import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations

from toolkit.ranking import rank
from toolkit.stats import Ratio, median_interval, paired_ratio, signed_rank_p

NOISE = 0.05
"""Of a stack's rate in a round, as a part of it; the ratio of two stacks has sqrt(2) as much."""

SAMPLES = 4000
TABLES = 4000
CHANCE = random.Random(20261124)

Noise = Callable[[], float]


def _normal() -> float:
    return CHANCE.gauss(0, NOISE)


def _heavy() -> float:
    """Student's t with 2 degrees of freedom: no variance, an outlier in about every tenth round."""
    return CHANCE.gauss(0, NOISE) / math.sqrt(CHANCE.gammavariate(1, 1))


def _stalls() -> float:
    """Only ever slower, by an exponential time; the median is 0."""
    return NOISE * (math.log(2) - CHANCE.expovariate(1))


NOISES: Mapping[str, Noise] = {
    "normal noise": _normal,
    "heavy tails (t, 2 df)": _heavy,
    "stalls (exponential)": _stalls,
}


def _drift(rounds: int, persistence: float = 0.9) -> list[float]:
    """Give what hits all stacks of a round, and lasts into the next; its sd is four times NOISE."""
    now = CHANCE.gauss(0, 4 * NOISE)
    values = []
    for _ in range(rounds):
        values.append(now)
        fresh = CHANCE.gauss(0, 4 * NOISE)
        now = persistence * now + math.sqrt(1 - persistence**2) * fresh
    return values


def _table(
    levels: list[float], rounds: int, noise: Noise = _normal, *, drifting: bool = True
) -> dict[str, dict[int, float]]:
    drift = _drift(rounds) if drifting else [0.0] * rounds
    return {
        f"stack {index}": {n: level * math.exp(drift[n] + noise()) for n in range(rounds)}
        for index, level in enumerate(levels)
    }


def _pairs(factor: float, rounds: int, noise: Noise, *, drifting: bool) -> Iterator[Ratio]:
    for _ in range(SAMPLES):
        first, second = _table([factor, 1], rounds, noise, drifting=drifting).values()
        yield paired_ratio(list(first.values()), list(second.values()))


def _holds(low: float | None, high: float | None, truth: float) -> bool:
    return low is not None and high is not None and low <= truth <= high


def _share(found: int, of: int) -> str:
    """Give a share with twice its standard error."""
    share = found / of
    return f"{share:6.1%} +-{2 * math.sqrt(share * (1 - share) / of):4.1%}"


def coverage() -> None:
    """Print how often the intervals hold the truth; nominal: 95 % or more."""
    print(f"coverage of the 95 % intervals, {SAMPLES} samples each")
    for drifting in (False, True):
        for name, noise in NOISES.items():
            for rounds in (6, 10, 20):
                single = 0
                for _ in range(SAMPLES):
                    (values,) = _table([1], rounds, noise, drifting=drifting).values()
                    interval = median_interval(list(values.values()))
                    single += _holds(interval.low, interval.high, 1)
                ratios = list(_pairs(1.1, rounds, noise, drifting=drifting))
                paired = sum(_holds(ratio.low, ratio.high, 1.1) for ratio in ratios)
                width = sorted(ratio.precision or math.nan for ratio in ratios)[SAMPLES // 2]
                print(
                    f"  {name:22} {'common drift' if drifting else 'no drift':12} "
                    f"{rounds:2} rounds: median {_share(single, SAMPLES)}, "
                    f"paired ratio {_share(paired, SAMPLES)}, median precision {width:.1%}"
                )


def false_differences() -> None:
    """Print how many tables of equal stacks tell any two apart; nominal: 5 % or less."""
    print(f"tables of 5 equal stacks in 10 rounds with any difference, {TABLES} tables each")
    for name, noise in NOISES.items():
        adjusted = plain = ranked = 0
        for _ in range(TABLES):
            table = _table([1] * 5, 10, noise)
            ranking = rank(table)
            adjusted += min(ranking.adjusted.values()) <= 0.05
            ranked += max(ranking.ranks.values()) > 1
            plain += any(
                signed_rank_p(list(a.values()), list(b.values())) <= 0.05
                for a, b in combinations(table.values(), 2)
            )
        print(
            f"  {name:22} some pair differs {_share(adjusted, TABLES)}, more than one rank "
            f"{_share(ranked, TABLES)}, without Holm {_share(plain, TABLES)}"
        )


def found_differences() -> None:
    """Print how often the better stack ranks alone before equal others."""
    print(f"a better stack ranks alone in front, {NOISE:.0%} noise, drift, {TABLES} tables each")
    for stacks in (2, 5):
        for rounds in (6, 10, 20):
            shares = []
            for better in (0.05, 0.10, 0.20):
                found = 0
                for _ in range(TABLES):
                    ranking = rank(_table([1 + better, *[1.0] * (stacks - 1)], rounds))
                    found += ranking.order[0] == "stack 0" and "stack 0" not in ranking.shared
                shares.append(f"+{better:.0%} {_share(found, TABLES)}")
            print(f"  of {stacks} stacks, {rounds:2} rounds: {', '.join(shares)}")


def duration() -> None:
    """Print how long a large table takes, with ties among the differences and without."""
    large = _table([1 + index / 20 for index in range(40)], 20)
    rough = {s: {n: max(1, round(20 * v)) for n, v in given.items()} for s, given in large.items()}
    for name, values in (("without ties", large), ("full of ties", rough)):
        began = time.perf_counter()
        rank(values)
        print(f"40 stacks x 20 rounds {name}: ranked in {time.perf_counter() - began:.2f} s")


def main() -> int:
    """Print all of it."""
    began = time.perf_counter()
    duration()
    coverage()
    false_differences()
    found_differences()
    print(f"took {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
