"""The loop, with fakes for all ports: nothing is started."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.backing import Backings
from toolkit.bench import run_bench
from toolkit.compare import tables
from toolkit.errors import EnvironmentFault, LoadError, StackError
from toolkit.measured import (
    Calibration,
    CpuTimes,
    Failure,
    Finding,
    HostReading,
    LoadResult,
    Measurement,
    Outcome,
    Run,
    RuntimeFacts,
    Severity,
    StackFacts,
    Usage,
)
from toolkit.model import (
    App,
    Arrivals,
    Broken,
    Interface,
    LoadSettings,
    Need,
    Phase,
    Placement,
    Plan,
    Server,
    Stack,
    Stage,
    Trial,
    Workload,
)
from toolkit.plan import OWN_PARTS, make_plan
from toolkit.ports import Backing, LoadWatch, Observer, Tick
from toolkit.stages import capacity_of, phases_of, users_of
from toolkit.stats import LEAST_PAIRS
from toolkit.store import Store
from toolkit.trial import World

LIST = Workload(name="list", summary="", path=Path())
LOAD = LoadSettings(rates=(0.5, 0.9), rate_rounds=2, most_users=64)
OVERLOADED = replace(LOAD, rates=(0.5, 0.9, 1.2, 1.5))
MakeLoad = Callable[..., LoadResult]
MakeRun = Callable[..., Run]
INVALID = Finding(rule="client-limited", severity=Severity.INVALID, message="too slow a client")


def stack(name: str) -> Stack:
    app = App(
        name=name, summary="", interface=Interface.WSGI, target="a:b", health="/", path=Path()
    )
    server = Server(
        name="s", summary="", interfaces=(Interface.WSGI,), keep_alive=True, argv=(), path=Path()
    )
    return Stack(app=app, server=server)


class FakeService:
    """Uses half a CPU and a byte more at each reading, one second of its clock apart."""

    start_seconds = 0.1

    def __init__(self, runtime: "FakeRuntime", stack: str) -> None:
        self.url = f"fake://{stack}"
        self._runtime = runtime
        self._stack = stack
        self._readings = 0

    def usage(self) -> Usage:
        self._readings += 1
        return Usage(
            at=float(self._readings),
            cpu_user=0.4 * self._readings,
            cpu_system=0.1 * self._readings,
            memory=self._readings,
        )

    def stop(self) -> float | None:
        self._runtime.stopped.append(self._stack)
        if self._runtime.stop_error is not None:
            raise self._runtime.stop_error
        return 0.25

    def death(self) -> str | None:
        load = self._runtime.load
        rate = load.ran[-1][1].rate if load is not None and load.ran else None
        killed = rate is not None and rate > self._runtime.killing
        return "exit code 9" if killed or self._stack in self._runtime.dying else None

    def log_tail(self) -> str:
        return "last words"


@dataclass
class FakeRuntime:
    """Raises where a test says so, lets servers die; counts what is open.

    Attributes:
        dying: Stacks whose servers die of any load ...
        load: ... or, if it is this that loads them, ...
        killing: ... of any rate above this.
    """

    prepare_errors: dict[str, Exception] = field(default_factory=dict)
    serve_errors: dict[str, list[BaseException | None]] = field(default_factory=dict)
    stop_error: Exception | None = None
    dying: set[str] = field(default_factory=set)
    load: "FakeLoad | None" = None
    killing: float = float("inf")
    open: int = 0
    served: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)
    commands: list[tuple[str, tuple[str, ...], dict[str, str]]] = field(default_factory=list)
    facts: RuntimeFacts = field(
        default_factory=lambda: RuntimeFacts(
            name="fake", reason="a test", network="none", memory_kind="readings"
        )
    )

    def prepare(self, stack: Stack, observer: Observer) -> StackFacts:
        if stack.id in self.prepare_errors:
            raise self.prepare_errors[stack.id]
        return StackFacts(
            id=stack.id,
            summary="",
            keep_alive=True,
            argv=(),
            settings={},
            python="3",
            packages={},
        )

    def backing(self, need: Need, observer: Observer) -> AbstractContextManager[Backing]:
        raise EnvironmentFault(f"no {need} in this test")

    def run_once(
        self, stack: Stack, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self.commands.append((stack.id, tuple(command), dict(environment)))

    @contextlib.contextmanager
    def serve(self, stack: Stack, environment: Mapping[str, str]) -> Iterator[FakeService]:
        self.environments.append(dict(environment))
        self.served.append(stack.id)
        errors = self.serve_errors.get(stack.id, [])
        error = errors.pop(0) if errors else None
        if error is not None:
            raise error
        self.open += 1
        try:
            yield FakeService(self, stack.id)
        finally:
            self.open -= 1


def steady(stack: str, number: int) -> float:
    return 1.0


@dataclass
class FakeLoad:
    """A generator against servers of known capacity, of which each user takes a tenth at most.

    Attributes:
        noise: Gives a factor of the capacity, for a stack and the number of its closed loops.
        quick: The rate up to which answers take a millisecond at most, and else a second.
        ran: What was run, on which stack.
        shapes: Those of the workloads that it was opened with.
    """

    make_load: MakeLoad
    capacity: dict[str, float] = field(default_factory=lambda: {"a/s": 1000.0, "b/s": 2000.0})
    noise: Callable[[str, int], float] = steady
    quick: dict[str, float] = field(default_factory=dict)
    error: Exception | None = None
    client: str = "SocketUser"
    events: list[str] = field(default_factory=list)
    ran: list[tuple[str, Phase]] = field(default_factory=list)
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    _aimed: str = ""

    @contextlib.contextmanager
    def open(self, workload: Workload) -> Iterator["FakeLoad"]:
        self.events.append("opened")
        self.shapes.append(workload.shape)
        yield self
        self.events.append("left")

    def aim(self, url: str) -> None:
        self.events.append("aimed")
        self._aimed = url.removeprefix("fake://")

    def run(self, phase: Phase, watch: LoadWatch) -> LoadResult:
        self.events.append("ran")
        self.ran.append((self._aimed, phase))
        tick = Tick(phase="measuring", throughput=1.0, latency=0.1, errors=0)
        watch.ticked(replace(tick, phase="settling"))
        watch.window_opened()
        watch.ticked(tick)
        if self.error is not None:
            raise self.error
        watch.window_closed()
        capacity = self.capacity[self._aimed]
        if phase.rate is None:
            number = sum(name == self._aimed for name, _ in self.ran)
            rate = min(phase.users * capacity / 10, capacity) * self.noise(self._aimed, number)
            return self.make_load(rate=rate, users=phase.users, client=self.client)
        rate = min(phase.rate, capacity)
        offered = round(phase.rate * 2)
        slow = phase.rate > self.quick.get(self._aimed, phase.rate)
        # half a user in the mean
        return self.make_load(
            rate=rate,
            users=rate if slow else 0.5,
            client=self.client,
            offered=offered,
            late=offered - round(rate * 2),
            kept=round(rate * 2),
        )


class FakeObserver:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.started: list[tuple[Trial, int]] = []
        self.finished: list[tuple[Outcome, int]] = []

    def planned(self, plan: Plan, runtime: RuntimeFacts) -> None: ...
    def noted(self, message: str) -> None:
        self.said.append(message)

    def trial_started(self, trial: Trial, number: int) -> None:
        self.started.append((trial, number))

    def ticked(self, trial: Trial, tick: Tick) -> None: ...
    def trial_finished(self, outcome: Outcome, number: int) -> None:
        self.finished.append((outcome, number))


@dataclass
class Scene:
    """Everything a bench works with, and what it made of it."""

    folder: Path
    make_run: MakeRun
    load: FakeLoad
    runtime: FakeRuntime = field(default_factory=FakeRuntime)
    observer: FakeObserver = field(default_factory=FakeObserver)
    calibrated: list[tuple[str, list[float]]] = field(default_factory=list)
    calibrate: Callable[[str, Sequence[float]], Calibration | None] = lambda client, rates: None
    client_cpus: tuple[int, ...] = ()
    backings: Backings | None = None
    broken: tuple[Broken, ...] = ()
    _host_at: float = 0.0

    def read_host(self) -> HostReading:
        """Of each second the server's CPU is busy for 0.55 s, the client's for 0.75 s each."""
        self._host_at += 1
        return HostReading(
            at=self._host_at,
            wall=0.0,
            server=CpuTimes(busy=0.55 * self._host_at, idle=0.45 * self._host_at, steal=0.0),
            client=self._client_times(),
        )

    def _client_times(self) -> CpuTimes:
        cpus = len(self.client_cpus)
        return CpuTimes(
            busy=0.75 * cpus * self._host_at, idle=0.25 * cpus * self._host_at, steal=0.0
        )

    def _calibrate(self, client: str, rates: Sequence[float]) -> Calibration | None:
        self.calibrated.append((client, [*rates]))
        self.load.events.append("calibrated")
        return self.calibrate(client, rates)

    def bench(self, load: LoadSettings = LOAD, rounds: int = 2, **changes: Any) -> Run:  # noqa: ANN401
        plan = make_plan(
            **{
                "stacks": [stack("a"), stack("b")],
                "workloads": [LIST],
                "rounds": rounds,
                "load": load,
                "baseline": "",
                "seed": 1,
                **changes,
            }
        )
        where = Placement(
            server_cpus=(0,), client_cpus=self.client_cpus, cpus=1.0, memory=512 * 2**20
        )
        run = self.make_run(
            placement=where,
            trials=plan.trials,
            stacks=(),
            finished_at=None,
            load=load,
            rounds=plan.rounds,
            baseline=plan.baseline,
            seed=plan.seed,
        )
        world = World(
            runtime=self.runtime,
            load=self.load,
            store=Store(self.folder),
            observer=self.observer,
            exchanges=lambda app: (),
            backings=self.backings or Backings(self.runtime, secret="s"),
            broken=self.broken,
            read_host=self.read_host,
            calibrate=self._calibrate,
        )
        try:
            return run_bench(plan, run, world)
        finally:
            assert self.runtime.open == 0


def clock(step: float) -> SimpleNamespace:
    """Give a clock that goes on by so many seconds whenever it is asked."""
    asked = count()
    return SimpleNamespace(monotonic=lambda: step * next(asked), process_time=lambda: 0.0)


@pytest.fixture
def scene(
    tmp_path: Path, make_run: MakeRun, make_load: MakeLoad, monkeypatch: pytest.MonkeyPatch
) -> Scene:
    # how long a reading really takes here decides nothing
    monkeypatch.setattr("toolkit.trial.time", clock(1e-6))
    return Scene(folder=tmp_path, make_run=make_run, load=FakeLoad(make_load))


def measured(run: Run, stage: Stage | None = None, stack: str | None = None) -> list[Measurement]:
    return [
        item
        for item in run.outcomes
        if isinstance(item, Measurement)
        and stage in (None, item.trial.stage)
        and stack in (None, item.trial.stack)
    ]


def failed(run: Run) -> list[Failure]:
    return [item for item in run.outcomes if isinstance(item, Failure)]


# the order of things


def test_every_trial_of_the_plan_has_its_outcome_in_order(scene: Scene) -> None:
    run = scene.bench()
    assert tuple(outcome.trial for outcome in run.outcomes) == run.trials
    assert len(measured(run)) == len(run.trials) == 2 * (1 + 2 + 2)
    assert run.finished_at is not None


def test_ramps_come_first_then_capacity_then_the_calibration_then_fixed_rates_then_overload(
    scene: Scene,
) -> None:
    run = scene.bench(OVERLOADED)
    stages = [trial.stage for trial in run.trials]
    assert stages == (
        [Stage.RAMP] * 2 + [Stage.CAPACITY] * 4 + [Stage.LATENCY] * 4 + [Stage.OVERLOAD] * 4
    )
    opened_before = scene.load.events[: scene.load.events.index("calibrated")].count("opened")
    assert opened_before == 6
    assert scene.load.events.count("opened") == 14


def test_a_shape_is_played_at_the_end_on_a_server_of_its_own(scene: Scene) -> None:
    shaped = replace(LIST, shape=(1, 4, 2))
    run = scene.bench(replace(LOAD, shape_rounds=2), rounds=1, workloads=[shaped])
    stages = [trial.stage for trial in run.trials]
    assert stages[-4:] == [Stage.SHAPE] * 4
    assert Stage.SHAPE not in stages[:-4]
    played = [phase for _, phase in scene.load.ran if phase.shape]
    assert [(phase.shape, phase.users, phase.duration) for phase in played] == [
        ((1, 4, 2), 4, 3.0)
    ] * 4
    assert scene.load.events.count("opened") == len(run.trials)
    # its users are there for the trials that play it, and for no others
    assert scene.load.shapes == [()] * (len(run.trials) - 4) + [shaped.shape] * 4
    rows = {row.stack: row.shaped for table in tables(run) for row in table.rows}
    for found in rows.values():
        assert found is not None
        assert (found.users, found.seconds, found.rounds) == (4, 3.0, 2)


def test_without_rates_a_shape_is_played_all_the_same(scene: Scene) -> None:
    load = replace(LOAD, users=8, rate_rounds=0, shape_rounds=1)
    scene.bench(load, rounds=1, workloads=[replace(LIST, shape=(2,))])
    assert scene.calibrated == [("SocketUser", [])]
    assert [phase.shape for _, phase in scene.load.ran][-2:] == [(2,), (2,)]


def test_the_observer_is_told_of_each_trial_with_its_number(scene: Scene) -> None:
    run = scene.bench()
    assert scene.observer.started == [(t, n) for n, t in enumerate(run.trials, start=1)]
    assert scene.observer.finished == [(o, n) for n, o in enumerate(run.outcomes, start=1)]


def test_a_session_is_aimed_once_and_then_does_phase_after_phase(scene: Scene) -> None:
    scene.bench(OVERLOADED, rounds=1)
    text = " ".join(scene.load.events)
    assert "opened aimed ran ran ran ran ran ran ran left" in text  # a ramp: 1 to 64 users
    assert "opened aimed ran left" in text  # capacity
    assert "opened aimed ran ran ran left" in text  # two rates and the first of its own
    assert "opened aimed ran ran left" in text  # overload


def test_every_outcome_is_stored_before_the_next_trial(scene: Scene) -> None:
    stored: list[int] = []
    scene.observer.trial_started = (  # type: ignore[method-assign]
        lambda trial, number: stored.append(len(Store(scene.folder).load().outcomes))
    )
    run = scene.bench()
    assert stored == list(range(len(run.trials)))
    assert Store(scene.folder).load() == run


# what a phase tells


def test_what_the_server_used_comes_from_the_readings_in_the_window(scene: Scene) -> None:
    """The fakes read 0.4 and 0.1 CPU seconds more at each second of their clocks, 0.55 busy."""
    for outcome in measured(scene.bench(), Stage.CAPACITY):
        (phase,) = outcome.phases
        assert phase.use.cpu_user == pytest.approx(0.4)
        assert phase.use.cpu_system == pytest.approx(0.1)
        assert phase.use.memory_peak == 3
        assert phase.host.server_idle == pytest.approx(0.45)
        assert phase.host.server_foreign == pytest.approx(0.05)


def test_neither_the_processes_of_the_generator_nor_the_tool_are_foreign_to_its_cpus(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes, of which the busiest takes 0.5 CPUs and the other 0.4; 0.1 for the tool."""
    seconds = count()
    working = SimpleNamespace(monotonic=lambda: 0.0, process_time=lambda: 0.1 * next(seconds))
    monkeypatch.setattr("toolkit.trial.time", working)
    make_load = scene.load.make_load

    def made_by_two(**given: Any) -> LoadResult:  # noqa: ANN401
        load = make_load(**given)
        return replace(load, use=replace(load.use, total=0.9, processes=2))

    scene.load.make_load = made_by_two
    scene.client_cpus = (1, 2)
    for outcome in measured(scene.bench(), Stage.CAPACITY):
        (phase,) = outcome.phases
        assert phase.host.client_foreign == pytest.approx(0.75 - (0.5 + 0.4 + 0.1) / 2)


def test_the_machine_is_not_read_before_the_window(scene: Scene) -> None:
    """A tick of the warm-up reads nothing: three readings are the ends and the tick between."""
    run = scene.bench(replace(LOAD, users=8, rate_rounds=0), rounds=1)
    assert scene._host_at == 3 * len(run.trials)


@pytest.mark.parametrize(("seconds", "readings"), [(0.04, 3), (0.06, 2)])
def test_a_reading_that_takes_more_than_50_ms_is_made_at_the_ends_of_a_window_only(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, seconds: float, readings: int
) -> None:
    """Within it that would be load: an engine asked for its statistics takes up to a second."""
    monkeypatch.setattr("toolkit.trial.time", clock(seconds))
    run = scene.bench(replace(LOAD, users=8, rate_rounds=0), rounds=1)
    assert scene._host_at == readings * len(run.trials)
    for outcome in measured(run, Stage.CAPACITY):
        assert outcome.phases[0].use.memory_peak == readings
        assert outcome.phases[0].use.cpu == pytest.approx(0.5)


def test_the_findings_of_a_phase_come_from_its_own_evidence(scene: Scene) -> None:
    """The fake's CPU is idle for 0.45: not saturated in a closed loop, normal in an open."""
    run = scene.bench()
    for stage, expected in (
        (Stage.RAMP, set()),
        (Stage.CAPACITY, {"not-saturated"}),
        (Stage.LATENCY, set()),
    ):
        rules = {f.rule for o in measured(run, stage) for p in o.phases for f in p.findings}
        assert rules == expected


def test_a_ramp_is_not_judged(scene: Scene) -> None:
    """Its first steps leave the server idle on purpose; the same fault is found at capacity."""
    make_load = scene.load.make_load
    scene.load.make_load = lambda **given: make_load(**given, errors={"status 500": 900})
    run = scene.bench()
    assert all(outcome.valid for outcome in measured(run, Stage.RAMP))
    assert not any(outcome.valid for outcome in measured(run, Stage.CAPACITY))


# the ramp


def test_the_ramp_ends_when_more_users_bring_no_more(scene: Scene) -> None:
    """Ten users are served at once: 16 bring more than 8, 32 and 64 do not."""
    scene.load.capacity = dict.fromkeys(scene.load.capacity, 1000.0)
    run = scene.bench(replace(LOAD, most_users=4096))
    for outcome in measured(run, Stage.RAMP):
        assert [phase.phase.users for phase in outcome.phases] == [1, 2, 4, 8, 16, 32, 64]


def test_a_ramp_that_grows_to_the_end_stops_at_the_most_users(scene: Scene) -> None:
    run = scene.bench(replace(LOAD, most_users=8))
    for outcome in measured(run, Stage.RAMP):
        assert [phase.phase.users for phase in outcome.phases] == [1, 2, 4, 8]


def test_a_ramp_ends_with_the_most_users_though_they_are_no_power_of_two(scene: Scene) -> None:
    run = scene.bench(replace(LOAD, most_users=9))
    for outcome in measured(run, Stage.RAMP):
        assert [phase.phase.users for phase in outcome.phases] == [1, 2, 4, 8, 9]


def test_the_ramp_of_a_server_that_answers_nothing_ends(scene: Scene) -> None:
    make_load = scene.load.make_load
    scene.load.make_load = lambda **given: replace(make_load(**given), requests=0)
    for outcome in measured(scene.bench(), Stage.RAMP):
        assert [phase.phase.users for phase in outcome.phases] == [1, 2, 4]


def test_capacity_is_measured_with_the_users_of_the_ramp_of_each_stack(scene: Scene) -> None:
    """From 16 users on all is served; a/s serves less again with more than 32."""

    def tired(stack: str, number: int) -> float:
        return 0.8 if stack == "a/s" and number == 7 else 1.0

    scene.load.noise = tired
    run = scene.bench()
    users = {
        outcome.trial.stack: {phase.phase.users for phase in outcome.phases}
        for outcome in measured(run, Stage.CAPACITY)
    }
    assert users == {"a/s": {32}, "b/s": {64}}


def test_copies_of_a_stack_are_loaded_with_as_many_users(scene: Scene) -> None:
    """Noise puts the knee of the second at 32 users, that of the first at 64: both get 64."""
    twins = [stack("a"), replace(stack("a"), copy=2)]
    scene.load.capacity = {"a/s": 1000.0, "a/s#2": 1000.0}
    scene.load.noise = lambda stack, number: 0.8 if (stack, number) == ("a/s#2", 7) else 1.0
    run = scene.bench(replace(LOAD, rate_rounds=0), stacks=twins)
    assert {phase.users for _, phase in scene.load.ran[-4:]} == {64}
    assert users_of(run, "a/s#2", "list") == users_of(run, "a/s", "list") == 64


def test_a_number_of_users_that_is_given_needs_no_ramp(scene: Scene) -> None:
    run = scene.bench(replace(LOAD, users=7))
    assert {trial.stage for trial in run.trials} == {Stage.CAPACITY, Stage.LATENCY}
    assert {phase.users for _, phase in scene.load.ran if phase.rate is None} == {7}
    assert scene.runtime.stopped == []


@pytest.mark.parametrize(("most", "expected"), [(128, 32), (16, 16)])
def test_after_a_ramp_that_failed_capacity_is_measured_with_some_users(
    scene: Scene, most: int, expected: int
) -> None:
    scene.runtime.serve_errors = {"a/s": [None, StackError("exit code 1")]}
    run = scene.bench(replace(LOAD, most_users=most))
    assert [item.trial.stage for item in failed(run)] == [Stage.RAMP]
    assert users_of(run, "a/s", "list") == expected
    assert [o.phases[0].phase.users for o in measured(run, Stage.CAPACITY, "a/s")] == [expected] * 2


def test_the_stop_of_a_server_is_timed_in_the_ramp_only(scene: Scene) -> None:
    run = scene.bench()
    assert sorted(scene.runtime.stopped) == ["a/s", "b/s"]
    assert {outcome.stop_seconds for outcome in measured(run, Stage.RAMP)} == {0.25}
    others = [*measured(run, Stage.CAPACITY), *measured(run, Stage.LATENCY)]
    assert {outcome.stop_seconds for outcome in others} == {None}


def test_an_engine_that_is_gone_when_a_server_stops_is_a_failure_of_that_trial(
    scene: Scene,
) -> None:
    scene.runtime.stop_error = EnvironmentFault("no engine")
    run = scene.bench()
    assert {(item.trial.stage, item.stage) for item in failed(run)} == {(Stage.RAMP, "stop")}
    assert len(failed(run)) == 2


# fixed rates


def test_rates_are_parts_of_the_baselines_median_capacity_for_every_stack(scene: Scene) -> None:
    """The three rounds of the baseline b/s give 1,800, 2,000 and 2,600 requests/s."""
    noise = {8: 0.9, 9: 1.0, 10: 1.3}
    scene.load.noise = lambda stack, number: noise.get(number, 1.0) if stack == "b/s" else 1.0
    run = scene.bench(rounds=3, baseline="b/s")
    assert capacity_of(run, "b/s", "list") == pytest.approx(2000)
    for name in ("a/s", "b/s"):
        rates = [phase.rate for at, phase in scene.load.ran if at == name and phase.part]
        assert rates == pytest.approx([1000, 1800] * 2)
    parts = {phase.part for _, phase in scene.load.ran}
    assert parts == {None, 0.5, 0.9}


def test_capacity_comes_from_the_rounds_and_not_from_the_ramp(scene: Scene) -> None:
    scene.load.noise = lambda stack, number: 9.0 if number <= 7 else 1.0
    run = scene.bench()
    assert capacity_of(run, "a/s", "list") == pytest.approx(1000)
    assert capacity_of(run, "b/s", "list") == pytest.approx(2000)


def test_every_stack_of_a_round_gets_the_same_arrivals_and_each_round_others(
    scene: Scene,
) -> None:
    run = scene.bench()
    seeds = {
        (outcome.trial.round, phase.phase.part, phase.phase.own, phase.phase.seed)
        for outcome in measured(run, Stage.LATENCY)
        for phase in outcome.phases
    }
    assert len(seeds) == 2 * 3
    assert len({seed for *_, seed in seeds}) == 6


def test_arrivals_and_connections_are_those_of_the_settings(scene: Scene) -> None:
    scene.bench(replace(LOAD, connections=17, arrivals=Arrivals.CONSTANT))
    at_rates = [phase for _, phase in scene.load.ran if phase.rate is not None]
    assert {(phase.users, phase.arrivals) for phase in at_rates} == {(17, Arrivals.CONSTANT)}


@pytest.mark.parametrize("baseline", ["a/s", "b/s"])
def test_without_a_capacity_of_the_baseline_there_are_no_rates_and_each_failure_says_so(
    scene: Scene, baseline: str
) -> None:
    """The check and the ramp work, the rounds of capacity do not."""
    gone = StackError("exit code 1")
    scene.runtime.serve_errors = {baseline: [None, None, gone, gone]}
    run = scene.bench(baseline=baseline)
    late = [item for item in failed(run) if item.trial.stage is Stage.LATENCY]
    assert len(late) == 4
    assert {(item.stage, item.message) for item in late} == {
        ("load", f"the rates are parts of the capacity of {baseline}, which is not known")
    }
    assert run.finished_at is not None


def test_a_baseline_that_answered_nothing_has_no_capacity(scene: Scene) -> None:
    make_load = scene.load.make_load
    scene.load.make_load = lambda **given: replace(make_load(**given), requests=0)
    run = scene.bench()
    assert capacity_of(run, "a/s", "list") is None
    assert {item.trial.stage for item in failed(run)} == {Stage.LATENCY}


# overload


def test_overload_is_a_trial_of_its_own_at_parts_of_the_baselines_capacity(scene: Scene) -> None:
    run = scene.bench(OVERLOADED)
    for name in ("a/s", "b/s"):
        for outcome in measured(run, Stage.OVERLOAD, name):
            phases = [phase.phase for phase in outcome.phases]
            assert [phase.part for phase in phases] == [1.2, 1.5]
            assert [phase.rate for phase in phases] == pytest.approx([1200, 1500])
        for outcome in measured(run, Stage.LATENCY, name):
            assert not any(phase.phase.overload for phase in outcome.phases)
    assert len(measured(run, Stage.OVERLOAD)) == 4


def test_a_server_that_overload_kills_loses_that_and_not_its_latencies(scene: Scene) -> None:
    """The killed server was not the one that the latencies came from, and a new one starts."""
    scene.runtime.load = scene.load
    scene.runtime.killing = 1100
    scene.load.quick = {"b/s": 1100}
    run = scene.bench(OVERLOADED, stacks=[stack("a")])
    assert [item.trial.stage for item in failed(run)] == [Stage.OVERLOAD] * 2
    assert {(item.stage, item.log) for item in failed(run)} == {("load", "last words")}
    (row,) = tables(run)[0].rows
    assert [at.part for at in row.at_rates] == [0.5, 0.9]
    assert row.under_objective == pytest.approx(950)
    assert not row.sound


def test_without_a_capacity_of_the_baseline_there_is_no_overload_either(scene: Scene) -> None:
    gone = StackError("exit code 1")
    scene.runtime.serve_errors = {"a/s": [None, None, gone, gone]}
    run = scene.bench(OVERLOADED)
    late = [item for item in failed(run) if item.trial.stage is Stage.OVERLOAD]
    assert len(late) == 4
    assert all("capacity of a/s, which is not known" in item.message for item in late)


# what a stack carries within the objective


def ladder(scene: Scene, stack: str) -> list[tuple[float, ...]]:
    """Give the parts of its own capacity that a stack was tried at, by trial."""
    return [
        tuple(phase.phase.own for phase in outcome.phases if phase.phase.own is not None)
        for outcome in measured(Store(scene.folder).load(), Stage.LATENCY, stack)
    ]


def under_objective(run: Run, stack: str) -> float | None:
    return next(row.under_objective for row in tables(run)[0].rows if row.stack == stack)


def test_a_stack_that_keeps_the_objective_is_tried_once_just_below_its_own_capacity(
    scene: Scene,
) -> None:
    """Its own, and not the baseline's, which is half as much for b/s."""
    run = scene.bench()
    for name, capacity in scene.load.capacity.items():
        assert ladder(scene, name) == [(0.95,)] * 2
        assert under_objective(run, name) == pytest.approx(0.95 * capacity)


def test_a_stack_is_tried_at_lower_rates_until_the_first_that_keeps_the_objective(
    scene: Scene,
) -> None:
    """Of 1,000 and 2,000 requests/s: a/s answers quickly up to 720, b/s up to 1,800."""
    scene.load.quick = {"a/s": 720.0, "b/s": 1800.0}
    run = scene.bench()
    assert ladder(scene, "a/s") == [(0.95, 0.9, 0.8, 0.7)] * 2
    assert ladder(scene, "b/s") == [(0.95, 0.9)] * 2
    assert under_objective(run, "a/s") == pytest.approx(700)
    assert under_objective(run, "b/s") == pytest.approx(1800)


def test_a_rate_that_is_not_carried_is_not_kept_however_quick_the_answers_are(
    scene: Scene,
) -> None:
    """In the open loop it serves less than in the closed one."""
    scene.load.noise = lambda stack, number: 1.25
    scene.bench(stacks=[stack("a")])
    assert ladder(scene, "a/s") == [(0.95, 0.9, 0.8)] * 2


def test_a_stack_that_misses_the_objective_at_all_rates_carries_none(scene: Scene) -> None:
    scene.load.quick = {"a/s": 1.0}
    run = scene.bench()
    assert ladder(scene, "a/s") == [OWN_PARTS] * 2
    assert under_objective(run, "a/s") == 0
    assert under_objective(run, "b/s") == pytest.approx(1900)


def test_the_objective_that_is_tried_for_is_that_of_the_settings(scene: Scene) -> None:
    """Three seconds at p99 are within an objective of four."""
    scene.load.quick = {"a/s": 1.0}
    run = scene.bench(replace(LOAD, objective=4.0))
    assert ladder(scene, "a/s") == [(0.95,)] * 2
    assert under_objective(run, "a/s") == pytest.approx(950)


def test_what_may_be_too_much_is_neither_a_fault_nor_a_warning(scene: Scene) -> None:
    scene.load.noise = lambda stack, number: 1.25
    run = scene.bench(OVERLOADED)
    for outcome in (*measured(run, Stage.LATENCY), *measured(run, Stage.OVERLOAD)):
        assert not any(phase.findings for phase in outcome.phases if phase.phase.probing)


def test_a_stack_whose_own_capacity_is_not_known_is_measured_at_the_rates_of_all(
    scene: Scene,
) -> None:
    gone = StackError("exit code 1")
    scene.runtime.serve_errors = {"b/s": [None, None, gone, gone]}
    run = scene.bench()
    assert ladder(scene, "b/s") == [(), ()]
    assert under_objective(run, "b/s") is None
    assert [at.part for row in tables(run)[0].rows for at in row.at_rates] == [0.5, 0.9] * 2


def test_the_rates_of_its_own_are_those_of_all_rounds_so_far(
    make_measurement: Callable[..., Measurement], make_run: MakeRun
) -> None:
    rates = (800.0, 1000.0, 1500.0)
    run = make_run(
        tuple(make_measurement("a/x", "list", n, rate) for n, rate in enumerate(rates, start=1))
    )
    trial = replace(run.trials[0], stage=Stage.LATENCY)
    phases = [*(phases_of(trial, run) or ())]
    tried = [phase.rate for phase in phases if phase.own is not None]
    assert tried == pytest.approx([part * 1000 for part in OWN_PARTS])


def test_a_capacity_is_that_of_the_valid_rounds_as_the_report_has_it(
    make_measurement: Callable[..., Measurement], make_run: MakeRun
) -> None:
    """Where those are half of them or fewer, it is that of all."""

    def found(*invalid: int) -> tuple[float | None, float | None]:
        run = make_run(
            tuple(
                make_measurement("a/x", "list", n, rate, findings=(INVALID,) * (n in invalid))
                for n, rate in enumerate((800.0, 1000.0, 6000.0), start=1)
            )
        )
        (row,) = tables(run)[0].rows
        assert row.throughput is not None
        return capacity_of(run, "a/x", "list"), row.throughput.value

    assert found() == (1000, 1000)
    assert found(3) == (900, 900)
    assert found(2, 3) == (1000, 1000)
    assert found(1, 2, 3) == (1000, 1000)


def test_rates_are_parts_of_the_capacity_of_the_valid_rounds(scene: Scene) -> None:
    """Rounds of 800 and 1,200 requests/s, and one of 3,000 in which most answers are wrong."""
    make_load = scene.load.make_load

    def spoilt(**given: Any) -> LoadResult:  # noqa: ANN401
        rounds = [name for name, phase in scene.load.ran if phase.rate is None]
        wrong = {"status 500": 9000} if rounds == ["a/s"] else {}
        return make_load(**{**given, "rate": given["rate"] * (3 if wrong else 1)}, errors=wrong)

    scene.load.make_load = spoilt
    scene.load.noise = lambda stack, number: {2: 0.8, 3: 1.2}.get(number, 1.0)
    run = scene.bench(replace(LOAD, users=16), rounds=3, stacks=[stack("a")])
    assert [outcome.valid for outcome in measured(run, Stage.CAPACITY)] == [False, True, True]
    rates = [phase.rate for _, phase in scene.load.ran if phase.part is not None]
    assert rates == pytest.approx([500, 900] * 2)


# what a fixture gives is made anew by each bench
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    quick=st.floats(100, 1000),
    lower=st.lists(st.floats(0.01, 0.29), min_size=1, max_size=4, unique=True),
)
def test_lower_rates_that_are_never_reached_change_nothing(
    tmp_path: Path, make_run: MakeRun, make_load: MakeLoad, quick: float, lower: list[float]
) -> None:
    """A stack that keeps the objective at a rate is not tried at, or judged by, one below."""

    def found(parts: tuple[float, ...]) -> tuple[list[float | None], float | None]:
        load = FakeLoad(make_load, quick={"a/s": quick})
        scene = Scene(folder=tmp_path, make_run=make_run, load=load)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("toolkit.plan.OWN_PARTS", parts)
            run = scene.bench(replace(LOAD, users=16, rate_rounds=1), rounds=1, stacks=[stack("a")])
        return [phase.rate for _, phase in load.ran], under_objective(run, "a/s")

    rates, rate = found(OWN_PARTS)
    with_lower = found((*OWN_PARTS, *sorted(lower, reverse=True)))
    if rate:
        assert with_lower == (rates, rate)
    else:
        assert with_lower[0][: len(rates)] == rates
        assert len(with_lower[0]) > len(rates)


# precision


def wobble(size: float) -> Callable[[str, int], float]:
    """Let the second stack be faster and slower in turn."""
    return lambda stack, number: 1 + size * (-1) ** number if stack == "b/s" else 1.0


QUIET = replace(LOAD, users=16, rate_rounds=0)


def test_rounds_are_added_until_the_intervals_are_narrow_enough(scene: Scene) -> None:
    """With six rounds the interval goes from the least ratio to the greatest: 1 % either way."""
    scene.load.noise = wobble(0.01)
    run = scene.bench(QUIET, rounds=2, precision=0.02)
    assert run.rounds == LEAST_PAIRS
    assert tuple(outcome.trial for outcome in run.outcomes) == run.trials
    assert [trial.round for trial in run.trials] == [n for n in range(1, 7) for _ in range(2)]
    (table,) = tables(run)
    assert (table.detectable or 1) <= 0.02


def test_a_finer_interval_takes_more_rounds(scene: Scene) -> None:
    """The same wobble, and 0.9 % wanted: the interval must leave out its ends."""
    scene.load.noise = lambda stack, number: (
        1 + (0.02 if number == 3 else 0.001 * (-1) ** number) if stack == "b/s" else 1.0
    )
    run = scene.bench(QUIET, rounds=2, precision=0.009)
    (table,) = tables(run)
    assert run.rounds > LEAST_PAIRS
    assert (table.detectable or 1) <= 0.009


def test_added_rounds_come_in_an_order_of_their_own_and_before_the_fixed_rates(
    scene: Scene,
) -> None:
    scene.load.noise = wobble(0.01)
    run = scene.bench(rounds=2, precision=0.02)
    stages = [outcome.trial.stage for outcome in run.outcomes]
    assert stages == [Stage.RAMP] * 2 + [Stage.CAPACITY] * 12 + [Stage.LATENCY] * 4
    assert {outcome.trial for outcome in run.outcomes} == set(run.trials)


def test_no_round_is_added_when_the_planned_ones_are_precise_enough(scene: Scene) -> None:
    scene.load.noise = wobble(0.01)
    assert scene.bench(QUIET, rounds=7, precision=0.02).rounds == 7


def test_no_round_is_added_unless_a_precision_is_asked_for(scene: Scene) -> None:
    scene.load.noise = wobble(0.3)
    assert scene.bench(QUIET, rounds=2).rounds == 2


def test_intervals_that_never_narrow_end_with_the_time(scene: Scene) -> None:
    scene.load.noise = wobble(0.3)
    run = scene.bench(QUIET, rounds=2, precision=0.001, time_limit=0)
    assert run.rounds == 2
    assert any("the time is over" in text for text in scene.observer.said)
    assert run.finished_at is not None


def test_rounds_are_added_as_long_as_there_is_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock on which each trial takes 10 s: 4 trials, then 2 with each round, within 95 s."""

    def now() -> float:
        return 10.0 * scene.load.events.count("left")

    ticking = SimpleNamespace(monotonic=now, process_time=lambda: 0.0)
    monkeypatch.setattr("toolkit.trial.time", ticking)
    monkeypatch.setattr("toolkit.bench.time", ticking)
    scene.load.noise = wobble(0.3)
    run = scene.bench(QUIET, rounds=2, precision=0.001, time_limit=95.0)
    assert run.rounds == 5
    assert now() == 100


def test_the_time_for_rounds_does_not_run_while_stacks_are_built(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes 500 s; then there are as many rounds as if it took none."""
    prepare = scene.runtime.prepare
    built: list[str] = []

    def slow(stack: Stack, observer: Observer) -> StackFacts:
        built.append(stack.id)
        return prepare(stack, observer)

    def now() -> float:
        return 500.0 * len(built) + 10.0 * scene.load.events.count("left")

    ticking = SimpleNamespace(monotonic=now, process_time=lambda: 0.0)
    monkeypatch.setattr("toolkit.trial.time", ticking)
    monkeypatch.setattr("toolkit.bench.time", ticking)
    monkeypatch.setattr(scene.runtime, "prepare", slow)
    scene.load.noise = wobble(0.3)
    run = scene.bench(QUIET, rounds=2, precision=0.001, time_limit=95.0)
    assert run.rounds == 5
    assert now() == 1100


def test_intervals_of_no_width_at_all_are_precise_enough(scene: Scene) -> None:
    """Two stacks that are apart by the same factor in every round: nothing is left to narrow."""
    run = scene.bench(QUIET, rounds=LEAST_PAIRS, precision=0.001, time_limit=0)
    assert tables(run)[0].detectable == 0
    assert not any("the time is over" in text for text in scene.observer.said)


def test_trials_that_were_invalid_so_far_ask_for_more_rounds_too(scene: Scene) -> None:
    """Both rounds of the plan are invalid for b/s, so it has no ratio; the added ones are not."""
    make_load = scene.load.make_load

    def spoilt(**given: Any) -> LoadResult:  # noqa: ANN401
        early = sum(name == "b/s" for name, _ in scene.load.ran) <= 2
        of_b = scene.load.ran[-1][0] == "b/s"
        return make_load(**given, errors={"status 500": 900} if early and of_b else {})

    scene.load.make_load = spoilt
    run = scene.bench(QUIET, rounds=2, precision=0.5)
    assert run.rounds >= LEAST_PAIRS
    assert [row.valid for row in tables(run)[0].rows if row.stack == "b/s"] == [run.rounds - 2]


def test_a_stack_whose_trials_are_mostly_invalid_asks_for_rounds_until_the_time_is_over(
    scene: Scene,
) -> None:
    """The others' ratios are as precise as can be, but its own may not even be shown."""
    make_load = scene.load.make_load
    scene.load.capacity["c/s"] = 500.0

    def spoilt(**given: Any) -> LoadResult:  # noqa: ANN401
        of_b = scene.load.ran[-1][0] == "b/s"
        return make_load(**given, errors={"status 500": 900} if of_b else {})

    scene.load.make_load = spoilt
    stacks = [stack(name) for name in "abc"]
    run = scene.bench(QUIET, rounds=LEAST_PAIRS, precision=0.5, time_limit=0, stacks=stacks)
    rows = {row.stack: row.ratio for row in tables(run)[0].rows}
    assert [name for name, ratio in rows.items() if ratio is not None] == ["c/s"]
    assert any("the time is over" in text for text in scene.observer.said)
    assert run.rounds == LEAST_PAIRS


def test_a_stack_that_was_never_measured_does_not_ask_for_more_rounds(scene: Scene) -> None:
    scene.runtime.prepare_errors = {"b/s": StackError("no wheel")}
    assert scene.bench(QUIET, rounds=2, precision=0.001).rounds == 2


def test_a_stack_that_cannot_be_measured_is_in_no_added_round(scene: Scene) -> None:
    """It would fail again in each: two rounds of failures are the planned ones."""
    scene.load.noise = wobble(0.01)
    scene.runtime.prepare_errors = {"c/s": StackError("no wheel")}
    stacks = [stack(name) for name in "abc"]
    run = scene.bench(QUIET, rounds=2, precision=0.02, stacks=stacks)
    assert run.rounds == LEAST_PAIRS
    rounds = {
        name: [trial.round for trial in run.trials if trial.stack == name]
        for name in ("a/s", "b/s", "c/s")
    }
    assert rounds == {"a/s": [*range(1, 7)], "b/s": [*range(1, 7)], "c/s": [1, 2]}
    assert tuple(outcome.trial for outcome in run.outcomes) == run.trials


# calibration


def slow_client(client: str, rates: Sequence[float]) -> Calibration:
    """Show at each rate a median that is nearly all of the fakes' latency of 1 ms and 0.6 ms."""
    return Calibration(
        client=client,
        throughput=9000.0,
        cpu_per_request=1e-4,
        delays=tuple((rate, (0.49 / rate, 0.0, 0.0)) for rate in rates),
    )


def test_the_client_seen_is_calibrated_at_the_rates_to_come(scene: Scene) -> None:
    """At the common ones, and near the capacity of each stack; 950 is as good as 900."""
    scene.calibrate = slow_client
    run = scene.bench()
    assert scene.calibrated == [("SocketUser", [500, 900, 1900])]
    assert run.calibrations == (slow_client("SocketUser", (500, 900, 1900)),)


def test_the_delay_of_the_client_at_a_rate_counts_against_what_is_reported_there(
    scene: Scene,
) -> None:
    scene.calibrate = slow_client
    for outcome in measured(scene.bench(), Stage.LATENCY):
        for phase in outcome.phases:
            (finding,) = phase.findings
            assert (finding.rule, finding.severity) == ("client-delay", Severity.INVALID)


def test_the_delay_of_another_client_counts_against_nothing(scene: Scene) -> None:
    scene.calibrate = lambda client, rates: slow_client("HttpUser", rates)
    for outcome in measured(scene.bench(), Stage.LATENCY):
        assert all(phase.findings == () for phase in outcome.phases)


def test_a_client_that_cannot_be_calibrated_is_noted_and_the_run_goes_on(scene: Scene) -> None:
    def broken(client: str, rates: Sequence[float]) -> Calibration:
        raise StackError("the target does not start")

    scene.calibrate = broken
    run = scene.bench()
    assert run.calibrations == ()
    assert any(
        "SocketUser could not be calibrated: the target does not start" in text
        for text in scene.observer.said
    )
    assert len(measured(run, Stage.LATENCY)) == 4


def test_a_client_that_the_calibration_does_not_know_is_left_out(scene: Scene) -> None:
    run = scene.bench()
    assert len(scene.calibrated) == 1
    assert run.calibrations == ()


@pytest.mark.parametrize("load", [replace(LOAD, rate_rounds=0), replace(LOAD, rates=())])
def test_without_fixed_rates_a_client_is_calibrated_at_full_load_only(
    scene: Scene, load: LoadSettings
) -> None:
    scene.calibrate = slow_client
    run = scene.bench(load)
    assert scene.calibrated == [("SocketUser", [])]
    assert run.calibrations == (slow_client("SocketUser", ()),)


def test_rates_of_overload_are_calibrated_too(scene: Scene) -> None:
    scene.bench(OVERLOADED)
    assert scene.calibrated == [("SocketUser", [500, 900, 1200, 1500, 1900])]


# failures


def test_without_a_baseline_no_round_is_added(scene: Scene) -> None:
    scene.runtime.prepare_errors = {"a/s": StackError("no wheel")}
    assert scene.bench(QUIET, rounds=2, precision=0.02, time_limit=0.002).rounds == 2


def test_a_stack_that_cannot_be_built_fails_alone(scene: Scene) -> None:
    scene.runtime.prepare_errors = {"b/s": StackError("no wheel", log="pip says no")}
    run = scene.bench()
    assert {(f.trial.stack, f.stage, f.message, f.log) for f in failed(run)} == {
        ("b/s", "prepare", "no wheel", "pip says no")
    }
    assert [f.trial for f in failed(run)] == [t for t in run.trials if t.stack == "b/s"]
    assert "b/s" not in scene.runtime.served
    assert len(measured(run)) == 5


def test_a_stack_that_does_not_start_for_the_check_is_not_measured(scene: Scene) -> None:
    scene.runtime.serve_errors = {"b/s": [StackError("exit code 1")]}
    run = scene.bench()
    assert {(item.trial.stack, item.stage) for item in failed(run)} == {("b/s", "start")}
    assert scene.runtime.served.count("b/s") == 1


def test_where_no_stack_starts_all_trials_are_failures_and_nothing_is_tried(scene: Scene) -> None:
    scene.runtime.serve_errors = {
        name: [StackError("it ended", log="words", hint="Look.")] for name in ("a/s", "b/s")
    }
    run = scene.bench(rounds=2, precision=0.01)
    assert {item.trial for item in failed(run)} == set(run.trials)
    assert {(item.message, item.log, item.hint) for item in failed(run)} == {
        ("it ended", "words", "Look.")
    }
    assert run.finished_at is not None
    assert [*scene.observer.started, *scene.load.events, *scene.calibrated] == []
    assert Store(scene.folder).load(run.id) == run


def test_what_stands_beside_an_app_is_not_measured_where_that_does_not_start(scene: Scene) -> None:
    scene.runtime.serve_errors = {"a/s": [StackError("it ended")]}
    other = replace(stack("b"), work=LIST)
    run = scene.bench(rounds=1, stacks=[stack("a"), other])
    assert {item.trial.stack for item in run.outcomes} == {"a/s"}
    assert tables(run)[0].rows[0].stack == "a/s"


def test_a_stack_with_work_of_its_own_is_loaded_with_that(scene: Scene) -> None:
    work = replace(LIST, name="other")
    opened: list[tuple[str, str]] = []
    load = scene.load.open

    def note(workload: Workload) -> AbstractContextManager[FakeLoad]:
        opened.append((scene.observer.started[-1][0].stack, workload.id))
        return load(workload)

    scene.load.open = note  # type: ignore[method-assign, assignment]
    other = replace(stack("b"), work=work)
    scene.load.capacity[other.id] = 2000.0
    run = scene.bench(rounds=1, stacks=[stack("a"), other])
    assert set(opened) == {("a/s", LIST.id), ("b/s under other", "other")}
    assert {trial.workload for trial in run.trials} == {LIST.id}


def test_a_server_that_fails_once_is_tried_again_in_the_next_round(scene: Scene) -> None:
    scene.runtime.serve_errors = {"b/s": [None, None, StackError("exit code 1"), None]}
    outcomes = [
        type(item)
        for item in scene.bench().outcomes
        if item.trial.stack == "b/s" and item.trial.stage is Stage.CAPACITY
    ]
    assert outcomes == [Failure, Measurement]


def test_a_death_under_load_is_a_failure_with_its_last_lines(scene: Scene) -> None:
    scene.runtime.dying = {"b/s"}
    dead = [item for item in scene.bench().outcomes if item.trial.stack == "b/s"]
    assert len(dead) == 5
    for item in dead:
        assert isinstance(item, Failure)
        assert (item.stage, item.log) == ("load", "last words")
        assert "exit code 9" in item.message


def test_a_load_generator_that_fails_is_a_recorded_failure(scene: Scene) -> None:
    scene.load.error = LoadError("Locust ended")
    run = scene.bench()
    assert len(failed(run)) == len(run.trials)
    closed = {item.message for item in failed(run) if item.trial.stage is not Stage.LATENCY}
    assert closed == {"Locust ended"}


def test_an_engine_that_disappears_ends_trials_and_not_the_run(scene: Scene) -> None:
    gone: list[BaseException | None] = [EnvironmentFault("the Docker engine does not answer")] * 5
    scene.runtime.serve_errors = {"a/s": [None, *gone], "b/s": [None, *gone]}
    run = scene.bench()
    assert len(failed(run)) == len(run.trials)
    assert run.finished_at is not None


def test_no_engine_at_the_start_ends_the_run(scene: Scene) -> None:
    scene.runtime.prepare_errors = {"a/s": EnvironmentFault("no engine")}
    with pytest.raises(EnvironmentFault):
        scene.bench()


@pytest.mark.parametrize("done", [0, 1, 3])
def test_an_interrupted_run_keeps_the_trials_so_far(scene: Scene, done: int) -> None:
    scene.runtime.serve_errors = {"a/s": [*(None,) * (1 + done), KeyboardInterrupt()]}
    with pytest.raises(KeyboardInterrupt):
        scene.bench()
    stored = Store(scene.folder).load()
    assert stored.finished_at is None
    assert len(measured(stored, stack="a/s")) == done
    kept = tuple(outcome.trial for outcome in stored.outcomes)
    assert kept == stored.trials[: len(kept)]


class FakeDatabases:
    """Makes names; notes which."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def prepare(
        self, app: str, make_tables: Callable[[str], None], *, as_all: bool, filled: bool
    ) -> None:
        assert as_all, "all apps of a bench have the same tables"
        assert filled, "and the same rows"
        make_tables(f"db://{app}")

    def fresh(self, app: str) -> str:
        self.made.append(app)
        return f"db://{app}/{len(self.made)}"


def test_every_server_gets_a_database_of_its_own_and_the_secret_of_the_run(scene: Scene) -> None:
    backings = Backings(scene.runtime, secret="s")
    databases = FakeDatabases()
    backings.databases = databases  # type: ignore[assignment]
    scene.backings = backings
    tables = (("make", "tables"),)
    stacks = [
        replace(item, app=replace(item.app, prepare=tables)) for item in (stack("a"), stack("b"))
    ]
    run = scene.bench(replace(LOAD, users=8, rate_rounds=0), rounds=2, stacks=stacks)
    assert not [item for item in run.outcomes if isinstance(item, Failure)]
    commands = {(name, command) for name, command, _ in scene.runtime.commands}
    assert commands == {("a/s", tables[0]), ("b/s", tables[0])}
    assert {env["DATABASE_URL"] for _, _, env in scene.runtime.commands} == {"db://a", "db://b"}
    urls = [environment["DATABASE_URL"] for environment in scene.runtime.environments]
    # the check of each stack, and two rounds of both
    assert len(urls) == len(set(urls)) == 6
    assert {environment["SECRET_KEY"] for environment in scene.runtime.environments} == {"s"}


def test_a_stack_whose_database_cannot_be_made_is_not_measured(scene: Scene) -> None:
    backings = Backings(scene.runtime, secret="s")

    class Failing(FakeDatabases):
        def prepare(
            self, app: str, make_tables: Callable[[str], None], *, as_all: bool, filled: bool
        ) -> None:
            if app == "a":
                raise StackError("its migrations make another table")

    backings.databases = Failing()  # type: ignore[assignment]
    scene.backings = backings
    stacks = [
        replace(item, app=replace(item.app, prepare=(("x",),))) for item in (stack("a"), stack("b"))
    ]
    run = scene.bench(replace(LOAD, users=8, rate_rounds=0), rounds=1, stacks=stacks)
    failures = [item for item in run.outcomes if isinstance(item, Failure)]
    assert {(item.trial.stack, item.message) for item in failures} == {
        ("a/s", "its migrations make another table")
    }
    assert len(measured(run, Stage.CAPACITY, "b/s")) == 1


def test_a_case_that_is_listed_as_broken_upstream_is_refused_with_the_evidence(
    scene: Scene,
) -> None:
    scene.broken = (
        Broken(stack="a/*", exchange="x", workloads=("l*",), reason="hangs", evidence="issue 1"),
    )
    run = scene.bench(replace(LOAD, users=8, rate_rounds=0), rounds=1)
    failures = [item for item in run.outcomes if isinstance(item, Failure)]
    assert [(item.trial.stack, item.stage) for item in failures] == [("a/s", "broken upstream")]
    assert failures[0].message == "hangs [issue 1]"
    assert "a/s" not in scene.runtime.served[2:]
    assert len(measured(run, Stage.CAPACITY, "b/s")) == 1
    row = next(row for row in tables(run)[0].rows if row.stack == "a/s")
    assert row.sound  # it is known, and nothing was meant to be measured


def test_a_database_that_fails_between_trials_makes_a_failure_and_no_end(scene: Scene) -> None:
    class Failing(FakeDatabases):
        def fresh(self, app: str) -> str:
            if len(self.made) == 3:
                self.made.append(app)
                raise StackError("the database of this run fails: no space")
            return super().fresh(app)

    backings = Backings(scene.runtime, secret="s")
    backings.databases = Failing()  # type: ignore[assignment]
    scene.backings = backings
    stacks = [
        replace(item, app=replace(item.app, prepare=(("x",),))) for item in (stack("a"), stack("b"))
    ]
    run = scene.bench(replace(LOAD, users=8, rate_rounds=0), rounds=2, stacks=stacks)
    failures = [item for item in run.outcomes if isinstance(item, Failure)]
    assert [item.message for item in failures] == ["the database of this run fails: no space"]
    assert len(measured(run, Stage.CAPACITY)) == 3


def test_rounds_are_not_added_for_a_workload_that_the_baseline_cannot_serve(scene: Scene) -> None:
    scene.broken = (
        Broken(stack="a/*", exchange="x", workloads=("list",), reason="hangs", evidence="e"),
    )
    run = scene.bench(
        replace(LOAD, users=8, rate_rounds=0), rounds=6, precision=0.01, time_limit=1e9
    )
    assert run.rounds == 6


def test_an_open_loop_starts_tasks_where_capacity_counts_requests(scene: Scene) -> None:
    """Of a session of five requests a fifth as many are started; more would be too much.

    Under overload fewer sessions end than answers come: what was offered is still what was.
    """
    make_load = scene.load.make_load

    def of_five(**values: Any) -> LoadResult:  # noqa: ANN401 - make_load's
        load = make_load(**values)
        return replace(load, tasks=load.requests // (5 if values.get("offered") is None else 15))

    scene.load.make_load = of_five
    run = scene.bench(replace(LOAD, users=10, rates=(0.5,), rate_rounds=1), rounds=1)
    (common,) = [
        phase.phase
        for outcome in measured(run, Stage.LATENCY, "a/s")
        for phase in outcome.phases
        if phase.phase.part is not None
    ]
    assert common.rate == pytest.approx(0.5 * 1000 / 5)
    row = next(row for row in tables(run)[0].rows if row.stack == "a/s")
    # the report counts requests again
    assert row.at_rates[0].rate == pytest.approx(500, rel=0.01)
