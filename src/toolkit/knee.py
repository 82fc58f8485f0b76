"""Where more users serve no more: read from the closed loops of a ramp. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.measured import PhaseResult
from toolkit.plan import RAMP_GROWTH

NEAR = 0.95
"""Part of the most throughput from which a step of a ramp is as good, but for noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """What a ramp showed.

    Attributes:
        users: Fewest users with 95 % of the most throughput seen; more only wait longer.
        full_users: Most users with that. The capacity is measured anew with so many: well past the
            knee a server never waits for its users.
        throughput: The most seen, answers/s; as the greatest of several it is biased upwards.
    """

    users: int
    full_users: int
    throughput: float


def find_knee(phases: Sequence[PhaseResult]) -> Knee | None:
    """Find the knee; None if nothing was answered."""
    most = max((phase.load.throughput for phase in phases), default=0.0)
    near = [phase.phase.users for phase in phases if phase.load.throughput >= NEAR * most]
    return Knee(users=min(near), full_users=max(near), throughput=most) if most else None


def has_stopped_growing(phases: Sequence[PhaseResult]) -> bool:
    """Tell whether the last two doublings of the users brought next to nothing."""
    if len(phases) < 3:
        return False
    before = max(phase.load.throughput for phase in phases[:-2])
    return all(phase.load.throughput <= before * RAMP_GROWTH for phase in phases[-2:])
