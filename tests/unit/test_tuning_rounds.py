"""Claims about who gets into the rounds, and who is dropped."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.made_up_servers import EVERY, GEVENT, GTHREAD, MIB, SYNC
from toolkit.tuning.look import Look
from toolkit.tuning.rounds import (
    CHEAPEST,
    CONTENDERS,
    FINALISTS,
    between,
    contenders,
    polish,
    survivors,
)
from toolkit.tuning.space import Candidate, Space, Tunable

SPACE = Space(servers=EVERY, cpus=2.0, memory=512 * MIB)


def gthread(workers: int, threads: int) -> Candidate:
    return Candidate(server="gthread", workers=workers, threads=threads)


def sync(workers: int) -> Candidate:
    return Candidate(server="sync", workers=workers)


def look(candidate: Candidate, rate: float, memory: int = 0) -> Look:
    return Look(candidate=candidate, rate=rate, memory=memory or candidate.workers * 30 * MIB)


# contenders


def test_of_each_server_those_come_that_are_near_to_its_best() -> None:
    looks = [
        look(gthread(1, 4), 960),
        look(gthread(2, 4), 1000),
        look(gthread(4, 4), 840),
        look(sync(3), 800),
        look(sync(6), 690),
    ]
    found = [item.candidate for item in contenders(SPACE, looks)]
    assert found == [gthread(2, 4), gthread(1, 4), sync(3)]


def test_of_many_near_the_best_the_few_highest_come_and_the_simplest_as_good() -> None:
    looks = [look(gthread(workers, 4), 1000 - workers) for workers in range(2, 10)]
    looks.append(look(gthread(1, 4), 960))
    found = [item.candidate for item in contenders(SPACE, looks)]
    assert found == [*(gthread(workers, 4) for workers in (2, 3, 4, 5)), gthread(1, 4)]


def test_who_is_far_from_the_best_does_not_come() -> None:
    looks = [look(gthread(1, 4), 1000), look(sync(3), 690), look(sync(1), 0)]
    assert [item.candidate for item in contenders(SPACE, looks)] == [gthread(1, 4)]


def test_where_nothing_keeps_the_objective_nobody_comes() -> None:
    assert contenders(SPACE, [look(sync(1), 0), look(gthread(1, 1), 0)]) == ()


def test_where_a_rate_is_wanted_the_cheapest_that_carry_it_come() -> None:
    looks = [
        look(gthread(4, 4), 2000),
        look(gthread(2, 4), 1000),
        look(gthread(1, 4), 500),
        look(sync(1), 350),
        look(sync(2), 700),
    ]
    found = [item.candidate for item in contenders(SPACE, looks, wanted=600)]
    assert found == [sync(2), gthread(2, 4), gthread(4, 4)]


def test_where_none_carries_the_wanted_rate_the_highest_come() -> None:
    looks = [look(gthread(1, 4), 500), look(sync(1), 340)]
    assert [x.candidate for x in contenders(SPACE, looks, wanted=600)] == [gthread(1, 4)]


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8), st.floats(1, 1000)), max_size=40))
def test_there_are_never_more_than_so_many(said: list[tuple[int, int, float]]) -> None:
    looks = [look(gthread(workers, threads), rate) for workers, threads, rate in said]
    assert len(contenders(SPACE, looks)) <= CONTENDERS
    assert len(contenders(SPACE, looks, wanted=500)) <= max(CHEAPEST, 2)
    assert len(contenders(SPACE, looks, most=1)) <= 1


# dropping


def rates(**of: list[float]) -> dict[Candidate, dict[int, float]]:
    names = {"a": gthread(1, 4), "b": sync(3), "c": sync(6), "d": gthread(2, 8)}
    return {names[name]: dict(enumerate(values, start=1)) for name, values in of.items()}


def test_who_lost_every_round_to_the_leader_is_dropped() -> None:
    measured = rates(a=[100, 110], b=[90, 95], c=[85, 92], d=[98, 112])
    left = survivors([*measured], measured, least=2)
    assert left == (gthread(2, 8), gthread(1, 4)) or left == (gthread(1, 4), gthread(2, 8))


def test_who_won_a_round_stays_though_it_is_in_the_worse_half() -> None:
    measured = rates(a=[100, 110], d=[99, 109], b=[95, 96], c=[102, 80])
    assert sync(6) in survivors([*measured], measured, least=2)


def test_who_is_not_better_than_a_simpler_one_of_its_server_goes_even_so() -> None:
    """It would not be recommended."""
    measured = rates(a=[100, 110], b=[99, 120], c=[102, 80], d=[120, 90])
    left = survivors([*measured], measured, least=2)
    assert sync(6) not in left


def test_who_has_no_valid_round_is_dropped() -> None:
    measured = {**rates(a=[100], b=[90], d=[95]), sync(6): {}}
    assert sync(6) not in survivors([*measured], measured, least=3)


@given(st.lists(st.lists(st.floats(1, 1000), min_size=3, max_size=3), min_size=1, max_size=12))
def test_the_best_stays_and_so_many_at_least(values: list[list[float]]) -> None:
    names = [gthread(number, 1) for number in range(1, len(values) + 1)]
    measured = {
        name: dict(enumerate(found, start=1)) for name, found in zip(names, values, strict=True)
    }
    left = survivors(names, measured)
    assert len(left) >= min(len(names), FINALISTS)
    assert set(left) <= set(names)
    always = [
        n
        for n in names
        if all(measured[n][r] >= max(measured[o][r] for o in names) for r in (1, 2, 3))
    ]
    # who was best in each round may be dropped only for another that was, too
    assert not always or set(always) & set(left)


def test_rounds_that_only_one_has_do_not_count() -> None:
    ratio = between({1: 100.0, 2: 50.0}, {2: 100.0, 3: 1.0}, 0.5)
    assert ratio is not None
    assert (ratio.value, ratio.pairs) == (0.5, 1)
    assert between({1: 1.0}, {2: 1.0}, 0.5) is None


# the end


def test_loading_before_the_fork_is_tried_where_there_are_several_processes() -> None:
    forking = Tunable(name="gthread", workers=True, threads=True, holds=GTHREAD.holds, preload=True)
    space = Space(servers=(forking, SYNC, GEVENT), cpus=1.0, memory=1)
    (found,) = polish(space, gthread(2, 4))
    assert found.extras == (("preload", 1),)
    assert polish(space, gthread(1, 4)) == ()
    assert polish(space, sync(3)) == ()


def test_keep_alive_is_switched_off_only_where_processes_have_cores_of_their_own() -> None:
    server = Tunable(
        name="granian", workers=True, threads=True, holds=GTHREAD.holds, keep_alive=True
    )
    two = Candidate(server="granian", workers=2, threads=4)
    assert polish(Space(servers=(server,), cpus=1.0, memory=1), two) == ()
    (found,) = polish(Space(servers=(server,), cpus=2.0, memory=1), two)
    assert found.extras == (("keep_alive", 0),)
