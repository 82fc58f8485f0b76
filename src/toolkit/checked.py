"""What a check measured: two versions of an app side by side, pair by pair. Frozen, in SI units."""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from toolkit.histogram import LatencyHistogram
from toolkit.measured import BackingFacts, Finding, Host, HostUse, RuntimeFacts, Severity
from toolkit.model import Knobs, Placement

LOOKS = (6, 10, 15, 20)
"""After so many pairs it is asked whether they suffice for a verdict."""

ALPHA = 0.023
"""One-sided, at each look.

Looking four times at 6, 10, 15 and 20 pairs then errs in 5 % of the cases on either side (Pocock,
Group Sequential Methods in the Design and Analysis of Clinical Trials, Biometrika 64, 1977;
simulated for this test by benchmarks/gate_statistics.py).
"""


class Side(StrEnum):
    """Which of the two versions."""

    BASE = "base"
    CANDIDATE = "candidate"


class Metric(StrEnum):
    """What is compared.

    ``cpu`` is CPU seconds per request of the server's whole process tree, ``throughput`` the
    requests/s of the bursts, ``memory`` bytes at the end of a pair; ``p50`` and ``p99`` are
    latencies in seconds: of the bursts, or at a fixed rate where they decide.
    """

    CPU = "cpu"
    THROUGHPUT = "throughput"
    MEMORY = "memory"
    P50 = "p50"
    P99 = "p99"

    @property
    def less_is_better(self) -> bool:
        """Whether a version that needs more of it is the worse one."""
        return self is not Metric.THROUGHPUT

    @property
    def is_latency(self) -> bool:
        """Whether it takes a phase at a fixed rate to decide by it."""
        return self in (Metric.P50, Metric.P99)


GATED = (Metric.CPU, Metric.THROUGHPUT, Metric.MEMORY)
"""What decides unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """How two versions are compared.

    Attributes:
        tolerance: Part by which the candidate may be worse without failing the build.
        max_pairs: Most pairs of the comparison, and again of its confirmation.
        metrics: What decides; the others are shown.
        users: Users of each side, one connection each.
        seconds: Seconds of bursts of each pair, for both sides and all workloads together.
        burst: Least seconds of a burst ...
        burst_requests: ... the least number of requests in it ...
        burst_latencies: ... and the least multiple of the median latency of a lone request.
        warmup_requests: Requests of each endpoint before the bursts.
        rate: Where a latency decides: the fixed rate, as a part of the base's throughput.
        confirm: Whether a regression is measured a second time before it is one.
        same_answers: Whether answers whose lengths differ between the sides make it invalid.
    """

    tolerance: float = 0.1
    max_pairs: int = 20
    metrics: tuple[Metric, ...] = GATED
    users: int = 8
    seconds: float = 3.0
    burst: float = 0.025
    burst_requests: int = 20
    burst_latencies: float = 5.0
    warmup_requests: int = 100
    rate: float = 0.5
    confirm: bool = True
    same_answers: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts:
    """One of the two versions.

    Attributes:
        label: For people: ``main (3f2a1c9)``, ``working tree``, ``image shop:1.2``.
        identity: What exactly it is: a commit, an image id, a digest of the files. Two versions of
            one identity are the same.
        python: Version, empty if it is not known.
        packages: Installed distributions, name to version, as far as they are known.
        image: Image id, None in the process runtime.
        argv: The server's command, as far as it is known.
    """

    label: str
    identity: str
    python: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    image: str | None = None
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSample:
    """What one kind of request (method and name) did on one side of a duel.

    Attributes:
        answered: Verified answers.
        failed: Failed or wrong ones.
        length: Mean bytes of an answer's body.
        latency: Seconds from the request to its answer, see ``LatencyHistogram.encode``.
    """

    answered: int
    failed: int
    length: float
    latency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SideLoad:
    """What the load generator saw of one side.

    Attributes:
        busy: Seconds of the bursts, each until its last answer.
        bursts: How many there were.
        tasks: Tasks that were done, of one request or of several.
        endpoints: By method and name, as ``GET /api/assets``.
        errors: What was wrong with answers, and how often.
    """

    busy: float
    bursts: int
    tasks: int
    endpoints: dict[str, EndpointSample]
    errors: dict[str, int]

    @property
    def answered(self) -> int:
        """Verified answers."""
        return sum(item.answered for item in self.endpoints.values())

    @property
    def latency(self) -> LatencyHistogram:
        """Latencies of all endpoints together."""
        return LatencyHistogram.merged(item.latency for item in self.endpoints.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """What the load generator saw while two sides took turns.

    Attributes:
        client: Locust user classes that made the load.
        client_cpu: CPU seconds of the generator per second of the bursts.
    """

    base: SideLoad
    candidate: SideLoad
    client: str
    client_cpu: float

    def of(self, side: Side) -> SideLoad:
        """Give one side."""
        return self.base if side is Side.BASE else self.candidate


@lru_cache(maxsize=4096)
def percentile(latencies: tuple[str, ...], rank: float) -> float | None:
    """Give a percentile (0 to 100) of encoded histograms together, in seconds; None without any.

    Remembered: a check asks for the same ones again after each pair.
    """
    merged = LatencyHistogram.merged(latencies)
    return merged.percentiles(rank)[0] if merged.count else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one side did in a duel.

    Attributes:
        cpu: CPU seconds of the server's process tree.
        busy: Seconds of the bursts, each until its last answer.
        bursts: How many there were.
        memory: Bytes of the process tree after as many answers as both sides gave: where it grows
            with each of them, the faster side would else be the worse one.
        idle_cpu: CPU seconds per second that it used while nobody asked it anything.
        replaced: Processes that ended or began meanwhile, None where that is not known.
        oom_kills: Processes that were killed for want of memory, likewise.
        endpoints: By method and name, as ``GET /api/assets``.
        errors: What was wrong with answers, and how often.
        at_rate: Latencies at the fixed rate, from the intended start; None without that phase.
    """

    cpu: float
    busy: float
    bursts: int
    memory: int
    idle_cpu: float | None = None
    replaced: int | None = None
    oom_kills: int | None = None
    endpoints: dict[str, EndpointSample]
    errors: dict[str, int] = field(default_factory=dict)
    at_rate: str | None = None

    @property
    def answered(self) -> int:
        """Verified answers."""
        return sum(item.answered for item in self.endpoints.values())

    @property
    def failed(self) -> int:
        """Failed or wrong answers."""
        return sum(item.failed for item in self.endpoints.values())

    def value(self, metric: Metric, *, at_rate: bool = False) -> float | None:
        """Give what it measured of a metric, None if it did not.

        Args:
            metric: Which.
            at_rate: Whether a latency is that at the fixed rate.
        """
        if metric is Metric.MEMORY:
            return float(self.memory) or None
        if not self.answered:
            return None
        if metric is Metric.CPU:
            return self.cpu / self.answered if self.cpu > 0 else None
        if metric is Metric.THROUGHPUT:
            return self.answered / self.busy
        rank = 50 if metric is Metric.P50 else 99
        if not at_rate:
            return percentile(tuple(item.latency for item in self.endpoints.values()), rank)
        return None if self.at_rate is None else percentile((self.at_rate,), rank)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """Both sides of a pair under one workload, in bursts that take turns.

    Attributes:
        client_cpu: Part of the bursts' time in which the load generator's busiest core was busy.
        host: What the machine did meanwhile.
        findings: What a reader must know; an invalid duel counts for nothing.
    """

    base: Sample
    candidate: Sample
    client_cpu: float
    host: HostUse
    findings: tuple[Finding, ...] = ()

    def of(self, side: Side) -> Sample:
        """Give one side."""
        return self.base if side is Side.BASE else self.candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A fresh server of each version, up at the same time on the same CPUs.

    Attributes:
        number: From 1, in its series.
        series: 1, or 2 for those that confirm a regression.
        seed: Of its order and of its requests.
        duels: By workload.
        failure: Why it gave no numbers, if it did not.
        failed_side: Whose failure that was, None if nobody's in particular.
    """

    number: int
    series: int = 1
    seed: int
    started_at: str
    duels: dict[str, Duel] = field(default_factory=dict)
    failure: str | None = None
    failed_side: Side | None = None

    def value(self, side: Side, metric: Metric, *, at_rate: bool = False) -> float | None:
        """Give the geometric mean of its workloads, which weighs a change of each alike.

        None where a workload did not measure the metric. See ``Sample.value`` for ``at_rate``.
        """
        values = [duel.of(side).value(metric, at_rate=at_rate) for duel in self.duels.values()]
        known = [value for value in values if value is not None]
        if not known or len(known) < len(values):
            return None
        return math.exp(math.fsum(map(math.log, known)) / len(known))

    def ratio(self, metric: Metric, *, at_rate: bool = False) -> float | None:
        """Give candidate to base of what ``value`` gives, None where a side has none."""
        base, candidate = (self.value(side, metric, at_rate=at_rate) for side in Side)
        return None if base is None or candidate is None else candidate / base

    @property
    def sound(self) -> bool:
        """Whether its numbers count."""
        return self.failure is None and not any(
            finding.severity is Severity.INVALID
            for duel in self.duels.values()
            for finding in duel.findings
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Everything one check measured: the stored document.

    Attributes:
        stack: The stack of a checkout that was compared, None for a project or an image.
        workloads: Ids, each an endpoint or a mix of them.
        seed: Draws the seeds of the pairs.
        again: The command that does it again.
        against_itself: Whether both versions are one, to see the noise.
    """

    id: str
    started_at: str
    finished_at: str | None = None
    host: Host
    runtime: RuntimeFacts
    placement: Placement
    knobs: Knobs
    settings: CheckSettings
    base: VersionFacts
    candidate: VersionFacts
    stack: str | None = None
    workloads: tuple[str, ...]
    seed: int
    again: str = ""
    against_itself: bool = False
    backings: tuple[BackingFacts, ...] = ()
    pairs: tuple[Pair, ...] = ()

    def series(self, number: int) -> tuple[Pair, ...]:
        """Give the pairs of the comparison (1) or of its confirmation (2) whose numbers count."""
        return tuple(pair for pair in self.pairs if pair.series == number and pair.sound)
