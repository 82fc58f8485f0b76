"""What load processes recorded, added up; and how a phase is divided among them.

Only pure functions, but beside Locust: importing it must not patch this process's sockets.
"""

from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from typing import Any, NamedTuple

import cattrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.histogram import LatencyHistogram
from toolkit.measured import LoadResult, WorkerUse
from toolkit.model import Arrivals, Phase

Part = dict[str, Any]


class Functions(NamedTuple):
    merge: Callable[[list[Part]], Part]
    fairness: Callable[[list[int]], float | None]
    shares: Callable[[Phase, int], Iterator[Phase]]
    arrivals: Callable[..., Iterator[float]]


@pytest.fixture(scope="module")
def load() -> Functions:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
        from toolkit.client.pace import arrivals
        from toolkit.load.gauge import fairness, merge
        from toolkit.load.inside import shares
    return Functions(merge, fairness, shares, arrivals)


def latencies(*seconds: float) -> str:
    histogram = LatencyHistogram()
    for value in seconds:
        histogram.record(value)
    return histogram.encode()


def part(**changes: object) -> Part:
    """Give what a load process sends of a closed loop."""
    return {
        "duration": 2.0,
        "requests": 4,
        "errors": {},
        "unanswered": 0,
        "latency": latencies(0.1, 0.2, 0.3, 0.4),
        "service": None,
        "connections": 1,
        "answers": [2, 2],
        "silence": 0.1,
        "slices": [1.0, 2.0],
        "offered": None,
        "late": None,
        "kept": None,
        "recovery": None,
        "tasks": None,
        "client": "SocketUser",
        "name": "load-1",
        "cpu_user": 0.3,
        "cpu_system": 0.2,
        "lag": 0.001,
        "memory": 100,
        "switches": 50.0,
        "threads": 3,
        "open_files": 20,
        "seen": 9,
        "locust_seen": 9,
        **changes,
    }


def merged(load: Functions, *parts: Part) -> LoadResult:
    """Merge as the tool reads it: every field of a result is there and of its type."""
    return cattrs.Converter(forbid_extra_keys=True).structure(load.merge([*parts]), LoadResult)


def test_the_result_of_one_process_is_its_own(load: Functions) -> None:
    result = merged(load, part())
    assert (result.requests, result.duration, result.throughput) == (4, 2.0, 2.0)
    assert (result.connections, result.silence, result.slices) == (1, 0.1, (1.0, 2.0))
    assert (result.use.cpu_user, result.use.cpu_system, result.use.memory) == (0.3, 0.2, 100)
    assert (result.use.processes, result.use.cpu_of_all) == (1, result.use.cpu) == (1, 0.5)
    assert (result.use.switches, result.use.threads, result.use.open_files) == (50, 3, 20)
    assert result.latency == latencies(0.1, 0.2, 0.3, 0.4)
    assert result.workers == ()
    assert (result.offered, result.late, result.recovery, result.service) == (None,) * 4


def test_counts_are_added_up(load: Functions) -> None:
    result = merged(
        load,
        part(errors={"late": 2, "status 500": 1}, connections=3, slices=[1.0, 2.0], unanswered=2),
        part(
            errors={"late": 3},
            connections=4,
            slices=[10.0, 20.0],
            seen=1,
            locust_seen=2,
            unanswered=3,
        ),
    )
    assert result.requests == 8
    assert result.errors == {"late": 5, "status 500": 1}
    assert (result.unanswered, result.failed) == (5, 6)
    assert result.connections == 7
    assert result.slices == (11.0, 22.0)
    assert (result.seen, result.locust_seen) == (10, 11)


def test_what_each_of_several_did_is_kept(load: Functions) -> None:
    other = part(name="load-2", requests=6, cpu_user=0.7, lag=0.002, offered=7)
    result = merged(load, part(offered=5, late=0, kept=4), {**other, "late": 1, "kept": 6})
    assert result.workers == (
        WorkerUse(name="load-1", requests=4, cpu=0.5, lag=0.001, offered=5),
        WorkerUse(name="load-2", requests=6, cpu=0.7 + 0.2, lag=0.002, offered=7),
    )
    assert result.offered == 12


def test_the_rate_is_the_sum_of_the_rates_whose_windows_need_not_be_equal(
    load: Functions,
) -> None:
    result = merged(load, part(requests=100, duration=2.0), part(requests=90, duration=1.5))
    assert result.requests == 190
    assert result.throughput == pytest.approx(50 + 60)


def test_without_answers_the_window_is_the_longest(load: Functions) -> None:
    result = merged(load, part(requests=0, duration=2.0), part(requests=0, duration=2.1))
    assert (result.requests, result.duration, result.throughput) == (0, 2.1, 0)


def test_latencies_are_those_of_all(load: Functions) -> None:
    result = merged(load, part(latency=latencies(0.1)), part(latency=latencies(0.3, 0.5)))
    histogram = LatencyHistogram.decode(result.latency)
    assert histogram.count == 3
    assert histogram.percentiles(50) == pytest.approx((0.3,), rel=1e-3)


def test_an_open_loop_has_its_service_times_and_its_schedule(load: Functions) -> None:
    result = merged(
        load,
        part(service=latencies(0.1), offered=10, late=1, recovery=0.5),
        part(service=latencies(0.2), offered=20, late=2, recovery=0.7),
    )
    assert result.service is not None
    assert LatencyHistogram.decode(result.service).count == 2
    assert (result.offered, result.late) == (30, 3)
    # calm is when the last process is
    assert result.recovery == 0.7


def test_one_process_that_never_recovered_is_no_recovery(load: Functions) -> None:
    assert merged(load, part(recovery=0.5), part(recovery=None)).recovery is None


def test_connections_that_one_process_cannot_tell_are_not_known(load: Functions) -> None:
    assert merged(load, part(connections=5), part(connections=None)).connections is None


def test_cpu_is_that_of_the_busiest_process_and_lag_that_of_the_latest(load: Functions) -> None:
    result = merged(
        load,
        part(cpu_user=0.5, cpu_system=0.1, lag=0.002),
        part(cpu_user=0.2, cpu_system=0.6, lag=0.001),
    )
    assert (result.use.cpu_user, result.use.cpu_system) == (0.2, 0.6)
    assert result.use.lag == 0.002


def test_what_all_processes_use_is_added_up_beside_that_of_the_busiest(load: Functions) -> None:
    """But files are open in a process each: the one that has the most runs out first."""
    result = merged(
        load,
        part(cpu_user=0.5, cpu_system=0.1, switches=100.0, threads=3, open_files=70),
        part(cpu_user=0.2, cpu_system=0.6, switches=20.0, threads=4, open_files=60),
        part(cpu_user=0.1, cpu_system=0.0, switches=3.0, threads=5, open_files=50),
    )
    assert result.use.cpu == pytest.approx(0.8)
    assert result.use.cpu_of_all == pytest.approx(1.5)
    assert (result.use.processes, result.use.memory) == (3, 300)
    assert (result.use.switches, result.use.threads, result.use.open_files) == (123, 12, 70)


def test_the_longest_silence_of_any_process_counts(load: Functions) -> None:
    """One whose connections all hang must not be hidden by another that goes on."""
    assert merged(load, part(silence=1.5), part(silence=0.2)).silence == 1.5


def test_fairness_is_that_of_the_connections_of_all_processes(load: Functions) -> None:
    """Each process is fair by itself, but the one's connections get nothing."""
    assert merged(load, part(answers=[5, 5]), part(answers=[5, 5])).fairness == 1
    assert merged(load, part(answers=[5, 5]), part(answers=[0, 0])).fairness == 0.5


counts = st.lists(st.integers(0, 10**6), min_size=1, max_size=50)


@given(counts)
def test_fairness_lies_between_all_to_one_and_even(load: Functions, answers: list[int]) -> None:
    index = load.fairness(answers)
    if not any(answers):
        assert index is None
    else:
        assert index is not None
        assert 1 / len(answers) <= index * (1 + 1e-12)
        assert index <= 1 + 1e-12


@given(st.integers(1, 10**6), st.integers(1, 50), st.integers(0, 49))
def test_fairness_of_equal_shares_among_some_is_the_part_that_gets_one(
    load: Functions, share: int, served: int, starved: int
) -> None:
    answers = [share] * served + [0] * starved
    assert load.fairness(answers) == pytest.approx(served / (served + starved))


def test_nobody_is_neither_fair_nor_unfair(load: Functions) -> None:
    assert load.fairness([]) is None


@given(st.integers(0, 1000), st.integers(1, 16))
def test_shares_of_a_closed_loop_are_all_users_and_differ_by_one_at_most(
    load: Functions, users: int, workers: int
) -> None:
    phase = Phase(users=users, duration=2.0, settle=0.5, least=100)
    found = [share.users for share in load.shares(phase, workers)]
    assert len(found) == workers
    assert sum(found) == users
    assert max(found) - min(found) <= 1
    assert all(share.most_rate is None for share in load.shares(phase, workers))
    assert all(share.rate is None for share in load.shares(phase, workers))
    assert all(share.shift == 0 for share in load.shares(phase, workers))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.integers(1, 16))
def test_shares_of_a_shape_are_all_its_users_in_every_second(
    load: Functions, shape: list[int], workers: int
) -> None:
    phase = Phase(users=max(shape), duration=float(len(shape)), shape=tuple(shape))
    shares = [share.shape for share in load.shares(phase, workers)]
    assert [sum(users) for users in zip(*shares, strict=True)] == shape
    assert all(max(users) - min(users) <= 1 for users in zip(*shares, strict=True))


@given(st.floats(1, 1e5), st.integers(1, 16), st.integers(0, 2**32))
def test_shares_of_an_open_loop_are_the_whole_rate_with_arrivals_of_their_own(
    load: Functions, rate: float, workers: int, seed: int
) -> None:
    phase = Phase(users=256, duration=2.0, rate=rate, part=0.5, seed=seed)
    found = list(load.shares(phase, workers))
    assert sum(share.rate or 0 for share in found) == pytest.approx(rate)
    assert len({share.seed for share in found}) == workers
    assert found[0].seed == seed
    assert {share.part for share in found} == {0.5}


@given(st.floats(1, 1e4), st.integers(2, 16))
def test_constant_arrivals_of_several_processes_are_even_together(
    load: Functions, rate: float, workers: int
) -> None:
    """As those of one process are: at one moment all of them at once would be a burst."""
    phase = Phase(users=256, duration=2.0, rate=rate, part=0.5, arrivals=Arrivals.CONSTANT)
    starts = sorted(
        start
        for share in load.shares(phase, workers)
        for start in islice(
            load.arrivals(share.rate, share.seed, poisson=False, shift=share.shift), 5
        )
    )
    assert len(starts) == 5 * workers
    gaps = [after - before for before, after in pairwise(starts)]
    assert gaps == pytest.approx([1 / rate] * len(gaps), rel=1e-6)


def test_one_process_has_the_whole_phase(load: Functions) -> None:
    phase = Phase(users=7, duration=2.0, rate=100.0, part=0.5, seed=3)
    assert list(load.shares(phase, 1)) == [phase]


def test_importing_locust_here_left_the_sockets_alone(load: Functions) -> None:
    from gevent import monkey

    assert not monkey.is_module_patched("socket")


def test_tasks_are_added_up_unless_one_process_cannot_tell(load: Functions) -> None:
    assert load.merge([part(tasks=3), part(tasks=4)])["tasks"] == 7
    assert load.merge([part(tasks=3), part(tasks=None)])["tasks"] is None


def test_the_workers_share_what_may_not_be_exceeded(load: Functions) -> None:
    phase = Phase(users=8, duration=1.0, most_rate=300.0)
    assert [share.most_rate for share in load.shares(phase, 4)] == [75.0] * 4
