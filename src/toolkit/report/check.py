"""A check for people: the verdict first; rich in a terminal, plain and folded in the log of CI."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from toolkit.changes import Verdict
from toolkit.checked import Check
from toolkit.judgement import Assessment
from toolkit.measured import Severity
from toolkit.report.check_tables import TONES, Sheet, Tone, endpoints, metrics, noise
from toolkit.report.check_text import plain
from toolkit.report.check_wording import Wording
from toolkit.report.columns import widest
from toolkit.report.workflow_commands import command, harmless

GITHUB, GITLAB = "github", "gitlab"

_MOST_ROWS = 12
_MOST_FOLDED_ROWS = 100
_STYLES = {
    Tone.PLAIN: "",
    Tone.BAD: "red",
    Tone.GOOD: "green",
    Tone.DOUBT: "yellow",
    Tone.QUIET: "dim",
}
_ANNOTATIONS = {
    Verdict.REGRESSION: ("error", "Performance regression"),
    Verdict.INCONCLUSIVE: ("warning", "Performance check inconclusive"),
    Verdict.INVALID: ("error", "Performance check invalid, no verdict"),
}
"""Only what ends with an exit code other than 0, or may, deserves one."""


def show(check: Check, assessment: Assessment, console: Console, *, ci: str = "") -> None:
    """Print a check.

    Args:
        check: What was measured.
        assessment: What it means.
        console: Where to; nothing but the command to see it again is wider.
        ci: Whose log it is, ``github`` or ``gitlab``: no colours and no lines drawn, details folded
            in, and for GitHub an annotation. Empty: a terminal or a file.
    """
    if ci:
        _Log(check, assessment, console, ci).show()
    else:
        _Terminal(check, assessment, console).show()


class _Terminal:
    """Prints with colours, within the width of the console."""

    def __init__(self, check: Check, assessment: Assessment, console: Console) -> None:
        self._check = check
        self._assessment = assessment
        self._console = console
        self._wording = Wording(check, assessment)
        self._height = 0

    def show(self) -> None:
        check, assessment, wording = self._check, self._assessment, self._wording
        verdict = Text(wording.headline(), style=f"bold {_STYLES[TONES[assessment.verdict]]}")
        self._print(verdict)
        self._print(Text(wording.sureness()))
        if assessment.changes:
            self._table(metrics(check, assessment))
        if check.against_itself and assessment.changes:
            self._print(Text("\nWhat this machine can tell", style="bold"))
            self._print(Text(wording.abilities()))
            self._table(noise(check, assessment))
        self._bullets(f"\n{wording.reasons_title}", map(Text, wording.reasons()))
        self._bullets(f"\n{wording.advice_title}", map(Text, wording.advice()))
        if assessment.rows:
            self._print(Text("\nBy endpoint", style="bold"))
            self._table(endpoints(wording, _MOST_ROWS))
        self._bullets(
            "\nFound on the way",
            (
                Text(text, style="yellow" if finding.severity is Severity.INVALID else "")
                for finding, text in wording.findings()
            ),
        )
        self._compared()
        self._print(Text(f"\n{wording.circumstances()}", style="dim"))
        if check.again:
            # a line that the console breaks could not be copied
            self._print(Text(f"\nAgain: {wording.command()}"), soft_wrap=True)
        if self._console.is_terminal and self._height >= self._console.height:
            # the first line has left the screen
            self._print(Text("\n").append_text(verdict))

    def _print(self, item: RenderableType, *, soft_wrap: bool = False) -> None:
        self._height += len(self._console.render_lines(item, pad=False))
        self._console.print(item, soft_wrap=soft_wrap)

    def _table(self, sheet: Sheet) -> None:
        table, hidden = widest(
            sheet.columns, self._console, lambda shown: _table(sheet.only(shown))
        )
        self._print(table)
        left_out = f" Not shown for lack of width: {', '.join(hidden)}." if hidden else ""
        self._print(Text(f"{sheet.note}{left_out}", style="dim"))

    def _bullets(self, title: str, texts: Iterator[Text]) -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(overflow="fold")
        for text in texts:
            grid.add_row("-", text)
        if grid.rows:
            self._print(Text(title, style="bold"))
            self._print(grid)

    def _compared(self) -> None:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, style="bold")
        grid.add_column(overflow="fold")
        for label, text in self._wording.compared():
            grid.add_row(Text(label), Text(text))
        self._print(Padding(grid, (1, 0, 0, 0)))


def _table(sheet: Sheet) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in sheet.columns:
        name = column.title == "endpoint"
        # a name may break, but not to pieces; a number never
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not name,
            overflow="fold",
            min_width=14 if name else None,
        )
    for row, tone in zip(sheet.rows, sheet.tones, strict=True):
        table.add_row(*map(Text, row), style=_STYLES[tone])
    return table


class _Log:
    """Prints lines of any length without a style, for a log that is read in a browser."""

    def __init__(self, check: Check, assessment: Assessment, console: Console, ci: str) -> None:
        self._check = check
        self._assessment = assessment
        self._console = console
        self._ci = ci
        self._wording = Wording(check, assessment, lambda text: harmless(plain(text)))

    def show(self) -> None:
        check, assessment, wording = self._check, self._assessment, self._wording
        self._lines(wording.headline(), wording.sureness())
        if assessment.changes:
            self._lines("", *_aligned(metrics(check, assessment)))
        if check.against_itself and assessment.changes:
            self._lines("", "What this machine can tell", wording.abilities())
            self._lines(*_aligned(noise(check, assessment)))
        if wording.packages():
            self._lines("", wording.packages())
        self._bullets(f"{wording.reasons_title}:", wording.reasons())
        self._bullets(f"{wording.advice_title}:", wording.advice())
        self._lines("")
        if assessment.rows:
            with self._folded("endpoints", "By endpoint"):
                self._lines(*_aligned(endpoints(wording, _MOST_FOLDED_ROWS)))
        found = [text for _, text in wording.findings()]
        if found:
            with self._folded("findings", f"Found on the way ({len(found)})"):
                self._lines(*(f"- {text}" for text in found))
        with self._folded("compared", "What was compared, and where"):
            self._lines(*(f"{label:<10} {text}" for label, text in wording.compared()))
            self._lines(f"on         {wording.circumstances()}")
        if check.again:
            self._lines(f"Again: {harmless(wording.command())}")
        if self._ci == GITHUB and assessment.verdict in _ANNOTATIONS:
            self._raw(self._annotation())

    def _annotation(self) -> str:
        kind, title = _ANNOTATIONS[self._assessment.verdict]
        text = f"{self._wording.headline()}. {self._wording.sureness()}"
        return command(kind, text, title=title)

    def _bullets(self, title: str, texts: Iterator[str]) -> None:
        lines = [f"- {text}" for text in texts]
        if lines:
            self._lines("", title, *lines)

    def _folded(self, name: str, title: str) -> AbstractContextManager[None]:
        if self._ci == GITHUB:
            return self._between(command("group", title), "::endgroup::")
        if self._ci == GITLAB:
            # the time is that of the check: a report says the same whenever it is printed
            end = self._check.finished_at or self._check.started_at
            at = f"{datetime.fromisoformat(end).timestamp():.0f}"
            section = f"toolkit_check_{name}"
            return self._between(
                f"\033[0Ksection_start:{at}:{section}[collapsed=true]\r\033[0K{title}",
                f"\033[0Ksection_end:{at}:{section}\r\033[0K",
            )
        self._lines("", title)
        return nullcontext()

    @contextmanager
    def _between(self, first: str, last: str) -> Iterator[None]:
        self._raw(first)
        yield
        self._raw(last)

    def _lines(self, *lines: str) -> None:
        for line in lines:
            self._raw(line.rstrip())

    def _raw(self, line: str) -> None:
        self._console.print(_Line(line), soft_wrap=True)


class _Line:
    """A line as it is: a ``Text`` would lose the carriage returns that GitLab asks for."""

    def __init__(self, line: str) -> None:
        self._line = line

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        yield Segment(f"{self._line}\n")


def _aligned(sheet: Sheet) -> Iterator[str]:
    titles = tuple(column.title for column in sheet.columns)
    widths = [max(map(len, cells)) for cells in zip(titles, *sheet.rows, strict=True)]
    for row in (titles, *sheet.rows):
        cells = (
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(row, widths, sheet.columns, strict=True)
        )
        yield "  ".join(cells).rstrip()
    yield sheet.note
