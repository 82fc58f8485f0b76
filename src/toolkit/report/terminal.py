"""The report in a terminal: some tables per workload, then all that explains the numbers."""

from collections.abc import Iterator
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toolkit.compare import Row, missing_rounds, tables
from toolkit.compare import Table as Comparison
from toolkit.measured import Run
from toolkit.noise import NoiseFloor, noise_floors
from toolkit.parity import find_disparities, parity
from toolkit.plan import OWN_PARTS
from toolkit.report.bullets import bullets
from toolkit.report.circumstances import circumstances, clients
from toolkit.report.columns import (
    Column,
    capacity_columns,
    cost_columns,
    fitting,
    format_ratio,
    rate_columns,
    shape_columns,
    shape_title,
)
from toolkit.report.notes import notes
from toolkit.stats import LEAST_PAIRS
from toolkit.units import counted, format_duration, format_latency, format_rate

_LATENCY_TITLE = "Latency at the same rate for all: p50 / p99 / p99.9 ms"


def show(run: Run, console: Console, *, wanted: float | None = None) -> None:
    """Print the whole report, no wider than the console.

    Args:
        run: What was measured.
        console: Where to.
        wanted: Requests/s for which replicas are counted, None: for no rate.
    """
    console.print(_headline(run))
    for comparison in tables(run):
        console.print(_section(comparison, run, console, wanted))
    for floor in noise_floors(run):
        console.print(_noise(floor, run))
    console.print(_legend(run, wanted))
    if any(stack.knobs is not None for stack in run.stacks):
        console.print(_parity(run))
    console.print(_circumstances(run))


def _headline(run: Run) -> Text:
    measured = len(run.outcomes)
    text = Text.assemble(
        (f"Run {run.id}", "bold"), f"  {run.started_at.replace('T', ' ')[:16]} UTC"
    )
    if run.finished_at is not None:
        began = datetime.fromisoformat(run.started_at)
        seconds = (datetime.fromisoformat(run.finished_at) - began).total_seconds()
        text.append(f", {format_duration(seconds)}")
    else:
        text.append(
            f"\nIt did not come to its end: {measured} of {len(run.trials)} trials are shown.",
            style="yellow",
        )
    return text


def _section(
    comparison: Comparison, run: Run, console: Console, wanted: float | None
) -> RenderableType:
    parts: list[RenderableType] = [Text.assemble("\nWorkload ", (comparison.workload, "bold"))]
    hidden: list[str] = []
    load = run.load
    users = counted(load.users, "user") if load.users else "with as many users as serve most"
    shown: list[tuple[str, list[Column[Row]]]] = [
        (f"Capacity: closed loop, {users}", capacity_columns(comparison, run)),
        (_LATENCY_TITLE, rate_columns(comparison, run)),
        ("Cost at capacity", cost_columns(comparison, wanted)),
        (shape_title(comparison), shape_columns(comparison)),
    ]
    for title, columns in shown:
        if columns:
            table, without = fitting(
                comparison.rows, columns, console, lambda row: None if row.valid else "dim"
            )
            hidden += without
            parts += [Text(title, style="italic"), table]
    lines = list(notes(comparison, run, hidden))
    if lines:
        parts.append(Padding(bullets(lines), (0, 0, 0, 2)))
    return Group(*parts)


def _noise(floor: NoiseFloor, run: Run) -> Text:
    ratio = floor.ratio
    text = Text.assemble(("\nNoise floor", "bold"), f", {run.baseline} against itself under ")
    text.append(f"{floor.workload}: {format_ratio(ratio)}, ")
    if ratio.tie is None:
        text.append(f"no interval, it takes {LEAST_PAIRS} rounds", style="yellow")
    elif ratio.tie:
        text.append("a tie, as it must be", style="green")
    else:
        text.append(
            "NOT a tie although both are the same: one such run in twenty is to be expected, "
            "more of them mean that something favours one",
            style="bold red",
        )
    if floor.spread is not None:
        text.append(f". One round alone is off by {floor.spread:.1%} (standard deviation)")
    if ratio.precision is not None:
        text.append(
            f"; {counted(ratio.pairs, 'round')} like these tell differences from about "
            f"{ratio.precision:.1%} on"
        )
    return text.append(".")


def _legend(run: Run, wanted: float | None) -> Padding:
    missing = missing_rounds(run)
    lines = []
    if missing is None:
        lines.append(
            Text(
                f"Ratio: requests/s to those of {run.baseline}, taken within each of {run.rounds} "
                "rounds, then combined (Hodges-Lehmann), with its exact 95 % interval. "
                "~ marks a tie: the interval holds 1. Stacks that share a rank (=) cannot be told "
                "apart from the first of them with 95 % for the whole table; within a rank the "
                "order is that of the ratios. The interval of the "
                "req/s is that of these rounds' median: it holds the machine's drift, the ratio's "
                "does not."
            )
        )
    else:
        lines.append(
            Text.assemble(
                (missing[0].upper() + missing[1:] + ". ", "yellow"), "So no ranks either."
            )
        )
    if run.load.rates and run.load.rate_rounds:
        lines.append(Text(_latency_legend(run)))
    else:
        lines.append(
            Text("No latencies: they take rounds at fixed rates (--rates, --rate-rounds).")
        )
    if wanted is not None:
        lines.append(
            Text(
                f"For {format_rate(wanted)}/s: that rate by the one that a stack carries with "
                f"{run.load.goal.latency}, rounded up; none is spare."
            )
        )
    lines.extend(_client_cost(run))
    lines.extend(Text(text, style="yellow") for text in find_disparities(run.stacks, run.beside))
    lines.extend(
        Text(f"{stack.id}: {stack.caution}.", style="yellow")
        for stack in run.stacks
        if stack.caution
    )
    return Padding(bullets(lines), (1, 0, 0, 0))


def _latency_legend(run: Run) -> str:
    parts = sorted(run.load.rates)
    text = (
        f"Rates are parts of the capacity of {run.baseline}; latencies count from the time at "
        "which a request was meant to start. > marks a rate that the stack did not carry"
    )
    if parts[-1] > 1:
        text += (
            ". Beyond 100 %: what was served, and how long it took at half the baseline's capacity "
            "until no request had to wait for a connection any more"
        )
    if parts[0] <= 1:
        steps = ", ".join(f"{part:.0%}" for part in OWN_PARTS)
        text += (
            f". {run.load.goal.latency} at: the first of {steps} of the stack's own "
            f"capacity, downwards, that it carried {'' if run.load.slo else 'with its p99 '}"
            "within that"
        )
    return f"{text}."


def _client_cost(run: Run) -> Iterator[Text]:
    """Say what each client can do and what it adds."""
    for item in run.calibrations:
        text = (
            f"{item.client} by itself, against a target that answers at once: up to "
            f"{format_rate(item.throughput)} req/s, {item.cpu_per_request * 1e6:.0f} us of CPU per "
            "request"
        )
        if item.delays:
            rates = "; ".join(
                f"{format_rate(rate)}/s {format_latency(p50)} / {format_latency(p99)}"
                for rate, (p50, p99, _) in item.delays
            )
            text += f"; p50 / p99 ms at {rates}: that much of what is reported is not the server's"
        yield Text(f"{text}.")
    unknown = sorted({*clients(run)} - {item.client for item in run.calibrations})
    if unknown:
        names = ", ".join(unknown)
        yield Text(f"What {names} adds by itself is not known.", style="yellow")


def _parity(run: Run) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for title in ("setting", "value", "no such thing in"):
        table.add_column(title, overflow="fold")
    for setting in parity(run.stacks):
        first, *others = setting.values
        differing = [f"{value} ({', '.join(having)})" for value, having in others]
        cells = (setting.name, "; ".join((first[0], *differing)), ", ".join(setting.absent))
        table.add_row(*map(Text, cells))
    return Group(Padding(Text("What the stacks were set to"), (1, 0, 0, 0)), table)


def _circumstances(run: Run) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for label, text in circumstances(run):
        grid.add_row(Text(label), Text(text))
    return Padding(grid, (1, 0, 0, 0))
