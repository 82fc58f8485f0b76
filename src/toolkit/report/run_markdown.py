"""A run in Markdown, for a pull request or a step summary: answers, tables, the rest folded in.

What comes from outside is shown as code, see ``markdown``.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from toolkit.compare import tables
from toolkit.measured import Run
from toolkit.report.answers import answers
from toolkit.report.circumstances import circumstances
from toolkit.report.columns import (
    Column,
    capacity_columns,
    cost_columns,
    rate_columns,
    shape_columns,
    shape_title,
)
from toolkit.report.markdown import code, folded, row_of
from toolkit.report.notes import notes
from toolkit.report.tune_findings import finalist_columns, remarks
from toolkit.tuning.finals import finals_of

_R = TypeVar("_R")

_LATENCY = "Latency at the same rate for all: p50 / p99 / p99.9 ms"
_MOST_ROWS = 50
_MOST_NOTES = 30


def markdown(run: Run, *, wanted: float | None = None) -> str:
    """Write a run.

    Args:
        run: What was measured.
        wanted: Requests/s for which replicas are counted, None: for no rate.
    """
    shown = finals_of(run)
    found = tables(shown)
    lines = [f"### Run {code(run.id)}", ""]
    lines += [f"- {code(workload)}: {code_free(said)}" for workload, said in answers(run, found)]
    if run.finished_at is None:
        lines += [
            "",
            f"It did not come to its end: {len(run.outcomes)} of {len(run.trials)} trials.",
        ]
    lines += _search(run)
    for table in found:
        lines += ["", f"#### {code(table.workload)}", ""]
        lines += _table(table.rows, capacity_columns(table, shown))
        rates = rate_columns(table, shown)
        if rates:
            lines += folded(_LATENCY, _table(table.rows, rates))
        costs = cost_columns(table, wanted)
        if costs:
            lines += folded("Cost at capacity", _table(table.rows, costs))
        if shape_title(table):
            lines += folded(shape_title(table), _table(table.rows, shape_columns(table)))
        said = [code(note.plain) for note in notes(table, shown, [])]
        if said:
            lines += folded(f"Notes ({len(said)})", _listed(said))
    told = [f"{code(label.strip())} {code(text)}" for label, text in circumstances(shown)]
    lines += folded("How it was measured", _listed(told))
    return "\n".join(lines) + "\n"


def _search(run: Run) -> Iterator[str]:
    tuned = run.tuned
    if tuned is None:
        return
    if tuned.finalists:
        yield from ("", "#### Finalists of the search", "")
        yield from _table(tuned.finalists, finalist_columns(tuned))
    said = [code(text.plain) for text in remarks(run, tuned)]
    yield from folded(f"What was tried ({len(said)})", _listed(said))


def code_free(text: str) -> str:
    """Write a sentence of ours whose names come from outside: nothing in it is Markdown."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>()#|~!@&" else sign for sign in text)


def _table(rows: Sequence[_R], columns: Sequence[Column[_R]]) -> Iterator[str]:
    yield row_of(code_free(column.title) for column in columns)
    yield row_of("---" if column.justify == "left" else "---:" for column in columns)
    for row in rows[:_MOST_ROWS]:
        cells = ((column, column.cell(row)) for column in columns)
        yield row_of(code(c) if column.least else code_free(c) for column, c in cells)
    yield ""
    if len(rows) > _MOST_ROWS:
        yield f"{len(rows) - _MOST_ROWS} more rows are in the run."
        yield ""


def _listed(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"- {line}" for line in lines[:_MOST_NOTES])
    if len(lines) > _MOST_NOTES:
        yield f"- {len(lines) - _MOST_NOTES} more are in the run."
    yield ""
