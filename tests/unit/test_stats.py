import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import PermutationMethod, quantile_test, wilcoxon

from toolkit.stats import (
    LEAST_PAIRS,
    holm,
    least_rounds,
    median_interval,
    paired_ratio,
    signed_rank,
    signed_rank_p,
)

rates = st.floats(1.0, 1e5)
pairs = st.lists(st.tuples(rates, rates), min_size=1, max_size=14)
few_rates = st.integers(1, 4).map(float)
pairs_with_ties = st.lists(st.tuples(few_rates, few_rates), min_size=1, max_size=9)
p_values = st.dictionaries(st.text("abcdefg", min_size=1), st.floats(0, 1), max_size=7)


def split(values: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [a for a, _ in values], [b for _, b in values]


def test_fewer_than_six_pairs_give_no_interval_and_no_verdict() -> None:
    ratio = paired_ratio([2.0] * (LEAST_PAIRS - 1), [1.0] * (LEAST_PAIRS - 1))
    assert (ratio.low, ratio.high, ratio.tie) == (None, None, None)
    assert ratio.value == pytest.approx(2)


def test_six_equal_pairs_give_an_interval() -> None:
    ratio = paired_ratio([2.0] * LEAST_PAIRS, [1.0] * LEAST_PAIRS)
    assert ratio.low == pytest.approx(2)
    assert ratio.high == pytest.approx(2)
    assert ratio.tie is False


def test_the_interval_of_six_pairs_spans_all_of_them() -> None:
    """With six pairs only the extreme order is rarer than 2.5 %: 1/64 on each side."""
    ratio = paired_ratio([1.1, 1.2, 1.3, 1.4, 1.5, 0.9], [1.0] * 6)
    assert ratio.low == pytest.approx(0.9)
    assert ratio.high == pytest.approx(1.5)
    assert ratio.tie is True


@given(pairs)
def test_swapping_the_stacks_inverts_ratio_and_interval(values: list[tuple[float, float]]) -> None:
    mine, other = split(values)
    there, back = paired_ratio(mine, other), paired_ratio(other, mine)
    assert there.value == pytest.approx(1 / back.value)
    if there.low is not None and back.high is not None:
        assert there.low == pytest.approx(1 / back.high)


@given(pairs, st.floats(0.1, 10))
def test_drift_that_hits_both_stacks_of_a_round_changes_nothing(
    values: list[tuple[float, float]], drift: float
) -> None:
    mine, other = split(values)
    drifted = paired_ratio([a * drift for a in mine], [b * drift for b in other])
    assert drifted.value == pytest.approx(paired_ratio(mine, other).value)


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=12, unique=True), st.floats(-1, 1))
def test_the_interval_holds_what_scipy_does_not_reject(logs: list[float], shift: float) -> None:
    """Inverting a test: the shift lies inside exactly if the exact test keeps it."""
    differences = [value - shift for value in logs]
    magnitudes = sorted(abs(value) for value in differences)
    gaps = [b - a for a, b in itertools.pairwise(magnitudes)]
    if min([*gaps, magnitudes[0]]) < 1e-9:
        return  # ties: the exact distribution is another one
    ratio = paired_ratio([math.exp(value) for value in logs], [1.0] * len(logs))
    assert ratio.low is not None
    assert ratio.high is not None
    inside = math.log(ratio.low) < shift < math.log(ratio.high)
    assert inside == (wilcoxon(differences, method="exact").pvalue > 0.05)


def test_precision_is_half_of_the_interval_on_the_logarithmic_scale() -> None:
    """From 0.8 to 1.25 is as far down as up from 1: a quarter."""
    ratio = paired_ratio([0.8, 0.9, 1.0, 1.05, 1.1, 1.25], [1.0] * 6)
    assert ratio.low == pytest.approx(0.8)
    assert ratio.high == pytest.approx(1.25)
    assert ratio.precision == pytest.approx(0.25)


def test_without_an_interval_there_is_no_precision() -> None:
    assert paired_ratio([2.0] * (LEAST_PAIRS - 1), [1.0] * (LEAST_PAIRS - 1)).precision is None


@given(pairs, st.floats(0.1, 10))
def test_precision_does_not_depend_on_the_size_of_the_difference(
    values: list[tuple[float, float]], factor: float
) -> None:
    mine, other = split(values)
    precision = paired_ratio(mine, other).precision
    assert paired_ratio([a * factor for a in mine], other).precision == pytest.approx(precision)


@pytest.mark.parametrize(
    ("mine", "other"),
    [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0]), ([1.0], [-1.0]), ([math.nan], [1.0])],
)
def test_what_is_no_ratio_is_refused(mine: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="ratio"):
        paired_ratio(mine, other)


@given(st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=6))
def test_the_median_interval_of_six_values_spans_all_of_them(values: list[float]) -> None:
    interval = median_interval(values)
    assert (interval.low, interval.high, interval.count) == (min(values), max(values), 6)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5))
def test_fewer_than_six_values_give_a_median_without_an_interval(values: list[float]) -> None:
    interval = median_interval(values)
    assert (interval.low, interval.high) == (None, None)
    assert min(values) <= interval.value <= max(values)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    st.sampled_from([0.8, 0.9, 0.95, 0.99, 0.999]),
)
@settings(deadline=None)
def test_the_median_interval_is_scipys_and_holds_the_median(
    values: list[float], confidence: float
) -> None:
    interval = median_interval(values, confidence)
    expected = quantile_test(values, p=0.5).confidence_interval(confidence)
    if interval.low is None or interval.high is None:
        assert math.isnan(expected.low)
    else:
        assert (interval.low, interval.high) == (expected.low, expected.high)
        assert interval.low <= interval.value <= interval.high


@pytest.mark.parametrize(("values", "confidence"), [([], 0.95), ([1.0], 0.0), ([1.0], 1.0)])
def test_a_median_of_nothing_and_a_confidence_that_is_none_are_refused(
    values: list[float], confidence: float
) -> None:
    with pytest.raises(ValueError, match="median"):
        median_interval(values, confidence)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
@settings(deadline=None)
def test_without_ties_p_is_that_of_scipys_exact_test(logs: list[float]) -> None:
    magnitudes = sorted(abs(value) for value in logs)
    if min([*(b - a for a, b in itertools.pairwise(magnitudes)), magnitudes[0]]) < 1e-8:
        return  # SciPy's exact test does not know of ties
    p = signed_rank_p([math.exp(value) for value in logs], [1.0] * len(logs))
    assert p == pytest.approx(wilcoxon(logs, method="exact").pvalue)


@given(st.lists(st.integers(-4, 4), min_size=2, max_size=8))
@settings(deadline=None)
def test_with_ties_and_zeros_p_is_that_of_all_signs_of_the_midranks(logs: list[int]) -> None:
    """SciPy goes through all 2**n signs, with Pratt's treatment of zeros."""
    if not any(logs):
        return  # SciPy divides by zero
    p = signed_rank_p([math.exp(value) for value in logs], [1.0] * len(logs))
    signs = PermutationMethod(n_resamples=2**10)
    assert p == pytest.approx(wilcoxon(logs, method=signs, zero_method="pratt").pvalue)


@given(st.lists(rates, min_size=1, max_size=20))
def test_stacks_without_any_difference_have_p_1(values: list[float]) -> None:
    test = signed_rank(values, values)
    assert (test.p, test.lean) == (1, 0)


def test_rounds_without_a_difference_are_ranked_before_they_are_left_out() -> None:
    """Pratt: with the zero the ranks are 2, 3, 4, and -2 beside 3 and 4 is rarer than -1 is."""
    assert signed_rank([1.0, 0.5, 3.0, 4.0], [1.0] * 4).lean == 3 + 4 - 2


@given(pairs_with_ties)
def test_swapping_the_stacks_keeps_p_and_turns_the_side(values: list[tuple[float, float]]) -> None:
    """Also with ties between a ratio and its inverse, which rounding would break: 1/3 and 3."""
    mine, other = split(values)
    there, back = signed_rank(mine, other), signed_rank(other, mine)
    assert (there.p, there.lean) == (back.p, -back.lean)


@given(pairs_with_ties, st.floats(0.1, 10))
def test_drift_that_hits_both_stacks_of_a_round_keeps_p(
    values: list[tuple[float, float]], drift: float
) -> None:
    """Also with ties, which the drift must not break by rounding."""
    mine, other = split(values)
    factors = [drift**number for number in range(len(values))]
    drifted = signed_rank_p(
        [a * factor for a, factor in zip(mine, factors, strict=True)],
        [b * factor for b, factor in zip(other, factors, strict=True)],
    )
    assert drifted == signed_rank_p(mine, other)


@pytest.mark.parametrize(("rounds", "p"), [(1, 1), (5, 2 / 32), (6, 2 / 64), (10, 2 / 1024)])
def test_the_smallest_p_of_n_rounds_is_two_in_2_to_the_n(rounds: int, p: float) -> None:
    faster = [1.0 + number for number in range(1, rounds + 1)]
    assert signed_rank_p(faster, [1.0] * rounds) == p


def test_significant_is_what_an_interval_without_1_says() -> None:
    """The test and the interval of the same rounds agree, here on both sides of the limit."""
    clear = [1.1, 1.2, 1.3, 1.4, 1.5, 1.6]
    for mine in (clear, [0.99, *clear[1:]]):
        apart = signed_rank_p(mine, [1.0] * 6) <= 0.05
        assert apart == (paired_ratio(mine, [1.0] * 6).tie is False)


def test_holm_counts_the_smallest_p_most_often() -> None:
    """The example of Holm's method that every text has: factors 4, 3, 2, 1, and never less."""
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(adjusted) == ["a", "b", "c", "d"]


@given(p_values)
def test_holm_is_bonferroni_in_every_subset_of_the_tests(values: dict[str, float]) -> None:
    """The closure principle: a difference stands if no subset with it is explained by chance."""
    for key, adjusted in holm(values).items():
        others = [name for name in values if name != key]
        subsets = itertools.chain.from_iterable(
            itertools.combinations(others, size) for size in range(len(values))
        )
        worst = max(
            (1 + len(subset)) * min(values[name] for name in (key, *subset)) for subset in subsets
        )
        assert adjusted == pytest.approx(min(1, worst))


@given(p_values)
def test_holm_keeps_the_order_and_makes_no_p_smaller(values: dict[str, float]) -> None:
    adjusted = holm(values)
    assert adjusted.keys() == values.keys()
    assert all(values[key] <= adjusted[key] <= 1 for key in values)
    for a, b in itertools.combinations(values, 2):
        assert values[a] > values[b] or adjusted[a] <= adjusted[b]


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_what_is_no_p_value_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="p value"):
        holm({"a": p})


@pytest.mark.parametrize(
    ("comparisons", "rounds"), [(1, 6), (2, 7), (3, 7), (6, 8), (10, 9), (45, 11), (780, 15)]
)
def test_the_more_comparisons_the_more_rounds(comparisons: int, rounds: int) -> None:
    assert least_rounds(comparisons) == rounds


@given(st.integers(1, 2000))
def test_with_the_least_rounds_all_can_be_significant_and_with_one_less_none(
    comparisons: int,
) -> None:
    rounds = least_rounds(comparisons)
    for number, significant in ((rounds, True), (rounds - 1, False)):
        smallest = signed_rank_p([float(n) for n in range(2, number + 2)], [1.0] * number)
        adjusted = holm(dict.fromkeys(range(comparisons), smallest))
        assert {p <= 0.05 for p in adjusted.values()} == {significant}


def test_no_comparison_needs_no_rounds_and_is_refused() -> None:
    with pytest.raises(ValueError, match="comparison"):
        least_rounds(0)
