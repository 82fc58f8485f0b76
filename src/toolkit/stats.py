"""Paired comparison of two stacks: pure, distribution-free, honest about too few rounds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

CONFIDENCE = 0.95
LEAST_PAIRS = 6
"""With five pairs the smallest two-sided p is 2/2**5 = 0.0625: no 95 % interval exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many times as much; ``low`` and ``high`` are None where the pairs do not suffice."""

    value: float
    low: float | None
    high: float | None
    pairs: int

    @property
    def tie(self) -> bool | None:
        """Whether the interval holds 1, or None without an interval."""
        if self.low is None or self.high is None:
            return None
        return self.low <= 1 <= self.high


def paired_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Ratio:
    """Combine ratios taken within rounds into one, with its exact 95 % interval.

    The estimate is the Hodges-Lehmann estimate of the log ratios (the median of their pairwise
    means), the interval the one that inverts Wilcoxon's signed-rank test: Hollander, Wolfe,
    Chicken, Nonparametric Statistical Methods, 3rd ed., 3.2 and 3.3. It assumes independent,
    symmetrically distributed log ratios and no particular distribution.

    Args:
        numerators: One positive value per round.
        denominators: The other stack's values of the same rounds, in the same order.

    Raises:
        ValueError: No pairs, unequal numbers of values, or a value that is not positive.
    """
    if not numerators or len(numerators) != len(denominators):
        raise ValueError(
            "a paired ratio needs as many numerators as denominators, and one at least"
        )
    if min(*numerators, *denominators) <= 0:
        raise ValueError("a ratio of rates needs positive rates")
    logs = [math.log(a / b) for a, b in zip(numerators, denominators, strict=True)]
    count = len(logs)
    walsh = sorted((logs[i] + logs[j]) / 2 for i in range(count) for j in range(i, count))
    outside = _excluded(count)
    return Ratio(
        value=math.exp(median(walsh)),
        low=None if outside is None else math.exp(walsh[outside]),
        high=None if outside is None else math.exp(walsh[-1 - outside]),
        pairs=count,
    )


@cache
def _excluded(count: int) -> int | None:
    """How many Walsh averages lie outside the interval on each side; None: no interval exists.

    That is the largest k with P(T < k + 1) <= (1 - confidence) / 2 under the null distribution of
    the signed-rank statistic T, which scipy's exact test tabulates.
    """
    from scipy.stats import wilcoxon  # noqa: PLC0415 - heavy, and only needed here

    excluded = None
    for statistic in range(count * (count + 1) // 2):
        p = wilcoxon(_signed_ranks(count, statistic), alternative="less", method="exact").pvalue
        if p > (1 - CONFIDENCE) / 2:
            break
        excluded = statistic
    return excluded


def _signed_ranks(count: int, statistic: int) -> list[int]:
    """Give ranks 1 to count, signed so that the positive ones add up to the statistic."""
    signed = []
    for rank in range(count, 0, -1):
        positive = rank <= statistic
        statistic -= rank if positive else 0
        signed.append(rank if positive else -rank)
    return signed
