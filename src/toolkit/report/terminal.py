"""The report in a terminal: one table per workload, then everything that explains the numbers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement as Width
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from toolkit.compare import AtRate, Row, missing_rounds, tables
from toolkit.compare import Table as Comparison
from toolkit.measured import (
    Failure,
    Finding,
    Run,
    Severity,
)
from toolkit.plan import RATE_STRETCH
from toolkit.stats import Ratio
from toolkit.units import counted, format_bytes, format_duration, format_latency, format_rate
from toolkit.validity import find_disparities

_T = TypeVar("_T")
_UNBOUNDED = 10_000
_RECONNECTING = 0.5
"""Connections per answer from which a server is said not to keep them."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table; the highest ``drop`` goes first where the width does not do."""

    title: str
    cell: Callable[[Row], str]
    drop: int = 0
    justify: Literal["left", "right"] = "right"


def show(run: Run, console: Console) -> None:
    """Print the whole report, no wider than the console."""
    console.print(_headline(run))
    for comparison in tables(run):
        console.print(_section(comparison, run, console))
    console.print(_legend(run))
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


def _section(comparison: Comparison, run: Run, console: Console) -> RenderableType:
    capacity, hidden = _fitting(comparison, _columns(comparison, run), console)
    parts: list[RenderableType] = [
        Text.assemble("\nWorkload ", (comparison.workload, "bold")),
        capacity,
    ]
    rates = _rate_columns(comparison, run)
    if rates:
        table, hidden_rates = _fitting(comparison, rates, console)
        hidden += hidden_rates
        parts += [
            Text(
                "Latency at the same rate for all, from the intended start: "
                "p50 / p99 / p99.9 ms (>: the rate was not carried)"
            ),
            table,
        ]
    notes = list(_notes(comparison, run, hidden))
    if notes:
        parts.append(Padding(_bullets(notes), (0, 0, 0, 2)))
    return Group(*parts)


def _fitting(
    comparison: Comparison, columns: list[_Column], console: Console
) -> tuple[Table, list[str]]:
    """Make a table of as many columns as there is room for; name the others."""
    hidden: list[str] = []
    table = _table(comparison, columns)
    droppable = sorted((c for c in columns if c.drop), key=lambda column: -column.drop)
    unbounded = console.options.update(width=_UNBOUNDED)
    while droppable and Width.get(console, unbounded, table).maximum > console.width:
        gone = droppable.pop(0)
        columns = [column for column in columns if column is not gone]
        hidden.append(gone.title)
        table = _table(comparison, columns)
    return table, hidden


def _columns(comparison: Comparison, run: Run) -> list[_Column]:
    def ratio(row: Row) -> str:
        return "baseline" if row.stack == comparison.baseline else _ratio(row.ratio)

    columns = [
        _Column("stack", _name, justify="left"),
        _Column("req/s", lambda row: _optional(row.throughput, lambda x: format_rate(x.value))),
        _Column("ratio to baseline", ratio, justify="left"),
        _Column("users", _users, drop=3),
        _Column("CPU ms/req", lambda row: _optional(row.cpu_per_request, _cpu), drop=4),
        _Column("memory", lambda row: _optional(row.memory_peak, format_bytes), drop=5),
        _Column("errors", lambda row: _optional(row.error_rate, _percent), drop=6),
        _Column("start s", lambda row: _optional(row.start_seconds, _seconds), drop=7),
        _Column("stop s", lambda row: _optional(row.stop_seconds, _seconds), drop=8),
    ]
    if missing_rounds(run) is None:
        columns.insert(0, _Column("rank", _rank, drop=9))
    if any(row.under_objective is not None for row in comparison.rows):
        limit = f"{run.load.objective * 1e3:g}"
        columns.insert(
            4,
            _Column(
                f"p99<{limit}ms at",
                lambda row: _optional(row.under_objective, _objective),
                drop=2,
            ),
        )
    return columns


def _rate_columns(comparison: Comparison, run: Run) -> list[_Column]:
    parts = sorted({at.part for row in comparison.rows for at in row.at_rates})
    if not parts:
        return []
    columns = [_Column("stack", _name, justify="left")]
    for number, part in enumerate(parts):
        rate = next(at.rate for row in comparison.rows for at in row.at_rates if at.part == part)
        title = f"{part:.0%} ({format_rate(rate)}/s)"
        if part > 1:
            columns.append(_Column(f"{title}: served, calm after", _overload(part), drop=1))
        else:
            # the middle rates tell least
            drop = 2 + number if 0 < number < len(parts) - 1 else 0
            columns.append(_Column(title, _latencies(part), drop=drop))
    return columns


def _latencies(part: float) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        at = _at(row, part)
        if at is None or at.latencies is None:
            return "-"
        if not at.valid:
            return "invalid"
        mark = "" if at.carried else "> "
        return mark + " / ".join(format_latency(seconds) for seconds in at.latencies)

    return cell


def _overload(part: float) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        at = _at(row, part)
        if at is None:
            return "-"
        if not at.valid:
            return "invalid"
        calm = "not in 5 s" if at.recovery is None else f"{at.recovery:.2f} s"
        wrong = f", {_percent(at.error_rate)} wrong" if at.error_rate else ""
        return f"{format_rate(at.goodput)}/s{wrong}, {calm}"

    return cell


def _at(row: Row, part: float) -> AtRate | None:
    return next((at for at in row.at_rates if at.part == part), None)


def _table(comparison: Comparison, columns: Iterable[_Column]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    shown = list(columns)
    for column in shown:
        name = column.title == "stack"
        # a name may break, but not to pieces; a number never
        table.add_column(
            column.title,
            justify=column.justify,
            no_wrap=not name,
            overflow="fold",
            min_width=14 if name else None,
        )
    for row in comparison.rows:
        table.add_row(*(column.cell(row) for column in shown), style=None if row.valid else "dim")
    return table


def _users(row: Row) -> str:
    if row.users is None:
        return "-"
    if row.knee is None or row.knee.users == row.users:
        return str(row.users)
    return f"{row.users} (knee {row.knee.users})"


def _objective(rate: float) -> str:
    return f"{format_rate(rate)}/s" if rate else "missed"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}"


def _name(row: Row) -> str:
    if row.valid:
        return row.stack
    return f"{row.stack} ({'failed' if row.throughput is None else 'invalid'})"


def _rank(row: Row) -> str:
    if row.rank is None:
        return "-"
    return f"{row.rank}=" if row.shared else str(row.rank)


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return "-"
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.2f}x"
    tie = " ~" if ratio.tie else ""
    return f"{ratio.value:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}]{tie}"


def _optional(value: _T | None, form: Callable[[_T], str]) -> str:
    return "-" if value is None else form(value)


def _percent(part: float) -> str:
    if part == 0:
        return "0"
    return "<0.01 %" if part < 1e-4 else f"{part:.2%}".replace("%", " %")


def _cpu(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}"


def _notes(comparison: Comparison, run: Run, hidden: list[str]) -> Iterator[Text]:
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
    waiting = [row for row in comparison.rows if row.valid and row.stop_seconds is None]
    if waiting and any(row.knee for row in comparison.rows):
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
    if hidden:
        yield Text(f"Not shown for lack of width: {', '.join(hidden)}.", style="dim")


def _findings(rows: Iterable[Row]) -> Iterator[Text]:
    """Give each rule once, with all stacks it was found on and one trial's numbers."""
    found: dict[tuple[str, Severity], list[tuple[Row, Finding, int]]] = {}
    for row in rows:
        for finding, count in row.findings:
            found.setdefault((finding.rule, finding.severity), []).append((row, finding, count))
    for (_, severity), items in found.items():
        invalid = severity is Severity.INVALID
        label, style = ("INVALID", "bold red") if invalid else ("warning", "yellow")
        stacks = ", ".join(f"{row.stack} ({count}x)" for row, _, count in items)
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


def _bullets(texts: Iterable[Text]) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    for text in texts:
        grid.add_row("-", text)
    return grid


def _legend(run: Run) -> Padding:
    missing = missing_rounds(run)
    lines = []
    if missing is None:
        lines.append(
            Text(
                f"Ratio: requests/s to those of {run.baseline}, taken within each of {run.rounds} "
                "rounds, then combined (Hodges-Lehmann), with its exact 95 % interval. "
                "~ marks a tie: the interval holds 1. Stacks that share a rank (=) cannot be told "
                "apart from the first of them with 95 % for the whole table."
            )
        )
    else:
        lines.append(
            Text.assemble(
                (missing[0].upper() + missing[1:] + ". ", "yellow"), "So no ranks either."
            )
        )
    if not run.load.rates or not run.load.rate_rounds:
        lines.append(
            Text("No latencies: they need phases at fixed rates (--rates), which this run had not.")
        )
    lines.extend(_client_cost(run))
    lines.extend(Text(text, style="yellow") for text in find_disparities(run.stacks))
    return Padding(_bullets(lines), (1, 0, 0, 0))


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
            text += f"; p50 / p99 ms at {rates}"
        yield Text(f"{text}. That much of what is reported is not the server's.")


def _circumstances(run: Run) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for label, text in (
        ("Host", _host(run)),
        ("Runtime", _runtime(run)),
        ("Placement", _placement(run)),
        ("Load", _load(run)),
        ("Server settings", _settings(run)),
        *((f"  {stack.id}", " ".join(stack.argv)) for stack in run.stacks),
        ("Versions", _versions(run)),
    ):
        grid.add_row(label, Text(text))
    return Padding(grid, (1, 0, 0, 0))


def _host(run: Run) -> str:
    host = run.host
    quota = "" if host.cpu_quota is None else f" (quota {host.cpu_quota:g})"
    load = " ".join(f"{value:.2f}" for value in host.load_average)
    return (
        f"{host.cpus} CPUs{quota}, {host.cpu_model}; {format_bytes(host.memory)}; {host.system}; "
        f"cgroup {host.cgroup}; governor {host.governor}; load average at the start {load}"
    )


def _runtime(run: Run) -> str:
    facts = run.runtime
    engine = f" {facts.engine}" if facts.engine else ""
    text = f"{facts.name}{engine} ({facts.reason}); network {facts.network}"
    return ". ".join((f"{text}; memory is {facts.memory_kind}", *facts.notes))


def _placement(run: Run) -> str:
    where = run.placement
    text = (
        f"server on CPU {_cpus(where.server_cpus)}, load generator on CPU "
        f"{_cpus(where.client_cpus)}; a server may use "
        f"{counted(where.cpus, 'CPU')} and {format_bytes(where.memory)}"
    )
    return ". ".join((text, *where.notes))


def _cpus(cpus: tuple[int, ...]) -> str:
    return ",".join(map(str, cpus)) or "any"


def _load(run: Run) -> str:
    load = run.load
    clients = {
        phase.load.client
        for outcome in run.outcomes
        if not isinstance(outcome, Failure)
        for phase in outcome.phases
    }
    client = f" {', '.join(sorted(clients))}" if clients else ""
    users = f"{load.users} users" if load.users else "as many users as serve most"
    text = (
        f"Locust{client}. Capacity: closed loop, {users}, {load.duration:g} s measured, "
        f"{counted(run.rounds, 'round')}"
    )
    if load.rates and load.rate_rounds:
        text += (
            f". Fixed rates: open loop, {load.arrivals} arrivals, up to {load.connections} "
            f"connections, {load.duration * RATE_STRETCH:g} s measured, "
            f"{counted(load.rate_rounds, 'round')}"
        )
    return (
        f"{text}. Warm-up {load.warmup:g} s and at least {load.warmup_requests} requests; a fresh "
        f"server for each trial; shuffled order, seed {run.seed}"
    )


def _settings(run: Run) -> str:
    knobs = run.knobs
    return (
        f"{counted(knobs.workers, 'worker')}, {counted(knobs.threads, 'thread')}, "
        f"{counted(knobs.connections, 'connection')}, "
        f"keep-alive {knobs.keep_alive} s, backlog {knobs.backlog}, access log "
        f"{'on' if knobs.access_log else 'off'} (where a server has the knob)"
    )


def _versions(run: Run) -> str:
    pythons = sorted({stack.python for stack in run.stacks})
    packages = sorted(
        {f"{name} {version}" for stack in run.stacks for name, version in stack.packages.items()},
        key=str.lower,
    )
    host = run.host
    tools = f"toolkit {host.toolkit} on Python {host.python}, Locust {host.locust}"
    return f"{tools}. Servers: Python {', '.join(pythons) or '-'}; {', '.join(packages) or '-'}"
