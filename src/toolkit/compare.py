"""From the outcomes of a run to what a report shows: rows with ranks, ratios and doubts. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from toolkit.histogram import LatencyHistogram
from toolkit.model import Failure, Finding, Measurement, Run
from toolkit.stats import LEAST_PAIRS, Ratio, paired_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case of a run: a stack under the table's workload.

    Attributes:
        rank: 1 is the best; stacks that cannot be told apart share one. None: not ranked.
        shared: Whether another stack has the same rank.
        throughput: Median over the rounds, verified answers per second; None if never measured.
        lowest: The least throughput of a round ...
        highest: ... and the greatest.
        latencies: p50, p95, p99 in seconds of all verified answers of all rounds.
        error_rate: Failed or wrong answers as a part of all.
        cpu_per_request: Median over the rounds, server CPU seconds.
        memory_peak: Greatest of the rounds, bytes.
        reconnects: Connections opened per answer in the windows, None if not counted.
        ratio: Throughput to the baseline's, paired by round; None for the baseline itself and
            where there is no common round.
        valid: How many trials may be used; none if most are invalid, and then the numbers shown are
            those of all.
        findings: What was found in the trials, with the number of trials.
        failures: Trials that gave no number.
    """

    stack: str
    rank: int | None = None
    shared: bool = False
    throughput: float | None = None
    lowest: float | None = None
    highest: float | None = None
    latencies: tuple[float, ...] | None = None
    error_rate: float | None = None
    cpu_per_request: float | None = None
    memory_peak: int | None = None
    reconnects: float | None = None
    ratio: Ratio | None = None
    valid: int = 0
    findings: tuple[tuple[Finding, int], ...] = ()
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All stacks under one workload, the fastest first, those without a rank last."""

    workload: str
    baseline: str
    rows: tuple[Row, ...]


def tables(run: Run) -> tuple[Table, ...]:
    """Sum up a run, one table per workload in the order of the plan."""
    workloads = dict.fromkeys(trial.workload for trial in run.trials)
    return tuple(_table(run, workload) for workload in workloads)


def missing_rounds(run: Run) -> str | None:
    """Say what is missing for intervals, or None if the rounds suffice."""
    if run.rounds >= LEAST_PAIRS:
        return None
    many = "1 round gives" if run.rounds == 1 else f"{run.rounds} rounds give"
    return f"{many} no interval on a ratio; it takes {LEAST_PAIRS}: --rounds {LEAST_PAIRS}"


def _table(run: Run, workload: str) -> Table:
    stacks = dict.fromkeys(trial.stack for trial in run.trials if trial.workload == workload)
    usable = {stack: _usable(run, stack, workload) for stack in stacks}
    rows = [_row(run, stack, workload, usable[stack], usable[run.baseline]) for stack in stacks]
    ranked = sorted(
        (row for row in rows if usable[row.stack]), key=lambda row: -(row.throughput or 0)
    )
    unranked = [row for row in rows if not usable[row.stack]]
    return Table(
        workload=workload,
        baseline=run.baseline,
        rows=(*_with_ranks(ranked, usable), *unranked),
    )


def _measured(run: Run, stack: str, workload: str) -> list[Measurement]:
    return [
        outcome
        for outcome in run.outcomes
        if isinstance(outcome, Measurement)
        and (outcome.trial.stack, outcome.trial.workload) == (stack, workload)
    ]


def _usable(run: Run, stack: str, workload: str) -> dict[int, Measurement]:
    """Give the valid trials by round, or none if the invalid ones are as many or more.

    Where most trials were limited by the client, those that were not are the slow ones: to judge
    the stack by them would be to choose by the result.
    """
    measured = _measured(run, stack, workload)
    valid = {item.trial.round: item for item in measured if item.valid}
    return valid if 2 * len(valid) > len(measured) else {}


def _row(
    run: Run,
    stack: str,
    workload: str,
    usable: dict[int, Measurement],
    baseline: dict[int, Measurement],
) -> Row:
    measured = _measured(run, stack, workload)
    failures = tuple(
        outcome
        for outcome in run.outcomes
        if isinstance(outcome, Failure)
        and (outcome.trial.stack, outcome.trial.workload) == (stack, workload)
    )
    # without a single valid trial its numbers are still shown, but never ranked or compared
    shown = list(usable.values()) or measured
    if not shown:
        return Row(stack=stack, failures=failures)
    rates = [item.load.throughput for item in shown]
    answers = sum(item.load.requests for item in shown)
    failed = sum(item.load.failed for item in shown)
    cpu = [item.cpu_per_request for item in shown if item.cpu_per_request is not None]
    connections = [item.load.connections for item in shown]
    latency = LatencyHistogram.merged(item.load.latency for item in shown)
    return Row(
        stack=stack,
        throughput=median(rates),
        lowest=min(rates),
        highest=max(rates),
        latencies=latency.percentiles(50, 95, 99) if latency.count else None,
        error_rate=failed / (answers + failed) if answers + failed else None,
        cpu_per_request=median(cpu) if cpu else None,
        memory_peak=max(item.memory_peak for item in shown),
        reconnects=_per_answer(connections, answers),
        ratio=_ratio(usable, baseline) if stack != run.baseline else None,
        valid=len(usable),
        findings=_count_findings(measured),
        failures=failures,
    )


def _per_answer(connections: Sequence[int | None], answers: int) -> float | None:
    known = [number for number in connections if number is not None]
    return sum(known) / answers if answers and len(known) == len(connections) else None


def _ratio(mine: dict[int, Measurement], other: dict[int, Measurement]) -> Ratio | None:
    common = sorted(mine.keys() & other.keys())
    if not common:
        return None
    return paired_ratio(
        [mine[number].load.throughput for number in common],
        [other[number].load.throughput for number in common],
    )


def _count_findings(measured: Sequence[Measurement]) -> tuple[tuple[Finding, int], ...]:
    """One finding per rule and severity, the first one's words, with how often it was made."""
    findings = [finding for item in measured for finding in item.findings]
    counts = Counter((finding.rule, finding.severity) for finding in findings)
    firsts = {(f.rule, f.severity): f for f in reversed(findings)}
    return tuple((firsts[key], count) for key, count in counts.items())


def _with_ranks(rows: Sequence[Row], usable: dict[str, dict[int, Measurement]]) -> list[Row]:
    """Give ranks, best first; a stack shares the rank of the group's leader if it ties with it.

    A stack with too few rounds for an interval gets none: nobody knows whom it ties with.
    """
    groups: list[list[Row]] = []
    for row in rows:
        leader = groups[-1][0] if groups else None
        ratio = _ratio(usable[row.stack], usable[leader.stack]) if leader else None
        if ratio is not None and ratio.tie:
            groups[-1].append(row)
        elif row.valid >= LEAST_PAIRS:
            groups.append([row])
    ranks = {
        row.stack: (1 + sum(map(len, groups[:index])), len(group) > 1)
        for index, group in enumerate(groups)
        for row in group
    }
    return [
        replace(row, rank=ranks[row.stack][0], shared=ranks[row.stack][1])
        if row.stack in ranks
        else row
        for row in rows
    ]
