from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.knee import Knee, find_knee, has_stopped_growing
from toolkit.measured import ClientUse, HostUse, LoadResult, PhaseResult, ServerUse
from toolkit.model import Phase


def ramp(rates: Mapping[int, float]) -> list[PhaseResult]:
    """Give a ramp, by users and the answers they got in a second."""
    return [
        PhaseResult(
            phase=Phase(users=users, duration=1.0),
            load=LoadResult(
                duration=1.0,
                requests=round(rate),
                errors={},
                latency="",
                connections=0,
                silence=0.0,
                slices=(),
                client="SocketUser",
                use=ClientUse(cpu_user=0.1, cpu_system=0.1, lag=0.0, memory=1),
                seen=0,
                locust_seen=0,
            ),
            server=ServerUse(cpu_user=0.5, cpu_system=0.1, memory_peak=1),
            host=HostUse(),
        )
        for users, rate in rates.items()
    ]


def doubled(rates: list[int]) -> dict[int, float]:
    return {2**number: rate for number, rate in enumerate(rates)}


@pytest.mark.parametrize(
    ("rates", "knee"),
    [
        # the fewest and the most users with 95 % of the most
        ([100, 200, 400, 500, 500], Knee(users=8, full_users=16, throughput=500)),
        ([100, 200, 475, 500, 470], Knee(users=4, full_users=8, throughput=500)),
        ([100, 200, 474, 500, 475], Knee(users=8, full_users=16, throughput=500)),
        # it still grew at the end
        ([100, 200, 400], Knee(users=4, full_users=4, throughput=400)),
        # one user is all it serves, more only cost
        ([500, 400, 300], Knee(users=1, full_users=1, throughput=500)),
    ],
)
def test_the_knee_lies_where_95_percent_of_the_most_are_served(
    rates: list[int], knee: Knee
) -> None:
    assert find_knee(ramp(doubled(rates))) == knee


def test_a_ramp_that_served_nothing_has_no_knee() -> None:
    assert find_knee([]) is None
    assert find_knee(ramp({1: 0, 2: 0})) is None


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=12))
def test_the_users_of_a_knee_are_of_the_ramp_and_in_order(rates: list[int]) -> None:
    steps = doubled(rates)
    knee = find_knee(ramp(steps))
    assert knee is not None
    assert knee.throughput == max(rates)
    assert knee.users <= knee.full_users
    for users in (knee.users, knee.full_users):
        assert steps[users] >= 0.95 * max(rates)


@pytest.mark.parametrize(
    ("rates", "ended"),
    [
        ([], False),
        ([100], False),
        ([100, 100], False),
        # both of the last two must have brought no more than 5 %
        ([100, 105, 105], True),
        ([100, 106, 104], False),
        ([100, 104, 106], False),
        # nothing is answered, so nothing will be with more users
        ([0, 0, 0], True),
        ([0, 0, 1], False),
        ([100, 200, 400], False),
        ([100, 200, 400, 410, 415], True),
        # one bad step between is no end
        ([100, 200, 90, 400], False),
        ([400, 300, 200], True),
    ],
)
def test_a_ramp_ends_when_two_doublings_in_a_row_bring_next_to_nothing(
    rates: list[int], ended: bool
) -> None:
    assert has_stopped_growing(ramp(doubled(rates))) is ended
