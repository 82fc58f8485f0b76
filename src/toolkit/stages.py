"""What the stages of a run consist of, by what was measured before them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import chain
from statistics import median

from toolkit.compare import usable_rates
from toolkit.knee import find_knee
from toolkit.measured import Measurement, PhaseResult, Run
from toolkit.model import Broken, Phase, Stack, Stage, Trial, Workload, original_of, unvaried
from toolkit.plan import capacity_phase, own_phases, ramp_phases, rate_phases

_USERS_IF_UNKNOWN = 32


def why_not(stack: Stack, workload: Workload, broken: Sequence[Broken]) -> str | None:
    """Say why a case makes no sense, by the list of what is broken upstream; None if it does."""
    for item in broken:
        if fnmatchcase(unvaried(stack.id), item.stack) and any(
            fnmatchcase(workload.name, pattern) for pattern in item.workloads
        ):
            return f"{item.reason} [{item.evidence}]"
    return None


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
    # other work than the baseline's has other tasks
    alike = run.beside.get(trial.stack) == run.beside.get(run.baseline)
    like = run.baseline if alike else trial.stack
    requests = per_task_of(run, like, trial.workload)
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
