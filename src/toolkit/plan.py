"""Decide everything before anything starts: which cases, in which order, how long."""

import random
from collections.abc import Sequence

from toolkit.errors import ConfigError
from toolkit.model import LoadSettings, Plan, Stack, Trial, Workload
from toolkit.spelling import did_you_mean

_CHECK_SECONDS = 0.6
_OVERHEAD_SECONDS = 1.0
"""A trial beside its load: start of server and Locust, which overlap, and the end of both."""


def make_plan(
    *,
    stacks: Sequence[Stack],
    workloads: Sequence[Workload],
    rounds: int,
    load: LoadSettings,
    baseline: str,
    seed: int | None,
) -> Plan:
    """Lay out a bench: in each round every case once, in an order of its own.

    The order is shuffled so that neither drift of the machine nor a neighbour in the order hits
    one stack more than another; the seed is kept so that it can be repeated.

    Args:
        stacks: What is compared, the first being the baseline unless one is named.
        workloads: Under which traffic.
        rounds: How often each case is measured.
        load: How each trial is loaded.
        baseline: Id of the stack that ratios are taken to, or empty.
        seed: Of the shuffle; None draws one.

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
    shuffler = random.Random(seed)  # noqa: S311 - no secret, and it must be repeatable
    trials: list[Trial] = []
    for number in range(1, rounds + 1):
        cases = [(stack, workload.name) for stack in ids for workload in workloads]
        shuffler.shuffle(cases)
        trials += [
            Trial(stack=stack, workload=workload, round=number, position=position)
            for position, (stack, workload) in enumerate(cases, start=1)
        ]
    per_trial = load.warmup + load.duration + _OVERHEAD_SECONDS
    return Plan(
        stacks=tuple(stacks),
        workloads=tuple(workloads),
        trials=tuple(trials),
        rounds=rounds,
        seed=seed,
        baseline=baseline or ids[0],
        load=load,
        estimate=len(ids) * _CHECK_SECONDS + len(trials) * per_trial,
    )
