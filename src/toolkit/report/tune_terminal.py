"""What ``toolkit tune`` found, in a terminal: what to take and why, the finalists, how to go on."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toolkit.measured import Run
from toolkit.model import Knobs
from toolkit.report.bullets import bullets
from toolkit.report.columns import format_ratio, widest
from toolkit.report.terminal import show
from toolkit.stats import Ratio
from toolkit.tuned import Finalist, Tuned
from toolkit.tuning.finals import finals_of, summary_of
from toolkit.units import counted, format_bytes, format_duration, format_latency, format_rate

_MOST_RULED_OUT = 12


def show_tuned(run: Run, console: Console) -> None:
    """Print what was found; nothing where the run is none of ``tune``."""
    tuned = run.tuned
    if tuned is None:
        return
    console.print(_headline(run, tuned))
    console.print(_answer(tuned))
    if tuned.finalists:
        console.print(_finalists(tuned, console))
    lines = [*_notes(run, tuned)]
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


def _headline(run: Run, tuned: Tuned) -> Text:
    where = run.placement
    limits = f"{counted(where.cpus, 'CPU')} and {format_bytes(where.memory)}"
    text = Text.assemble((f"Run {run.id}", "bold"), f", {format_duration(tuned.seconds)}\n")
    text.append(f"{', '.join(run.workloads)} within {limits}: ")
    if tuned.wanted is None:
        return text.append(f"the highest rate with {tuned.slo}")
    return text.append(f"the least memory for {tuned.wanted:,.10g} req/s with {tuned.slo}")


def _answer(tuned: Tuned) -> RenderableType:
    parts: list[Text] = []
    taken = _find(tuned, tuned.recommended)
    if tuned.recommended is None:
        parts.append(Text(tuned.reason or "Nothing was found.", style="yellow"))
    elif taken is None:
        parts.append(Text.assemble("Best so far: ", (tuned.recommended, "bold")))
        parts.append(Text(tuned.reason))
    else:
        style = "bold green" if tuned.complete else "bold"
        text = Text.assemble("Take ", (taken.label, style))
        said = summary_of(taken)
        parts.append(text.append(f": {said}." if said else "."))
        parts.append(Text(tuned.reason))
    if tuned.note:
        parts.append(Text(tuned.note, style="yellow"))
    return Padding(Group(*parts), (1, 0))


def _find(tuned: Tuned, stack: str | None) -> Finalist | None:
    return next((item for item in tuned.finalists if item.stack == stack), None)


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cell: Callable[[Finalist], str]
    drop: int = 0
    justify: Literal["left", "right"] = "right"


def _finalists(tuned: Tuned, console: Console) -> RenderableType:
    columns = _columns(tuned)
    table, hidden = widest(columns, console, lambda shown: _table(tuned, shown))
    parts: list[RenderableType] = [table]
    if hidden:
        parts.append(Text(f"  Not shown for lack of width: {', '.join(hidden)}.\n", style="dim"))
    return Group(*parts)


def _columns(tuned: Tuned) -> list[_Column]:
    def ratio(item: Finalist) -> str:
        if item.stack == tuned.best:
            return "best"
        text = format_ratio(item.ratio)
        return f"{text.removesuffix(' ~')} ~" if item.tied else text.removesuffix(" ~")

    at = "" if tuned.common is None else f" at {format_rate(tuned.common)}/s"
    rate = _Column("req/s", _rate)
    memory = _Column(
        "memory", lambda item: "-" if item.memory is None else format_bytes(item.memory)
    )
    p99 = _Column(f"p99{at}", _p99, drop=2)
    capacity = _Column("capacity", lambda item: _number(item.capacity), drop=4)
    carried = _Column("carried", _carried, drop=1)
    name = _Column("configuration", _name, justify="left")
    if tuned.wanted is None:
        compared = _Column("ratio to best", ratio, justify="left")
        return [name, rate, compared, capacity, p99, memory]
    compared = _Column("memory to best", ratio, justify="left")
    return [name, memory, compared, carried, p99, capacity]


def _table(tuned: Tuned, columns: Sequence[_Column]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        name = column.title == "configuration"
        table.add_column(
            column.title,
            justify=column.justify,
            no_wrap=not name,
            overflow="fold",
            min_width=20 if name else None,
        )
    for item in tuned.finalists:
        style = "dim" if item.trouble else "bold" if item.stack == tuned.recommended else None
        table.add_row(*(column.cell(item) for column in columns), style=style)
    return table


def _name(item: Finalist) -> str:
    return f"{item.label} (reference)" if item.reference else item.label


def _rate(item: Finalist) -> str:
    if item.rate is None:
        return "-"
    return format_rate(item.rate) if item.rate else "missed"


def _number(value: float | None) -> str:
    return "-" if value is None else format_rate(value)


def _p99(item: Finalist) -> str:
    return "-" if item.p99 is None else f"{format_latency(item.p99)} ms"


def _carried(item: Finalist) -> str:
    return f"{sum(part > 0 for part in item.parts)} of {len(item.parts)}" if item.parts else "-"


def _notes(run: Run, tuned: Tuned) -> Iterator[Text]:
    formula = _find(tuned, tuned.formula_stack)
    if formula is not None and formula.workers is not None:
        yield _formula(tuned, formula)
    for item in tuned.finalists:
        if item.trouble:
            yield Text(f"{item.label}: {item.trouble}.", style="yellow")
    if tuned.finalists:
        yield Text(_legend(tuned))
    front = [item.label for item in tuned.finalists if item.pareto]
    if front:
        rate = "rate" if tuned.wanted is None else "capacity"
        yield Text(
            f"Pareto set (no other is better in {rate}, p99 and memory): {'; '.join(front)}."
        )
    yield Text(
        f"Tried {tuned.tried} of the {counted(tuned.grid, 'configuration')} that an exhaustive "
        f"search would measure, in {counted(len(run.outcomes), 'trial')} and "
        f"{format_duration(tuned.seconds)}."
    )
    for out in tuned.ruled_out[:_MOST_RULED_OUT]:
        yield Text(f"Ruled out: {out.what}: {out.why}.")
    more = len(tuned.ruled_out) - _MOST_RULED_OUT
    if more > 0:
        yield Text(f"Ruled out as well: {counted(more, 'configuration')}; see the run.")


def _formula(tuned: Tuned, formula: Finalist) -> Text:
    what = f"The formula 2 x CPUs + 1, as {formula.label}, "
    if formula.stack == tuned.best:
        return Text(f"{what}is the best of the finals itself.")
    if tuned.formula is None:
        return Text(f"{what}gave no number that could be compared.", style="yellow")
    verb = "carries" if tuned.wanted is None else "takes"
    of_what = "" if tuned.wanted is None else " the memory of the best"
    than = " what the best does" if tuned.wanted is None else of_what
    return Text(f"{what}{verb} {_times(tuned.formula)}{than}.")


def _times(ratio: Ratio) -> str:
    return f"{format_ratio(ratio).removesuffix(' ~').replace('x', ' times', 1)}"


def _legend(tuned: Tuned) -> str:
    rounds = max(
        (item.ratio.pairs for item in tuned.finalists if item.ratio is not None), default=0
    )
    paired = f"paired in {counted(rounds, 'round')}" if rounds else "paired by rounds"
    if tuned.wanted is not None:
        return (
            f"memory to best: {paired}, with its 95 % interval; ~ marks what is not told apart. "
            "carried: rounds in which the rate was carried within the objective, by an open loop."
        )
    return (
        "req/s: carried within the objective by an open loop, from the time at which requests were "
        f"meant to start; ratio: that to the best, capacities {paired}, with its 95 % interval; ~ "
        "marks what is not told apart."
    )


def _go_on(run: Run, tuned: Tuned) -> Iterator[Text]:
    taken = _find(tuned, tuned.recommended)
    stack = shlex.quote(tuned.recommended or "")
    yield Text("Go on with", style="bold")
    yield Text(f"  toolkit deploy --from {run.id} --stack {stack}")
    yield Text("or in toolkit.toml ([tool.toolkit.server] in pyproject.toml)", style="bold")
    for line in settings_of(run.knobs, taken, tuned.recommended or ""):
        yield Text(f"  {line}")


def settings_of(common: Knobs, taken: Finalist | None, stack: str) -> Iterator[str]:
    """Write the settings of a stack as a table in TOML.

    Args:
        common: Settings of the run, of which those are left out that are the default.
        taken: The finalist that it is, None: it was not in the finals.
        stack: Its id.
    """
    server = stack.partition("/")[2].partition(":")[0]
    said = stack.partition(":")[2]
    pairs = dict(part.split("=", 1) for part in said.split(",")) if said else {}
    default = Knobs()
    yield f"[server]  # of {taken.server if taken is not None else server}"
    for name, text in pairs.items():
        switch = isinstance(getattr(default, name), bool)
        value = "true" if switch and text == "1" else "false" if switch else text
        # the settings know no keep-alive of 0: a server's own configuration does
        yield f"# {name}: off" if (name, text) == ("keep_alive", "0") else f"{name} = {value}"
    for name in ("connections", "keep_alive", "backlog", "max_requests", "database_pool"):
        if name not in pairs and getattr(common, name) != getattr(default, name):
            yield f"{name} = {getattr(common, name)}"
