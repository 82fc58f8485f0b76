"""What is not worth a look, and why: limits that are given, and edges that a first look shows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from toolkit.tuned import RuledOut
from toolkit.tuning.look import Look
from toolkit.tuning.space import (
    Candidate,
    Concurrency,
    Space,
    Tunable,
    thread_ladder,
    worker_ladder,
)
from toolkit.units import counted, format_bytes

SPARE_MEMORY = 1.3
"""Times the memory that was seen, for what was not."""

EDGE = 4
"""So many times as many requests at once as keep the CPU busy can bring nothing more."""

_PARENT = 0.5
"""What a parent process takes, for each of what a worker does: its pages are theirs, mostly."""

_SLACK = 1.3
"""A model of two numbers is off by so much."""

_MOST_WORKERS, _MOST_THREADS = 256, 512
"""Where the search ends though everything waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What is known of a server.

    Attributes:
        looks: All of it, the first first.
    """

    server: Tunable
    looks: tuple[Look, ...]

    @property
    def measured(self) -> tuple[Look, ...]:
        """Those that gave numbers."""
        return tuple(look for look in self.looks if not look.failure)

    @property
    def hopeless(self) -> bool:
        """Whether it does not work in any configuration."""
        return any(look.hopeless for look in self.looks)

    @property
    def best(self) -> Look | None:
        """The look with the highest rate, None if none kept the objective."""
        kept = [look for look in self.measured if look.rate]
        return max(kept, key=lambda look: look.rate, default=None)

    @property
    def known(self) -> frozenset[Candidate]:
        """What has been looked at."""
        return frozenset(look.candidate for look in self.looks)

    def useful(self, cpus: float) -> float | None:
        """Give the requests at once that keep so many cores busy: cores x (1 + waiting / CPU).

        Little's law with one request waiting and computing by turns; B. Goetz, Java Concurrency in
        Practice, 8.2. Of the first look, so that it does not move while the search goes on.
        """
        waits = [look.waiting for look in self.measured]
        known = [wait for wait in waits if wait is not None]
        return cpus * (1 + known[0]) if known else None

    def memory(self, workers: int) -> float | None:
        """Predict the memory of so many workers, bytes; None where nothing is known.

        Along the line through the fewest and the most workers seen; with one number only, the
        parent that starts them is taken for half of one.
        """
        seen: dict[int, int] = {}
        for look in self.measured:
            count = look.candidate.workers
            seen[count] = max(seen.get(count, 0), look.memory)
        if not seen:
            return None
        few, many = min(seen), max(seen)
        if few == many:
            return seen[few] * (workers + _PARENT) / (few + _PARENT)
        each = max(seen[many] - seen[few], 0) / (many - few)
        return max(seen[many] + each * (workers - many), 0.0)


def learn(space: Space, looks: Sequence[Look]) -> tuple[Learned, ...]:
    """Sort looks by their servers, in the order of these."""
    return tuple(
        Learned(
            server=server,
            looks=tuple(look for look in looks if look.candidate.server == server.name),
        )
        for server in space.servers
    )


def slots(server: Tunable, candidate: Candidate) -> float:
    """Give the requests that may be under way at once."""
    return float("inf") if server.holds is Concurrency.NOTHING else candidate.size


def bound(space: Space, known: Learned, candidate: Candidate) -> float:
    """Give the most answers/s that can be hoped for, by what was seen of the server.

    That of the requests that may be under way, and that of the CPU; a process is one core's work,
    as long as the interpreter has one lock. Infinite where nothing is known.
    """
    latencies = [look.latency for look in known.measured if look.latency]
    costs = [look.cpu for look in known.measured if look.cpu]
    rate = float("inf")
    if latencies:
        rate = slots(known.server, candidate) / min(latencies)
    if costs:
        rate = min(rate, min(space.cpus, candidate.workers) / min(costs))
    return rate * _SLACK


def over_memory(space: Space, known: Learned, workers: int) -> bool:
    """Tell whether so many workers would not fit into the memory."""
    memory = known.memory(workers)
    return memory is not None and memory * SPARE_MEMORY > space.memory


def over_database(space: Space, workers: int) -> bool:
    """Tell whether so many workers may open more connections than the database takes."""
    return workers * space.pools * space.pool > space.connections


def beyond_edge(space: Space, known: Learned, candidate: Candidate) -> bool:
    """Tell whether a candidate has more of anything than can be of use."""
    return (
        candidate.workers > most_workers(space, known)
        or candidate.threads > _MOST_THREADS
        or (
            known.server.holds is not Concurrency.NOTHING
            and candidate.size > _most_slots(space, known)
        )
    )


def most_workers(space: Space, known: Learned) -> int:
    """Give the workers beyond which more are of no use.

    A few for each core; more only where requests wait and hold a process.
    """
    few = max(EDGE * space.cores, space.formula)
    useful = known.useful(space.cpus) or 0.0
    waits = useful * 2 if known.server.holds is not Concurrency.NOTHING else 0.0
    return min(max(few, int(waits)), _MOST_WORKERS) if known.server.workers else 1


def _most_slots(space: Space, known: Learned) -> float:
    useful = known.useful(space.cpus)
    few = max(EDGE * space.cores, space.formula)
    return max(few, EDGE * useful) if useful is not None else float("inf")


def allowed(space: Space, known: Learned, candidate: Candidate) -> bool:
    """Tell whether a candidate is within all limits and edges."""
    return not (
        over_memory(space, known, candidate.workers)
        or over_database(space, candidate.workers)
        or beyond_edge(space, known, candidate)
    )


def grid(space: Space, looks: Sequence[Look]) -> tuple[Candidate, ...]:
    """Give all that an exhaustive search would have to measure, by what is known now."""
    found: dict[Candidate, None] = {}
    for known in learn(space, looks):
        if known.hopeless or not known.measured:
            continue
        workers = worker_ladder(space, most_workers(space, known))
        threads = thread_ladder(space, _MOST_THREADS)
        for count in workers:
            for number in threads:
                candidate = space.fit(known.server, count, number)
                if allowed(space, known, candidate):
                    found[candidate] = None
        found.update(dict.fromkeys(look.candidate for look in known.looks))
    return tuple(found)


def ruled_out(space: Space, looks: Sequence[Look]) -> tuple[RuledOut, ...]:
    """Say what was not measured, or gave no number, for which reason."""
    return tuple(_ruled_out(space, learn(space, looks)))


def _ruled_out(space: Space, learned: Iterable[Learned]) -> Iterator[RuledOut]:
    for known in learned:
        name = known.server.name
        failed = next((look for look in known.looks if look.hopeless), None)
        if failed is None and known.looks and not known.measured:
            failed = known.looks[0]
        if failed is not None:
            yield RuledOut(what=name, why=failed.failure)
            continue
        for look in known.looks:
            if look.failure:
                yield RuledOut(what=label(known.server, look.candidate), why=look.failure)
        if not known.looks:
            if over_database(space, space.fit(known.server, space.cores).workers):
                yield RuledOut(what=name, why=_database(space))
            continue
        yield from _limited(space, known)


def _limited(space: Space, known: Learned) -> Iterator[RuledOut]:
    ladder = worker_ladder(space, most_workers(space, known)) if known.server.workers else ()
    too_large = [count for count in ladder if over_memory(space, known, count)]
    if too_large:
        memory = known.memory(too_large[0])
        assert memory is not None  # noqa: S101 - it is over the limit
        yield RuledOut(
            what=f"{known.server.name} with {too_large[0]} workers or more",
            why=f"memory: {counted(too_large[0], 'worker')} take about {format_bytes(memory)}, "
            f"and with {SPARE_MEMORY:g} times that they exceed {format_bytes(space.memory)}",
        )
    too_many = [count for count in ladder if over_database(space, count)]
    if too_many:
        yield RuledOut(
            what=f"{known.server.name} with {too_many[0]} workers or more", why=_database(space)
        )


def _database(space: Space) -> str:
    return (
        f"database: each process may open {space.pools * space.pool} connections, of which "
        f"there are {space.connections}"
    )


def label(server: Tunable, candidate: Candidate) -> str:
    """Name a candidate: ``gunicorn-gthread, 2 workers x 4 threads``."""
    parts = []
    if server.workers:
        parts.append(counted(candidate.workers, "worker"))
    if server.threads:
        parts.append(counted(candidate.threads, "thread"))
    text = f"{candidate.server}, {' x '.join(parts)}" if parts else candidate.server
    said = {("preload", 1): "preload", ("keep_alive", 0): "no keep-alive"}
    return ", ".join((text, *(said.get(item, f"{item[0]}={item[1]}") for item in candidate.extras)))
