"""What a table must not be read without: findings, failures, doubts."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from toolkit.compare import Row, missing_rounds
from toolkit.compare import Table as Comparison
from toolkit.measured import Failure, Finding, Run, Severity
from toolkit.units import counted

_RECONNECTING = 0.5
"""Connections per answer from which a server is said not to keep them."""


def notes(comparison: Comparison, run: Run, hidden: list[str]) -> Iterator[Text]:
    """Give the notes below the tables of a workload: what is in them, then the gravest first."""
    yield from _other_work(comparison, run)
    yield from _findings(comparison.rows)
    for row in comparison.rows:
        yield from _failures(row)
        if row.ratio is not None and row.ratio.low is None and missing_rounds(run) is None:
            yield Text(
                f"{row.stack}: only {row.ratio.pairs} rounds in which it and the baseline are "
                "valid, too few for an interval and a rank."
            )
    if comparison.missing is not None and missing_rounds(run) is None:
        yield Text(f"{comparison.missing}.", style="yellow")
    detectable = comparison.detectable
    if detectable is not None:
        yield Text(
            f"This run could have seen differences to the baseline from about {detectable:.1%} on, "
            "on every row."
        )
    waiting = [row for row in comparison.rows if row.killed]
    if waiting:
        names = ", ".join(row.stack for row in waiting)
        yield Text(f"Did not end within 5 s of SIGTERM: {names}.")
    reconnecting = [row for row in comparison.rows if (row.reconnects or 0) >= _RECONNECTING]
    if reconnecting:
        names = ", ".join(f"{row.stack} ({row.reconnects:.2f})" for row in reconnecting)
        yield Text(
            f"New connections per answer: {names}. Such a server closes each connection after its "
            "answer, so every request pays for a new one; behind a proxy that does so too it is "
            "at home, and directly at the net it explains much of its rate."
        )
    if any(row.shaped is not None for row in comparison.rows):
        yield Text(
            "In a shape latencies count from when a request was sent, and users wait for their "
            "answers: a stack that is slow is asked less. What is under way at its end is not "
            "counted."
        )
    if hidden:
        yield Text(f"Not shown for lack of width: {', '.join(hidden)}.", style="dim")


def _other_work(comparison: Comparison, run: Run) -> Iterator[Text]:
    """Say which rows are of another kind of work than the table."""
    works = [run.beside[row.stack] for row in comparison.rows if row.stack in run.beside]
    if not works:
        return
    text = (
        f"Other work: the rows under {' and '.join(dict.fromkeys(works))} are the toolkit's "
        f"reference apps, which have no {comparison.workload}. "
    )
    if comparison.baseline in run.beside:
        text += "Ratios to the baseline compare work as well as servers"
    else:
        text += "Their ratios compare work as well as servers"
    yield Text(f"{text}, and they have no ranks.", style="yellow")


def _findings(rows: Iterable[Row]) -> Iterator[Text]:
    """Give each rule once, with all stacks it was found on and one trial's numbers."""
    found: dict[tuple[str, Severity], list[tuple[Row, Finding, int]]] = {}
    for row in rows:
        for finding, count in row.findings:
            found.setdefault((finding.rule, finding.severity), []).append((row, finding, count))
    for (_, severity), items in found.items():
        invalid = severity is Severity.INVALID
        label, style = ("INVALID", "bold red") if invalid else ("warning", "yellow")
        stacks = ", ".join(f"{row.stack} ({counted(count, 'window')})" for row, _, count in items)
        example = "for instance, " if sum(count for _, _, count in items) > 1 else ""
        yield Text.assemble((label, style), f" {stacks}: {example}{items[0][1].message}")


def _failures(row: Row) -> Iterator[Text]:
    """Give each different failure once, with the end of its log."""
    seen: dict[tuple[str, str], list[Failure]] = {}
    for failure in row.failures:
        seen.setdefault((failure.stage, failure.message), []).append(failure)
    for (stage, message), failures in seen.items():
        trials = counted(len(failures), "trial")
        text = Text.assemble(("FAILED", "bold red"), f" {row.stack}, {trials}, {stage}: {message}")
        if failures[-1].log:
            text.append(f"\n{_last_lines(failures[-1].log)}", style="dim")
        yield text


def _last_lines(log: str) -> str:
    return "\n".join(f"  | {line}" for line in log.splitlines()[-8:])
