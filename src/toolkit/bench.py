"""The main loop: check every stack, then measure case after case, storing each outcome at once."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import chain
from statistics import median

from toolkit.compare import tables, usable_rates
from toolkit.contract import with_what_there_is
from toolkit.errors import EnvironmentFault, StackError
from toolkit.knee import find_knee
from toolkit.measured import (
    BROKEN_UPSTREAM,
    Control,
    Failure,
    Measurement,
    Outcome,
    PhaseResult,
    Run,
    StackFacts,
)
from toolkit.model import (
    Broken,
    Need,
    Phase,
    Plan,
    Stack,
    Stage,
    Trial,
    Workload,
    original_of,
    unvaried,
)
from toolkit.plan import (
    OWN_PARTS,
    capacity_phase,
    most_users,
    one_round,
    own_phases,
    ramp_phases,
    rate_phases,
)
from toolkit.stats import LEAST_PAIRS
from toolkit.store import utc_now
from toolkit.trial import World, failure_of, measure, measure_alone
from toolkit.verify import require_contract

_USERS_IF_UNKNOWN = 32
_CONTROL = Phase(users=64, duration=1.0, settle=0.3, least=200)
"""How a backing service is loaded by itself, by as many of these users as there are."""


def run_bench(plan: Plan, run: Run, world: World) -> Run:
    """Carry out a plan and give the finished run.

    A stack that cannot be built or breaks its contract is not measured; its trials are failures,
    as are those in which a server or the engine fails. The run is stored after every one.

    Args:
        plan: What to do.
        run: The document to fill, without stacks and outcomes.
        world: What to do it with.

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
        self._workloads = {workload.id: workload for workload in plan.workloads}
        self._broken: Mapping[str, Failure] = {}
        self._began = time.monotonic()

    def carry_out(self) -> Run:
        plan, world = self._plan, self._world
        world.observer.planned(plan, world.runtime.facts)
        world.store.save(self._run)
        facts, self._broken = _prepare(plan.stacks, world)
        self._run = replace(self._run, stacks=tuple(facts), controls=self._controls())
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
        outcome = self._outcome(trial)
        self._run = replace(self._run, outcomes=(*self._run.outcomes, outcome))
        self._world.store.save(self._run)
        self._world.observer.trial_finished(outcome, number)

    def _outcome(self, trial: Trial) -> Outcome:
        stack, workload = self._stacks[trial.stack], self._workloads[trial.workload]
        reason = why_not(stack, workload, self._world.broken)
        if reason is not None:
            return Failure(trial=trial, stage=BROKEN_UPSTREAM, message=reason)
        if trial.stack in self._broken:
            return replace(self._broken[trial.stack], trial=trial)
        phases = phases_of(trial, self._run)
        if phases is None:
            baseline = self._run.baseline
            message = f"the rates are parts of the capacity of {baseline}, which is not known"
            return Failure(trial=trial, stage="load", message=message)
        return measure(trial, stack, workload, phases, self._run, self._world)

    def _controls(self) -> tuple[Control, ...]:
        """Load the upstream by itself, as each workload that needs nothing else would."""
        upstream = self._world.backings.started.get(Need.UPSTREAM)
        if upstream is None:
            return ()
        alone = [item for item in self._workloads.values() if item.needs == (Need.UPSTREAM,)]
        phase = replace(_CONTROL, users=min(_CONTROL.users, most_users(self._plan.load)))
        found = []
        for workload in alone:
            self._world.observer.noted(f"Measuring {workload.id} without a server ...")
            try:
                found.append(measure_alone(upstream, workload, phase, self._world))
            except (StackError, EnvironmentFault) as error:
                self._world.observer.noted(f"The upstream by itself was not measured: {error}")
        return tuple(found)

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
        if all(row.throughput is None for row in table.rows if row.stack == table.baseline):
            continue  # likewise, under this workload
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
            broken[stack.id] = failure_of(_unplaced(stack), "prepare", error)
            world.observer.noted(f"{stack.id} cannot be built: {error}")
    for stack in stacks:
        if stack.id in broken:
            continue
        world.observer.noted(f"Checking the answers of {stack.id} ...")
        stage = "start"
        try:
            world.backings.prepare(stack)
            with world.runtime.serve(stack, world.backings.environment(stack)) as service:
                stage = "verify"
                every = world.exchanges(stack.app)
                exchanges = with_what_there_is(every, world.backings.has)
                require_contract(service, stack, exchanges, world.broken)
        except StackError as error:
            broken[stack.id] = failure_of(_unplaced(stack), stage, error)
            world.observer.noted(f"{stack.id} will not be measured: {error}. {error.hint}".rstrip())
    return facts, broken


def why_not(stack: Stack, workload: Workload, broken: Sequence[Broken]) -> str | None:
    """Say why a case makes no sense, by the list of what is broken upstream; None if it does."""
    for item in broken:
        if fnmatchcase(unvaried(stack.id), item.stack) and any(
            fnmatchcase(workload.name, pattern) for pattern in item.workloads
        ):
            return f"{item.reason} [{item.evidence}]"
    return None


def _unplaced(stack: Stack) -> Trial:
    return Trial(stack=stack.id, workload="", round=0, position=0)


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
    requests = per_task_of(run, run.baseline, trial.workload)
    phases = rate_phases(run.load, common / requests, seed, overload=overload)
    in_common = (replace(phase, per_task=requests) for phase in phases)
    own = capacity_of(run, trial.stack, trial.workload)
    if overload or own is None:
        return in_common
    own_requests = per_task_of(run, trial.stack, trial.workload)
    ladder = own_phases(run.load, own / own_requests, seed)
    return chain(in_common, (replace(phase, per_task=own_requests) for phase in ladder))


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


def per_task_of(run: Run, stack: str, workload: str) -> float:
    """Give the requests of a task, as capacity counted them; 1 if it is not known."""
    phases = _at_capacity(run, stack, workload)
    return median(phase.load.per_task for phase in phases) if phases else 1.0


def _at_capacity(run: Run, stack: str, workload: str) -> list[PhaseResult]:
    return [
        phase
        for outcome in run.outcomes
        if isinstance(outcome, Measurement)
        and outcome.trial.stage is Stage.CAPACITY
        and (outcome.trial.stack, outcome.trial.workload) == (stack, workload)
        for phase in outcome.phases
        if phase.load.requests
    ]


def capacity_of(run: Run, stack: str, workload: str) -> float | None:
    """Give the median capacity of a case so far, requests/s; None without any.

    As the report does it: of the valid rounds, and of all where those are too few to be used.
    """
    usable = [*usable_rates(run, stack, workload).values()]
    rates = usable or [p.load.throughput for p in _at_capacity(run, stack, workload)]
    return median(rates) if rates else None
