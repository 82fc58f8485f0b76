"""What the charts of a report show, as columns of numbers: small, and named once. Pure.

A series of 1,000 trials is 1,000 numbers and not 1,000 objects with the same names; script.js makes
rows of them again, and so does ``rows`` for a chart that is drawn without a browser.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

from toolkit.compare import Row, Table, usable_rates
from toolkit.histogram import LatencyHistogram
from toolkit.measured import Measurement, PhaseResult, Run
from toolkit.model import Stage
from toolkit.ranking import rank
from toolkit.stats import SIGNIFICANCE, paired_ratio

Columns = dict[str, list[Any]]

CURVE = (0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99)
"""Percentiles of a curve."""

_DELAY = re.compile(r"^(?P<kind>.+)\?(?:.*&)?delay=(?P<amount>[\d.]+)(?P<unit>ms|s)")


def capacity(table: Table) -> Columns:
    """Give a row per stack that was measured: median of req/s with its interval, validity."""
    found = [row for row in table.rows if row.throughput is not None]
    return {
        "stack": [row.stack for row in found],
        "rate": [
            significant_digits(row.throughput.value if row.throughput else None) for row in found
        ],
        "low": [
            significant_digits(row.throughput.low if row.throughput else None) for row in found
        ],
        "high": [
            significant_digits(row.throughput.high if row.throughput else None) for row in found
        ],
        "valid": [bool(row.valid) for row in found],
    }


def trials(run: Run, table: Table) -> Columns:
    """Give a row per trial of capacity."""
    found = [
        (item.trial.stack, item.trial.round, phase.load.throughput, item.valid)
        for item, phase in _phases(run, table.workload)
        if item.trial.stage is Stage.CAPACITY
    ]
    return {
        "stack": [item[0] for item in found],
        "round": [item[1] for item in found],
        "rate": [significant_digits(item[2]) for item in found],
        "valid": [item[3] for item in found],
    }


def curves(run: Run, table: Table) -> Columns:
    """Give a row per stack, rate and percentile: latency in ms; of each rate all rounds together.

    A percentile is left out where no answer lies beyond it.
    """
    merged: dict[tuple[str, float], list[PhaseResult]] = {}
    for item, phase in _phases(run, table.workload):
        if phase.phase.part is not None and phase.phase.part <= 1:
            merged.setdefault((item.trial.stack, phase.phase.part), []).append(phase)
    columns: Columns = {"stack": [], "part": [], "percentile": [], "ms": []}
    for (stack, part), phases in sorted(merged.items()):
        latency = LatencyHistogram.merged(phase.load.latency for phase in phases)
        known = [p for p in CURVE if latency.count * (100 - p) >= 100]
        for percentile, seconds in zip(known, latency.percentiles(*known), strict=True):
            columns["stack"].append(stack)
            columns["part"].append(part)
            columns["percentile"].append(percentile)
            columns["ms"].append(significant_digits(seconds * 1e3))
    return columns


def loads(table: Table) -> Columns:
    """Give a row per stack and rate: offered requests/s against p50 and p99 in ms."""
    found = [
        (row.stack, at) for row in table.rows for at in row.at_rates if at.latencies is not None
    ]
    return {
        "stack": [stack for stack, _ in found],
        "rate": [significant_digits(at.rate) for _, at in found],
        "p50": [_milliseconds(at.latencies, 0) for _, at in found],
        "p99": [_milliseconds(at.latencies, 1) for _, at in found],
        "carried": [at.carried for _, at in found],
    }


def course(run: Run, table: Table) -> Columns:
    """Give a row per window: when it was, the CPU in use in cores, the memory in MiB."""
    began = datetime.fromisoformat(run.started_at)
    found = [
        (
            item.trial.stack,
            (datetime.fromisoformat(item.started_at) - began).total_seconds(),
            phase.server,
        )
        for item, phase in _phases(run, table.workload)
        if item.trial.stage is Stage.CAPACITY and phase.server is not None
    ]
    return {
        "stack": [stack for stack, _, _ in found],
        "minute": [significant_digits(seconds / 60) for _, seconds, _ in found],
        "cpu": [significant_digits(use.cpu) for _, _, use in found],
        "memory": [significant_digits(use.memory_peak / 2**20) for _, _, use in found],
    }


def waits(tables: Sequence[Table]) -> Columns:
    """Give a row per server and delay of the upstream: what waiting does to req/s.

    Empty unless a workload was measured with two delays at least.
    """
    columns: Columns = {"workload": [], "stack": [], "delay": [], "rate": [], "valid": []}
    for table in tables:
        match = _DELAY.match(table.workload)
        if match is None:
            continue
        delay = float(match["amount"]) * (1000 if match["unit"] == "s" else 1)
        for row in table.rows:
            if row.throughput is not None:
                columns["workload"].append(match["kind"])
                columns["stack"].append(row.stack)
                columns["delay"].append(delay)
                columns["rate"].append(significant_digits(row.throughput.value))
                columns["valid"].append(bool(row.valid))
    return columns if len(set(columns["delay"])) > 1 else {name: [] for name in columns}


def duels(run: Run, table: Table) -> Mapping[tuple[str, str], tuple[float, bool]]:
    """Give for each two stacks how many times as much the first serves; is that sure?"""
    usable = {
        row.stack: usable_rates(run, row.stack, table.workload) for row in table.rows if row.valid
    }
    if len(usable) < 2:
        return {}
    ranking = rank(usable)
    found: dict[tuple[str, str], tuple[float, bool]] = {}
    for a, b in combinations(ranking.order, 2):
        common = sorted(usable[a].keys() & usable[b].keys())
        if not common:
            continue
        ratio = paired_ratio([usable[a][n] for n in common], [usable[b][n] for n in common]).value
        sure = ranking.adjusted[(a, b)] <= SIGNIFICANCE
        found[(a, b)] = (ratio, sure)
        found[(b, a)] = (1 / ratio, sure)
    return found


def rows(columns: Columns) -> list[dict[str, Any]]:
    """Make rows of columns."""
    names = list(columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _phases(run: Run, workload: str) -> Iterable[tuple[Measurement, PhaseResult]]:
    for outcome in run.outcomes:
        if isinstance(outcome, Measurement) and outcome.trial.workload == workload:
            for phase in outcome.phases:
                yield outcome, phase


def _milliseconds(latencies: tuple[float | None, ...] | None, index: int) -> float | None:
    seconds = None if latencies is None else latencies[index]
    return None if seconds is None else significant_digits(seconds * 1e3)


def significant_digits(number: float | None) -> float | None:
    """Round to four digits: more mean nothing, and make the file larger."""
    return None if number is None else float(f"{number:.4g}")


def apps_and_servers(table_rows: Iterable[Row]) -> tuple[list[str], list[str]]:
    """Give the names of apps and of servers in stacks, for filters."""
    stacks = [row.stack for row in table_rows]
    apps = dict.fromkeys(stack.partition("/")[0] for stack in stacks)
    servers = dict.fromkeys(
        stack.partition("/")[2].partition(":")[0].partition("#")[0] for stack in stacks
    )
    return sorted(apps), sorted(servers)
