import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from toolkit.stats import LEAST_PAIRS, paired_ratio

rates = st.floats(1.0, 1e5)
pairs = st.lists(st.tuples(rates, rates), min_size=1, max_size=14)


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


@pytest.mark.parametrize(
    ("mine", "other"), [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0]), ([1.0], [-1.0])]
)
def test_what_is_no_ratio_is_refused(mine: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="ratio"):
        paired_ratio(mine, other)
