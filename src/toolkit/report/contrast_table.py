"""Runs beside each other in the terminal: what changed, ~ where nothing did."""

from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from toolkit.contrast import (
    Contrast,
    common_baseline,
    contrasts,
    differences,
    only_in,
    packages_changed,
)
from toolkit.measured import Run
from toolkit.report.bullets import bullets
from toolkit.report.columns import Column, fitting
from toolkit.stats import Ratio
from toolkit.units import format_rate

_MOST_NAMES = 12


def show(runs: Sequence[Run], console: Console) -> None:
    """Print each run beside the first.

    Args:
        runs: Two at least.
        console: Where to.
    """
    first, *others = runs
    for other in others:
        console.print(_beside(first, other, console))


def _beside(old: Run, new: Run, console: Console) -> RenderableType:
    parts: list[RenderableType] = [
        Text.assemble(
            "\n", (old.id, "bold"), f" {_when(old)}  and  ", (new.id, "bold"), f" {_when(new)}"
        )
    ]
    unlike = differences(old, new)
    if unlike:
        parts.append(
            Text(
                "\nNOT ALIKE: these runs were not measured alike, so what differs below may be "
                "that and nothing else.",
                style="bold red",
            )
        )
        parts.append(bullets(Text(text, style="red") for text in unlike))
    found, baseline = contrasts(old, new), common_baseline(old, new)
    columns, hidden = _columns(baseline), list[str]()
    for workload in dict.fromkeys(item.workload for item in found):
        parts.append(Text.assemble("\nWorkload ", (workload, "bold")))
        rows = [item for item in found if item.workload == workload]
        table, without = fitting(rows, columns, console, lambda _: None)
        parts.append(table)
        hidden += without
    lines = list(_notes(old, new, found, baseline))
    if hidden:
        names = ", ".join(dict.fromkeys(hidden))
        lines.append(Text(f"Not shown for lack of width: {names}.", style="dim"))
    parts.append(Padding(bullets(lines), (1, 0, 0, 0)))
    return Group(*parts)


def _when(run: Run) -> str:
    return f"({run.started_at.replace('T', ' ')[:16]} UTC)"


def _columns(baseline: str | None) -> Sequence[Column[Contrast]]:
    def change(row: Contrast) -> str:
        return _change(row.change, row.relative is None and row.differs)

    def relative(row: Contrast) -> str:
        return _change(row.relative, row.differs)

    def cpu(row: Contrast) -> str:
        return _change(row.cpu, not_judged=True)

    to_baseline = [Column("to baseline", relative, justify="left")]
    return [
        Column("stack", lambda row: row.stack, justify="left", least=14),
        Column("first req/s", lambda row: format_rate(row.old), drop=2),
        Column("other req/s", lambda row: format_rate(row.new), drop=2),
        *(to_baseline if baseline is not None else ()),
        Column("change", change, justify="left"),
        Column("CPU/req", cpu, drop=1, justify="left"),
    ]


def _change(ratio: Ratio | None, differs: bool | None = None, *, not_judged: bool = False) -> str:
    """Write a change; ~ where it is not told from none, and nothing where that is not judged."""
    if ratio is None:
        return "-"
    text = f"{ratio.value - 1:+.1%}"
    if ratio.low is None or ratio.high is None:
        return f"{text} ?"
    text += f" [{ratio.low - 1:+.1%}, {ratio.high - 1:+.1%}]"
    tie = bool(ratio.tie) if not_judged else not differs
    return f"~ {text}" if tie else text


def _notes(old: Run, new: Run, found: Sequence[Contrast], baseline: str | None) -> Iterator[Text]:
    if not found:
        yield Text("No case has valid numbers in both runs.", style="yellow")
    if baseline is not None:
        yield Text(
            f"To baseline: how the ratio to {baseline}, taken within rounds, changed from run to "
            "run. What the machine did to all alike is not in it, so it tells whether a stack "
            "changed; ~: no difference, with all rows taken into account. Change: of the "
            "requests/s themselves, the machine of each day included."
        )
    else:
        yield Text(
            "With a single stack in common, what the machine did between them is in every "
            "number; a difference of a few per cent may be that alone.",
            style="yellow",
        )
    if any(item.differs is None for item in found):
        yield Text("?: too few rounds for an interval; it takes four in each run.", style="yellow")
    changed = packages_changed(old, new)
    if changed:
        yield Text(f"Other versions: {'; '.join(changed)}.")
    for one, other, name in ((old, new, "first"), (new, old, "other")):
        missing = only_in(one, other)
        if missing:
            shown = ", ".join(missing[:_MOST_NAMES])
            more = len(missing) - _MOST_NAMES
            left = f" and {more} more" if more > 0 else ""
            yield Text(f"Only in the {name} run: {shown}{left}.")
