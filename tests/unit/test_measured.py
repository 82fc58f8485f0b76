"""What results say of themselves: whether a rate was carried, what the generator used and adds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.measured import Calibration, ClientUse, kept_up

# whether a rate was carried


@pytest.mark.parametrize(
    ("offered", "most"),
    [
        # 5 % of many ...
        (10_000, 500),
        (1_000_000, 50_000),
        # ... and two standard deviations of few, which are more
        (100, 20),
        (400, 40),
        (1000, 63),
    ],
)
def test_of_a_rate_that_was_carried_5_percent_may_be_missing_or_what_chance_explains(
    offered: int, most: int
) -> None:
    assert kept_up(offered, offered - most, 0)
    assert not kept_up(offered, offered - most - 1, 0)


@pytest.mark.parametrize(("offered", "most"), [(10_000, 500), (1000, 50), (100, 5), (10, 0)])
def test_no_more_than_5_percent_may_be_late_for_no_chance_takes_all_connections(
    offered: int, most: int
) -> None:
    assert kept_up(offered, offered, most)
    assert not kept_up(offered, offered, most + 1)


@given(st.integers(0, 10))
def test_a_rate_of_which_nothing_was_answered_is_not_carried(offered: int) -> None:
    """Up to four tasks are within two standard deviations of none."""
    assert not kept_up(offered, 0, 0)


@given(st.integers(1, 10**6), st.integers(0, 10**5))
def test_a_rate_is_carried_if_as_much_was_answered_as_offered_or_more(
    offered: int, more: int
) -> None:
    """More were under way at the beginning of the window than at its end."""
    assert kept_up(offered, offered + more, 0)


# the generator


def use(**changes: float) -> ClientUse:
    return ClientUse(cpu_user=0.5, cpu_system=0.2, lag=0.0, memory=1, **changes)  # type: ignore[arg-type]


def test_the_cpu_of_all_processes_is_that_of_the_busiest_if_it_is_the_only_one() -> None:
    assert use().cpu_of_all == use().cpu == pytest.approx(0.7)
    several = use(total=1.6, processes=3)
    assert several.cpu_of_all == 1.6
    assert several.cpu == pytest.approx(0.7)


def calibrated(*rates: float) -> Calibration:
    return Calibration(
        client="SocketUser",
        throughput=20_000.0,
        cpu_per_request=4e-5,
        delays=tuple((rate, (rate, rate, rate)) for rate in rates),
    )


@pytest.mark.parametrize(
    ("rate", "found"),
    [
        # the nearest of those that are not far below
        (100, 1000),
        (1000, 1000),
        (1400, 1000),
        (1501, 3000),
        (1999, 3000),
        (4500, 3000),
        (4501, 9000),
        (9000, 9000),
        (13_500, 9000),
        (13_501, None),
    ],
)
def test_the_delay_at_a_rate_is_that_of_the_nearest_that_is_no_less_than_two_thirds_of_it(
    rate: float, found: float | None
) -> None:
    """Delays grow with the rate: what a client shows at a third of it says nothing."""
    delay = calibrated(3000, 1000, 9000).delay_at(rate)
    assert delay == (None if found is None else (found,) * 3)


def test_without_a_calibrated_rate_no_delay_is_known() -> None:
    assert calibrated().delay_at(1.0) is None
