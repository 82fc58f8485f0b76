"""Does every workload run on every stack, with right answers?

``.venv/bin/python -m benchmarks.every_case [--runtime docker|process] [--stacks GLOB] [--summary]``

Each stack is benched once under all workloads, briefly: the numbers mean nothing, and are not
kept. What is kept is whether verified answers came, how many were wrong or failed, and the reason
where a case is listed as broken upstream. A case without an answer is benched again with a window
of seconds: a sync worker that slow clients keep busy serves nobody else for as long. Each stack is
stored as soon as it has ended, so the script can be stopped at any time, and goes on where it was;
``--again`` measures again what was not as it should be.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.gate_common import REFERENCE, Record, begun, interruptible, stored, text_of
from toolkit.catalog import Catalog, root
from toolkit.measured import BROKEN_UPSTREAM
from toolkit.store import write_whole

_RESULTS = REFERENCE / "every_case.json"
_BENCH = ("--rounds", "1", "--users", "4", "--rates", "none", "--warmup", "0.2")
_BRIEF, _LONG = 0.5, 8.0
"""Seconds that are measured."""

_LIMIT = 900.0
"""Seconds after which a bench of one stack has gone wrong."""

SERVED, WRONG, BROKEN, FAILED = "served", "wrong answers", "broken upstream", "failed"


def main() -> None:
    """Measure what is not stored yet, and show all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runtime", choices=("docker", "process"), default="docker")
    parser.add_argument("--stacks", default="*", help="a glob")
    parser.add_argument("--ca-bundle", help="see toolkit bench")
    parser.add_argument("--again", action="store_true", help="what was not as it should be")
    parser.add_argument("--results", type=Path, default=_RESULTS)
    parser.add_argument("--summary", action="store_true", help="measure nothing")
    given = parser.parse_args()
    document = stored(given.results) or begun("every_case", cases=[])
    if not given.summary:
        with interruptible():
            _measure(given, document)
    show(document["cases"], Console())


def _measure(given: argparse.Namespace, document: dict[str, Any]) -> None:
    for stack in Catalog(root()).select_stacks((given.stacks,)):
        mine = [
            case
            for case in document["cases"]
            if (case["runtime"], case["stack"]) == (given.runtime, stack.id)
        ]
        if mine and (not _unsound(mine) or not given.again):
            continue
        found = mine or cases_of(given.runtime, stack.id, ("*",), _BRIEF, given.ca_bundle)
        again = _unsound(found)
        if again:
            more = cases_of(given.runtime, stack.id, again, _LONG, given.ca_bundle)
            found = [case for case in found if case["workload"] not in again] + more
        document["cases"] = [case for case in document["cases"] if case not in mine] + found
        write_whole(given.results.absolute(), text_of(document))
        odd = [
            f"{case['workload']}: {case['outcome']}" for case in found if case["outcome"] != SERVED
        ]
        print(
            f"{given.runtime} {stack.id}: {len(found)} cases; {'; '.join(odd) or 'all served'}",
            flush=True,
        )


def _unsound(cases: Sequence[Record]) -> tuple[str, ...]:
    """Name the workloads of the cases that were not as they should be."""
    return tuple(case["workload"] for case in cases if case["outcome"] not in (SERVED, BROKEN))


def cases_of(
    runtime: str, stack: str, workloads: Sequence[str], seconds: float, ca_bundle: str | None
) -> list[Record]:
    """Bench a stack under workloads, for so many seconds each.

    Raises:
        SystemExit: The command gave no document.
    """
    with tempfile.TemporaryDirectory(prefix="toolkit-every-") as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "toolkit", "bench", "--runtime", runtime),
                *("--stacks", stack, "--workloads", ",".join(workloads)),
                *(*_BENCH, "--duration", str(seconds)),
                *("--results", folder, "--json", "--quiet"),
                *(("--ca-bundle", ca_bundle) if ca_bundle else ()),
            ],
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )
    if not done.stdout.strip():
        raise SystemExit(f"{stack}: no document (exit code {done.returncode})\n{done.stderr}")
    return [
        {
            "runtime": runtime,
            "stack": stack,
            "workload": table["workload"],
            "seconds": seconds,
            **_outcome(row),
        }
        for table in json.loads(done.stdout)["workloads"]
        for row in table["rows"]
    ]


def _outcome(row: Mapping[str, Any]) -> Record:
    """Say how a case went, from its row in the JSON of a run."""
    if row["failures"]:
        stages = {failure["stage"] for failure in row["failures"]}
        what = BROKEN if stages == {BROKEN_UPSTREAM} else FAILED
        return {"outcome": what, "why": row["failures"][0]["message"]}
    if row["throughput"] is None or not row["throughput"]["value"]:
        return {"outcome": FAILED, "why": "no verified answer"}
    if row["error_rate"]:
        said = [item["message"] for item in row["findings"] if item["rule"] == "errors"]
        return {"outcome": WRONG, "why": said[0] if said else f"{row['error_rate']:.2%}"}
    return {"outcome": SERVED}


def show(cases: Sequence[Record], console: Console) -> None:
    """Print how many cases went how, and each that was not served."""
    table = Table("runtime", "stacks", "cases", SERVED, BROKEN, WRONG, FAILED)
    for runtime in dict.fromkeys(case["runtime"] for case in cases):
        mine = [case for case in cases if case["runtime"] == runtime]
        counts = [
            sum(case["outcome"] == what for case in mine)
            for what in (SERVED, BROKEN, WRONG, FAILED)
        ]
        stacks = len({case["stack"] for case in mine})
        table.add_row(runtime, str(stacks), str(len(mine)), *map(str, counts))
    console.print(table)
    alike: dict[tuple[str, ...], list[str]] = {}
    for case in cases:
        if case["outcome"] != SERVED:
            key = (case["runtime"], case["stack"], case["outcome"], case["why"])
            alike.setdefault(key, []).append(case["workload"])
    for (runtime, stack, outcome, why), workloads in alike.items():
        text = f"{runtime} {stack}: {outcome}: {why} ({', '.join(sorted(workloads))})"
        console.print(text, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
