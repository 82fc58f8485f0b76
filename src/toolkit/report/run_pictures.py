"""A run as pictures: the terminal report as SVG, its main chart as PNG for readmes and slides."""

import io

from rich.console import Console

from toolkit.compare import tables
from toolkit.errors import ConfigError
from toolkit.measured import Run
from toolkit.report.browser import charts, data
from toolkit.report.browser.drawing import png
from toolkit.report.tune_terminal import show_whole
from toolkit.tuning.finals import finals_of

_WIDTH = 140


def terminal_svg(run: Run, *, wanted: float | None = None) -> str:
    """Draw what `toolkit report` shows in a terminal."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), highlight=False)
    show_whole(run, console, wanted=wanted)
    return console.export_svg(title=f"toolkit report {run.id}", clear=False)


def main_chart(run: Run, workload: str | None = None) -> bytes:
    """Draw the capacity of each stack as PNG.

    Args:
        run: What was measured.
        workload: Id of the workload, None: the first.

    Raises:
        ConfigError: There is no such workload, or nothing was measured.
        EnvironmentFault: What draws is not installed.
    """
    shown = finals_of(run)
    found = {table.workload: table for table in tables(shown)}
    table = next(iter(found.values())) if workload is None else found.get(workload)
    if table is None:
        raise ConfigError(
            f"run {run.id} has no workload {workload!r}", hint=f"It has {', '.join(found)}."
        )
    order = [row.stack for row in table.rows if row.throughput is not None]
    if not order:
        raise ConfigError(f"run {run.id} has nothing to draw: no stack was measured")
    capacity = data.capacity(table)
    spec = charts.throughput(
        order, order, intervals=any(low is not None for low in capacity["low"])
    )
    title = {"text": table.workload, "anchor": "start", "fontSize": 15}
    datasets = {"capacity": data.rows(capacity), "trials": data.rows(data.trials(shown, table))}
    return png({**spec, "title": title}, datasets)
