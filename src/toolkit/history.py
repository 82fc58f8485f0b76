"""What is kept of a check to see how an app gets on over months. Pure.

Nothing that is true of one machine only: each metric as the ratio of the candidate to a pinned
reference that was measured beside it, never a rate or a latency.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from toolkit.changes import Change, Verdict
from toolkit.checked import Check, CheckSettings, Metric, Pair
from toolkit.judgement import Assessment
from toolkit.model import Knobs

_DIGITS = 6
"""Significant digits of a ratio: more than any measurement has, a third of the bytes of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One of the two versions of a check, see ``checked.VersionFacts``."""

    label: str
    identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where a check was measured, see ``measured.Host``; ``toolkit`` is what measured it."""

    cpu_model: str
    cpus: int
    system: str
    memory: int = 0
    cgroup: str = ""
    governor: str = ""
    toolkit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One metric of a check: candidate to reference.

    Attributes:
        ratio: Over all pairs, with ...
        low: ... the ends of its interval (95.4 %), None where the pairs did not suffice for one.
        pairs: Of each pair, in the order in which they were measured.

    Raises:
        ValueError: A ratio that is none.
    """

    ratio: float
    low: float | None = None
    high: float | None = None
    pairs: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        given = [value for value in (self.ratio, self.low, self.high) if value is not None]
        if not all(0 < value < math.inf for value in (*given, *self.pairs)):
            raise ValueError("a ratio is a positive number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One check of the history.

    Attributes:
        check: Its id. A check counts once, however often its line is there.
        at: When it began, ISO 8601 with its offset.
        stack: See ``checked.Check``, as are ``workloads``, ``seed``, ``settings`` and ``knobs``.
        runtime: docker or process.
        cpus: Limit of either server, in cores ...
        memory: ... and in bytes.
        metrics: By the name of the metric; none where the check was invalid.

    Raises:
        ValueError: A time without an offset from UTC.
    """

    check: str
    at: str
    verdict: Verdict
    reference: Version
    candidate: Version
    stack: str | None
    workloads: tuple[str, ...]
    metrics: Mapping[str, Reading]
    runtime: str
    host: Machine
    cpus: float
    memory: int
    seed: int
    settings: CheckSettings = field(default_factory=CheckSettings)
    knobs: Knobs = field(default_factory=Knobs)

    def __post_init__(self) -> None:
        if self.time.tzinfo is None:
            raise ValueError(f"{self.at!r} does not say where: no offset from UTC")

    @property
    def time(self) -> datetime:
        """When it began."""
        return datetime.fromisoformat(self.at)

    def reading(self, metric: Metric) -> Reading | None:
        """Give what it says of a metric, None if nothing."""
        return self.metrics.get(metric.value)


def point_of(check: Check, assessment: Assessment) -> Point:
    """Give what the history keeps of a check.

    Args:
        check: Whose base is the pinned reference.
        assessment: Of that check. The numbers of an invalid one are not kept, only that it was.
    """
    valid = assessment.verdict is not Verdict.INVALID
    pairs = (*check.series(1), *check.series(2))
    host = check.host
    return Point(
        check=check.id,
        at=check.started_at,
        verdict=assessment.verdict,
        reference=Version(label=check.base.label, identity=check.base.identity),
        candidate=Version(label=check.candidate.label, identity=check.candidate.identity),
        stack=check.stack,
        workloads=check.workloads,
        metrics={
            change.metric.value: _reading(change, pairs)
            for change in (assessment.changes if valid else ())
        },
        runtime=check.runtime.name,
        host=Machine(
            cpu_model=host.cpu_model,
            cpus=host.cpus,
            system=host.system,
            memory=host.memory,
            cgroup=host.cgroup,
            governor=host.governor,
            toolkit=host.toolkit,
        ),
        cpus=check.placement.cpus,
        memory=check.placement.memory,
        seed=check.seed,
        settings=check.settings,
        knobs=check.knobs,
    )


def _reading(change: Change, pairs: Sequence[Pair]) -> Reading:
    # a latency is that of the fixed rate where it decides, see judgement
    ratios = [pair.ratio(change.metric, at_rate=change.gated) for pair in pairs]
    ratio = change.ratio
    return Reading(
        ratio=_rounded(ratio.value),
        low=None if ratio.low is None else _rounded(ratio.low),
        high=None if ratio.high is None else _rounded(ratio.high),
        pairs=tuple(_rounded(value) for value in ratios if value is not None),
    )


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
