"""The loop of a check, with fakes for all ports: nothing is started, nobody waits."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.made_up_checks import made_up_check
from toolkit.changes import Verdict
from toolkit.check import Arena, looks, run_check, seconds_expected
from toolkit.checked import (
    Bursts,
    Check,
    CheckSettings,
    EndpointSample,
    Metric,
    Pair,
    Side,
    SideLoad,
    VersionFacts,
)
from toolkit.errors import LoadError, StackError
from toolkit.histogram import LatencyHistogram
from toolkit.judgement import assess
from toolkit.measured import CpuTimes, HostReading, Usage
from toolkit.model import Placement, Workload
from toolkit.ports import DuelSession, Service, Tick

READ, WRITE = (Workload(name=name, summary="", path=Path()) for name in ("read", "write"))
ANSWERED = 1000
CPU = 0.0008
TICK = Tick(phase="measuring", throughput=1.0, latency=None, errors=0)
Event = tuple[object, ...]
Fault = Callable[[], None]


def encoded() -> str:
    histogram = LatencyHistogram()
    histogram.record(0.002, ANSWERED)
    return histogram.encode()


LATENCY = encoded()


class FakeService:
    """A server that has used what its requests cost, at a clock that goes on with each reading."""

    start_seconds = 0.3

    def __init__(self, scene: "Scene", side: Side) -> None:
        self._scene = scene
        self._side = side
        self.url = f"fake://{side}"
        # what its start took is none of its requests' business
        self.cpu = 0.7 if side is Side.BASE else 0.2
        self.memory = 2**25
        self.processes: tuple[tuple[int, float], ...] = ((1, 0.0),)
        self.oom_kills = 0

    def usage(self) -> Usage:
        if (self._scene.pair, self._side) in self._scene.gone:
            raise StackError("it does not run any more", log=self.log_tail())
        self._scene.clock += 1.0
        return Usage(
            at=self._scene.clock,
            cpu_user=self.cpu,
            cpu_system=0.0,
            memory=self.memory,
            processes=self.processes,
            oom_kills=self.oom_kills,
        )

    def stop(self) -> float | None:
        return 0.0

    def death(self) -> str | None:
        return self._scene.deaths.get((self._scene.pair, self._side))

    def log_tail(self) -> str:
        return f"the last words of the {self._side}"


@dataclass
class FakeVersion:
    """A version whose servers can be kept from starting: by pair, what happens then."""

    scene: "Scene"
    side: Side

    @property
    def facts(self) -> VersionFacts:
        return VersionFacts(label=f"label of {self.side}", identity=str(self.side))

    @contextlib.contextmanager
    def serve(self) -> Iterator[Service]:
        scene = self.scene
        scene.events.append(("starts", self.side))
        error = scene.start_errors.get((scene.pair, self.side))
        if error is not None:
            raise error
        service = FakeService(scene, self.side)
        scene.serving[self.side] = service
        try:
            yield service
        finally:
            del scene.serving[self.side]
            scene.events.append(("left", self.side))


@dataclass
class FakeSession:
    """A generator that asks each side the same number of requests."""

    scene: "Scene"
    workload: Workload

    def aim(self, urls: Mapping[Side, str]) -> None:
        assert urls == {side: service.url for side, service in self.scene.serving.items()}
        self.scene.events.append(("aims", self.workload.id))

    def warm_up(self, seed: int, ticked: Callable[[Tick], None]) -> None:
        self.scene.events.append(("warms up", self.workload.id, seed))
        self.scene.serving[Side.CANDIDATE].cpu += 0.3
        ticked(TICK)

    def bursts(self, seed: int, seconds: float, ticked: Callable[[Tick], None]) -> Bursts:
        scene = self.scene
        scene.events.append(("bursts", self.workload.id, seed, seconds))
        scene.faults.get(scene.pair, lambda: None)()
        ticked(TICK)
        return self._result()

    def at_rate(
        self, seed: int, seconds: float, rate: float, ticked: Callable[[Tick], None]
    ) -> Bursts:
        self.scene.events.append(("at rate", self.workload.id, seed, seconds, rate))
        result = self._result()
        wrong = {"status 503": self.scene.failed_at_rate}
        return replace(result, candidate=replace(result.candidate, errors=wrong))

    def _result(self) -> Bursts:
        scene = self.scene
        loads = {}
        for side in Side:
            cost = scene.cost(scene.pair) if side is Side.CANDIDATE else 1.0
            answered = ANSWERED * scene.speed.get(side, 1)
            service = scene.serving[side]
            service.cpu += CPU * cost * answered
            service.memory += scene.growth * answered
            if (scene.pair, side) in scene.crashes:
                service.processes = ((2, 1.0),)
                service.oom_kills = 1
            loads[side] = SideLoad(
                busy=CPU * cost * answered,
                bursts=40,
                tasks=ANSWERED // 2,
                endpoints={
                    "GET /": EndpointSample(
                        answered=answered,
                        failed=scene.failed.get((scene.pair, side), 0),
                        length=scene.lengths.get((scene.pair, side), 100.0),
                        latency=LATENCY,
                    )
                },
                errors={},
            )
        return Bursts(
            base=loads[Side.BASE],
            candidate=loads[Side.CANDIDATE],
            client="SocketUser",
            client_cpu=scene.client_cpu.get(scene.pair, 0.4),
        )


@dataclass
class Scene:
    """Everything a check works with, and what it made of it.

    Attributes:
        cost: CPU per request of the candidate, as a multiple of the base's, by pair. Pairs are
            counted from 1 over both series, lost ones included.
        start_errors: What keeps a side of a pair from starting.
        deaths: How a side of a pair ends under load.
        gone: Sides of pairs whose use cannot be read any more.
        faults: What happens in the bursts of a pair.
        crashes: Sides of pairs one of whose workers is killed for want of memory, and replaced.
        speed: How many times as many requests a side is asked.
        growth: Bytes that a server of either side grows by with each answer.
        saved: What was stored, each time.
    """

    cost: Callable[[int], float] = lambda pair: 1.0
    workloads: Sequence[Workload] = (READ,)
    start_errors: dict[tuple[int, Side], Exception] = field(default_factory=dict)
    deaths: dict[tuple[int, Side], str] = field(default_factory=dict)
    gone: set[tuple[int, Side]] = field(default_factory=set)
    faults: dict[int, Fault] = field(default_factory=dict)
    failed: dict[tuple[int, Side], int] = field(default_factory=dict)
    lengths: dict[tuple[int, Side], float] = field(default_factory=dict)
    client_cpu: dict[int, float] = field(default_factory=dict)
    crashes: set[tuple[int, Side]] = field(default_factory=set)
    speed: dict[Side, int] = field(default_factory=dict)
    growth: int = 0
    failed_at_rate: int = 0
    pair: int = 0
    clock: float = 0.0
    open: int = 0
    serving: dict[Side, FakeService] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    saved: list[Check] = field(default_factory=list)
    announced: list[tuple[int, int, int]] = field(default_factory=list)
    finished: list[tuple[Pair, str]] = field(default_factory=list)

    # ports.DuelEngine

    @contextlib.contextmanager
    def generator(self, workload: Workload) -> Iterator[DuelSession]:
        self.open += 1
        try:
            yield FakeSession(self, workload)
        finally:
            self.open -= 1
            self.events.append(("generator left", workload.id))

    # ports.CheckObserver

    def pair_started(self, number: int, target: int, series: int) -> None:
        # whatever went before has been stored
        assert sum(len(check.pairs) for check in self.saved[-1:]) == self.pair
        self.pair += 1
        self.announced.append((number, target, series))

    def burst(self, tick: Tick) -> None:
        assert self.serving.keys() == set(Side)

    def pair_finished(self, pair: Pair, said: str) -> None:
        assert self.saved[-1].pairs[-1] == pair
        self.finished.append((pair, said))

    def read_host(self) -> HostReading:
        self.clock += 1.0
        times = CpuTimes(busy=self.clock, idle=0.0, steal=0.0)
        return HostReading(at=self.clock, wall=0.0, server=times, client=times)

    def check(self, *, seed: int = 7, max_pairs: int = 20, **of_settings: object) -> Check:
        blank = made_up_check(pairs=0, seed=seed, finished_at=None)
        given = CheckSettings(max_pairs=max_pairs, **of_settings)  # type: ignore[arg-type]
        arena = Arena(
            versions={side: FakeVersion(self, side) for side in Side},
            engine=Engine(self),
            workloads=self.workloads,
            placement=Placement(server_cpus=(0,), client_cpus=(1,), cpus=1.0, memory=2**29),
            read_host=self.read_host,
            observer=self,
            save=self.saved.append,
        )
        try:
            return run_check(replace(blank, settings=given), arena)
        finally:
            assert self.serving == {}
            assert self.open == 0

    def seen(self, what: str) -> list[Event]:
        return [event[1:] for event in self.events if event[0] == what]


@dataclass
class Engine:
    scene: Scene

    def open(self, workload: Workload) -> AbstractContextManager[DuelSession]:
        return self.scene.generator(workload)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.check.time", SimpleNamespace(sleep=lambda seconds: None))


def counted(check: Check) -> tuple[int, int]:
    """Count the sound pairs of the comparison and of its confirmation."""
    return len(check.series(1)), len(check.series(2))


def slower(factor: float, *pairs: int) -> Callable[[int], float]:
    """Give the cost of a candidate that is slower in these pairs only."""
    return lambda pair: factor if pair in pairs else 1.0


def raising(error: BaseException) -> Fault:
    def fault() -> None:
        raise error

    return fault


# how many pairs it takes


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (6, (6,)),
        (7, (6, 7)),
        (20, (6, 10, 15, 20)),
        (25, (6, 10, 15, 20, 25)),
        (45, (6, 10, 15, 20, 30, 40, 45)),
    ],
)
def test_it_is_asked_after_6_10_15_and_20_pairs_and_at_the_most(
    most: int, expected: tuple[int, ...]
) -> None:
    assert looks(most) == expected


@pytest.mark.parametrize(
    ("cost", "verdict"), [(1.0, Verdict.FINE), (0.7, Verdict.IMPROVED), (1.3, Verdict.REGRESSION)]
)
def test_what_is_clear_ends_at_the_first_look(cost: float, verdict: Verdict) -> None:
    check = Scene(cost=lambda pair: cost).check(confirm=False)
    assert counted(check) == (6, 0)
    assert assess(check).verdict is verdict
    assert check.finished_at is not None


@pytest.mark.parametrize(
    ("factor", "outliers", "expected"),
    [(1.0, (), 6), (1.2, (2,), 10), (1.3, (2,), 15), (1.3, (2, 3), 20)],
)
def test_what_is_not_clear_takes_the_pairs_of_the_next_look(
    factor: float, outliers: tuple[int, ...], expected: int
) -> None:
    """The more pairs, the better those that are far off can be told from a change."""
    check = Scene(cost=slower(factor, *outliers)).check()
    assert counted(check) == (expected, 0)
    assert assess(check).verdict is Verdict.FINE


def half_slower(pair: int) -> float:
    return 1.25 if pair % 2 else 1.0


def test_at_the_most_pairs_it_ends_without_a_verdict() -> None:
    scene = Scene(cost=half_slower)
    check = scene.check(max_pairs=10)
    assert counted(check) == (10, 0)
    assert assess(check).verdict is Verdict.INCONCLUSIVE
    assert [said for _, said in scene.finished if said] == ["inconclusive"] * 2


def test_the_observer_is_told_of_each_pair_and_of_the_look_it_leads_to() -> None:
    scene = Scene(cost=slower(1.2, 2))
    scene.check()
    assert scene.announced == [
        *((number, 6, 1) for number in range(1, 7)),
        *((number, 10, 1) for number in range(7, 11)),
    ]
    said = [said for _, said in scene.finished]
    assert said == [""] * 5 + ["inconclusive"] + [""] * 3 + ["no regression"]


# the confirmation


def test_a_regression_is_measured_again_with_fresh_servers_and_other_seeds() -> None:
    scene = Scene(cost=lambda pair: 1.3)
    check = scene.check()
    assert counted(check) == (6, 6)
    assert [pair.number for pair in check.pairs] == [*range(1, 7)] * 2
    assert len({pair.seed for pair in check.pairs}) == 12
    assert len(scene.seen("starts")) == len(scene.seen("left")) == 24
    found = assess(check)
    assert (found.verdict, found.confirmed) == (Verdict.REGRESSION, True)


def test_a_regression_that_does_not_come_again_is_inconclusive() -> None:
    check = Scene(cost=slower(1.3, *range(1, 7))).check()
    assert counted(check) == (6, 6)
    found = assess(check)
    assert (found.verdict, found.confirmed) == (Verdict.INCONCLUSIVE, False)


def test_a_confirmation_takes_more_pairs_where_it_must() -> None:
    check = Scene(cost=lambda pair: 0.9 if pair == 8 else 1.3).check()
    assert counted(check) == (6, 10)


@pytest.mark.parametrize("cost", [0.7, 1.0])
def test_only_a_regression_is_confirmed(cost: float) -> None:
    assert counted(Scene(cost=lambda pair: cost).check()) == (6, 0)


# what a pair is


def test_a_pair_is_two_fresh_servers_that_are_warmed_up_and_then_take_turns() -> None:
    scene = Scene(workloads=(READ, WRITE))
    scene.check(max_pairs=6, seconds=6.0)
    size = len(scene.events) // 6
    for start in range(0, len(scene.events), size):
        names = [str(event[0]) for event in scene.events[start : start + size]]
        assert names == [
            *["starts"] * 2,
            *["aims", "warms up", "bursts"] * 2,
            # generators first: some servers wait for connections that are kept
            *["generator left"] * 2,
            *["left"] * 2,
        ]


@pytest.mark.parametrize(
    ("seconds", "each"),
    [(6.0, 3.0), (3.0, 2.0), (2.0, 2.0), (0.5, 0.5)],
)
def test_the_time_of_a_pair_is_divided_among_its_workloads(seconds: float, each: float) -> None:
    """Each has two seconds at least, but where fewer were asked for."""
    scene = Scene(workloads=(READ, WRITE))
    scene.check(max_pairs=6, seconds=seconds)
    assert {event[-1] for event in scene.seen("bursts")} == {each}
    # the estimate knows of it
    settings = CheckSettings(seconds=seconds)
    longer = seconds_expected(settings, 2, 1) - seconds_expected(replace(settings, seconds=0), 2, 1)
    assert longer == pytest.approx(2 * each)


def test_what_a_side_used_is_what_it_used_during_the_bursts() -> None:
    check = Scene(cost=lambda pair: 1.1).check(max_pairs=6)
    for pair in check.pairs:
        duel = pair.duels["read"]
        assert duel.base.value(Metric.CPU) == pytest.approx(CPU)
        assert duel.candidate.value(Metric.CPU) == pytest.approx(1.1 * CPU)
        assert duel.base.value(Metric.THROUGHPUT) == pytest.approx(1 / CPU)
        assert duel.candidate.value(Metric.MEMORY) == 2**25
        assert (duel.base.idle_cpu, duel.base.at_rate) == (0.0, None)


def test_a_latency_that_decides_is_measured_at_a_part_of_the_bases_rate() -> None:
    scene = Scene(cost=lambda pair: 2.0)
    check = scene.check(max_pairs=6, metrics=(Metric.P99,), seconds=4.0)
    bursts, rated = scene.seen("bursts"), scene.seen("at rate")
    assert len(rated) == len(bursts) == 6
    for burst, slow in zip(bursts, rated, strict=True):
        workload, seed, seconds, rate = slow
        assert (workload, seconds) == ("read", 4.0)
        assert seed != burst[1]
        # half of the tasks/s of the base, whatever the candidate does
        assert rate == pytest.approx(0.5 * (ANSWERED // 2) / (CPU * ANSWERED))
    assert {pair.duels["read"].base.at_rate for pair in check.pairs} == {LATENCY}


def order_of(seed: int) -> list[Event]:
    scene = Scene(workloads=(READ, WRITE))
    scene.check(seed=seed)
    return scene.events


def test_the_same_seed_gives_the_same_order_and_the_same_requests() -> None:
    once, again, other = order_of(7), order_of(7), order_of(8)
    assert once == again
    assert once != other


def test_sides_and_workloads_come_first_by_chance() -> None:
    """In a dozen pairs both orders of both: one chance in 2000 that a given seed has but one."""
    scene = Scene(workloads=(READ, WRITE), cost=lambda pair: 1.3)
    check = scene.check()
    starts = [event[0] for event in scene.seen("starts")][::2]
    warmed = [event[0] for event in scene.seen("warms up")][::2]
    assert len(starts) == len(warmed) == 12
    assert set(starts) == set(Side)
    assert set(warmed) == {"read", "write"}
    # stored in the order of the plan all the same
    assert {tuple(pair.duels) for pair in check.pairs} == {("read", "write")}


def test_every_duel_has_requests_of_its_own() -> None:
    scene = Scene(workloads=(READ, WRITE))
    scene.check()
    assert len({event[1] for event in scene.seen("bursts")}) == 12


# what is stored


def test_every_pair_is_stored_before_the_next_one_begins() -> None:
    """The observer of the scene looks, whenever it is told of a pair."""
    scene = Scene()
    check = scene.check()
    assert [len(stored.pairs) for stored in scene.saved] == [1, 2, 3, 4, 5, 6, 6]
    assert [stored.finished_at for stored in scene.saved[:-1]] == [None] * 6
    assert scene.saved[-1] == check


def test_an_interrupted_check_leaves_nothing_behind_but_its_pairs() -> None:
    scene = Scene(faults={3: raising(KeyboardInterrupt())})
    with pytest.raises(KeyboardInterrupt):
        scene.check()
    assert len(scene.saved[-1].pairs) == 2
    assert scene.seen("left")[-2:] != []


def test_a_check_that_is_interrupted_while_a_server_starts_leaves_nothing_behind() -> None:
    interrupt = KeyboardInterrupt()
    scene = Scene()
    scene.start_errors = {(2, side): interrupt for side in Side}  # type: ignore[misc]
    with pytest.raises(KeyboardInterrupt):
        scene.check()
    assert len(scene.saved[-1].pairs) == 1


# what goes wrong


@pytest.mark.parametrize("side", list(Side))
def test_a_version_that_does_not_start_ends_the_check_and_is_named(side: Side) -> None:
    error = StackError("it has no module", hint="install it", log="ModuleNotFoundError")
    for seed in range(4):  # whichever is started first
        scene = Scene(start_errors={(1, side): error})
        with pytest.raises(StackError) as raised:
            scene.check(seed=seed)
        assert str(raised.value) == f"the {side} (label of {side}): it has no module"
        assert (raised.value.hint, raised.value.log) == ("install it", "ModuleNotFoundError")
        assert scene.saved == []


@pytest.mark.parametrize("side", list(Side))
def test_a_version_that_dies_under_load_in_the_first_pair_ends_the_check(side: Side) -> None:
    with pytest.raises(StackError) as raised:
        Scene(deaths={(1, side): "signal 9"}).check()
    assert str(raised.value) == f"the {side} died under load: signal 9"
    assert raised.value.log == f"the last words of the {side}"


@pytest.mark.parametrize("side", list(Side))
def test_a_later_failure_is_a_lost_pair_and_the_check_goes_on(side: Side) -> None:
    scene = Scene(
        start_errors={(2, side): StackError("the port is taken")},
        deaths={(4, side): "signal 9"},
    )
    check = scene.check()
    assert counted(check) == (6, 0)
    assert {pair.number: pair.failure for pair in check.pairs if pair.failure} == {
        2: f"the {side} (label of {side}): the port is taken",
        4: f"the {side} died under load: signal 9",
    }
    assert [pair.number for pair in check.pairs] == [*range(1, 9)]
    assert [pair.failed_side for pair in check.pairs if pair.failure] == [side] * 2
    found = assess(check)
    # a candidate that fails again and again, where the base does not, is broken and not slower
    verdict = Verdict.FINE if side is Side.BASE else Verdict.INVALID
    assert (found.verdict, found.lost) == (verdict, 2)
    assert f"the {side} died under load: signal 9" in found.reasons


@pytest.mark.parametrize("side", list(Side))
def test_a_server_whose_use_cannot_be_read_any_more_is_named(side: Side) -> None:
    check = Scene(gone={(2, side)}).check()
    (lost,) = [pair for pair in check.pairs if pair.failure]
    assert lost.failure == f"the {side} died under load: it does not run any more"
    assert lost.failed_side is side


def test_a_generator_that_fails_is_nobodys_fault() -> None:
    error = LoadError("Locust ended early", log="its log")
    with pytest.raises(LoadError) as raised:
        Scene(faults={1: raising(error)}).check()
    assert raised.value is error
    check = Scene(faults={2: raising(error)}).check()
    (lost,) = [pair for pair in check.pairs if not pair.sound]
    assert (lost.failure, lost.failed_side) == ("Locust ended early", None)
    assert assess(check).verdict is Verdict.FINE


@pytest.mark.parametrize("first", [1, 2])
def test_three_lost_pairs_at_the_start_end_a_check(first: int) -> None:
    wrong = {(pair, Side.CANDIDATE): ANSWERED for pair in range(first, 99)}
    scene = Scene(failed=wrong)
    check = scene.check()
    assert len(check.pairs) == first + 2
    assert assess(check).verdict is Verdict.INVALID
    assert check.finished_at is not None
    # with numbers of their own, and the first one is still to come
    assert [pair.number for pair in check.pairs] == [*range(1, first + 3)]
    assert [number for number, _, _ in scene.announced[-3:]] == [first] * 3


def test_later_on_a_third_of_the_pairs_may_be_lost() -> None:
    """Four are lost of more than twelve, and three at a time when there were nine."""
    lost = {(pair, Side.BASE): ANSWERED for pair in (7, 8, 9, 13)}
    check = Scene(failed=lost, cost=half_slower).check(max_pairs=10)
    assert counted(check) == (10, 0)
    assert len(check.pairs) == 14
    assert assess(check).verdict is Verdict.INCONCLUSIVE


def test_a_failure_at_the_start_of_the_confirmation_is_a_lost_pair_too() -> None:
    scene = Scene(
        cost=lambda pair: 1.3, start_errors={(7, Side.BASE): StackError("the port is taken")}
    )
    check = scene.check()
    assert counted(check) == (6, 6)
    found = assess(check)
    assert (found.verdict, found.confirmed, found.lost) == (Verdict.REGRESSION, True, 1)


def test_a_confirmation_of_lost_pairs_confirms_nothing() -> None:
    wrong = {(pair, Side.CANDIDATE): ANSWERED for pair in range(7, 99)}
    check = Scene(cost=lambda pair: 1.3, failed=wrong).check()
    assert counted(check) == (6, 0)
    assert len(check.pairs) == 9
    found = assess(check)
    assert (found.verdict, found.confirmed) == (Verdict.INVALID, None)


FAULTS: dict[str, Callable[[Scene], None]] = {
    "errors": lambda scene: scene.failed.update(
        {(pair, Side.CANDIDATE): 20 for pair in range(1, 99)}
    ),
    "errors of the base": lambda scene: scene.failed.update(
        {(pair, Side.BASE): 20 for pair in range(1, 99)}
    ),
    "answers": lambda scene: scene.lengths.update(
        {(pair, Side.CANDIDATE): 150.0 for pair in range(1, 99)}
    ),
    "client": lambda scene: scene.client_cpu.update(dict.fromkeys(range(1, 99), 0.95)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_measured_well_is_invalid_and_never_a_regression(fault: str) -> None:
    """The candidate needs three times the CPU as well."""
    scene = Scene(cost=lambda pair: 3.0)
    FAULTS[fault](scene)
    check = scene.check(confirm=False)
    assert len(check.pairs) == 3
    found = assess(check)
    assert (found.verdict, found.pairs) == (Verdict.INVALID, 0)
    assert found.reasons


def test_wrong_answers_at_the_fixed_rate_are_invalid_too() -> None:
    """Whoever fails fast is not quick."""
    scene = Scene(failed_at_rate=400)
    check = scene.check(metrics=(Metric.P99,))
    assert len(check.pairs) == 3
    found = assess(check)
    assert found.verdict is Verdict.INVALID
    assert "status 503" in found.reasons[0]
    assert assess(Scene().check(metrics=(Metric.P99,))).verdict is Verdict.FINE


def test_answers_that_may_differ_are_compared_all_the_same() -> None:
    scene = Scene(lengths={(pair, Side.CANDIDATE): 150.0 for pair in range(1, 99)})
    assert assess(scene.check(same_answers=False)).verdict is Verdict.FINE


# how long it takes


def test_more_pairs_workloads_and_phases_take_longer() -> None:
    settings = CheckSettings(seconds=6.0)
    once = seconds_expected(settings, 1, 6)
    assert once > 6 * 6.0
    assert seconds_expected(settings, 1, 12) == pytest.approx(2 * once)
    assert seconds_expected(settings, 2, 6) > once
    with_latency = replace(settings, metrics=(Metric.CPU, Metric.P99))
    assert seconds_expected(with_latency, 1, 6) == pytest.approx(once + 6 * 6.0)


def test_memory_is_compared_after_as_many_answers_of_both_sides() -> None:
    """A cache that fills with every answer must not make the faster side the worse one."""
    check = Scene(speed={Side.CANDIDATE: 2}, growth=2**14).check()
    for pair in check.pairs:
        duel = pair.duels["read"]
        assert duel.candidate.answered == 2 * duel.base.answered
        assert duel.candidate.memory == duel.base.memory == 2**25 + 2**14 * ANSWERED
    assert assess(check).verdict is Verdict.FINE


def test_a_worker_that_is_killed_for_want_of_memory_loses_its_pair_and_is_named() -> None:
    """What is left of the server is small, which is no improvement."""
    check = Scene(crashes={(3, Side.CANDIDATE)}).check()
    (lost,) = [pair for pair in check.pairs if not pair.sound]
    assert lost.number == 3
    assert (lost.duels["read"].candidate.replaced, lost.duels["read"].candidate.oom_kills) == (2, 1)
    found = assess(check)
    assert found.verdict is Verdict.FINE
    assert "killed for want of memory" in found.reasons[0]
    broken = assess(Scene(crashes={(3, Side.CANDIDATE), (5, Side.CANDIDATE)}).check())
    assert broken.verdict is Verdict.INVALID
