from hypothesis import given
from hypothesis import strategies as st

from toolkit.model import Placement
from toolkit.placement import MOST_CLIENT_CPUS, place, place_load

HYPER = {0: frozenset({0, 4}), 4: frozenset({0, 4}), 1: frozenset({1, 5}), 5: frozenset({1, 5})}


def placed(
    allowed: list[int], cpus: float = 1.0, client: int = 0, siblings: object = None
) -> Placement:
    pairs = HYPER if siblings == "hyper" else {cpu: frozenset({cpu}) for cpu in allowed}
    return place(allowed=allowed, siblings=pairs, cpus=cpus, client_cpus=client, memory=1)


@given(st.sets(st.integers(0, 63), min_size=2), st.floats(0.1, 16), st.integers(0, 8))
def test_server_and_client_never_share_a_cpu_where_there_are_two(
    allowed: set[int], cpus: float, client: int
) -> None:
    where = placed(sorted(allowed), cpus, client)
    assert where.server_cpus
    assert where.client_cpus
    assert not set(where.server_cpus) & set(where.client_cpus)
    assert {*where.server_cpus, *where.client_cpus} <= allowed


def test_two_cpus_are_divided_without_a_remark() -> None:
    where = placed([0, 1])
    assert (where.server_cpus, where.client_cpus, where.notes) == ((0,), (1,), ())


def test_one_cpu_is_shared_and_the_report_says_so() -> None:
    where = placed([3])
    assert where.server_cpus == where.client_cpus == (3,)
    assert "Only one CPU" in where.notes[0]


def test_a_platform_that_cannot_pin_says_so() -> None:
    assert "cannot pin" in placed([]).notes[0]


def test_a_server_wider_than_the_machine_is_cut_and_the_report_says_so() -> None:
    where = placed([0, 1], cpus=2)
    assert where.server_cpus == (0,)
    assert where.cpus == 1
    assert "instead of 2" in where.notes[0]


def test_the_client_gets_no_sibling_of_the_server() -> None:
    where = placed([0, 1, 4, 5], siblings="hyper")
    assert where.server_cpus == (0,)
    assert where.client_cpus == (1, 5)


def test_a_shared_physical_core_is_told() -> None:
    where = placed([0, 4], siblings="hyper")
    assert "share a physical core" in where.notes[0]


def test_the_client_takes_a_bounded_number_of_its_own() -> None:
    assert len(placed(list(range(16))).client_cpus) == MOST_CLIENT_CPUS
    assert len(placed(list(range(16)), client=7).client_cpus) == 7


def test_backing_services_get_a_cpu_that_nobody_else_has_where_there_are_enough() -> None:
    for count, backing in ((2, (1,)), (3, (1, 2)), (4, (3,)), (8, (5, 6, 7))):
        where = placed(list(range(count)))
        assert where.backing_cpus == backing
        shares = where.backing_cpus == where.client_cpus
        assert shares or not set(backing) & {*where.client_cpus, *where.server_cpus}


def test_a_client_that_was_given_all_cpus_shares_them() -> None:
    where = placed([0, 1, 2, 3], client=3)
    assert where.backing_cpus == where.client_cpus == (1, 2, 3)


@given(st.sets(st.integers(0, 63)), st.integers(0, 8))
def test_load_for_somebody_elses_server_leaves_cores_for_others(
    allowed: set[int], client: int
) -> None:
    siblings = {cpu: frozenset({cpu}) for cpu in allowed}
    where = place_load(allowed=sorted(allowed), siblings=siblings, client_cpus=client)
    assert where.server_cpus == ()
    assert set(where.client_cpus) <= allowed
    wanted = client or max(1, min(len(allowed) // 2, MOST_CLIENT_CPUS))
    assert len(where.client_cpus) == min(wanted, len(allowed))


def test_load_for_somebody_elses_server_takes_whole_cores_first() -> None:
    where = place_load(allowed=[0, 1, 4, 5], siblings=HYPER, client_cpus=0)
    assert where.client_cpus == (1,)
    assert place_load(allowed=[0, 1, 4, 5], siblings=HYPER, client_cpus=2).client_cpus == (0, 1)
