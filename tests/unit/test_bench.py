"""The loop, with fakes for all four ports: nothing is started."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from toolkit.bench import World, run_bench
from toolkit.errors import EnvironmentFault, LoadError, StackError
from toolkit.measured import (
    Failure,
    LoadResult,
    Measurement,
    Outcome,
    Run,
    RuntimeFacts,
    StackFacts,
    Usage,
)
from toolkit.model import (
    App,
    Interface,
    LoadSettings,
    Plan,
    Server,
    Stack,
    Trial,
    Workload,
)
from toolkit.plan import make_plan
from toolkit.ports import LoadWatch, Observer, Tick
from toolkit.store import Store


def stack(name: str) -> Stack:
    app = App(
        name=name, summary="", interface=Interface.WSGI, target="a:b", health="/", path=Path()
    )
    server = Server(
        name="s", summary="", interfaces=(Interface.WSGI,), keep_alive=True, argv=(), path=Path()
    )
    return Stack(app=app, server=server)


class FakeService:
    url = "http://127.0.0.1:1"
    start_seconds = 0.1

    def __init__(self, *, dies: bool) -> None:
        self._dies = dies
        self._readings = 0

    def usage(self) -> Usage:
        self._readings += 1
        return Usage(at=float(self._readings), cpu=0.5 * self._readings, memory=self._readings)

    def death(self) -> str | None:
        return "exit code 9" if self._dies else None

    def log_tail(self) -> str:
        return "last words"


@dataclass
class FakeRuntime:
    """Raises where a test says so; counts what is open."""

    prepare_errors: dict[str, Exception] = field(default_factory=dict)
    serve_errors: dict[str, list[Exception | None]] = field(default_factory=dict)
    dying: set[str] = field(default_factory=set)
    open: int = 0
    served: list[str] = field(default_factory=list)
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

    @contextlib.contextmanager
    def serve(self, stack: Stack) -> Iterator[FakeService]:
        self.served.append(stack.id)
        errors = self.serve_errors.get(stack.id, [])
        error = errors.pop(0) if errors else None
        if error is not None:
            raise error
        self.open += 1
        try:
            yield FakeService(dies=stack.id in self.dying)
        finally:
            self.open -= 1


@dataclass
class FakeLoad:
    result: LoadResult
    error: Exception | None = None

    @contextlib.contextmanager
    def open(self, workload: Workload) -> Iterator["FakeLoad"]:
        yield self

    def fire(self, url: str, watch: LoadWatch) -> LoadResult:
        tick = Tick(phase="measuring", throughput=1.0, latency=0.1, errors=0)
        watch.window_opened()
        watch.ticked(tick)
        if self.error is not None:
            raise self.error
        watch.window_closed()
        return self.result


class SilentObserver:
    def __init__(self) -> None:
        self.finished: list[Outcome] = []

    def planned(self, plan: Plan, runtime: RuntimeFacts) -> None: ...
    def noted(self, message: str) -> None: ...
    def trial_started(self, trial: Trial, number: int) -> None: ...
    def ticked(self, trial: Trial, tick: Tick) -> None: ...
    def trial_finished(self, outcome: Outcome, number: int) -> None:
        self.finished.append(outcome)


MakeRun = Callable[..., Run]
Bench = Callable[..., Run]


@pytest.fixture
def bench(tmp_path: Path, make_run: MakeRun, make_load: Callable[..., LoadResult]) -> Bench:
    def go(runtime: FakeRuntime, load_error: Exception | None = None) -> Run:
        plan = make_plan(
            stacks=[stack("a"), stack("b")],
            workloads=[Workload(name="list", summary="", path=Path())],
            rounds=2,
            load=LoadSettings(),
            baseline="",
            seed=1,
        )
        run = make_run(trials=plan.trials, stacks=(), finished_at=None)
        world = World(
            runtime=runtime,
            load=FakeLoad(make_load(), load_error),
            store=Store(tmp_path),
            observer=SilentObserver(),
            exchanges=lambda app: (),
            idle=iter(range(1000)).__next__,
        )
        try:
            return run_bench(plan, run, world)
        finally:
            assert runtime.open == 0

    return go


def test_every_trial_of_the_plan_has_its_outcome_in_order(bench: Bench) -> None:
    run = bench(FakeRuntime())
    assert tuple(outcome.trial for outcome in run.outcomes) == run.trials
    assert all(isinstance(outcome, Measurement) for outcome in run.outcomes)
    assert run.finished_at is not None


def test_the_cpu_rate_comes_from_the_readings_at_both_ends_of_the_window(bench: Bench) -> None:
    """The fake reads 0.5 CPU seconds more at each second of its clock."""
    outcome = bench(FakeRuntime()).outcomes[0]
    assert isinstance(outcome, Measurement)
    assert outcome.server_cpu == pytest.approx(0.5)
    assert outcome.server_idle == pytest.approx(0.5)
    assert outcome.memory_peak == 3


def test_a_stack_that_cannot_be_built_fails_alone(bench: Bench) -> None:
    runtime = FakeRuntime(prepare_errors={"a/s": StackError("no wheel", log="pip says no")})
    run = bench(runtime)
    failed = [item for item in run.outcomes if isinstance(item, Failure)]
    assert {(f.trial.stack, f.stage, f.message, f.log) for f in failed} == {
        ("a/s", "prepare", "no wheel", "pip says no")
    }
    assert len(failed) == 2
    assert "a/s" not in runtime.served


def test_a_stack_that_does_not_start_for_the_check_is_not_measured(bench: Bench) -> None:
    runtime = FakeRuntime(serve_errors={"b/s": [StackError("exit code 1")]})
    run = bench(runtime)
    assert {item.trial.stack for item in run.outcomes if isinstance(item, Failure)} == {"b/s"}
    assert runtime.served.count("b/s") == 1


def test_a_server_that_fails_once_is_tried_again_in_the_next_round(bench: Bench) -> None:
    runtime = FakeRuntime(serve_errors={"b/s": [None, StackError("exit code 1"), None]})
    kinds = [type(item) for item in bench(runtime).outcomes if item.trial.stack == "b/s"]
    assert kinds == [Failure, Measurement]


def test_a_death_under_load_is_a_failure_with_its_last_lines(bench: Bench) -> None:
    failure = bench(FakeRuntime(dying={"a/s"})).outcomes
    dead = [item for item in failure if item.trial.stack == "a/s"]
    for item in dead:
        assert isinstance(item, Failure)
        assert (item.stage, item.log) == ("load", "last words")
        assert "exit code 9" in item.message


def test_a_load_generator_that_fails_is_a_recorded_failure(bench: Bench) -> None:
    run = bench(FakeRuntime(), LoadError("Locust ended"))
    assert {type(item) for item in run.outcomes} == {Failure}


def test_an_engine_that_disappears_ends_trials_and_not_the_run(bench: Bench) -> None:
    gone = EnvironmentFault("the Docker engine does not answer")
    runtime = FakeRuntime(serve_errors={"a/s": [None, gone, gone], "b/s": [None, gone, gone]})
    run = bench(runtime)
    assert {type(item) for item in run.outcomes} == {Failure}
    assert run.finished_at is not None


def test_no_engine_at_the_start_ends_the_run(bench: Bench) -> None:
    fault = EnvironmentFault("no engine")
    with pytest.raises(EnvironmentFault):
        bench(FakeRuntime(prepare_errors={"a/s": fault}))


def test_an_interrupted_run_keeps_the_trials_so_far(bench: Bench, tmp_path: Path) -> None:
    runtime = FakeRuntime(serve_errors={"a/s": [None, None, KeyboardInterrupt()]})  # type: ignore[list-item]
    with pytest.raises(KeyboardInterrupt):
        bench(runtime)
    stored = Store(tmp_path).load()
    assert stored.finished_at is None
    assert 1 <= len(stored.outcomes) < len(stored.trials)
