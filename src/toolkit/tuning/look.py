"""What one ramp showed of a configuration. Pure."""

from dataclasses import dataclass

from toolkit.knee import NEAR
from toolkit.measured import BROKEN_UPSTREAM, Failure, Outcome, PhaseResult
from toolkit.objective import excess, keeps_closed
from toolkit.slo import Slo
from toolkit.tuning.space import Candidate
from toolkit.validity import FOREIGN_LIMITS, STEAL_LIMITS

_OF_SERVER = ("prepare", "verify", BROKEN_UPSTREAM)
"""Stages whose failure does not depend on workers and threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A configuration after one ramp: closed loops of 1, 2, 4, ... users.

    Attributes:
        rate: The most answers/s of a step that kept the objective, 0 if none did.
        users: The most users that kept it and were served as well, but for noise: no server is to
            wait for its users. Those of the step that came nearest, if none kept it.
        excess: The latencies of the best step as a multiple of their limits.
        latency: Seconds from answer to answer of one user, None if not known ...
        cpu_alone: ... and the CPU seconds that it cost then.
        cpu: CPU seconds per answer at its best step.
        busy: CPU that the server used there, as a part of its limit.
        memory: Most bytes seen.
        failure: Why there is none of this; empty if there is.
        hopeless: Whether that holds for the server in any configuration.
    """

    candidate: Candidate
    rate: float = 0.0
    users: int = 1
    excess: float | None = None
    latency: float | None = None
    cpu_alone: float | None = None
    cpu: float | None = None
    busy: float = 0.0
    memory: int = 0
    failure: str = ""
    hopeless: bool = False

    @property
    def waiting(self) -> float | None:
        """Seconds for which an answer waits, for each second of CPU that it costs."""
        if self.latency is None or not self.cpu_alone:
            return None
        return max(self.latency / self.cpu_alone - 1, 0.0)


def look_of(candidate: Candidate, outcome: Outcome, slo: Slo, cpus: float) -> Look:
    """Read a ramp.

    Args:
        candidate: Whose it is.
        outcome: How it ended.
        slo: What its steps should keep.
        cpus: Cores of the server.
    """
    if isinstance(outcome, Failure):
        return Look(
            candidate=candidate,
            failure=f"{outcome.stage}: {outcome.message}",
            hopeless=outcome.stage in _OF_SERVER,
        )
    steps = [step for step in outcome.phases if step.load.requests]
    memory = max(step.use.memory_peak for step in outcome.phases)
    if not steps:
        return Look(candidate=candidate, memory=memory, failure="load: no answer came")
    kept = [step for step in steps if keeps_closed(step.load, slo)]
    best = max(kept, key=_rate) if kept else min(steps, key=lambda step: _distance(step, slo))
    full = [step for step in kept if _rate(step) >= NEAR * _rate(best)] or [best]
    first = steps[0]
    alone = first.phase.users == 1
    return Look(
        candidate=candidate,
        rate=_rate(best) if kept else 0.0,
        users=max(step.phase.users for step in full),
        excess=excess(best.load, slo),
        latency=1 / _rate(first) if alone else None,
        cpu_alone=first.cpu_per_request if alone else None,
        cpu=best.cpu_per_request,
        busy=best.use.cpu / cpus,
        memory=memory,
    )


def disturbed(outcome: Outcome) -> bool:
    """Tell whether others had so much of the CPUs in a step of a ramp that it says little."""
    if isinstance(outcome, Failure):
        return False
    return any(
        max(step.host.server_steal or 0.0, step.host.client_steal or 0.0) > STEAL_LIMITS[1]
        or max(step.host.server_foreign or 0.0, step.host.client_foreign or 0.0) > FOREIGN_LIMITS[1]
        for step in outcome.phases
    )


def _rate(step: PhaseResult) -> float:
    return step.load.throughput


def _distance(step: PhaseResult, slo: Slo) -> float:
    found = excess(step.load, slo)
    return float("inf") if found is None else found
