"""Two independent samples: how many times as much, with the exact interval of the rank-sum test.

Runs are measured at different times, so their rounds are no pairs. What holds for a pair within a
run (``stats``) holds here only as far as both runs are like: their machine's drift is in the
numbers, and no interval knows of it.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from statistics import median

from toolkit.stats import CONFIDENCE, Ratio

LEAST_EACH = 4
"""With four of each the smallest two-sided p is 2/70 = 0.029; with three, 2/20."""

_DIGITS = 9
"""Decimals of a logarithm: no rate is known better, but equal ones differ in the sixteenth."""


def shift_ratio(
    new: Sequence[float], old: Sequence[float], confidence: float = CONFIDENCE
) -> Ratio:
    """Give how many times as much the new values are, with its exact interval.

    The estimate is the Hodges-Lehmann estimate of shift on logarithms (the median of all
    differences between a new and an old value), the interval the one that inverts the rank-sum
    test: Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, 3rd ed., 4.2 and 4.3. It
    assumes independent values of two distributions that differ by a factor only.

    Args:
        new: Positive values.
        old: Likewise; how many need not be equal.
        confidence: The least probability that the interval holds the true ratio.

    Returns:
        The ratio; ``pairs`` is the size of the smaller sample.

    Raises:
        ValueError: No values, or one that is not positive.
    """
    differences = sorted(a - b for a in _logs(new) for b in _logs(old))
    below = _distribution(len(new), len(old))
    outside = bisect_right(below, below[-1] * (1 - confidence) / 2)
    return Ratio(
        value=math.exp(median(differences)),
        low=math.exp(differences[outside - 1]) if outside else None,
        high=math.exp(differences[-outside]) if outside else None,
        pairs=min(len(new), len(old)),
    )


def rank_sum_p(new: Sequence[float], old: Sequence[float]) -> float:
    """Give the exact two-sided p of the rank-sum test, with the ties that there are.

    Wilcoxon, Individual Comparisons by Ranking Methods, 1945; Mann, Whitney, 1947.

    Raises:
        ValueError: No values, or one that is not positive.
    """
    logs = [round(value, _DIGITS) for value in (*_logs(new), *_logs(old))]
    ordered = sorted(logs)
    # the mean rank of equal values, doubled to be whole
    doubled = [bisect_right(ordered, x) + _first(ordered, x) + 1 for x in logs]
    mine = sum(doubled[: len(new)])
    counts = _sums(tuple(sorted(doubled)), len(new))
    total = math.comb(len(logs), len(new))
    centre = len(new) * (len(logs) + 1)  # of the doubled sum
    away = abs(mine - centre)
    return min(1.0, sum(n for s, n in counts.items() if abs(s - centre) >= away) / total)


def _first(ordered: Sequence[float], value: float) -> int:
    return next(index for index, item in enumerate(ordered) if item == value)


def _logs(values: Sequence[float]) -> list[float]:
    if not values or not all(0 < value < math.inf for value in values):
        raise ValueError("a ratio of samples needs positive values, one of each at least")
    return [math.log(value) for value in values]


@lru_cache(maxsize=64)
def _sums(doubled: tuple[int, ...], chosen: int) -> dict[int, int]:
    """Count the choices of so many ranks by their sum."""
    counts: list[dict[int, int]] = [{0: 1}, *({} for _ in range(chosen))]
    for rank in doubled:
        for size in range(chosen, 0, -1):
            for total, number in counts[size - 1].items():
                counts[size][total + rank] = counts[size].get(total + rank, 0) + number
    return counts[chosen]


@lru_cache(maxsize=64)
def _distribution(new: int, old: int) -> tuple[int, ...]:
    """Count the orders in which U or fewer pairs have the new value behind, for each U."""
    ranks = tuple(range(2, 2 * (new + old) + 1, 2))
    counts = _sums(ranks, new)
    least = new * (new + 1)
    return tuple(accumulate(counts.get(least + 2 * u, 0) for u in range(new * old + 1)))
