"""A lint for people: findings by file, then what was looked at and what could not be."""

from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toolkit.lint.finding import Finding, Rule, Severity
from toolkit.report.check_text import plain
from toolkit.report.lint_wording import Lint, message_of

_LONGEST = 1000
"""Characters of a sentence that quotes a file."""

_MOST_NAMED = 8
"""Files of one kind that are named."""

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow"}


def show(lint: Lint, console: Console) -> None:
    """Print what was found, no wider than the console.

    Whatever comes from a file is printed as text without control characters.
    """
    for finding in lint.by_file():
        console.print(_finding(lint, finding))
    if lint.taken is not None:
        title = f"Measured in run {lint.taken.run}, {lint.taken.stack}"
        _rows(console, title, lint.numbers())
    _rows(console, "Not judged", ((item.rule, item.reason) for item in lint.not_judged))
    _bullets(
        console,
        "What serves",
        (f"{name}: {text} ({place})" for name, place, text in lint.served()),
    )
    _rows(
        console,
        f"Read in {lint.folder}" if lint.folder else "Read",
        ((kind, _named(lint.deployment.files[kind])) for kind in _kinds(lint)),
    )
    _bullets(
        console,
        "Could not be read",
        (f"{lint.place(where)}: {why}" for where, why in lint.unread()),
    )
    console.print(Text(plain(lint.summary(), _LONGEST), style=_tone(lint)))
    if lint.findings:
        console.print(Text("`toolkit lint --rule NAME` says why, and where from.", style="dim"))


def show_rule(rule: Rule, console: Console) -> None:
    """Print what a rule looks for, why, and what to do."""
    console.print(Text(rule.name, style="bold"))
    console.print(Text(rule.summary))
    grid = _grid()
    for label, text in (("Why", rule.reason), ("Fix", rule.fix), ("Source", rule.source)):
        grid.add_row(Text(label, style="bold"), Text(text))
    console.print(Padding(grid, (1, 0, 0, 0)))


def show_rules(rules: Iterable[Rule], console: Console) -> None:
    """Print all rules, one a line where there is room."""
    grid = _grid()
    for rule in rules:
        grid.add_row(Text(rule.name, style="bold"), Text(rule.summary))
    console.print(grid)


def _finding(lint: Lint, finding: Finding) -> RenderableType:
    head = Text.assemble(
        (f"{finding.severity:7}", _STYLES[finding.severity]),
        "  ",
        (plain(lint.place(finding.where)), "bold"),
        "  ",
        (finding.rule, "cyan"),
    )
    body = Group(
        Text(plain(message_of(finding), _LONGEST)),
        Text.assemble(("Fix: ", "bold"), plain(finding.fix, _LONGEST)),
    )
    return Group(head, Padding(body, (0, 0, 1, 2), expand=False))


def _rows(console: Console, title: str, rows: Iterable[tuple[str, str]]) -> None:
    grid = _grid()
    for label, text in rows:
        grid.add_row(Text(plain(label)), Text(plain(text, _LONGEST)))
    _section(console, title, grid)


def _bullets(console: Console, title: str, lines: Iterable[str]) -> None:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row("-", Text(plain(line, _LONGEST)))
    _section(console, title, grid)


def _section(console: Console, title: str, grid: Table) -> None:
    if grid.rows:
        console.print(Text(plain(title), style="bold"))
        console.print(Padding(grid, (0, 0, 1, 2), expand=False))


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    return grid


def _kinds(lint: Lint) -> Sequence[str]:
    return sorted((kind for kind, paths in lint.deployment.files.items() if paths), key=str.lower)


def _named(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:_MOST_NAMED])
    more = len(paths) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _tone(lint: Lint) -> str:
    if lint.count(Severity.ERROR):
        return "bold red"
    return "bold yellow" if lint.count(Severity.WARNING) else "bold"
