"""How long does a stored run of 2,000 trials take to be shown, in a terminal and as a page?

``.venv/bin/python benchmarks/report_speed.py [--trials N]``

The run is the reference run of this repository, made that large in two ways: with more rounds of
the same stacks, and with more stacks, as all apps on all servers are. What is added differs by a
few per cent, as measured numbers do: equal ones would be ties, whose exact tests take longer.
Printed are seconds of each step, median of three, and the size of the page. What begins with
`toolkit` is the whole command in a process of its own, with its start.
"""

import argparse
import io
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from toolkit.measured import Measurement, Outcome, Run
from toolkit.report.browser.document import Library
from toolkit.report.browser.drawing import library
from toolkit.report.browser.page import page
from toolkit.report.terminal import show
from toolkit.store import Store, dumps, loads

REFERENCE = Path(__file__).parents[1] / "results" / "reference"
REPEATS = 3
_SPREAD = 0.03


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    small = Store(REFERENCE).load(str(REFERENCE / "two-cores"))
    runs = {
        f"as it is, {len(small.outcomes)} trials": small,
        f"more rounds, {trials} trials": with_rounds(small, trials),
        f"more stacks, {trials} trials": with_stacks(small, trials),
    }
    library()  # unpacked once per process, whatever the run
    table = Table("seconds", *runs)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Store(Path(folder) / name).save(run) for name, run in runs.items()]
        stored = [*zip(runs.values(), paths, strict=True)]
        for name, step in STEPS.items():
            table.add_row(name, *(f"{seconds(step, run, path):.2f}" for run, path in stored))
    sizes = (len(page(run, Library(text=library()))) / 2**20 for run in runs.values())
    table.add_row("size of the page, MiB", *(f"{size:.2f}" for size in sizes))
    Console().print(table)


def with_rounds(run: Run, trials: int) -> Run:
    """Repeat the rounds of a run until it has so many trials."""
    copies = [
        _moved(item, copy * run.rounds, "")
        for copy in range(-(-trials // len(run.outcomes)))
        for item in _varied(run, copy)
    ][:trials]
    rounds = max(item.trial.round for item in copies)
    return _of(run, copies, rounds)


def with_stacks(run: Run, trials: int) -> Run:
    """Repeat the stacks of a run under other names until it has so many trials."""
    names = [f":copy={copy}" if copy else "" for copy in range(-(-trials // len(run.outcomes)))]
    copies = [
        _moved(item, 0, name) for copy, name in enumerate(names) for item in _varied(run, copy)
    ][:trials]
    facts = tuple(replace(item, id=f"{item.id}{name}") for name in names for item in run.stacks)
    return replace(_of(run, copies, run.rounds), stacks=facts)


def _of(run: Run, outcomes: list[Outcome], rounds: int) -> Run:
    trials = tuple(item.trial for item in outcomes)
    return replace(run, outcomes=tuple(outcomes), trials=trials, rounds=rounds)


def _moved(item: Outcome, rounds: int, name: str) -> Outcome:
    trial = item.trial
    return replace(
        item, trial=replace(trial, round=trial.round + rounds, stack=f"{trial.stack}{name}")
    )


def _varied(run: Run, seed: int) -> Iterator[Outcome]:
    """Give the outcomes with their numbers of answers a few per cent off."""
    chance = random.Random(seed)
    for item in run.outcomes:
        if not isinstance(item, Measurement):
            yield item
            continue
        first, *others = item.phases
        answers = round(first.load.requests * chance.lognormvariate(0, _SPREAD))
        changed = replace(first, load=replace(first.load, requests=answers))
        yield replace(item, phases=(changed, *others))


def read(run: Run, path: Path) -> None:
    """Read a run from its document."""
    loads(path.read_text(encoding="utf-8"), str(path))


def written(run: Run, path: Path) -> None:
    """Write its document, as it is done after each trial."""
    dumps(run)


def terminal(run: Run, path: Path) -> None:
    """Make what `toolkit report` shows."""
    show(run, Console(file=io.StringIO(), width=140))


def as_page(run: Run, path: Path) -> None:
    """Make what `toolkit report --html` writes."""
    page(run, Library(text=library()))


def command(run: Run, path: Path) -> None:
    """Run `toolkit report`, start and all."""
    _report(path)


def command_html(run: Run, path: Path) -> None:
    """Run `toolkit report --html`, start and all."""
    _report(path, "--html", str(path.with_suffix(".html")))


def _report(path: Path, *more: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "toolkit", "report", str(path), *more],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


STEPS: dict[str, Callable[[Run, Path], None]] = {
    "read": read,
    "write": written,
    "terminal": terminal,
    "page": as_page,
    "toolkit report": command,
    "toolkit report --html": command_html,
}


def seconds(step: Callable[[Run, Path], None], run: Run, path: Path) -> float:
    """Give the median of several times."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        step(run, path)
        times.append(time.perf_counter() - began)
    return median(times)


if __name__ == "__main__":
    main()
