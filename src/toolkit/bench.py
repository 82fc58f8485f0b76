"""The main loop: check every stack, then measure case after case, storing each outcome at once."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from statistics import median

from toolkit.compare import tables, usable_rates
from toolkit.contract import Exchange
from toolkit.errors import EnvironmentFault, StackError, ToolkitError
from toolkit.knee import find_knee, has_stopped_growing
from toolkit.measured import (
    Calibration,
    Failure,
    HostReading,
    Measurement,
    Outcome,
    PhaseResult,
    Run,
    StackFacts,
    Usage,
)
from toolkit.model import App, Phase, Plan, Stack, Stage, Trial, Workload, original_of
from toolkit.objective import keeps
from toolkit.plan import (
    OWN_PARTS,
    capacity_phase,
    one_round,
    own_phases,
    ramp_phases,
    rate_phases,
)
from toolkit.ports import LoadEngine, LoadSession, Observer, Runtime, Service, Tick
from toolkit.stats import LEAST_PAIRS
from toolkit.store import Store, utc_now
from toolkit.usage import compare_readings, summarize_usage
from toolkit.validity import Evidence, find_faults
from toolkit.verify import require_contract

_USERS_IF_UNKNOWN = 32
_QUICK = 0.05
"""Seconds that a reading may take to be made between the ends of a window, too; an engine's own
answer takes up to one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a bench works with.

    Attributes:
        exchanges: Gives the contract of an app; empty if it has none.
        read_host: Reads what the machine has done so far.
        calibrate: Measures a client (by name) at rates against a target that answers at once;
            None for a client it does not know.
    """

    runtime: Runtime
    load: LoadEngine
    store: Store
    observer: Observer
    exchanges: Callable[[App], Sequence[Exchange]]
    read_host: Callable[[], HostReading]
    calibrate: Callable[[str, Sequence[float]], Calibration | None]


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
    return _Bench(plan, run, world).carry_out()


class _Bench:
    def __init__(self, plan: Plan, run: Run, world: World) -> None:
        self._plan = plan
        self._world = world
        self._run = run
        self._stacks = {stack.id: stack for stack in plan.stacks}
        self._workloads = {workload.name: workload for workload in plan.workloads}
        self._broken: Mapping[str, Failure] = {}
        self._began = time.monotonic()

    def carry_out(self) -> Run:
        plan, world = self._plan, self._world
        world.observer.planned(plan, world.runtime.facts)
        world.store.save(self._run)
        facts, self._broken = _prepare(plan.stacks, world)
        self._run = replace(self._run, stacks=tuple(facts))
        self._began = time.monotonic()
        at_rates = [t for t in plan.trials if t.stage in (Stage.LATENCY, Stage.OVERLOAD)]
        for trial in plan.trials[: len(plan.trials) - len(at_rates)]:
            self._do(trial)
        self._sharpen()
        self._calibrate(for_rates=bool(at_rates))
        for trial in at_rates:
            self._do(trial)
        self._run = replace(self._run, finished_at=utc_now())
        world.store.save(self._run)
        return self._run

    def _do(self, trial: Trial) -> None:
        number = len(self._run.outcomes) + 1
        self._world.observer.trial_started(trial, number)
        outcome: Outcome
        if trial.stack in self._broken:
            outcome = replace(self._broken[trial.stack], trial=trial)
        else:
            outcome = measure(
                trial,
                self._stacks[trial.stack],
                self._workloads[trial.workload],
                self._run,
                self._world,
            )
        self._run = replace(self._run, outcomes=(*self._run.outcomes, outcome))
        self._world.store.save(self._run)
        self._world.observer.trial_finished(outcome, number)

    def _sharpen(self) -> None:
        """Add rounds of capacity until the ratios are as precise as asked, or the time is over."""
        wanted = self._plan.precision
        while wanted is not None and _coarsest(self._run) > wanted:
            if time.monotonic() - self._began > self._plan.time_limit:
                self._world.observer.noted(
                    f"The intervals are not within {wanted:.1%} yet, but the time is over."
                )
                return
            number = self._run.rounds + 1
            trials = one_round(
                [stack for stack in self._stacks if stack not in self._broken],
                [*self._workloads],
                number=number,
                stage=Stage.CAPACITY,
                seed=self._plan.seed,
            )
            self._run = replace(self._run, rounds=number, trials=(*self._run.trials, *trials))
            self._world.observer.noted(f"Round {number}, for intervals within {wanted:.1%} ...")
            for trial in trials:
                self._do(trial)

    def _calibrate(self, *, for_rates: bool) -> None:
        """Measure what the clients seen so far add by themselves, at the rates to come."""
        rates = _rates_to_come(self._run) if for_rates else ()
        clients = {
            phase.load.client
            for outcome in self._run.outcomes
            if isinstance(outcome, Measurement)
            for phase in outcome.phases
        }
        found = []
        for client in sorted(clients):
            self._world.observer.noted(f"Measuring what {client} adds by itself ...")
            try:
                calibration = self._world.calibrate(client, rates)
            except (StackError, EnvironmentFault) as error:
                self._world.observer.noted(f"{client} could not be calibrated: {error}")
                continue
            if calibration is not None:
                found.append(calibration)
        self._run = replace(self._run, calibrations=tuple(found))


def _rates_to_come(run: Run) -> tuple[float, ...]:
    """Give the open loops' rates, of those that lie within 10 % of each other only one."""
    cases = dict.fromkeys((trial.stack, trial.workload) for trial in run.trials)
    wanted: list[float] = []
    for stack, workload in cases:
        capacity = capacity_of(run, stack, workload)
        if capacity is not None:
            common = run.load.rates if stack == run.baseline else ()
            wanted += [part * capacity for part in (*common, max(OWN_PARTS))]
    chosen: list[float] = []
    for rate in sorted(wanted):
        if not chosen or rate > 1.1 * chosen[-1]:
            chosen.append(rate)
    return tuple(chosen)


def _coarsest(run: Run) -> float:
    """Give the worst half-width of the ratios that can be had at all."""
    measured = {item.trial.stack for item in run.outcomes if isinstance(item, Measurement)}
    if run.baseline not in measured:
        return 0.0  # more rounds make no ratio
    if run.rounds < LEAST_PAIRS and len(measured) > 1:
        return float("inf")  # though what was invalid so far may have no ratio yet
    widths = []
    for table in tables(run):
        for row in table.rows:
            if row.stack == table.baseline or row.throughput is None:
                continue
            width = row.ratio.precision if row.ratio is not None and row.valid else None
            widths.append(float("inf") if width is None else width)
    return max(widths, default=0.0)


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


def measure(trial: Trial, stack: Stack, workload: Workload, run: Run, world: World) -> Outcome:
    """Run one trial: fresh server, fresh load generator, its phases one after the other."""
    started_at = utc_now()
    phases = phases_of(trial, run)
    if phases is None:
        message = f"the rates are parts of the capacity of {run.baseline}, which is not known"
        return Failure(trial=trial, stage="load", message=message)
    stage = "start"
    stop_seconds = None
    try:
        # the generator starts first: its imports are done when the server is up
        with world.load.open(workload) as session, world.runtime.serve(stack) as service:
            stage = "load"
            session.aim(service.url)
            results = _run_phases(trial, stack, phases, session, service, run, world)
            start_seconds = service.start_seconds
            stage = "stop"
            if trial.stage is Stage.RAMP:
                stop_seconds = service.stop()
    except (StackError, EnvironmentFault) as error:
        return _failure(trial, stage, error)
    return Measurement(
        trial=trial,
        started_at=started_at,
        phases=results,
        start_seconds=start_seconds,
        stop_seconds=stop_seconds,
    )


def phases_of(trial: Trial, run: Run) -> Iterable[Phase] | None:
    """Give what a trial consists of; None if that depends on what could not be measured."""
    if trial.stage is Stage.RAMP:
        return ramp_phases(run.load)
    if trial.stage is Stage.CAPACITY:
        return (capacity_phase(run.load, users_of(run, trial.stack, trial.workload)),)
    common = capacity_of(run, run.baseline, trial.workload)
    if common is None:
        return None
    # the same arrivals for every stack of a round
    seed = run.seed + 1000 * trial.round
    overload = trial.stage is Stage.OVERLOAD
    phases = rate_phases(run.load, common, seed, overload=overload)
    own = capacity_of(run, trial.stack, trial.workload)
    if overload or own is None:
        return phases
    return chain(phases, own_phases(run.load, own, seed))


def users_of(run: Run, stack: str, workload: str) -> int:
    """Say with how many users the capacity of a case is measured; copies of a stack with as many.

    A ramp is one look at each number of users, and noise may put the knee of a stack elsewhere than
    that of its copy: then they would be loaded differently, and no longer be the same.
    """
    if run.load.users:
        return run.load.users
    knees = [
        knee
        for outcome in run.outcomes
        if isinstance(outcome, Measurement)
        and outcome.trial.stage is Stage.RAMP
        and original_of(outcome.trial.stack) == original_of(stack)
        and outcome.trial.workload == workload
        and (knee := find_knee(outcome.phases)) is not None
    ]
    unknown = min(_USERS_IF_UNKNOWN, run.load.most_users)
    return max((knee.full_users for knee in knees), default=unknown)


def capacity_of(run: Run, stack: str, workload: str) -> float | None:
    """Give the median capacity of a case so far, requests/s; None without any.

    As the report does it: of the valid rounds, and of all where those are too few to be used.
    """
    usable = [*usable_rates(run, stack, workload).values()]
    all_rates = [
        phase.load.throughput
        for outcome in run.outcomes
        if isinstance(outcome, Measurement)
        and outcome.trial.stage is Stage.CAPACITY
        and (outcome.trial.stack, outcome.trial.workload) == (stack, workload)
        for phase in outcome.phases
        if phase.load.requests
    ]
    rates = usable or all_rates
    return median(rates) if rates else None


def _run_phases(
    trial: Trial,
    stack: Stack,
    phases: Iterable[Phase],
    session: LoadSession,
    service: Service,
    run: Run,
    world: World,
) -> tuple[PhaseResult, ...]:
    results: list[PhaseResult] = []
    for phase in phases:
        watch = _Watch(service, world.read_host, lambda tick: world.observer.ticked(trial, tick))
        load = session.run(phase, watch)
        server = summarize_usage(watch.usages)
        where = run.placement
        host = compare_readings(
            watch.host,
            server_cpus=len(where.server_cpus),
            client_cpus=len(where.client_cpus),
            server_cpu=server.cpu,
            # the tool itself works beside the generator
            client_cpu=load.use.cpu_of_all + watch.own_cpu(),
            shared=bool(where.server_cpus) and where.server_cpus == where.client_cpus,
        )
        delay = None
        if phase.rate is not None:
            own = [item for item in run.calibrations if item.client == load.client]
            delay = own[0].delay_at(phase.rate) if own else None
        evidence = Evidence(
            phase=phase,
            load=load,
            server=server,
            host=host,
            placement=where,
            keep_alive=stack.server.keep_alive,
            delay=delay,
        )
        # a ramp looks for full load: that its first steps are not says nothing
        findings = () if trial.stage is Stage.RAMP else find_faults(evidence)
        results.append(
            PhaseResult(phase=phase, load=load, server=server, host=host, findings=findings)
        )
        if trial.stage is Stage.RAMP and has_stopped_growing(results):
            break
        if phase.own is not None and keeps(results[-1], run.load.objective):
            break
    return tuple(results)


@dataclass
class _Watch:
    """Reads the server's use at both ends of the window and in between, and sees it die."""

    service: Service
    read_host: Callable[[], HostReading]
    show: Callable[[Tick], None]
    usages: list[Usage] = field(default_factory=list)
    host: list[HostReading] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    took: float = 0.0

    def window_opened(self) -> None:
        self._sample()

    def window_closed(self) -> None:
        self._sample()

    def own_cpu(self) -> float:
        """CPU seconds per second that this process used itself."""
        return (self.own[-1] - self.own[0]) / (self.usages[-1].at - self.usages[0].at)

    def ticked(self, tick: Tick) -> None:
        ended = self.service.death()
        if ended is not None:
            raise StackError(f"the server died under load: {ended}", log=self.service.log_tail())
        if self.usages and self.took < _QUICK:
            self._sample()
        self.show(tick)

    def _sample(self) -> None:
        """Read both; the readings lie a few milliseconds off the ends, under the same load."""
        began = time.monotonic()
        self.usages.append(self.service.usage())
        self.host.append(self.read_host())
        self.own.append(time.process_time())
        self.took = time.monotonic() - began
