"""The main loop: check every stack, then measure case after case, storing each outcome at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from toolkit.contract import Exchange
from toolkit.errors import EnvironmentFault, StackError, ToolkitError
from toolkit.model import (
    App,
    Failure,
    Measurement,
    Outcome,
    Placement,
    Plan,
    Run,
    Stack,
    StackFacts,
    Trial,
    Usage,
    Workload,
)
from toolkit.ports import LoadEngine, Observer, Runtime, Service, Tick
from toolkit.store import Store, utc_now
from toolkit.validity import find_faults
from toolkit.verify import require_contract


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a bench works with.

    Attributes:
        exchanges: Gives the contract of an app; empty if it has none.
        idle: Seconds that the server's CPUs have been idle so far, None if unknown.
    """

    runtime: Runtime
    load: LoadEngine
    store: Store
    observer: Observer
    exchanges: Callable[[App], Sequence[Exchange]]
    idle: Callable[[], float | None]


def run_bench(plan: Plan, run: Run, world: World) -> Run:
    """Carry out a plan and give the finished run.

    A stack that cannot be built or breaks its contract is not measured; its trials are failures,
    as are those in which a server or the engine fails. The run is stored after every one.

    Args:
        plan: What to do.
        run: The document to fill, without stacks and outcomes.
        world: Runtime, load, store, observer.

    Raises:
        EnvironmentFault: Nothing can be built, or results cannot be written.
    """
    world.observer.planned(plan, world.runtime.facts)
    world.store.save(run)
    facts, broken = _prepare(plan.stacks, world)
    run = replace(run, stacks=tuple(facts))
    stacks = {stack.id: stack for stack in plan.stacks}
    workloads = {workload.name: workload for workload in plan.workloads}
    for number, trial in enumerate(plan.trials, start=1):
        world.observer.trial_started(trial, number)
        outcome: Outcome
        if trial.stack in broken:
            outcome = replace(broken[trial.stack], trial=trial)
        else:
            outcome = measure(
                trial, stacks[trial.stack], workloads[trial.workload], run.placement, world
            )
        run = replace(run, outcomes=(*run.outcomes, outcome))
        world.store.save(run)
        world.observer.trial_finished(outcome, number)
    run = replace(run, finished_at=utc_now())
    world.store.save(run)
    return run


def _prepare(
    stacks: Sequence[Stack], world: World
) -> tuple[list[StackFacts], Mapping[str, Failure]]:
    """Build all stacks first, so that no build runs beside a measurement; then check each."""
    facts: list[StackFacts] = []
    broken: dict[str, Failure] = {}
    for stack in stacks:
        try:
            facts.append(world.runtime.prepare(stack, world.observer))
        except StackError as error:
            broken[stack.id] = _failure(_unplaced(stack), "prepare", error)
            world.observer.noted(f"{stack.id} cannot be built: {error}")
    for stack in stacks:
        if stack.id in broken:
            continue
        world.observer.noted(f"Checking the answers of {stack.id} ...")
        stage = "start"
        try:
            with world.runtime.serve(stack) as service:
                stage = "verify"
                require_contract(service, world.exchanges(stack.app))
        except StackError as error:
            broken[stack.id] = _failure(_unplaced(stack), stage, error)
            world.observer.noted(f"{stack.id} will not be measured: {error}")
    return facts, broken


def _unplaced(stack: Stack) -> Trial:
    return Trial(stack=stack.id, workload="", round=0, position=0)


def _failure(trial: Trial, stage: str, error: ToolkitError) -> Failure:
    return Failure(trial=trial, stage=stage, message=str(error), log=error.log)


def measure(
    trial: Trial, stack: Stack, workload: Workload, placement: Placement, world: World
) -> Outcome:
    """Run one trial: fresh server, fresh load generator, one measured window."""
    started_at = utc_now()
    stage = "start"
    try:
        # the generator starts first: its imports are done when the server is up
        with world.load.open(workload) as session, world.runtime.serve(stack) as service:
            stage = "load"
            watch = _Watch(service, world.idle, lambda tick: world.observer.ticked(trial, tick))
            load = session.fire(service.url, watch)
            start_seconds = service.start_seconds
            stage = "stop"
    except (StackError, EnvironmentFault) as error:
        return _failure(trial, stage, error)
    server_cpu, server_idle = watch.server_cpu(), watch.server_idle(len(placement.server_cpus))
    return Measurement(
        trial=trial,
        started_at=started_at,
        load=load,
        server_cpu=server_cpu,
        memory_peak=watch.memory_peak,
        start_seconds=start_seconds,
        server_idle=server_idle,
        findings=find_faults(
            load, server_cpu=server_cpu, server_idle=server_idle, placement=placement
        ),
    )


@dataclass
class _Watch:
    """Reads the server's use at both ends of the window and in between, and sees it die."""

    service: Service
    idle: Callable[[], float | None]
    show: Callable[[Tick], None]
    memory_peak: int = 0
    ends: list[Usage] = field(default_factory=list)
    idle_at_ends: list[float | None] = field(default_factory=list)

    def window_opened(self) -> None:
        self._end()

    def window_closed(self) -> None:
        self._end()

    def ticked(self, tick: Tick) -> None:
        ended = self.service.death()
        if ended is not None:
            raise StackError(f"the server died under load: {ended}", log=self.service.log_tail())
        if self.ends:
            self._sample()
        self.show(tick)

    def server_cpu(self) -> float:
        """CPU seconds per second, over the readings' own clock.

        The readings lie a few milliseconds off the ends of the window, under the same load.
        """
        first, last = self.ends
        return (last.cpu - first.cpu) / (last.at - first.at)

    def server_idle(self, cpus: int) -> float | None:
        """Part of the window in which the server's CPUs were idle."""
        first, last = self.idle_at_ends
        if first is None or last is None or not cpus:
            return None
        return (last - first) / (self.ends[1].at - self.ends[0].at) / cpus

    def _end(self) -> None:
        self.ends.append(self._sample())
        self.idle_at_ends.append(self.idle())

    def _sample(self) -> Usage:
        usage = self.service.usage()
        self.memory_peak = max(self.memory_peak, usage.memory)
        return usage
