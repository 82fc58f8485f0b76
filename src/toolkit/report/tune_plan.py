"""What a search would do, in a terminal (``--dry-run``)."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from toolkit.measured import RuntimeFacts
from toolkit.model import Placement, Workload
from toolkit.slo import Slo
from toolkit.tuning.search import next_looks
from toolkit.tuning.space import FEW_THREADS, MANY_THREADS, Concurrency, Space, Tunable
from toolkit.units import counted, format_bytes, format_duration

_HOLDS = {
    Concurrency.PROCESS: "a process",
    Concurrency.THREAD: "a thread",
    Concurrency.NOTHING: "neither",
}


def show_search(
    slo: Slo,
    wanted: float | None,
    space: Space,
    workload: Workload,
    seconds: float,
    placement: Placement,
    runtime: RuntimeFacts,
    console: Console,
) -> None:
    """Print what is looked for, where, and with what the search begins."""
    what = "the highest rate" if wanted is None else f"the least memory for {wanted:,.10g}/s"
    console.print(
        Text(
            f"Search: {what} with {slo}, under {workload.id}; about {format_duration(seconds)} "
            "without building."
        )
    )
    console.print(Text(f"Runtime: {runtime.name} ({runtime.reason}), network {runtime.network}."))
    for note in (*runtime.notes, *placement.notes):
        console.print(Text(note))
    console.print(
        Text(
            f"Limits: {counted(space.cpus, 'CPU')}, {format_bytes(space.memory)} (1.3 times what "
            f"the workers take must fit){_database(space)}."
        )
    )
    first = {item.server: item for item in next_looks(space, ())}
    table = Table(
        "server", "a waiting request holds", "first look", "then", box=SIMPLE_HEAD, pad_edge=False
    )
    for server in space.servers:
        candidate = first.get(server.name)
        looked = (
            "-" if candidate is None else _numbers(server, candidate.workers, candidate.threads)
        )
        table.add_row(server.name, _HOLDS[server.holds], looked, _starts(space, server))
    console.print(table)
    console.print(
        Text(
            "The first look tells how long requests wait, and so how many processes and threads "
            "can be of use. From the best of these the search goes to its neighbours (twice, half) "
            "until none is better; the best are compared in rounds, half of them dropped each time."
        )
    )


def _database(space: Space) -> str:
    if not space.pools:
        return ""
    return (
        f", {space.connections} database connections, of which each process may open "
        f"{space.pools * space.pool}"
    )


def _numbers(server: Tunable, workers: int, threads: int) -> str:
    parts = []
    if server.workers:
        parts.append(counted(workers, "worker"))
    if server.threads:
        parts.append(counted(threads, "thread"))
    return " x ".join(parts) or "as it is"


def _starts(space: Space, server: Tunable) -> str:
    parts = []
    if server.workers:
        numbers = sorted({space.cores, space.formula})
        parts.append(
            f"{space.workers} workers"
            if space.workers
            else f"{' and '.join(map(str, numbers))} workers"
        )
    if server.threads:
        numbers = sorted({1, FEW_THREADS, MANY_THREADS})
        parts.append(
            f"{space.threads} threads"
            if space.threads
            else f"{', '.join(map(str, numbers))} threads"
        )
    return "; ".join(parts) or "nothing"
