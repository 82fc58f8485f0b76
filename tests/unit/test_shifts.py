"""Two independent samples; SciPy is the oracle where it is exact."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from toolkit.shifts import LEAST_EACH, rank_sum_p, shift_ratio

positive = st.floats(min_value=0.01, max_value=1e6, allow_nan=False)
samples = st.lists(positive, min_size=1, max_size=12)


@given(samples, samples)
def test_p_is_that_of_scipy_where_there_are_no_ties(new: list[float], old: list[float]) -> None:
    logs = [round(math.log(value), 9) for value in (*new, *old)]
    if len(set(logs)) < len(logs):
        return
    expected = mannwhitneyu(new, old, method="exact").pvalue
    assert rank_sum_p(new, old) == pytest.approx(expected, rel=1e-9)


@given(samples, samples)
def test_turning_it_round_gives_the_inverse(new: list[float], old: list[float]) -> None:
    there, back = shift_ratio(new, old), shift_ratio(old, new)
    assert there.value * back.value == pytest.approx(1)
    assert (there.low is None) == (back.high is None)
    if there.low is not None and back.high is not None:
        assert there.low * back.high == pytest.approx(1)
    assert rank_sum_p(new, old) == pytest.approx(rank_sum_p(old, new))


@given(samples, samples, st.floats(min_value=0.1, max_value=10))
def test_a_factor_is_found_as_a_factor(new: list[float], old: list[float], factor: float) -> None:
    scaled = shift_ratio([factor * value for value in new], old)
    assert scaled.value == pytest.approx(factor * shift_ratio(new, old).value)


@given(
    st.lists(positive, min_size=4, max_size=9, unique=True),
    st.lists(positive, min_size=4, max_size=9, unique=True),
)
def test_the_interval_leaves_out_what_the_test_refuses(new: list[float], old: list[float]) -> None:
    ratio = shift_ratio(new, old)
    assert ratio.low is not None
    assert ratio.high is not None
    logs = [round(math.log(value), 9) for value in (*new, *old)]
    if len(set(logs)) == len(logs):
        assert ratio.tie is (rank_sum_p(new, old) > 0.05)


def test_three_of_each_are_too_few_for_an_interval() -> None:
    assert shift_ratio([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]).low is None
    enough = [float(n) for n in range(1, LEAST_EACH + 1)]
    assert shift_ratio(enough, [10 + value for value in enough]).low is not None


@pytest.mark.parametrize("values", [[], [0.0], [-1.0], [math.inf]])
def test_what_is_no_rate_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        shift_ratio(values, [1.0])
