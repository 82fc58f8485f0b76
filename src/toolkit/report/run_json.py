"""A run as JSON for other programs: what it means. ``schemas/run-1.json`` describes it.

Numbers are in SI units (seconds, bytes, requests/s); what is not known is null. The document is
versioned by ``format``, which grows when a key changes its meaning or goes, not when one is added.
All that was measured, trial by trial, is the stored run itself (``run.json``, see ``store``).
"""

import json
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import cattrs

from toolkit.compare import Row, Table, tables
from toolkit.measured import Measurement, Run
from toolkit.report.answers import answer
from toolkit.report.browser.data import duels

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
    converter = cattrs.Converter()
    measured = [item for item in run.outcomes if isinstance(item, Measurement)]
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
        "rounds": run.rounds,
        "host": converter.unstructure(run.host),
        "runtime": converter.unstructure(run.runtime),
        "placement": converter.unstructure(run.placement),
        "knobs": asdict(run.knobs),
        "workloads": [_workload(run, table) for table in tables(run)],
    }


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
    ratio = row.ratio
    latencies = row.latencies or (None, None, None)
    return {
        "stack": row.stack,
        "rank": row.rank,
        "shared": row.shared,
        "valid": bool(row.valid),
        "throughput": None if interval is None else asdict(interval),
        "ratio": None if ratio is None else {**asdict(ratio), "tie": ratio.tie},
        "users": row.users,
        "latency": dict(zip(("p50", "p95", "p99"), latencies, strict=True)),
        "rate_within_objective": row.under_objective,
        "error_rate": row.error_rate,
        "cpu_per_request": row.cpu_per_request,
        "memory_peak": row.memory_peak,
        "threads": row.threads,
        "start_seconds": row.start_seconds,
        "stop_seconds": row.stop_seconds,
        "at_rates": [
            {
                "part": rate.part,
                "rate": rate.rate,
                "goodput": rate.goodput,
                "latency": dict(
                    zip(("p50", "p99", "p99.9"), rate.latencies or (None,) * 3, strict=True)
                ),
                "error_rate": rate.error_rate,
                "unanswered": rate.unanswered,
                "carried": rate.carried,
                "recovery": rate.recovery,
                "valid": bool(rate.valid),
            }
            for rate in row.at_rates
        ],
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
