"""The configurations there are: servers, their workers and threads, within limits. Pure."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from toolkit.model import Interface, Server, Stack

FEW_THREADS, MANY_THREADS = 4, 16
"""The numbers of threads that are tried whatever is known: a few, and what needs waiting."""

_A2WSGI = "-a2wsgi"


class Concurrency(StrEnum):
    """What of a server a request occupies while it waits."""

    PROCESS = "process"
    THREAD = "thread"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunable:
    """A server as far as it can be tuned.

    Attributes:
        workers: Whether it can have several processes ...
        threads: ... and several threads in each.
        holds: What a request that waits holds.
        preload: Whether it can load the app before it forks.
        keep_alive: Whether its keep-alive can be switched off.
    """

    name: str
    workers: bool
    threads: bool
    holds: Concurrency
    preload: bool = False
    keep_alive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A server in one configuration.

    Attributes:
        workers: 1 where the server has one process.
        threads: In each of them; 1 where it has no pool.
        extras: Other settings that it has in place of those of the run, by knob.
    """

    server: str
    workers: int = 1
    threads: int = 1
    extras: tuple[tuple[str, int], ...] = ()

    @property
    def size(self) -> int:
        """Processes x threads."""
        return self.workers * self.threads

    @property
    def order(self) -> tuple[int, int, int, str]:
        """Simpler ones first."""
        return (self.size, self.workers, len(self.extras), self.server)


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What is searched, and within which limits.

    Attributes:
        cpus: Cores of a server, may be a fraction ...
        memory: ... and bytes.
        pools: Pools of database connections that each process may open, 0 without a database ...
        pool: ... and the connections of each ...
        connections: ... of which the database takes so many.
        workers: The only number of workers, None: it is searched ...
        threads: ... and of threads.
    """

    servers: tuple[Tunable, ...]
    cpus: float
    memory: int
    pools: int = 0
    pool: int = 16
    connections: int = 990
    workers: int | None = None
    threads: int | None = None

    @property
    def cores(self) -> int:
        """Cores, a part of one counted as one."""
        return math.ceil(self.cpus)

    @property
    def formula(self) -> int:
        """Workers by the formula of gunicorn's documentation, 2 x cores + 1."""
        return 2 * self.cores + 1

    def server(self, name: str) -> Tunable:
        """Find a server."""
        return next(item for item in self.servers if item.name == name)

    def fit(self, server: Tunable, workers: int, threads: int = 1) -> Candidate:
        """Give a candidate with so many, as far as the server has them and they are not fixed."""
        return Candidate(
            server=server.name,
            workers=(self.workers or workers) if server.workers else 1,
            threads=(self.threads or threads) if server.threads else 1,
        )


def tunable(server: Server, interface: Interface) -> Tunable:
    """Say what can be tuned of a server that serves an app of this interface."""
    knobs = server.knobs
    if "threads" in knobs:
        holds = Concurrency.THREAD
    elif interface is Interface.ASGI or "connections" in knobs:
        holds = Concurrency.NOTHING
    else:
        holds = Concurrency.PROCESS
    return Tunable(
        name=server.name,
        workers="workers" in knobs,
        threads="threads" in knobs,
        holds=holds,
        preload="preload" in server.switches,
        keep_alive="keep_alive" in server.switches,
    )


def for_production(servers: Iterable[Server], named: Iterable[str] = ()) -> tuple[Server, ...]:
    """Leave out those that are never for production, and WSGI apps on ASGI servers.

    Args:
        servers: Of which.
        named: Globs by which they were asked for: who is called by name is there in any case.
    """
    asked = frozenset(named)
    return tuple(
        item
        for item in servers
        if item.name in asked or not (item.caution or item.name.endswith(_A2WSGI))
    )


def stack_of(candidate: Candidate, stack: Stack, server: Tunable) -> Stack:
    """Give the stack that a candidate is, of that of its server."""
    of_server = (
        ("workers", candidate.workers, server.workers),
        ("threads", candidate.threads, server.threads),
    )
    turned = tuple((name, value) for name, value, there in of_server if there)
    return replace(stack, variant=(*turned, *candidate.extras))


def worker_ladder(space: Space, most: int) -> tuple[int, ...]:
    """Give the numbers of workers there are: doublings of 1, of the cores and of the formula."""
    if space.workers is not None:
        return (space.workers,)
    found = {n for first in (1, space.cores, space.formula) for n in _doublings(first, most)}
    return tuple(sorted(found))


def thread_ladder(space: Space, most: int) -> tuple[int, ...]:
    """Give the numbers of threads there are: 1, 2, 4, ..."""
    return (space.threads,) if space.threads is not None else tuple(_doublings(1, most))


def neighbours(space: Space, candidate: Candidate) -> tuple[Candidate, ...]:
    """Give those with twice and half as many workers or threads, and with both in exchange."""
    server = space.server(candidate.server)
    workers, threads = candidate.workers, candidate.threads
    steps = [
        (workers // 2, threads),
        (workers, threads // 2),
        (workers // 2, threads * 2),
        (workers * 2, threads // 2),
        (workers, threads * 2),
        (workers * 2, threads),
    ]
    near = [space.fit(server, w, t) for w, t in steps if w >= 1 and t >= 1]
    return tuple(item for item in dict.fromkeys(near) if item != candidate)


def _doublings(first: int, most: int) -> Iterator[int]:
    number = first
    while number <= most:
        yield number
        number *= 2
