"""A run as JSON for other programs: what it means. ``schemas/run-1.json`` describes it.

Numbers are in SI units (seconds, bytes, requests/s); what is not known is null. The document is
versioned by ``format``, which grows when a key changes its meaning or goes, not when one is added.
All that was measured, trial by trial, is the stored run itself (``run.json``, see ``store``).
"""

import json
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import msgspec

from toolkit.compare import Row, Shaped, Table, tables
from toolkit.measured import Measurement, Run
from toolkit.report.answers import answer
from toolkit.report.browser.data import duels
from toolkit.report.tune_findings import advice
from toolkit.stats import Ratio
from toolkit.tuned import Tuned
from toolkit.tuning.finals import finals_of

FORMAT = 1


def document(run: Run) -> str:
    """Write what a run means as JSON."""
    return json.dumps(_document(run), indent=1, allow_nan=False) + "\n"


def schema() -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of the document."""
    text = files("toolkit.report").joinpath("schemas", f"run-{FORMAT}.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _document(run: Run) -> dict[str, Any]:
    measured = [item for item in run.outcomes if isinstance(item, Measurement)]
    shown = finals_of(run)
    return {
        "format": FORMAT,
        "run": run.id,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "trials": {
            "planned": len(run.trials),
            "measured": len(measured),
            "invalid": sum(not item.valid for item in measured),
            "failed": len(run.outcomes) - len(measured),
        },
        "baseline": run.baseline,
        "rounds": shown.rounds,
        "host": msgspec.to_builtins(run.host),
        "runtime": msgspec.to_builtins(run.runtime),
        "placement": msgspec.to_builtins(run.placement),
        "knobs": asdict(run.knobs),
        "tuned": None if run.tuned is None else _tuned(run.tuned),
        "workloads": [_workload(shown, table) for table in tables(shown)],
    }


def _tuned(tuned: Tuned) -> dict[str, Any]:
    found = asdict(tuned)
    del found["final"]  # a number of a round, of which readers know none
    return {
        "advice": [text.plain for text in advice(tuned)],
        **found,
        "formula": _ratio(tuned.formula),
        "finalists": [{**asdict(item), "ratio": _ratio(item.ratio)} for item in tuned.finalists],
    }


def _ratio(ratio: Ratio | None) -> dict[str, Any] | None:
    return None if ratio is None else {**asdict(ratio), "tie": ratio.tie}


def _workload(run: Run, table: Table) -> dict[str, Any]:
    return {
        "workload": table.workload,
        "answer": answer(table, run),
        "missing": table.missing,
        "detectable": table.detectable,
        "rows": [_row(row) for row in table.rows],
        "duels": [
            {"stack": a, "against": b, "ratio": ratio, "sure": sure}
            for (a, b), (ratio, sure) in duels(run, table).items()
        ],
    }


def _row(row: Row) -> dict[str, Any]:
    interval = row.throughput
    latencies = row.latencies or (None, None, None)
    return {
        "stack": row.stack,
        "rank": row.rank,
        "shared": row.shared,
        "valid": bool(row.valid),
        "throughput": None if interval is None else asdict(interval),
        "ratio": _ratio(row.ratio),
        "users": row.users,
        "latency": dict(zip(("p50", "p95", "p99"), latencies, strict=True)),
        "rate_within_objective": row.under_objective,
        "error_rate": row.error_rate,
        "cpu_per_request": row.cpu_per_request,
        "memory_peak": row.memory_peak,
        "workers": row.workers,
        "threads": row.threads,
        "start_seconds": row.start_seconds,
        "stop_seconds": row.stop_seconds,
        "at_rates": [
            {
                "part": rate.part,
                "rate": rate.rate,
                "goodput": rate.goodput,
                "latency": _percentiles(rate.latencies),
                "error_rate": rate.error_rate,
                "unanswered": rate.unanswered,
                "carried": rate.carried,
                "recovery": rate.recovery,
                "valid": bool(rate.valid),
            }
            for rate in row.at_rates
        ],
        "shape": None if row.shaped is None else _shape(row.shaped),
        "findings": [
            {
                "rule": finding.rule,
                "severity": str(finding.severity),
                "message": finding.message,
                "windows": count,
            }
            for finding, count in row.findings
        ],
        "failures": [
            {"stage": failure.stage, "message": failure.message} for failure in row.failures
        ],
    }


def _shape(shaped: Shaped) -> dict[str, Any]:
    return {
        "users": shaped.users,
        "seconds": shaped.seconds,
        "throughput": shaped.throughput,
        "latency": _percentiles(shaped.latencies),
        "error_rate": shaped.error_rate,
        "cpu": shaped.cpu,
        "memory_peak": shaped.memory_peak,
        "valid": bool(shaped.valid),
    }


def _percentiles(latencies: tuple[float | None, ...] | None) -> dict[str, float | None]:
    return dict(zip(("p50", "p99", "p99.9"), latencies or (None,) * 3, strict=True))
