"""How often `toolkit check` finds a slow-down that was planted into a reference app.

``.venv/bin/python -m benchmarks.gate_power --plants cpu10,leak --checks 20`` (``--list`` names the
plants, see ``gate_plants.py``). Each plant gets a git repository in a temporary folder, with the
app as it is here in the one commit and the plant in the other, and a check is ``toolkit check
--base base --candidate candidate --stack ... --tolerance 5%`` in it, two to three minutes each. The
plants take turns. Each check is stored as soon as it has ended, so the script can be stopped at any
time, and goes on where it was, until there are so many ``--checks`` of each plant with the same
arguments; what follows ``--`` is passed on. ``--summary`` shows what is stored. Images that are
built with Docker stay, as those of any check.

A plant that costs a part of the base's CPU per request, such as 10 %, is measured out first, once
for each server and stored too: a check of the base with many rounds of work beside the base as it
is gives what a round costs within a request, and CPU per request. The two are measured in the same
bursts, so that it does not matter how fast the machine is just then.
"""

import argparse
import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.gate_common import (
    REFERENCE,
    ROOT,
    Patience,
    Record,
    Results,
    at_least,
    interruptible,
    of_each,
    record_of,
    rounded,
    run_check,
)
from benchmarks.gate_plants import PLANTS, Edit, Plant, copy_stack
from toolkit.checked import Metric
from toolkit.judgement import assess

ROUNDS_TO_MEASURE = 1500
"""Of the work in a request that is measured out: less than half of what a short request costs.

Much more would be another mixture: a busy machine slows down bare arithmetic less than a request.
"""

_ALONE_TIMES = 200
_GIT = ("-c", "user.name=gate", "-c", "user.email=gate@example.invalid")

Sides = tuple[Sequence[Edit], Sequence[Edit]]


# Repositories


@contextlib.contextmanager
def repository(app: str, sides: Sides, rounds: int) -> Iterator[Path]:
    """Make a repository with the commits ``base`` and ``candidate``.

    Args:
        app: Which.
        sides: What is edited in each.
        rounds: Of the work that is added.
    """
    with tempfile.TemporaryDirectory(prefix="toolkit-plant-") as name:
        folder = Path(name)
        _git(folder, "init", "--quiet")
        for tag, edits in zip(("base", "candidate"), sides, strict=True):
            for part in ("apps", "deploy", "docker"):
                shutil.rmtree(folder / part, ignore_errors=True)
            copy_stack(ROOT, app, folder)
            for edit in edits:
                edit(folder, rounds)
            _git(folder, "add", "--all")
            _git(folder, "commit", "--quiet", "--no-verify", "--message", tag)
            _git(folder, "tag", tag)
        yield folder


def _git(folder: Path, *arguments: str) -> None:
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", *_GIT, "-C", str(folder), *arguments]
    subprocess.run(command, check=True, env={**os.environ, **nobody}, stdin=subprocess.DEVNULL)


def arguments_of(plant: Plant, given: argparse.Namespace) -> list[str]:
    """Give the arguments of a check of a plant."""
    return [
        *("--base", "base", "--candidate", "candidate"),
        *("--stack", plant.stack),
        *("--workload", plant.workload),
        *("--runtime", given.runtime),
        *plant.arguments,
    ]


# Measuring out


def measure_out(plant: Plant, given: argparse.Namespace, results: Results) -> Record:
    """Find what a round of work costs within a request; give a record of it."""
    alone = _alone()
    edits = (*plant.base, *plant.candidate)
    with repository(plant.app, ((), edits), ROUNDS_TO_MEASURE) as folder:
        command = [*arguments_of(plant, given), "--metric", "cpu", "--tolerance", "5%"]
        # with its confirmation, which makes twice as many pairs
        done = run_check(command, folder)
    check = done.check
    if check is None:
        raise SystemExit(f"the work cannot be measured out (exit code {done.code}):\n{done.said}")
    found = next((item for item in assess(check).changes if item.metric is Metric.CPU), None)
    if found is None or found.change <= 0 or found.ratio.low is None or found.ratio.high is None:
        raise SystemExit(f"{ROUNDS_TO_MEASURE} rounds of work cost nothing:\n{done.said}")
    record = {
        "at": check.started_at,
        "server": _server(plant),
        "pairs": found.ratio.pairs,
        "cpu_per_request": rounded(found.base),
        "rounds": ROUNDS_TO_MEASURE,
        "change": rounded(found.change),
        "low": rounded(found.ratio.low - 1),
        "high": rounded(found.ratio.high - 1),
        "seconds_within_a_request": rounded(found.base * found.change),
        "seconds_alone": rounded((alone + _alone()) / 2),
    }
    results.calibrate(record, check.host, check.runtime)
    print(
        f"{record['server']}: {ROUNDS_TO_MEASURE} rounds of work are {found.change:+.1%} of a "
        f"request's {found.base * 1e6:.0f} us",
        flush=True,
    )
    return record


def rounds_of(plant: Plant, given: argparse.Namespace, results: Results) -> int:
    """Give the rounds of work that are a plant's dose on its server, measured once."""
    if not plant.dose:
        return 0
    known = (item for item in results.calibrations if item["server"] == _server(plant))
    record = next(known, None) or measure_out(plant, given, results)
    a_round: float = record["change"] / record["rounds"]
    return round(plant.dose / a_round)


def _server(plant: Plant) -> str:
    return " ".join((plant.stack, *plant.arguments))


def _alone() -> float:
    """Give the CPU seconds of the work outside of any server, the median of many times."""
    spec = importlib.util.spec_from_file_location("work", ROOT / "apps" / "shared" / "work.py")
    assert spec is not None
    assert spec.loader is not None
    work = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(work)
    taken = []
    for _ in range(_ALONE_TIMES):
        began = time.process_time()
        work.burn(ROUNDS_TO_MEASURE)
        taken.append(time.process_time() - began)
    return median(taken)


# The series


def measure(given: argparse.Namespace, names: Sequence[str], results: Results) -> None:
    """Make checks, one of each plant by turns, until there are as many as wanted."""
    patience = Patience()
    with contextlib.ExitStack() as made:
        folders: dict[str, tuple[Path, int]] = {}
        while True:
            counts = {name: len(_alike(results.records, name, given)) for name in names}
            name = min(names, key=lambda name: counts[name])
            if counts[name] >= given.checks:
                return
            plant = PLANTS[name]
            if name not in folders:
                rounds = rounds_of(plant, given, results)
                sides = (plant.base, plant.candidate)
                folders[name] = made.enter_context(repository(plant.app, sides, rounds)), rounds
            folder, rounds = folders[name]
            command = [*arguments_of(plant, given), "--tolerance", given.tolerance]
            done = run_check([*command, *given.arguments], folder)
            if not patience.told(done):
                continue
            check = done.check
            assert check is not None
            more = {"plant": name, "rounds": rounds, "arguments": _passed_on(given)}
            record = record_of(done, **more)
            results.append(record, check.host, check.runtime)
            print(f"{name} {counts[name] + 1}/{given.checks}: {_line(record)}", flush=True)


def _passed_on(given: argparse.Namespace) -> list[str]:
    """Give what makes this series another one than the usual."""
    return ["--tolerance", given.tolerance, *given.arguments]


def _alike(records: Sequence[Record], name: str, given: argparse.Namespace) -> list[Record]:
    wanted = (name, _passed_on(given))
    return [record for record in records if (record["plant"], record["arguments"]) == wanted]


def _line(record: Record) -> str:
    changes = ", ".join(
        f"{metric} {found['change']:+.1%}"
        for metric in (Metric.CPU, Metric.THROUGHPUT, Metric.MEMORY)
        if (found := record["changes"].get(metric))
    )
    reasons = f" ({'; '.join(record['reasons'])})" if record["reasons"] else ""
    return (
        f"{record['verdict']}{reasons}, {record['pairs']} pairs, {record['seconds']} s; {changes}; "
        f"load {record['load_average'][0]:.1f}"
    )


def summarize(records: Sequence[Record]) -> None:
    """Print how many of each plant were found."""
    if not records:
        print("nothing is stored")
        return
    table = Table("plant", "arguments", "expected", "found", "at least", "shows in", "pairs", "s")
    for (name, arguments), alike in of_each(
        records, lambda record: (record["plant"], " ".join(record["arguments"]))
    ).items():
        plant = PLANTS[name]
        found = sum(record["verdict"] == plant.expected for record in alike)
        others = Counter(r["verdict"] for r in alike if r["verdict"] != plant.expected)
        changes = [r["changes"][plant.metric]["change"] for r in alike if r["changes"]]
        table.add_row(
            name,
            arguments,
            str(plant.expected),
            f"{found} of {len(alike)}"
            + "".join(f", {times} {verdict}" for verdict, times in others.items()),
            f"{at_least(found, len(alike)):.1%}",
            f"{plant.metric} {median(changes):+.1%}" if changes else "-",
            f"{median(record['pairs'] for record in alike):g}",
            f"{median(record['seconds'] for record in alike):.0f}",
        )
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    console.print(
        "at least: the share of all such checks in which it is found (95 %, Clopper-Pearson); "
        "shows in: the median of the checks; pairs and seconds: medians, with the confirmation"
    )


def main() -> int:
    """Measure, or show what is stored."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--plants", default=",".join(PLANTS), help="names, with commas between")
    parser.add_argument("--checks", type=int, default=20, help="of each plant")
    parser.add_argument("--tolerance", default="5%")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--results", type=Path, default=REFERENCE / "gate_power.json")
    parser.add_argument("--summary", action="store_true", help="measure nothing")
    parser.add_argument("--list", action="store_true", help="name the plants")
    parser.add_argument("arguments", nargs="*", help="passed on to toolkit check")
    given = parser.parse_args()
    names = [name.strip() for name in given.plants.split(",")]
    unknown = [name for name in names if name not in PLANTS]
    if unknown:
        parser.error(f"there is no plant {', '.join(unknown)}; there are {', '.join(PLANTS)}")
    if given.list:
        for name, plant in PLANTS.items():
            print(f"{name:14} {plant.summary} ({_server(plant)}, {plant.workload})")
        return 0
    plants = {name: plant.summary for name, plant in PLANTS.items()}
    results = Results(given.results, "gate_power.py", {"plants": plants})
    if not given.summary:
        with interruptible():
            measure(given, names, results)
    summarize(results.records)
    return 0


if __name__ == "__main__":
    sys.exit(main())
