"""A check as JSON for other programs: what it means, and all that it measured.

Numbers are in SI units (seconds, bytes, requests/s), changes are parts (0.12 is 12 %). Keys:

format      1; it grows when a key changes its meaning or goes, not when one is added
verdict     "regression", "no regression", "improved", "inconclusive" or "invalid"
exit_code   what the command ends with, null where nobody told
summary     the verdict in one line, for people
pairs       pairs that count
lost        pairs that do not
confirmed   whether a second series agreed with a regression, null where there was none
tolerance   part by which the candidate may be worse
changes     one object for each metric over all workloads, see below
rows        the same by workload and endpoint; secondary, but for those that decide ("gated")
reasons     why it is not a plain verdict, and why pairs do not count
findings    {"rule", "severity", "message", "pairs"}: what was found, in how many pairs
noise       of a version against itself, else empty: {"metric", "gated", "pairs", "spread" (standard
            deviation of the pairs' log ratio), "half_width", "detectable" ({"6": ..., "20": ...}:
            the smallest change that so many pairs tell from none 9 times in 10)}
check       all that was measured, as `toolkit check` stores it, with a format of its own

A change has "metric", "workload" and "endpoint" (null: all of them), "gated" (whether it decides),
"unit", "base" and "candidate" (medians), "ratio" ({"value", "low", "high", "confidence", "pairs"},
candidate to base), "change" (ratio - 1), "half_width" (of the interval), "worse" (whether it is a
change to the worse), "verdict" (what it says by itself), "p" (of a row, corrected by Holm) and
"significant". What is not known is null.
"""

import json
from typing import Any

from toolkit.changes import Change
from toolkit.check_store import document_of
from toolkit.checked import ALPHA, LOOKS, Check, Metric
from toolkit.floor import floors
from toolkit.judgement import Assessment
from toolkit.report.check_text import loss_of, significant
from toolkit.report.check_wording import Wording

FORMAT = 1

_UNITS = {
    Metric.CPU: "s",
    Metric.THROUGHPUT: "1/s",
    Metric.MEMORY: "B",
    Metric.P50: "s",
    Metric.P99: "s",
}


def document(check: Check, assessment: Assessment, *, exit_code: int | None = None) -> str:
    """Write a check as JSON, see above.

    Args:
        check: What was measured.
        assessment: What it means.
        exit_code: Which the command will end with.
    """
    return json.dumps(
        {
            "format": FORMAT,
            "verdict": str(assessment.verdict),
            "exit_code": exit_code,
            "summary": Wording(check, assessment).headline(),
            "pairs": assessment.pairs,
            "lost": assessment.lost,
            "confirmed": assessment.confirmed,
            "tolerance": check.settings.tolerance,
            "changes": [_change(item) for item in assessment.changes],
            "rows": [_change(item) for item in assessment.rows],
            "reasons": list(assessment.reasons),
            "findings": [
                {
                    "rule": finding.rule,
                    "severity": str(finding.severity),
                    "message": finding.message,
                    "pairs": times,
                }
                for finding, times in assessment.findings
            ],
            "noise": _noise(check, assessment) if check.against_itself else [],
            "check": document_of(check),
        },
        indent=1,
    )


def _change(change: Change) -> dict[str, Any]:
    ratio = change.ratio
    return {
        "metric": str(change.metric),
        "workload": change.workload,
        "endpoint": change.endpoint,
        "gated": change.gated,
        "unit": _UNITS[change.metric],
        "base": change.base,
        "candidate": change.candidate,
        "ratio": {
            "value": ratio.value,
            "low": ratio.low,
            "high": ratio.high,
            "confidence": round(1 - 2 * ALPHA, 6),
            "pairs": ratio.pairs,
        },
        "change": change.change,
        "half_width": change.half_width,
        "worse": loss_of(change) > 1,
        "verdict": str(change.verdict),
        "p": change.p,
        "significant": None if change.p is None else significant(change),
    }


def _noise(check: Check, assessment: Assessment) -> list[dict[str, Any]]:
    return [
        {
            "metric": str(item.metric),
            "gated": item.gated,
            "pairs": item.pairs,
            "spread": item.spread,
            "half_width": item.half_width,
            "detectable": {str(pairs): item.detectable(pairs) for pairs in (LOOKS[0], LOOKS[-1])},
        }
        for item in floors(check, assessment)
    ]
