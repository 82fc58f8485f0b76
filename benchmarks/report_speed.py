"""How long does a stored run of 2,000 trials take to be shown, in a terminal and as a page?

``.venv/bin/python benchmarks/report_speed.py [--trials N]``

The run is the reference run of this repository, repeated until it is that large: rounds are added
to the same stacks. Printed are seconds of each step and the size of the page, median of three, with
the time that the same steps take for the reference run itself beside them.
"""

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from toolkit.measured import Run
from toolkit.report.browser.document import Library
from toolkit.report.browser.drawing import library
from toolkit.report.browser.page import page
from toolkit.report.terminal import show
from toolkit.store import Store, dumps, loads

REFERENCE = Path(__file__).parents[1] / "results" / "reference"
REPEATS = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    trials = parser.parse_args().trials
    small = Store(REFERENCE).load(str(REFERENCE / "two-cores"))
    large = enlarged(small, trials)
    library()  # unpacked once per process, whatever the run
    table = Table(
        "step", f"{len(small.outcomes)} trials, s", f"{len(large.outcomes)} trials, s", "ratio"
    )
    for name, step in (("read", read), ("terminal", terminal), ("page", as_page)):
        times = [seconds(step, run) for run in (small, large)]
        table.add_row(name, *(f"{value:.2f}" for value in times), f"{times[1] / times[0]:.1f}")
    Console().print(table)
    print(f"page: {len(page(large, Library(text=library()))) / 2**20:.2f} MiB")


def enlarged(run: Run, trials: int) -> Run:
    """Repeat the rounds of a run until it has so many trials."""
    outcomes, planned = [*run.outcomes], [*run.trials]
    shift = run.rounds
    while len(outcomes) < trials:
        for item in run.outcomes:
            moved = replace(item.trial, round=item.trial.round + shift)
            outcomes.append(replace(item, trial=moved))
            planned.append(moved)
        shift += run.rounds
    kept = outcomes[:trials]
    return replace(run, outcomes=tuple(kept), trials=tuple(planned[:trials]), rounds=shift)


def read(run: Run) -> None:
    """Read a run from its document."""
    loads(dumps(run), "memory")


def terminal(run: Run) -> None:
    """Show a run as `toolkit report` does."""
    show(run, Console(file=io.StringIO(), width=140))


def as_page(run: Run) -> None:
    """Write a run as `toolkit report --html` does."""
    page(run, Library(text=library()))


def seconds(step: Callable[[Run], None], run: Run) -> float:
    """Give the median of several times."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        step(run)
        times.append(time.perf_counter() - began)
    return median(times)


if __name__ == "__main__":
    main()
