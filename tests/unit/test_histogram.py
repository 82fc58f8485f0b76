import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.histogram import LatencyHistogram

latencies = st.lists(st.floats(1e-6, 59), min_size=1, max_size=60)


def filled(values: list[float]) -> LatencyHistogram:
    histogram = LatencyHistogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(latencies, st.sampled_from([50.0, 95.0, 99.0]))
def test_a_percentile_is_right_to_three_digits(values: list[float], rank: float) -> None:
    (found,) = filled(values).percentiles(rank)
    # the rank nearest to that part of all, as HdrHistogram takes it
    true = sorted(values)[max(int(rank / 100 * len(values) + 0.5), 1) - 1]
    assert found == pytest.approx(true, rel=2e-3, abs=1.5e-6)


@given(latencies, st.lists(st.floats(0, 100), min_size=1, max_size=5))
def test_percentiles_are_those_of_the_library(values: list[float], ranks: list[float]) -> None:
    from hdrh.histogram import HdrHistogram

    histogram = filled(values)
    theirs = HdrHistogram.decode(histogram.encode()).get_percentile_to_value_dict(ranks)
    assert histogram.percentiles(*ranks) == tuple(theirs[rank] / 1e6 for rank in ranks)


@given(latencies)
def test_the_mean_is_right_to_three_digits(values: list[float]) -> None:
    true = sum(values) / len(values)
    assert filled(values).mean == pytest.approx(true, rel=2e-3, abs=1.5e-6)


@given(latencies, latencies)
def test_merged_histograms_are_those_of_all_values(one: list[float], two: list[float]) -> None:
    merged = LatencyHistogram.merged([filled(one).encode(), filled(two).encode()])
    assert merged.count == len(one) + len(two)
    assert merged.percentiles(50, 99) == filled(one + two).percentiles(50, 99)


def test_nothing_merged_is_empty() -> None:
    assert LatencyHistogram.merged([]).count == 0
    empty = LatencyHistogram().encode()
    assert LatencyHistogram.merged([empty, empty]).count == 0


@settings(max_examples=25)
@given(st.floats(1e-6, 59), st.integers(1, 10_000))
def test_a_latency_counted_often_is_as_if_recorded_so_often(value: float, count: int) -> None:
    histogram = LatencyHistogram()
    histogram.record(value, count)
    histogram.record(59.5)
    assert histogram.count == count + 1
    assert histogram.percentiles(100 * count / (count + 1) - 0.001)[0] == pytest.approx(
        value, rel=2e-3, abs=1.5e-6
    )


def test_values_beyond_the_range_count_at_its_ends() -> None:
    histogram = filled([0.0, 1e6])
    assert histogram.count == 2
    assert histogram.percentiles(100)[0] == pytest.approx(60, rel=1e-3)


def test_an_empty_histogram_has_no_percentiles() -> None:
    with pytest.raises(ValueError, match="empty"):
        LatencyHistogram().percentiles(50)


@pytest.mark.parametrize("text", ["", "nonsense", "aGVsbG8="])
def test_what_is_no_histogram_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an encoded"):
        LatencyHistogram.decode(text)
