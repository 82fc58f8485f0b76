"""Decide everything before anything starts: which cases, in which order, how long."""

import random
from collections.abc import Iterator, Sequence

from toolkit.errors import ConfigError
from toolkit.model import LoadSettings, Phase, Plan, Stack, Stage, Trial, Workload
from toolkit.spelling import did_you_mean

RATE_STRETCH = 2
"""A window at a fixed rate lasts so many times that of a closed loop: percentiles need answers."""

RAMP_GROWTH = 1.05
"""Twice the users must serve this many times as much, or the throughput has stopped growing."""

_CHECK_SECONDS = 0.6
_OVERHEAD_SECONDS = 1.0
"""A trial beside its load: start of server and Locust, which overlap, and the end of both."""

_RAMP_SETTLE = 0.2
_REST_SECONDS = 0.5
_USUAL_RAMP = 6


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
    the capacity found. The order is shuffled so that neither drift of the machine nor a neighbour
    in the order hits one stack more than another; the seed is kept so that it can be repeated.

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
    names = [workload.name for workload in workloads]
    stages = [
        (Stage.RAMP, 0 if load.users else 1),
        (Stage.CAPACITY, rounds),
        (Stage.LATENCY, load.rate_rounds if load.rates else 0),
    ]
    trials = tuple(
        trial
        for stage, count in stages
        for number in range(1, count + 1)
        for trial in one_round(ids, names, number=number, stage=stage, seed=seed)
    )
    return Plan(
        stacks=tuple(stacks),
        workloads=tuple(workloads),
        trials=trials,
        rounds=rounds,
        seed=seed,
        baseline=baseline or ids[0],
        load=load,
        estimate=len(ids) * _CHECK_SECONDS + sum(_seconds(trial.stage, load) for trial in trials),
        precision=precision,
        time_limit=time_limit,
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
    users = 1
    while users <= load.most_users:
        yield Phase(
            users=users,
            duration=load.duration / 2,
            settle=load.warmup if users == 1 else _RAMP_SETTLE,
            least=load.warmup_requests if users == 1 else 0,
        )
        users *= 2


def capacity_phase(load: LoadSettings, users: int) -> Phase:
    """Give the closed loop that capacity is measured with."""
    return Phase(
        users=users, duration=load.duration, settle=load.warmup, least=load.warmup_requests
    )


def rate_phases(load: LoadSettings, capacity: float, seed: int) -> tuple[Phase, ...]:
    """Give the open loops at parts of the baseline's capacity (requests/s), the lowest first."""
    return tuple(
        Phase(
            users=load.connections,
            duration=load.duration * RATE_STRETCH,
            settle=load.warmup if number == 0 else _RAMP_SETTLE,
            least=load.warmup_requests if number == 0 else 0,
            rate=part * capacity,
            part=part,
            arrivals=load.arrivals,
            seed=seed + number,
        )
        for number, part in enumerate(sorted(load.rates))
    )


def most_users(load: LoadSettings) -> int:
    """Say how many users the generator needs for all phases."""
    closed = load.users or load.most_users
    return max(closed, load.connections) if load.rates and load.rate_rounds else closed


def _seconds(stage: Stage, load: LoadSettings) -> float:
    if stage is Stage.RAMP:
        phases = _USUAL_RAMP * (load.duration / 2 + _RAMP_SETTLE) + load.warmup
    elif stage is Stage.CAPACITY:
        phases = load.warmup + load.duration
    else:
        each = load.duration * RATE_STRETCH + _RAMP_SETTLE + _REST_SECONDS
        phases = load.warmup + len(load.rates) * each
    return phases + _OVERHEAD_SECONDS
