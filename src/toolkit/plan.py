"""Decide everything before anything starts: which cases, in which order, how long."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from toolkit.errors import ConfigError
from toolkit.model import LoadSettings, Phase, Plan, Stack, Stage, Trial, Workload
from toolkit.spelling import did_you_mean

RATE_STRETCH = 2
"""A window at a fixed rate lasts so many times that of a closed loop: percentiles need answers."""

RAMP_GROWTH = 1.05
"""Twice the users must serve more than this many times as much, or it has stopped growing."""

_CHECK_SECONDS = 0.6
_OVERHEAD_SECONDS = 1.0
"""A trial beside its load: start of server and Locust, which overlap, and the end of both."""

_RAMP_SETTLE = 0.2
_REST_SECONDS = 0.5
_CALIBRATION_SECONDS = 20.0
_ENOUGH_ANSWERS, _LONGEST_OWN = 200, 5.0
_LEAST_RECOVERY, _MOST_RECOVERY = 5.0, 15.0
_USUAL_RAMP = 6
_USUAL_LADDER = 2.5

OWN_PARTS = (0.95, 0.9, 0.8, 0.7, 0.5, 0.3)
"""Parts of a stack's own capacity at which the objective is tried, until one keeps it."""


def make_plan(
    *,
    stacks: Sequence[Stack],
    workloads: Sequence[Workload],
    rounds: int,
    load: LoadSettings,
    baseline: str,
    seed: int | None,
    precision: float | None = None,
    time_limit: float = 1800.0,
) -> Plan:
    """Lay out a bench: in each round every case once, in an order of its own.

    First come the ramps, then the rounds of capacity, then those at fixed rates, which are parts of
    the capacity found, then overload, and at last the shapes of workloads that have one, on the
    stacks that do these. The order is shuffled so that neither drift of the
    machine nor a neighbour in the order hits one stack more than another; the seed is kept so that
    it can be repeated.

    Args:
        stacks: What is compared, the first being the baseline unless one is named.
        workloads: Under which traffic.
        rounds: How often the capacity of each case is measured.
        load: How stacks are loaded.
        baseline: Id of the stack that ratios are taken to, or empty.
        seed: Of the shuffle; None draws one.
        precision: See ``Plan``.
        time_limit: See ``Plan``.

    Raises:
        ConfigError: The baseline is not among the stacks.
    """
    ids = [stack.id for stack in stacks]
    if baseline and baseline not in ids:
        raise ConfigError(
            f"the baseline {baseline!r} is not among the stacks to measure",
            hint=did_you_mean(baseline, ids) or f"Chosen: {', '.join(ids)}.",
        )
    if seed is None:
        seed = random.SystemRandom().randrange(2**32)
    names = [workload.id for workload in workloads]
    played = [workload.id for workload in workloads if workload.shape]
    everything = (ids, names)
    stages = [
        (Stage.RAMP, 0 if load.users else 1, everything),
        (Stage.CAPACITY, rounds, everything),
        (Stage.LATENCY, load.rate_rounds if min(load.rates, default=2.0) <= 1 else 0, everything),
        (Stage.OVERLOAD, load.rate_rounds if max(load.rates, default=0.0) > 1 else 0, everything),
        (Stage.SHAPE, load.shape_rounds, ([s.id for s in stacks if s.work is None], played)),
    ]
    trials = tuple(
        trial
        for stage, count, (some, under) in stages
        for number in range(1, count + 1)
        for trial in one_round(some, under, number=number, stage=stage, seed=seed)
    )
    plan = Plan(
        stacks=tuple(stacks),
        workloads=tuple(workloads),
        trials=trials,
        rounds=rounds,
        seed=seed,
        baseline=baseline or ids[0],
        load=load,
        estimate=len(ids) * _CHECK_SECONDS
        + (_CALIBRATION_SECONDS if load.rates and load.rate_rounds else 0),
        precision=precision,
        time_limit=time_limit,
    )
    return replace(plan, estimate=plan.estimate + sum(seconds_of_trials(plan)))


def seconds_of_trials(plan: Plan) -> tuple[float, ...]:
    """Say about how many seconds each trial of a plan takes."""
    shapes = {workload.id: len(workload.shape) for workload in plan.workloads}
    return tuple(
        seconds_of(trial.stage, plan.load, shape=shapes.get(trial.workload, 0))
        for trial in plan.trials
    )


def one_round(
    stacks: Sequence[str], workloads: Sequence[str], *, number: int, stage: Stage, seed: int
) -> tuple[Trial, ...]:
    """Give every case once, in the order that seed, stage and number of the round make."""
    shuffler = random.Random(f"{seed} {stage} {number}")  # noqa: S311 - no secret, repeatable
    cases = [(stack, workload) for stack in stacks for workload in workloads]
    shuffler.shuffle(cases)
    return tuple(
        Trial(stack=stack, workload=workload, round=number, position=position, stage=stage)
        for position, (stack, workload) in enumerate(cases, start=1)
    )


def ramp_phases(load: LoadSettings) -> Iterator[Phase]:
    """Give closed loops of 1, 2, 4, ... users; whoever runs them ends when they stop growing."""
    doublings = [2**n for n in range(load.most_users.bit_length()) if 2**n < load.most_users]
    for users in (*doublings, load.most_users):
        yield Phase(
            users=users,
            duration=load.duration / 2,
            settle=load.warmup if users == 1 else _RAMP_SETTLE,
            least=load.warmup_requests if users == 1 else 0,
            most_rate=load.most_rate,
        )


def capacity_phase(load: LoadSettings, users: int) -> Phase:
    """Give the closed loop that capacity is measured with."""
    return Phase(
        users=users,
        duration=load.duration,
        settle=load.warmup,
        least=load.warmup_requests,
        most_rate=load.most_rate,
    )


def rate_phases(
    load: LoadSettings, capacity: float, seed: int, *, overload: bool
) -> Iterator[Phase]:
    """Give the open loops at parts of the baseline's capacity, the lowest first.

    Args:
        load: How stacks are loaded.
        capacity: Of the baseline, tasks/s.
        seed: Of the arrivals.
        overload: Whether those above the baseline's capacity are meant, or the others.
    """
    parts = [part for part in sorted(load.rates) if (part > 1) is overload]
    for number, part in enumerate(parts):
        yield replace(
            _open_loop(load, part * capacity, seed + number),
            part=part,
            settle=load.warmup if number == 0 else _RAMP_SETTLE,
            # every connection is open before the first window
            least=max(load.warmup_requests, load.connections) if number == 0 else 0,
        )


def own_phases(load: LoadSettings, capacity: float, seed: int) -> Iterator[Phase]:
    """Give the open loops at parts of a stack's own capacity (tasks/s), the highest first.

    Whoever runs them ends at the first that keeps the objective. A slow stack gets more time: of a
    few dozen answers the 99th percentile is but the longest.
    """
    for number, part in enumerate(OWN_PARTS):
        phase = _open_loop(load, part * capacity, seed + 100 + number)
        enough = min(_ENOUGH_ANSWERS / (part * capacity), _LONGEST_OWN)
        yield replace(phase, own=part, duration=max(load.duration, enough))


def shape_phase(workload: Workload) -> Phase:
    """Give the phase that plays the shape of a workload, from its first second to its last."""
    return Phase(
        users=max(workload.shape), duration=float(len(workload.shape)), shape=workload.shape
    )


def recovery_limit(window: float) -> float:
    """Say for how many seconds it is waited for calm after a window of overload of so many."""
    return min(max(_LEAST_RECOVERY, window), _MOST_RECOVERY)


def _open_loop(load: LoadSettings, rate: float, seed: int) -> Phase:
    return Phase(
        users=load.connections,
        duration=load.duration * RATE_STRETCH,
        settle=_RAMP_SETTLE,
        rate=rate,
        arrivals=load.arrivals,
        seed=seed,
    )


def most_users(load: LoadSettings) -> int:
    """Say how many users the generator needs for all phases, but for those of a shape."""
    closed = load.users or load.most_users
    return max(closed, load.connections) if load.rates and load.rate_rounds else closed


def seconds_of(stage: Stage, load: LoadSettings, *, shape: float = 0.0) -> float:
    """Say about how many seconds a trial of a stage takes, of which ``shape`` one of its own."""
    if stage is Stage.SHAPE:
        phases = shape
    elif stage is Stage.RAMP:
        phases = _USUAL_RAMP * (load.duration / 2 + _RAMP_SETTLE) + load.warmup
    elif stage is Stage.CAPACITY:
        phases = load.warmup + load.duration
    else:
        over = sum(part > 1 for part in load.rates)
        number = over if stage is Stage.OVERLOAD else len(load.rates) - over
        rest = _RAMP_SETTLE + _REST_SECONDS
        phases = load.warmup + number * (load.duration * RATE_STRETCH + rest)
        if stage is Stage.LATENCY:
            phases += _USUAL_LADDER * (load.duration + rest)
    return phases + _OVERHEAD_SECONDS
