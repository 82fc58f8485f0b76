"""Where more users serve no more: read from the closed loops of a ramp. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.measured import PhaseResult
from toolkit.plan import RAMP_GROWTH

_NEAR = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """What a ramp showed.

    Attributes:
        users: Fewest users with 95 % of the most throughput seen; more only wait longer.
        throughput: Answers/s there.
        peak_users: Users with the most throughput ...
        peak: ... and that throughput. It is the greatest of several, so biased upwards: the
            capacity is measured anew with that many users.
    """

    users: int
    throughput: float
    peak_users: int
    peak: float


def find_knee(phases: Sequence[PhaseResult]) -> Knee | None:
    """Find the knee; None if nothing was answered."""
    served = [phase for phase in phases if phase.load.requests]
    if not served:
        return None
    best = max(served, key=lambda phase: phase.load.throughput)
    near = min(
        (p for p in served if p.load.throughput >= _NEAR * best.load.throughput),
        key=lambda phase: phase.phase.users,
    )
    return Knee(
        users=near.phase.users,
        throughput=near.load.throughput,
        peak_users=best.phase.users,
        peak=best.load.throughput,
    )


def has_stopped_growing(phases: Sequence[PhaseResult]) -> bool:
    """Tell whether the last two doublings of the users brought next to nothing."""
    if len(phases) < 3:
        return False
    before = max(phase.load.throughput for phase in phases[:-2])
    return all(phase.load.throughput < before * RAMP_GROWTH for phase in phases[-2:])
