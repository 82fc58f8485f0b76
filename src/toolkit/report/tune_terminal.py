"""What ``toolkit tune`` found, in a terminal: what to take and why, the finalists, how to go on."""

import shlex
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from toolkit.measured import Run
from toolkit.report.bullets import bullets
from toolkit.report.columns import fitting
from toolkit.report.terminal import show
from toolkit.report.tune_findings import advice, finalist_columns, find, remarks, settings_of, wish
from toolkit.tuned import Finalist, Tuned
from toolkit.tuning.finals import finals_of
from toolkit.units import format_duration


def show_tuned(run: Run, console: Console) -> None:
    """Print what was found; nothing where the run is none of ``tune``."""
    tuned = run.tuned
    if tuned is None:
        return
    console.print(Text.assemble((f"Run {run.id}", "bold"), f", {format_duration(tuned.seconds)}"))
    console.print(Text(wish(run, tuned)))
    console.print(Padding(Group(*advice(tuned)), (1, 0)))
    if tuned.finalists:
        console.print(_finalists(tuned, console))
    lines = [*remarks(run, tuned)]
    if lines:
        console.print(Padding(bullets(lines), (0, 0, 0, 2)))
    if tuned.recommended is not None:
        console.print()
        for line in _go_on(run, tuned):
            # unbroken, for it is copied
            console.print(line, soft_wrap=True)


def show_whole(run: Run, console: Console, *, wanted: float | None = None) -> None:
    """Print the report of a run; of one of ``tune`` what was found, and then that of its finals."""
    if run.tuned is None:
        show(run, console, wanted=wanted)
        return
    show_tuned(run, console)
    if run.tuned.final:
        console.print(Text("\nThe finals, as `toolkit bench` shows them\n", style="bold"))
        show(finals_of(run), console, wanted=wanted)


def _finalists(tuned: Tuned, console: Console) -> RenderableType:
    def style(item: Finalist) -> str | None:
        return "dim" if item.trouble else "bold" if item.stack == tuned.recommended else None

    table, hidden = fitting(tuned.finalists, finalist_columns(tuned), console, style)
    parts: list[RenderableType] = [table]
    if hidden:
        parts.append(Text(f"  Not shown for lack of width: {', '.join(hidden)}.\n", style="dim"))
    return Group(*parts)


def _go_on(run: Run, tuned: Tuned) -> Iterator[Text]:
    taken = find(tuned, tuned.recommended)
    stack = shlex.quote(tuned.recommended or "")
    yield Text("Go on with", style="bold")
    yield Text(f"  toolkit deploy --from {run.id} --stack {stack}")
    yield Text("or in toolkit.toml ([tool.toolkit.server] in pyproject.toml)", style="bold")
    for line in settings_of(run.knobs, taken, tuned.recommended or ""):
        yield Text(f"  {line}")
