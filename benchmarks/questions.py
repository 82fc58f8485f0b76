"""Write the tables of docs/questions.md anew from the committed runs: ``benchmarks/questions.py``.

Between ``<!-- report RUN WORKLOAD -->`` and ``<!-- end -->`` stands the table of capacities as
``toolkit report`` prints it; after ``<!-- rates RUN[,RUN...] -->`` one of the rates alone, a row
for each stack (and run, if there are several) and a column for each workload. A test sees to it
that the page is what this script makes of it.
"""

import io
import re
from collections.abc import Iterator
from itertools import dropwhile, takewhile
from pathlib import Path

from rich.console import Console

from toolkit.compare import Row, Table, tables
from toolkit.measured import Run
from toolkit.report.terminal import show
from toolkit.store import Store
from toolkit.units import format_rate

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "questions.md"
WIDTH = 120
_BLOCK = re.compile(r"<!-- (report|rates) (.+?) -->\n.*?<!-- end -->", re.DOTALL)


def load(name: str) -> Run:
    """Read a committed run."""
    return Store(ROOT / "results").load(str(ROOT / "results" / "reference" / name))


def reported(run: Run, workload: str) -> str:
    """Cut the table of a workload's capacities out of the report."""
    out = io.StringIO()
    show(run, Console(file=out, width=WIDTH, highlight=False))
    lines = (line.rstrip() for line in out.getvalue().splitlines())
    section = dropwhile(lambda line: line != f"Workload {workload}", lines)
    table = [*takewhile(lambda line: not line.startswith(("Cost", "Latency")), section)]
    return "\n".join(["```", *table, "```"]).replace("\n\n```", "\n```")


def rates(names: list[str]) -> str:
    """Make a table of the rates of one or several runs; invalid ones in brackets."""
    found = {(name, row.stack, table.workload): row for name, row, table in _rows(names)}
    workloads = dict.fromkeys(workload for _, _, workload in found)
    lines = [f"| | {' | '.join(workloads)} |", f"|---|{'---|' * len(workloads)}"]
    for name, stack in dict.fromkeys((name, stack) for name, stack, _ in found):
        label = stack if len(names) == 1 else f"{stack}, {name.replace('/', ' ')}"
        cells = [_cell(found.get((name, stack, workload))) for workload in workloads]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _rows(names: list[str]) -> Iterator[tuple[str, Row, Table]]:
    for name in names:
        for table in tables(load(name)):
            for row in table.rows:
                yield name, row, table


def _cell(row: Row | None) -> str:
    if row is None or row.throughput is None:
        return "-"
    value = format_rate(row.throughput.value)
    return value if row.valid else f"({value})"


def render(page: str) -> str:
    """Give the page with its tables made anew."""

    def made(match: re.Match[str]) -> str:
        kind, arguments = match[1], match[2].split()
        if kind == "report":
            text = reported(load(arguments[0]), arguments[1])
        else:
            text = rates(arguments[0].split(","))
        return f"<!-- {kind} {match[2]} -->\n{text}\n<!-- end -->"

    return _BLOCK.sub(made, page)


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
