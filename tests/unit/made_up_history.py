"""Histories in memory whose levels are known, for the tests of all that reads one."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from toolkit.changes import Verdict
from toolkit.checked import Metric
from toolkit.history import Machine, Point, Reading, Version

BEGAN = datetime(2026, 11, 1, 10, tzinfo=UTC)
HERE = Machine(cpu_model="Testium 3000", cpus=2, system="Linux 6.12", toolkit="0.1.0")
ELSEWHERE = replace(HERE, cpu_model="Testium 4000", cpus=4)
REFERENCE = Version(label="v1.0 (3f2a1c9)", identity="3f2a1c9d5e8b7a60f1e2d3c4b5a69788796a5b4c")


def made_up_point(number: int = 0, **changes: Any) -> Point:  # noqa: ANN401 - of any type
    """Give a check; the number tells it from others and is its day."""
    commit = f"{number + 1:07x}"
    values: dict[str, Any] = {
        "check": f"check-{number}",
        "at": (BEGAN + timedelta(days=number)).isoformat(),
        "verdict": Verdict.FINE,
        "reference": REFERENCE,
        "candidate": Version(label=f"main ({commit})", identity=commit * 5),
        "stack": "flask/gunicorn-gthread",
        "workloads": ("list",),
        "metrics": {"cpu": Reading(ratio=1.0, low=0.98, high=1.02, pairs=(1.0,) * 6)},
        "runtime": "docker",
        "host": HERE,
        "cpus": 1.0,
        "memory": 512 * 2**20,
        "seed": number,
    }
    return Point(**{**values, **changes})


def made_up_history(
    levels: Sequence[tuple[int, float]],
    *,
    noise: float = 0.03,
    width: float | None = 0.02,
    seed: int = 7,
    metric: Metric = Metric.CPU,
    first: int = 0,
) -> tuple[Point, ...]:
    """Give a history; the same for the same arguments.

    Args:
        levels: How many checks, and the ratio about which they lie.
        noise: Standard deviation of their log ratios.
        width: Half-width of their intervals, None: they have none.
        seed: Of the noise.
        metric: What the ratio is of.
        first: Number of the first.
    """
    draws = random.Random(seed)
    ratios = [
        level * math.exp(draws.gauss(0, noise)) for count, level in levels for _ in range(count)
    ]
    return tuple(
        made_up_point(
            number,
            metrics={
                metric.value: Reading(
                    ratio=ratio,
                    low=None if width is None else ratio * math.exp(-width),
                    high=None if width is None else ratio * math.exp(width),
                    pairs=(ratio,) * 6,
                )
            },
        )
        for number, ratio in enumerate(ratios, first)
    )
