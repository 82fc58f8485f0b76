"""What every measuring command does: check stacks, run trials, store each outcome at once."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from toolkit.contract import with_what_there_is
from toolkit.errors import EnvironmentFault, StackError
from toolkit.measured import (
    BROKEN_UPSTREAM,
    Failure,
    Measurement,
    Outcome,
    Run,
)
from toolkit.model import Need, Phase, Stack, Stage, Trial, Workload
from toolkit.plan import most_users, shape_phase
from toolkit.stages import phases_of, why_not
from toolkit.trial import World, failure_of, measure, measure_alone
from toolkit.verify import require_contract

_CONTROL = Phase(users=64, duration=1.0, settle=0.3, least=200)
"""How a backing service is loaded by itself, by as many of these users as there are."""


class Loop:
    """Measures case after case for a run.

    Args:
        run: The document to fill.
        workloads: Those of its trials.
        world: What to do it with.
        timed_stops: Whether each ramp ends with a stop that is timed.

    Attributes:
        run: The document as it is now, which is also how it is stored.
        broken: The stacks that cannot be measured, each with its reason.
    """

    def __init__(
        self, run: Run, workloads: Iterable[Workload], world: World, *, timed_stops: bool = True
    ) -> None:
        self.run = run
        self.broken: dict[str, Failure] = {}
        self._world = world
        self._timed_stops = timed_stops
        self._stacks: dict[str, Stack] = {}
        self._workloads = {workload.id: workload for workload in workloads}

    def keep(self, run: Run) -> None:
        """Put a document in the place of the one before, and store it.

        Raises:
            EnvironmentFault: It cannot be written.
        """
        self.run = run
        self._world.store.save(run)

    def prepare(self, stacks: Sequence[Stack], *, checked: bool = False) -> None:
        """Build all of the stacks, so that no build runs beside a measurement; then check each.

        Args:
            stacks: Which; those that cannot be measured are among ``broken`` afterwards.
            checked: Their answers have been seen to be right in other settings.

        Raises:
            EnvironmentFault: Nothing can be built.
        """
        world = self._world
        facts = []
        for stack in stacks:
            self._stacks[stack.id] = stack
            try:
                facts.append(world.runtime.prepare(stack, world.observer))
            except StackError as error:
                self.broken[stack.id] = failure_of(_unplaced(stack), "prepare", error)
                world.observer.noted(f"{stack.id} cannot be built: {error}")
        self.run = replace(self.run, stacks=(*self.run.stacks, *facts))
        for stack in stacks if not checked else ():
            if stack.id not in self.broken:
                self._check(stack)

    def _check(self, stack: Stack) -> None:
        world = self._world
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
            self.broken[stack.id] = failure_of(_unplaced(stack), stage, error)
            world.observer.noted(f"{stack.id} will not be measured: {error}. {error.hint}".rstrip())

    def do(self, trial: Trial, phases: Iterable[Phase] | None = None) -> Outcome:
        """Run a trial and store how it ended.

        Args:
            trial: Which, of a stack that was prepared.
            phases: What it consists of; None: what its stage does.

        Raises:
            EnvironmentFault: Results cannot be written.
        """
        number = len(self.run.outcomes) + 1
        self._world.observer.trial_started(trial, number)
        outcome = self._outcome(trial, phases)
        self.keep(replace(self.run, outcomes=(*self.run.outcomes, outcome)))
        self._world.observer.trial_finished(outcome, number)
        return outcome

    def _outcome(self, trial: Trial, phases: Iterable[Phase] | None) -> Outcome:
        stack = self._stacks[trial.stack]
        workload = stack.work or self._workloads[trial.workload]
        reason = why_not(stack, workload, self._world.broken)
        if reason is not None:
            return Failure(trial=trial, stage=BROKEN_UPSTREAM, message=reason)
        if trial.stack in self.broken:
            return replace(self.broken[trial.stack], trial=trial)
        if trial.stage is Stage.SHAPE:
            phases = (shape_phase(workload),)
        else:
            workload = replace(workload, shape=())
            phases = phases_of(trial, self.run) if phases is None else phases
        if phases is None:
            baseline = self.run.baseline
            message = f"the rates are parts of the capacity of {baseline}, which is not known"
            return Failure(trial=trial, stage="load", message=message)
        return measure(
            trial, stack, workload, phases, self.run, self._world, timed_stop=self._timed_stops
        )

    def control(self, traffic: Iterable[Workload]) -> None:
        """Load the upstream by itself, as each workload that needs nothing else would."""
        upstream = self._world.backings.started.get(Need.UPSTREAM)
        if upstream is None:
            return
        alone = [item for item in traffic if item.needs == (Need.UPSTREAM,)]
        phase = replace(_CONTROL, users=min(_CONTROL.users, most_users(self.run.load)))
        found = []
        for workload in alone:
            self._world.observer.noted(f"Measuring {workload.id} without a server ...")
            try:
                found.append(measure_alone(upstream, workload, phase, self._world))
            except (StackError, EnvironmentFault) as error:
                self._world.observer.noted(f"The upstream by itself was not measured: {error}")
        self.run = replace(self.run, controls=tuple(found))

    def calibrate(self, rates: Sequence[float]) -> None:
        """Measure what the clients seen so far add by themselves, at the rates to come."""
        clients = {
            phase.load.client
            for outcome in self.run.outcomes
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
        self.run = replace(self.run, calibrations=tuple(found))


def apart(rates: Iterable[float]) -> tuple[float, ...]:
    """Give rates upwards, of those that lie within 10 % of each other only the first."""
    chosen: list[float] = []
    for rate in sorted(rates):
        if not chosen or rate > 1.1 * chosen[-1]:
            chosen.append(rate)
    return tuple(chosen)


def _unplaced(stack: Stack) -> Trial:
    return Trial(stack=stack.id, workload="", round=0, position=0)
