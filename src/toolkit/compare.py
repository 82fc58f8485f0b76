"""From the outcomes of a run to what a report shows: rows with ranks, ratios and doubts. Pure."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from statistics import median

from toolkit.histogram import LatencyHistogram
from toolkit.knee import Knee, find_knee
from toolkit.measured import (
    BROKEN_UPSTREAM,
    Failure,
    Finding,
    Measurement,
    Outcome,
    PhaseResult,
    Run,
    ServerUse,
    kept_up,
)
from toolkit.model import Stage
from toolkit.objective import rate_within
from toolkit.ranking import rank
from toolkit.stats import (
    LEAST_PAIRS,
    Interval,
    Ratio,
    least_rounds,
    median_interval,
    paired_ratio,
)

PERCENTILES = (50, 99, 99.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtRate:
    """A stack at a fixed rate, all rounds together.

    Attributes:
        part: Of the baseline's capacity.
        rate: Requests/s offered.
        goodput: Median of verified answers/s.
        latencies: p50, p99, p99.9 in seconds from the intended start; None without answers, or
            for a percentile that there are too few of.
        error_rate: Failed or wrong answers as a part of all that were meant for the windows ...
        unanswered: ... and those that were not answered even some time after.
        carried: Whether the stack kept up with the rate.
        recovery: Median seconds to normal after overload; None where a round did not get there.
        valid: How many rounds may be used, of ``rounds``.
    """

    part: float
    rate: float
    goodput: float
    latencies: tuple[float | None, ...] | None
    error_rate: float
    unanswered: float
    carried: bool
    recovery: float | None
    valid: int
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped:
    """A stack under the shape of a locustfile, all rounds together.

    Attributes:
        users: Most that there were at a time ...
        seconds: ... of so many that the shape lasts.
        throughput: Median of verified answers/s.
        latencies: p50, p99, p99.9 in seconds from when a request was sent; see ``AtRate``.
        error_rate: Failed or wrong answers as a part of all.
        cpu: Median of the cores in use, None if not known.
        memory_peak: Bytes, the most of all rounds, likewise.
        valid: How many rounds may be used, of ``rounds``.
    """

    users: int
    seconds: float
    throughput: float
    latencies: tuple[float | None, ...] | None
    error_rate: float
    cpu: float | None
    memory_peak: int | None
    valid: int
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case of a run: a stack under the table's workload.

    Attributes:
        rank: 1 is the best; stacks that cannot be told apart share one. None: not ranked.
        shared: Whether another stack has the same rank.
        throughput: Capacity: verified answers per second, median over the rounds with its
            interval; None if never measured.
        users: Concurrent users that it was measured with.
        knee: What the ramp showed, None without one.
        latencies: p50, p95, p99 in seconds of all verified answers at capacity.
        error_rate: Failed or wrong answers as a part of all.
        cpu_user: Median over the rounds, server CPU seconds per answer in user mode ...
        cpu_system: ... and in the kernel.
        memory_peak: Greatest of the rounds, bytes.
        workers: Worker processes that it was set to, None where its server has no such setting.
        switches: Median of the server's context switches per answer, None if not known.
        threads: Most threads of the server, None if not known.
        reconnects: Connections opened per answer in the windows, None if not counted.
        start_seconds: Median from the start of the server to its first good answer.
        stop_seconds: From SIGTERM to its end, None if it had to be killed or was not measured.
        killed: Whether it had to be killed.
        ratio: Throughput to the baseline's, paired by round; None for the baseline itself and
            where there is no common round.
        at_rates: What it did at fixed rates, the lowest first.
        shaped: What it did under the shape of the locustfile, None if that was not played.
        under_objective: Rate it carried within the objective, requests/s; see
            ``objective.rate_within``.
        valid: How many trials may be used; none if most are invalid, and then the numbers shown are
            those of all.
        findings: What was found in the measured windows, with the number of those.
        failures: Trials that gave no number.
    """

    stack: str
    rank: int | None = None
    shared: bool = False
    throughput: Interval | None = None
    users: int | None = None
    knee: Knee | None = None
    latencies: tuple[float, ...] | None = None
    error_rate: float | None = None
    cpu_user: float | None = None
    cpu_system: float | None = None
    memory_peak: int | None = None
    workers: int | None = None
    switches: float | None = None
    threads: int | None = None
    reconnects: float | None = None
    start_seconds: float | None = None
    stop_seconds: float | None = None
    killed: bool = False
    ratio: Ratio | None = None
    at_rates: tuple[AtRate, ...] = ()
    shaped: Shaped | None = None
    under_objective: float | None = None
    valid: int = 0
    findings: tuple[tuple[Finding, int], ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether all was measured that was meant to be, and enough of each is valid."""
        failures = [item for item in self.failures if item.stage != BROKEN_UPSTREAM]
        if self.failures and not failures and self.throughput is None:
            return True  # nothing was meant to be measured
        if not self.valid or failures or not all(at.valid for at in self.at_rates):
            return False
        if self.shaped is not None and not self.shaped.valid:
            return False
        # whoever measures rates that should be carried looks for the objective, too
        tried = any(at.part <= 1 for at in self.at_rates)
        return self.under_objective is not None or not tried

    @property
    def cpu_per_request(self) -> float | None:
        """Server CPU seconds per verified answer, user and system."""
        if self.cpu_user is None or self.cpu_system is None:
            return None
        return self.cpu_user + self.cpu_system

    @property
    def rate_per_core(self) -> float | None:
        """Verified answers per CPU second that the server used."""
        return 1 / self.cpu_per_request if self.cpu_per_request else None

    @property
    def rate_per_mebibyte(self) -> float | None:
        """Verified answers/s for each MiB of the server's peak."""
        if self.throughput is None or not self.memory_peak:
            return None
        return self.throughput.value / (self.memory_peak / 2**20)

    @property
    def memory_per_worker(self) -> float | None:
        """Bytes of its peak for each worker process, that of all other processes divided, too."""
        return self.memory_peak / self.workers if self.memory_peak and self.workers else None

    def replicas(self, rate: float) -> int | None:
        """Count servers like the measured one that carry a rate (requests/s) within the objective.

        None where it is not known what one carries, or it missed the objective at every rate.
        """
        return math.ceil(rate / self.under_objective) if self.under_objective else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All stacks under one workload, the fastest first, those without a rank last.

    Stacks that do other work (``Run.beside``) have ratios, and no ranks: they come after the
    others.

    Attributes:
        missing: What more rounds would tell, None if the rounds suffice.
    """

    workload: str
    baseline: str
    rows: tuple[Row, ...]
    missing: str | None = None

    @property
    def detectable(self) -> float | None:
        """The difference to the baseline that this run could have seen on every row."""
        known = [row.ratio.precision for row in self.rows if row.ratio is not None]
        return max((value for value in known if value is not None), default=None)


def tables(run: Run) -> tuple[Table, ...]:
    """Sum up a run, one table per workload in the order of the plan."""
    measured = dict.fromkeys(trial.workload for trial in run.trials)
    # trials are shuffled; runs of before 0.1 do not tell the order of their plan
    ordered = {**dict.fromkeys(name for name in run.workloads if name in measured), **measured}
    return tuple(_table(run, workload) for workload in ordered)


def usable_rates(run: Run, stack: str, workload: str) -> dict[int, float]:
    """Give the capacities of a case, requests/s, by the number of the round; only the valid."""
    return _rates(_case(run, stack, workload).usable)


def missing_rounds(run: Run) -> str | None:
    """Say what is missing for intervals, or None if the rounds suffice."""
    if run.rounds >= LEAST_PAIRS:
        return None
    many = "1 round gives" if run.rounds == 1 else f"{run.rounds} rounds give"
    return f"{many} no interval on a ratio; it takes {LEAST_PAIRS}: --rounds {LEAST_PAIRS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """Outcomes of one stack under one workload."""

    ramp: list[Measurement] = field(default_factory=list)
    capacity: list[Measurement] = field(default_factory=list)
    latency: list[Measurement] = field(default_factory=list)
    shape: list[Measurement] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Put an outcome where it belongs."""
        if isinstance(outcome, Failure):
            self.failures.append(outcome)
        elif outcome.trial.stage is Stage.RAMP:
            self.ramp.append(outcome)
        elif outcome.trial.stage is Stage.CAPACITY:
            self.capacity.append(outcome)
        elif outcome.trial.stage is Stage.SHAPE:
            self.shape.append(outcome)
        else:
            self.latency.append(outcome)

    @property
    def usable(self) -> dict[int, PhaseResult]:
        """The valid windows of capacity by round, or none if the invalid ones are as many or more.

        Where most trials were limited by the client, those that were not are the slow ones: to
        judge the stack by them would be to choose by the result.
        """
        valid = {item.trial.round: item.phases[0] for item in self.capacity if item.valid}
        return valid if 2 * len(valid) > len(self.capacity) else {}


def _case(run: Run, stack: str, workload: str) -> _Case:
    return _cases(run, workload, [stack])[stack]


def _cases(run: Run, workload: str, stacks: Iterable[str]) -> dict[str, _Case]:
    """Sort the outcomes of some stacks under a workload."""
    found = {stack: _Case() for stack in stacks}
    for outcome in run.outcomes:
        trial = outcome.trial
        if trial.workload == workload and trial.stack in found:
            found[trial.stack].add(outcome)
    return found


def _table(run: Run, workload: str) -> Table:
    stacks = dict.fromkeys(trial.stack for trial in run.trials if trial.workload == workload)
    cases = _cases(run, workload, stacks)
    rows = {stack: _row(run, stack, case, cases[run.baseline]) for stack, case in cases.items()}
    rates = {stack: _rates(case.usable) for stack, case in cases.items() if case.usable}
    usable = {stack: found for stack, found in rates.items() if stack not in run.beside}
    ranking = rank(usable)
    # with too few rounds for any difference nobody knows whom a stack ties with
    needed = least_rounds(max(math.comb(len(usable), 2), 1))
    pairs = combinations(usable.values(), 2)
    enough = max((len(a.keys() & b.keys()) for a, b in pairs), default=needed) >= needed
    known = {stack for stack in usable if enough and len(usable[stack]) >= LEAST_PAIRS}
    ranked = [
        replace(rows[stack], rank=ranking.ranks[stack], shared=stack in ranking.shared)
        if stack in known
        else rows[stack]
        for stack in ranking.order
    ]
    beside = sorted(
        (stack for stack in rates if stack in run.beside),
        key=lambda stack: -median(rates[stack].values()),
    )
    unranked = [row for stack, row in rows.items() if stack not in rates]
    own = [row for row in unranked if row.stack not in run.beside]
    others = [rows[stack] for stack in beside]
    return Table(
        workload=workload,
        baseline=run.baseline,
        rows=(*ranked, *own, *others, *(row for row in unranked if row.stack in run.beside)),
        missing=missing_rounds(run) or ranking.missing,
    )


def _rates(phases: dict[int, PhaseResult]) -> dict[int, float]:
    return {number: phase.load.throughput for number, phase in phases.items()}


def _row(run: Run, stack: str, case: _Case, baseline: _Case) -> Row:
    usable = case.usable
    # without a single valid trial its numbers are still shown, but never ranked or compared
    shown = list(usable.values()) or [item.phases[0] for item in case.capacity]
    measured = [*case.capacity, *case.latency, *case.shape]
    at_rates = _at_rates(case.latency)
    row = Row(
        stack=stack,
        at_rates=at_rates,
        shaped=_shaped([item.phases[0] for item in case.shape]) if case.shape else None,
        under_objective=rate_within((x.phases for x in case.latency), run.load.goal),
        findings=_count_findings(measured),
        failures=tuple(case.failures),
    )
    if not shown:
        return row
    answers = sum(phase.load.requests for phase in shown)
    failed = sum(phase.load.failed for phase in shown)
    latency = LatencyHistogram.merged(phase.load.latency for phase in shown)
    uses = [phase.server for phase in shown if phase.server is not None]
    starts = [item.start_seconds for item in case.capacity if item.start_seconds is not None]
    return replace(
        row,
        throughput=median_interval([phase.load.throughput for phase in shown]),
        users=shown[0].phase.users,
        knee=find_knee(case.ramp[0].phases) if case.ramp else None,
        latencies=latency.percentiles(50, 95, 99) if latency.count else None,
        error_rate=failed / (answers + failed) if answers + failed else None,
        cpu_user=_per_answer(shown, lambda use: use.cpu_user),
        cpu_system=_per_answer(shown, lambda use: use.cpu_system),
        memory_peak=max((use.memory_peak for use in uses), default=None),
        workers=_workers(run, stack),
        switches=_per_answer(shown, lambda use: use.switches),
        threads=max((use.threads for use in uses if use.threads is not None), default=None),
        reconnects=_reconnects(shown, answers),
        start_seconds=median(starts) if starts else None,
        stop_seconds=next((item.stop_seconds for item in case.ramp), None),
        killed=any(item.stop_timed and item.stop_seconds is None for item in case.ramp),
        ratio=_ratio(_rates(usable), _rates(baseline.usable)) if stack != run.baseline else None,
        valid=len(usable),
    )


def _workers(run: Run, stack: str) -> int | None:
    facts = next((item for item in run.stacks if item.id == stack), None)
    if facts is None or "workers" not in (facts.knobs or ()):
        return None
    return int(facts.settings["WORKERS"])


def _per_answer(
    phases: Iterable[PhaseResult], rate: Callable[[ServerUse], float | None]
) -> float | None:
    values = [
        used / phase.load.throughput
        for phase in phases
        if phase.load.requests
        and phase.server is not None
        and (used := rate(phase.server)) is not None
    ]
    return median(values) if values else None


def _reconnects(phases: Sequence[PhaseResult], answers: int) -> float | None:
    opened = [phase.load.connections for phase in phases]
    known = [number for number in opened if number is not None]
    return sum(known) / answers if answers and len(known) == len(opened) else None


def _at_rates(measured: Sequence[Measurement]) -> tuple[AtRate, ...]:
    by_part: dict[float, list[PhaseResult]] = {}
    for item in measured:
        for phase in item.phases:
            if phase.phase.part is not None:
                by_part.setdefault(phase.phase.part, []).append(phase)
    return tuple(_at_rate(part, phases) for part, phases in sorted(by_part.items()))


def _usable(phases: Sequence[PhaseResult]) -> tuple[list[PhaseResult], int]:
    """Give the valid windows with their number; all of them, and none, where most are invalid."""
    valid = [phase for phase in phases if phase.valid]
    return (valid, len(valid)) if 2 * len(valid) > len(phases) else (list(phases), 0)


def _shaped(phases: Sequence[PhaseResult]) -> Shaped:
    shown, valid = _usable(phases)
    latency = LatencyHistogram.merged(phase.load.latency for phase in shown)
    failed = sum(phase.load.failed for phase in shown)
    uses = [phase.server for phase in shown if phase.server is not None]
    return Shaped(
        users=shown[0].phase.users,
        seconds=shown[0].phase.duration,
        throughput=median(phase.load.throughput for phase in shown),
        latencies=_percentiles(latency),
        error_rate=failed / (latency.count + failed) if latency.count + failed else 0.0,
        cpu=median(use.cpu for use in uses) if uses else None,
        memory_peak=max((use.memory_peak for use in uses), default=None),
        valid=valid,
        rounds=len(phases),
    )


def _at_rate(part: float, phases: Sequence[PhaseResult]) -> AtRate:
    shown, valid = _usable(phases)
    latency = LatencyHistogram.merged(phase.load.latency for phase in shown)
    offered = sum(phase.load.offered or 0 for phase in shown)
    failed = sum(phase.load.failed for phase in shown)
    kept = sum(phase.load.kept or 0 for phase in shown)
    unanswered = sum(phase.load.unanswered for phase in shown)
    meant = latency.count + failed + unanswered
    late = sum(phase.load.late or 0 for phase in shown)
    recoveries = [phase.load.recovery for phase in shown]
    known = [seconds for seconds in recoveries if seconds is not None]
    return AtRate(
        part=part,
        rate=median((phase.phase.rate or 0.0) * phase.phase.per_task for phase in shown),
        goodput=median(phase.load.throughput for phase in shown),
        latencies=_percentiles(latency),
        error_rate=failed / meant if meant else 0.0,
        unanswered=unanswered / meant if meant else 0.0,
        carried=kept_up(offered, kept, late),
        recovery=median(known) if known and len(known) == len(recoveries) else None,
        valid=valid,
        rounds=len(phases),
    )


def _percentiles(latency: LatencyHistogram) -> tuple[float | None, ...] | None:
    """Give those that have an answer beyond them at least: of 100 the p99.9 is the longest."""
    if not latency.count:
        return None
    found = zip(PERCENTILES, latency.percentiles(*PERCENTILES), strict=True)
    return tuple(
        seconds if latency.count >= round(100 / (100 - rank)) else None for rank, seconds in found
    )


def _ratio(mine: dict[int, float], other: dict[int, float]) -> Ratio | None:
    common = sorted(mine.keys() & other.keys())
    if not common:
        return None
    return paired_ratio([mine[n] for n in common], [other[n] for n in common])


def _count_findings(measured: Sequence[Measurement]) -> tuple[tuple[Finding, int], ...]:
    """One finding per rule and severity, the first one's words, with how often it was made."""
    findings = [finding for item in measured for phase in item.phases for finding in phase.findings]
    counts = Counter((finding.rule, finding.severity) for finding in findings)
    firsts = {(f.rule, f.severity): f for f in reversed(findings)}
    return tuple((firsts[key], count) for key, count in counts.items())
