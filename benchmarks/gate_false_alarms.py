"""How often `toolkit check --aa` calls a version worse than itself, on a machine that is disturbed.

``.venv/bin/python -m benchmarks.gate_false_alarms --checks 60 [--only quiet|disturbed]``: every
check is the command as a user gives it, one and a half minutes each. In every other one two
processes of this script compete with it, unpinned and as important as any other: one is always
busy, one is so now and then. Each check is stored as soon as it has ended, so the script can be
stopped at any time, and goes on where it was. ``--checks`` counts those with the same arguments
(with ``--only``: of that kind); what follows ``--`` is passed on, as ``-- --workers 2``.
``--summary`` shows what is stored, judged once more at tolerances of 5 % and of 10 %: a check that
stopped early at its own tolerance has few pairs for a smaller one.
"""

import argparse
import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.gate_common import (
    REFERENCE,
    STACK,
    WORKLOAD,
    Patience,
    Record,
    Results,
    at_most,
    interruptible,
    judge_again,
    of_each,
    pairs_of,
    record_of,
    run_check,
)
from toolkit.changes import Verdict
from toolkit.checked import CheckSettings, Metric

TOLERANCES = (0.05, 0.1)
BUSY_FOR, IDLE_FOR = 0.7, 1.0
"""Mean seconds for which the second of the other processes is busy, and idle; exponential."""

_LONGEST = 1800.0
"""Seconds after which they end by themselves."""

_BURNER = """
import os, random, sys, time

busy, idle, longest = map(float, sys.argv[1:])
parent, end, block = os.getppid(), time.monotonic() + longest, bytearray(2**22)
while time.monotonic() < end and os.getppid() == parent:
    until = time.monotonic() + (random.expovariate(1 / busy) if idle else 1.0)
    while time.monotonic() < until:
        sum(range(20_000))
        bytes(block)  # and out of the caches with what others have there
    if idle:
        time.sleep(random.expovariate(1 / idle))
"""


@contextlib.contextmanager
def disturbance() -> Iterator[None]:
    """Keep a machine busy: all the time with one process, now and then with another."""
    with contextlib.ExitStack() as running:
        for idle in (0.0, IDLE_FOR):
            arguments = map(str, (BUSY_FOR, idle, _LONGEST))
            process = subprocess.Popen([sys.executable, "-I", "-c", _BURNER, *arguments])
            running.callback(process.wait)
            running.callback(process.kill)
        yield


def measure(given: argparse.Namespace, results: Results) -> None:
    """Make checks until there are as many as wanted."""
    patience = Patience()
    arguments = [
        "--aa",
        *("--stack", given.stack),
        *("--workload", given.workload),
        *("--tolerance", given.tolerance),
        *("--runtime", given.runtime),
        *given.arguments,
    ]
    while True:
        alike = [record for record in results.records if _is_alike(record, given)]
        counts = Counter(record["disturbed"] for record in alike)
        if given.only is None:
            done, disturbed = counts.total(), counts[True] < counts[False]
        else:
            disturbed = given.only == "disturbed"
            done = counts[disturbed]
        if done >= given.checks:
            return
        with disturbance() if disturbed else contextlib.nullcontext():
            found = run_check(arguments)
        if not patience.told(found):
            continue
        check = found.check
        assert check is not None
        record = record_of(found, disturbed=disturbed, arguments=_passed_on(given))
        results.append(record, check.host, check.runtime)
        print(f"{done + 1:3}/{given.checks}: {_line(record)}", flush=True)


def _passed_on(given: argparse.Namespace) -> list[str]:
    """Give what makes this series another one than the usual."""
    return ["--tolerance", given.tolerance, *given.arguments]


def _is_alike(record: Record, given: argparse.Namespace) -> bool:
    wanted = (given.stack, [given.workload], _passed_on(given))
    return (record["stack"], record["workloads"], record["arguments"]) == wanted


def _line(record: Record) -> str:
    changes = ", ".join(
        f"{metric} {found['change']:+.1%} [{found['low']:+.1%}, {found['high']:+.1%}]"
        for metric in (Metric.CPU, Metric.THROUGHPUT, Metric.MEMORY)
        if (found := record["changes"].get(metric)) and found["low"] is not None
    )
    return (
        f"{'disturbed' if record['disturbed'] else 'quiet':9} {record['verdict']}, "
        f"{record['pairs']} pairs, {record['seconds']} s; {changes}; "
        f"foreign {record['foreign'] or 0:.0%}, load {record['load_average'][0]:.1f}"
    )


def summarize(records: Sequence[Record]) -> None:
    """Print what the checks of each kind came to."""
    if not records:
        print("nothing is stored")
    for (stack, workloads, arguments), alike in of_each(
        records,
        lambda record: (
            record["stack"],
            ", ".join(record["workloads"]),
            " ".join(record["arguments"]),
        ),
    ).items():
        print(f"\n{stack}, {workloads}, {arguments}: a version against itself")
        for name, found in (
            ("quiet", [record for record in alike if not record["disturbed"]]),
            ("disturbed", [record for record in alike if record["disturbed"]]),
            ("all", alike),
        ):
            if found:
                print(f"  {name}, {len(found)} checks")
                _summarize(found)


def _summarize(records: Sequence[Record]) -> None:
    _count("as they ended", [record["verdict"] for record in records])
    for tolerance in TOLERANCES:
        once = [_again(record, tolerance, confirm=False) for record in records]
        confirmed = [_again(record, tolerance, confirm=True) for record in records]
        _count(f"judged again at {tolerance:.0%}", confirmed)
        first = sum(verdict is Verdict.REGRESSION for verdict in once)
        if first:
            print(f"      without confirmation {first} regressions")
    for metric in (Metric.CPU, Metric.THROUGHPUT, Metric.MEMORY):
        spreads = [
            found["spread"]
            for record in records
            if (found := record["changes"].get(metric)) and found["spread"] is not None
        ]
        if spreads:
            print(
                f"    a pair's {metric} is off by {median(spreads):.1%} (standard deviation, "
                f"median of the checks; from {min(spreads):.1%} to {max(spreads):.1%})"
            )
    seconds = sorted(record["seconds"] for record in records)
    pairs = sorted(record["pairs"] for record in records)
    foreign = [record["foreign"] or 0.0 for record in records]
    print(
        f"    {median(seconds):.0f} s (at most {seconds[-1]}), {median(pairs):g} pairs (at most "
        f"{pairs[-1]}); others used {median(foreign):.0%} of the servers' CPU (at most "
        f"{max(foreign):.0%})"
    )


def _count(what: str, verdicts: Sequence[str]) -> None:
    counts = Counter(verdicts)
    shown = ", ".join(f"{counts[name]} {name}" for name in Verdict if counts[name])
    alarms, of = counts[Verdict.REGRESSION], len(verdicts)
    print(
        f"    {what}: {shown}; false alarms {alarms} of {of}, at most {at_most(alarms, of):.1%} of "
        "all such checks (95 %, Clopper-Pearson)"
    )


def _again(record: Record, tolerance: float, *, confirm: bool) -> Verdict:
    if record["verdict"] == Verdict.INVALID or not record["values"]:
        return Verdict.INVALID
    series = {int(name): pairs_of(found, int(name)) for name, found in record["values"].items()}
    settings = CheckSettings(tolerance=tolerance, confirm=confirm)
    return judge_again(series, settings).verdict


def main() -> int:
    """Measure, or show what is stored."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--checks", type=int, default=60)
    parser.add_argument("--only", choices=["disturbed", "quiet"])
    parser.add_argument("--stack", default=STACK)
    parser.add_argument("--workload", default=WORKLOAD)
    parser.add_argument("--tolerance", default="5%")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--results", type=Path, default=REFERENCE / "gate_false_alarms.json")
    parser.add_argument("--summary", action="store_true", help="measure nothing")
    parser.add_argument("arguments", nargs="*", help="passed on to toolkit check")
    given = parser.parse_args()
    others = {"always_busy": 1, "now_and_then": 1, "busy_for": BUSY_FOR, "idle_for": IDLE_FOR}
    results = Results(given.results, "gate_false_alarms.py", {"disturbance": others})
    if not given.summary:
        with interruptible():
            measure(given, results)
    summarize(results.records)
    return 0


if __name__ == "__main__":
    sys.exit(main())
