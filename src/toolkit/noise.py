"""What a stack measured against itself shows: the noise floor of a machine. Pure."""

import math
from dataclasses import dataclass
from statistics import stdev

from toolkit.compare import usable_rates
from toolkit.measured import Run
from toolkit.model import twin_of
from toolkit.stats import Ratio, paired_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """Two identical stacks under one workload.

    Attributes:
        ratio: Of the second to the first. A tie is the right answer.
        spread: Standard deviation of the rounds' log ratios: about 0.05 means that one round
            alone shows differences of 5 % where there are none. None with a single round.
    """

    workload: str
    ratio: Ratio
    spread: float | None


def noise_floors(run: Run) -> tuple[NoiseFloor, ...]:
    """Give one for each workload of a run in which the baseline has a twin; else none."""
    twin = twin_of(run.baseline)
    workloads = dict.fromkeys(trial.workload for trial in run.trials if trial.stack == twin)
    floors = []
    for workload in workloads:
        first, second = (usable_rates(run, stack, workload) for stack in (run.baseline, twin))
        common = sorted(first.keys() & second.keys())
        if not common:
            continue
        logs = [math.log(second[number] / first[number]) for number in common]
        floors.append(
            NoiseFloor(
                workload=workload,
                ratio=paired_ratio([second[n] for n in common], [first[n] for n in common]),
                spread=stdev(logs) if len(logs) > 1 else None,
            )
        )
    return tuple(floors)
