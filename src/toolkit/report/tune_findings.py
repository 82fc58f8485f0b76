"""What ``toolkit tune`` found, in words and columns, for a terminal, a page, Markdown. Pure."""

from collections.abc import Iterator

from rich.text import Text

from toolkit.measured import Run
from toolkit.model import Knobs
from toolkit.report.columns import Column, format_ratio
from toolkit.stats import Ratio
from toolkit.tuned import Finalist, Tuned
from toolkit.tuning.finals import summary_of
from toolkit.units import counted, format_bytes, format_duration, format_latency, format_rate

_MOST_RULED_OUT = 12


def wish(run: Run, tuned: Tuned) -> str:
    """Say what was looked for: ``list within 2 CPUs and 512 MiB: the highest rate with ...``."""
    where = run.placement
    limits = f"{counted(where.cpus, 'CPU')} and {format_bytes(where.memory)}"
    text = f"{', '.join(run.workloads)} within {limits}: "
    if tuned.wanted is None:
        return f"{text}the highest rate with {tuned.slo}"
    return f"{text}the least memory for {tuned.wanted:,.10g} req/s with {tuned.slo}"


def advice(tuned: Tuned) -> Iterator[Text]:
    """Say what to take and why, a sentence or two each."""
    taken = find(tuned, tuned.recommended)
    if tuned.recommended is None:
        yield Text(tuned.reason or "Nothing was found.", style="yellow")
    elif taken is None:
        yield Text.assemble("Best so far: ", (tuned.recommended, "bold"))
        yield Text(tuned.reason)
    else:
        style = "bold green" if tuned.complete else "bold"
        text = Text.assemble("Take ", (taken.label, style))
        said = summary_of(taken)
        yield text.append(f": {said}." if said else ".")
        yield Text(tuned.reason)
    if tuned.note:
        yield Text(tuned.note, style="yellow")


def find(tuned: Tuned, stack: str | None) -> Finalist | None:
    """Give the finalist that is this stack, None if it was not in the finals."""
    return next((item for item in tuned.finalists if item.stack == stack), None)


def finalist_columns(tuned: Tuned) -> list[Column[Finalist]]:
    """What the finalists were compared by, what the search was about first."""

    def ratio(item: Finalist) -> str:
        if item.stack == tuned.best:
            return "best"
        text = format_ratio(item.ratio)
        return f"{text.removesuffix(' ~')} ~" if item.tied else text.removesuffix(" ~")

    at = "" if tuned.common is None else f" at {format_rate(tuned.common)}/s"
    rate = Column("req/s", _rate)
    memory = Column("memory", _memory)
    p99 = Column(f"p99{at}", _p99, drop=2)
    capacity = Column("capacity", _capacity, drop=4)
    carried = Column("carried", _carried, drop=1)
    name = Column("configuration", _name, justify="left", least=20)
    if tuned.wanted is None:
        compared = Column("ratio to best", ratio, justify="left")
        return [name, rate, compared, capacity, p99, memory]
    compared = Column("memory to best", ratio, justify="left")
    return [name, memory, compared, carried, p99, capacity]


def remarks(run: Run, tuned: Tuned) -> Iterator[Text]:
    """Say what the finalists must not be read without, and how much was tried."""
    formula = find(tuned, tuned.formula_stack)
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


def _name(item: Finalist) -> str:
    return f"{item.label} (reference)" if item.reference else item.label


def _rate(item: Finalist) -> str:
    if item.rate is None:
        return "-"
    return format_rate(item.rate) if item.rate else "missed"


def _capacity(item: Finalist) -> str:
    return "-" if item.capacity is None else format_rate(item.capacity)


def _memory(item: Finalist) -> str:
    return "-" if item.memory is None else format_bytes(item.memory)


def _p99(item: Finalist) -> str:
    return "-" if item.p99 is None else f"{format_latency(item.p99)} ms"


def _carried(item: Finalist) -> str:
    return f"{sum(part > 0 for part in item.parts)} of {len(item.parts)}" if item.parts else "-"
