"""Medians, paired comparisons and many of them at once: distribution-free, honest about few rounds.

Everything rests on one null distribution, that of a sum of ranks with random signs. It is counted
here and not left to SciPy, whose exact test looks up the distribution without ties even where there
are ties (p = 0.31 for eight differences where the 2**8 signs give 0.28), and whose import takes
about a second. SciPy is the oracle of the tests.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, count
from statistics import median
from typing import TypeVar

K = TypeVar("K", bound=Hashable)

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
LEAST_PAIRS = 6
"""With five pairs the smallest two-sided p is 2/2**5 = 0.0625: no 95 % interval exists."""

_DIGITS = 9
"""Decimals of a log ratio: no rate is known better, but equal ratios differ in the sixteenth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A median; ``low`` and ``high`` are None where the values do not suffice for an interval."""

    value: float
    low: float | None
    high: float | None
    count: int


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

    @property
    def precision(self) -> float | None:
        """Give the smallest difference that these rounds could have told from none: 0.04 is 4 %.

        It is the relative half-width of the interval, None without one. The interval lies about
        evenly around the estimate on the logarithmic scale, so it leaves 1 outside about when the
        estimate is further from 1 than that. About, because the interval need not lie quite
        evenly; and a true difference of just this size is found in about every second run only.
        """
        if self.low is None or self.high is None:
            return None
        return math.exp((math.log(self.high) - math.log(self.low)) / 2) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRank:
    """A signed-rank test: its two-sided p, and which side it is on.

    Attributes:
        p: The probability of ranks as one-sided as these, or more, if the stacks are equal.
        lean: Sum of the ranks of the rounds in which the numerator was greater, less that of those
            in which it was smaller.
    """

    p: float
    lean: float


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Give the median and its exact interval, which runs from one of the values to another.

    The interval inverts the sign test: it leaves out as many values on each side as the binomial
    distribution allows. Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, 3rd ed., 3.6;
    David, Nagaraja, Order Statistics, 3rd ed., 7.1. It assumes independent values of one
    distribution, whatever it is. With ties, or where the binomial distribution has no better step,
    it covers more than the confidence. Drift that lasts from round to round makes it far too short
    for the true median: it then holds it in half of the runs (benchmarks/error_rates.py), and shows
    what the rounds were like rather than what is known. Stacks are compared by `paired_ratio`.

    Args:
        values: At least one, in any order; 95 % takes six.
        confidence: The least probability that the interval holds the true median.

    Raises:
        ValueError: No values, or a confidence that is not between 0 and 1.
    """
    if not values or not 0 < confidence < 1:
        raise ValueError("a median needs a value at least, its interval a confidence in (0, 1)")
    ordered = sorted(values)
    outside = _excluded((1,) * len(ordered), confidence)
    return Interval(
        value=median(ordered),
        low=None if outside is None else ordered[outside],
        high=None if outside is None else ordered[-1 - outside],
        count=len(ordered),
    )


def paired_ratio(
    numerators: Sequence[float],
    denominators: Sequence[float],
    confidence: float = CONFIDENCE,
) -> Ratio:
    """Combine ratios taken within rounds into one, with its exact interval.

    The estimate is the Hodges-Lehmann estimate of the log ratios (the median of their pairwise
    means), the interval the one that inverts Wilcoxon's signed-rank test: Hollander, Wolfe,
    Chicken, Nonparametric Statistical Methods, 3rd ed., 3.2 and 3.3. It assumes independent,
    symmetrically distributed log ratios and no particular distribution.

    Args:
        numerators: One positive value per round.
        denominators: The other stack's values of the same rounds, in the same order.
        confidence: The least probability that the interval holds the true ratio.

    Raises:
        ValueError: No pairs, unequal numbers of values, or a value that is not positive.
    """
    logs = _log_ratios(numerators, denominators)
    pairs = len(logs)
    walsh = sorted((logs[i] + logs[j]) / 2 for i in range(pairs) for j in range(i, pairs))
    outside = _excluded(tuple(range(1, pairs + 1)), confidence)
    return Ratio(
        value=math.exp(median(walsh)),
        low=None if outside is None else math.exp(walsh[outside]),
        high=None if outside is None else math.exp(walsh[-1 - outside]),
        pairs=pairs,
    )


def signed_rank(numerators: Sequence[float], denominators: Sequence[float]) -> SignedRank:
    """Test by Wilcoxon's signed ranks of the log ratios whether either stack is the better one.

    The null distribution is that of all 2**n signs of the ranks at hand: Hollander, Wolfe, Chicken,
    Nonparametric Statistical Methods, 3rd ed., 3.1. Equal differences get the mean of their ranks,
    and the signs are counted over those, so that p is exact with ties too. Differences of zero are
    ranked and then left out (Pratt, Remarks on Zeros and Ties in the Wilcoxon Signed Rank
    Procedures, JASA 54, 1959): they say nothing on who is faster, but to drop them first would let
    a stack's small gain turn significance into none. If all are zero, p is 1. Log ratios that are
    equal to nine decimals are equal: the rest is rounding.

    Args:
        numerators: One positive value per round.
        denominators: The other stack's values of the same rounds, in the same order.

    Raises:
        ValueError: No pairs, unequal numbers of values, or a value that is not positive.
    """
    differences = [round(value, _DIGITS) for value in _log_ratios(numerators, denominators)]
    ranks = _doubled_midranks([abs(value) for value in differences])
    signed = [(rank, value) for rank, value in zip(ranks, differences, strict=True) if value]
    below = _cumulated(tuple(sorted(rank for rank, _ in signed)))
    positive = sum(rank for rank, value in signed if value > 0)
    negative = len(below) - 1 - positive
    return SignedRank(
        p=min(1.0, 2 * below[min(positive, negative)] / below[-1]),
        lean=(positive - negative) / 2,
    )


def signed_rank_p(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Give the exact two-sided p alone, see `signed_rank`."""
    return signed_rank(numerators, denominators).p


def holm(p_values: Mapping[K, float]) -> dict[K, float]:
    """Adjust p values for their number, so that all tests together err in at most 5 % of the cases.

    Holm's step-down method: the smallest p counts as often as there are tests, the next once less,
    and none gets smaller than the one before. It holds however the tests depend on each other, as
    those that share a stack do. Holm, A Simple Sequentially Rejective Multiple Test Procedure,
    Scandinavian Journal of Statistics 6, 1979.

    Raises:
        ValueError: A p value that is not between 0 and 1.
    """
    if not all(0 <= p <= 1 for p in p_values.values()):
        raise ValueError("a p value lies between 0 and 1")
    ascending = sorted(p_values, key=lambda key: p_values[key])
    left = range(len(ascending), 0, -1)
    products = [p_values[key] * tests for key, tests in zip(ascending, left, strict=True)]
    adjusted = dict(zip(ascending, accumulate(products, max), strict=True))
    return {key: min(1.0, adjusted[key]) for key in p_values}


def least_rounds(comparisons: int) -> int:
    """Count the rounds it takes before any of so many comparisons can be significant at 5 %.

    The smallest two-sided p of n rounds is 2/2**n, and Holm holds the smallest of all against
    0.05/comparisons: 6 rounds for 1 comparison, 9 for the 10 of 5 stacks, 11 for the 45 of 10. With
    as many, all comparisons can be significant at once; with fewer, none.

    Raises:
        ValueError: Fewer than one comparison.
    """
    if comparisons < 1:
        raise ValueError("it takes a comparison at least to need rounds")
    return next(n for n in count(1) if 2 / 2**n <= SIGNIFICANCE / comparisons)


def _log_ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    if not numerators or len(numerators) != len(denominators):
        raise ValueError(
            "a paired ratio needs as many numerators as denominators, and one at least"
        )
    if not all(0 < value < math.inf for value in (*numerators, *denominators)):
        raise ValueError("a ratio of rates needs positive rates")
    return [math.log(a / b) for a, b in zip(numerators, denominators, strict=True)]


def _doubled_midranks(values: Sequence[float]) -> list[int]:
    """Rank from the smallest; equal values get the mean of their ranks, doubled to be whole."""
    counts = Counter(values)
    ends = accumulate(counts[value] for value in sorted(counts))
    ranks = {
        value: 2 * end - counts[value] + 1 for value, end in zip(sorted(counts), ends, strict=True)
    }
    return [ranks[value] for value in values]


@lru_cache(maxsize=256)
def _cumulated(ranks: tuple[int, ...]) -> tuple[int, ...]:
    """Count the choices of signs with which the positive ranks add up to T or less, for each T.

    Ranks are added one by one, and each either counts or not: the shift algorithm of Streitberg,
    Roehmel, Exact Distributions for Permutation and Rank Tests, Statistical Software Newsletter 12,
    1986. The last count is that of all, 2**n.
    """
    counts = [1]
    for rank in ranks:
        aside = [0] * rank
        counts = [out + within for out, within in zip(counts + aside, aside + counts, strict=True)]
    return tuple(accumulate(counts))


@lru_cache(maxsize=256)
def _excluded(ranks: tuple[int, ...], confidence: float) -> int | None:
    """How many ordered values lie outside the interval on each side; None: no interval exists.

    That is the largest k with P(T <= k) <= (1 - confidence) / 2 under the null distribution of the
    sum T of positive ranks: 1 to n for the signed-rank test, all of them 1 for the sign test.
    """
    below = _cumulated(ranks)
    outside = bisect_right(below, below[-1] * (1 - confidence) / 2)
    return outside - 1 if outside else None
