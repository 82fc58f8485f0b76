"""A check in Markdown, for a step summary and for a comment on a pull request.

What comes from outside (labels, endpoints, error texts) may be written by somebody who has no say
in the repository. It is shown as code and nowhere else: in code nothing is a link, a mention, HTML
or an emphasis (GitHub Flavored Markdown, 6.3), and neither a line end nor a vertical bar is left
that could break a table.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from toolkit.checked import Check
from toolkit.judgement import Assessment
from toolkit.report.check_tables import Sheet, endpoints, metrics, noise
from toolkit.report.check_text import plain
from toolkit.report.check_wording import Wording

MARKER = "<!-- toolkit check -->"
"""Begins each report, so that the comment of an earlier run is found and replaced."""

_MOST_ROWS = 50
_MOST_LINES = 20
"""Of a list; what a check found may be as much as somebody likes."""


def markdown(check: Check, assessment: Assessment) -> str:
    """Write a check: verdict and table of metrics, the rest folded in.

    However much a check found, it stays below the 65,536 characters that a comment may have.
    """
    wording = Wording(check, assessment, code)
    return "\n".join(line for part in _parts(wording) for line in part) + "\n"


def code(text: str) -> str:
    """Quote a text from outside: as code, on one line, without a vertical bar."""
    shown = plain(text).replace("|", "¦").replace("`", "'") or "-"
    return f"`{shown}`"


def _parts(wording: Wording) -> Iterator[Iterable[str]]:
    check, assessment = wording.check, wording.assessment
    yield (MARKER, f"### {wording.headline()}", "", wording.sureness(), "")
    if assessment.changes:
        yield _table(metrics(check, assessment))
    if check.against_itself and assessment.changes:
        yield ("What this machine can tell:", "", wording.abilities(), "")
        yield _table(noise(check, assessment))
    if wording.packages():
        yield (wording.packages(), "")
    yield _bullets(wording.reasons_title, wording.reasons())
    yield _bullets(wording.advice_title, wording.advice())
    if assessment.rows:
        yield folded("By endpoint", _table(endpoints(wording, _MOST_ROWS)))
    found = [text for _, text in wording.findings()]
    if found:
        yield folded(f"Found on the way ({len(found)})", _list(found))
    details = [f"{label}: {text}" for label, text in wording.compared()]
    yield folded(
        "What was compared, where, and how to see it again",
        (*_list([*details, f"on: {wording.circumstances()}"]), *_command(wording.command())),
    )


def _table(sheet: Sheet) -> Iterator[str]:
    yield row_of(column.title for column in sheet.columns)
    yield row_of("---:" if column.right else "---" for column in sheet.columns)
    yield from map(row_of, sheet.rows)
    yield ""
    yield sheet.note
    yield ""


def row_of(cells: Iterable[str]) -> str:
    """Write a row of a table, of cells that are Markdown already."""
    return f"| {' | '.join(cells)} |"


def _bullets(title: str, texts: Iterator[str]) -> Iterator[str]:
    lines = list(texts)
    if lines:
        yield f"{title}:"
        yield ""
        yield from _list(lines)


def _list(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"- {line}" for line in lines[:_MOST_LINES])
    left = len(lines) - _MOST_LINES
    if left > 0:
        yield f"- and {left} more"
    yield ""


def folded(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Give lines that are shown when somebody asks for them; the title is ours."""
    yield f"<details><summary>{title}</summary>"
    yield ""  # Markdown within HTML begins after an empty line
    yield from lines
    yield "</details>"
    yield ""


def _command(text: str) -> Iterator[str]:
    """Give a command as a block to copy, fenced with more backticks than it holds."""
    if text:
        longest = max(map(len, re.findall("`+", text)), default=0)
        fence = "`" * max(3, longest + 1)
        yield from (f"{fence}sh", text, fence, "")
