"""Objectives as users write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import ConfigError
from toolkit.slo import DEFAULT, LatencyTerm, Slo, parse_slo


def test_it_is_read_as_it_is_written() -> None:
    found = parse_slo("p99<100ms, errors<0.1%")
    assert found == Slo(latencies=(LatencyTerm(percentile=99.0, seconds=0.1),), errors=0.001)
    assert found == DEFAULT


@pytest.mark.parametrize(
    "text",
    [
        "p99.9 < 1.5 s,p50<20ms , errors < .5%",
        "P50<=20ms, P99.9<=1.5s, Errors<=0.5%",
        "errors<0.5%,,p50<20ms,p99.9<1500ms,",
    ],
)
def test_spaces_capitals_and_order_do_not_matter(text: str) -> None:
    assert str(parse_slo(text)) == "p50<20ms, p99.9<1.5s, errors<0.5%"


def test_what_is_left_out_is_that_of_the_default() -> None:
    assert parse_slo("p95<20ms").errors == DEFAULT.errors
    assert parse_slo("errors<2%").latencies == DEFAULT.latencies


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "'' is no objective", "p99<100ms"),
        ("fast", "'fast' is no term", "errors<0.1%"),
        ("p99>100ms", "'p99>100ms' is no term", "p99<100ms"),
        ("p98<100ms", "no 'p98'", "Did you mean p9"),
        ("latency<1s", "no 'latency'", "p50, p90"),
        ("error<1%", "no 'error'", "Did you mean errors?"),
        ("p99<100", "'100' is no latency", "with its unit"),
        ("p99<100us", "'100us' is no latency", "100ms"),
        ("p99<-1ms", "'-1ms' is no latency", "100ms"),
        ("p99<0ms", "out of range", "up to 60s"),
        ("p99<61s", "out of range", "up to 60s"),
        ("errors<1", "'1' is no part", "0.1%"),
        ("errors<100%", "out of range", "less than 100%"),
        ("p99<1s,p99<2s", "limits p99 twice", "once"),
        ("errors<1%,errors<1%", "limits errors twice", "once"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_slo(text)
    assert message in str(caught.value)
    assert hint in caught.value.hint


slos = st.builds(
    Slo,
    latencies=st.dictionaries(
        st.sampled_from([50.0, 90.0, 95.0, 99.0, 99.9]), st.integers(1, 60_000), min_size=1
    ).map(
        lambda limits: tuple(
            LatencyTerm(percentile=rank, seconds=limits[rank] / 1000) for rank in sorted(limits)
        )
    ),
    errors=st.integers(0, 9_999).map(lambda number: number / 10_000),
)


@given(slos)
def test_what_is_shown_is_read_as_the_same(slo: Slo) -> None:
    again = parse_slo(str(slo))
    assert [term.percentile for term in again.latencies] == [
        term.percentile for term in slo.latencies
    ]
    for mine, other in zip(again.latencies, slo.latencies, strict=True):
        assert mine.seconds == pytest.approx(other.seconds, rel=1e-5)
    assert again.errors == pytest.approx(slo.errors, abs=1e-6)
