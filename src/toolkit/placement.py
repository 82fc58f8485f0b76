"""Who runs on which CPU: the server on its own cores, the load generator on others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from toolkit.model import Placement

MOST_CLIENT_CPUS = 4
MOST_BACKING_CPUS = 4
_ENOUGH_TO_SPARE = 3
"""So many CPUs besides the server's are divided between load generator and backing services."""


def place(
    *,
    allowed: Sequence[int],
    siblings: Mapping[int, frozenset[int]],
    cpus: float,
    client_cpus: int,
    memory: int,
) -> Placement:
    """Divide the CPUs this process may use between server and client.

    Two threads of one physical core slow each other down, so the client gets no sibling of the
    server's CPUs as long as there are others. Database and upstream get what is left over, and
    where nothing is they share the client's.

    Args:
        allowed: Logical CPUs that may be used; empty where the platform cannot pin.
        siblings: For each CPU the logical CPUs of its physical core, itself included.
        cpus: CPU limit of the server in cores; it is pinned to that many, rounded up.
        client_cpus: Cores wanted for the client; 0 takes those left over, up to four, and leaves
            one of three or more for the backing services.
        memory: Memory limit of the server in bytes.
    """
    notes: list[str] = []
    wanted = math.ceil(cpus)
    if not allowed:
        notes.append("This platform cannot pin processes: server and load share all cores.")
        return _placement((), (), cpus, memory, notes)
    if len(allowed) == 1:
        notes.append("Only one CPU: the load generator takes time from the server it measures.")
        return _placement(tuple(allowed), tuple(allowed), cpus, memory, notes)

    cores = _one_thread_per_core_first(allowed, siblings)
    taken = min(wanted, len(cores) - 1)
    if taken < wanted:
        notes.append(
            f"Only {len(cores)} CPUs: the server is pinned to {taken} instead of {wanted}, "
            "the load generator needs one."
        )
    server = cores[:taken]
    beside = {sibling for cpu in server for sibling in siblings.get(cpu, frozenset())}
    free = [cpu for cpu in cores[taken:] if cpu not in beside]
    if not free:
        free = cores[taken:]
        notes.append(
            "Server and load generator share a physical core (hyper-threads): "
            "each slows the other down."
        )
    spared = 1 if len(free) >= _ENOUGH_TO_SPARE else 0
    count = client_cpus or min(len(free) - spared, MOST_CLIENT_CPUS)
    if count > len(free):
        notes.append(f"The load generator gets {len(free)} CPUs, {count} were asked for.")
    client = tuple(sorted(free[:count]))
    backing = tuple(sorted(free[count : count + MOST_BACKING_CPUS])) or client
    return _placement(tuple(sorted(server)), client, cpus, memory, notes, backing)


def place_load(
    *, allowed: Sequence[int], siblings: Mapping[int, frozenset[int]], client_cpus: int
) -> Placement:
    """Say on which CPUs the load for a server is made that is not the toolkit's.

    By itself it takes half of the cores, up to four: the rest is for the system, and for a server
    that may be on the same machine.

    Args:
        allowed: Logical CPUs that may be used; empty where the platform cannot pin.
        siblings: See ``place``.
        client_cpus: Cores wanted; 0 as above.
    """
    cores = _one_thread_per_core_first(allowed, siblings)
    first = [cpu for cpu in cores if cpu == min(siblings.get(cpu, {cpu}) & set(allowed))]
    count = client_cpus or max(1, min(len(first) // 2, MOST_CLIENT_CPUS))
    notes = []
    if count > len(cores) > 0:
        notes.append(f"The load generator gets {len(cores)} CPUs, {count} were asked for.")
    # the last ones: interrupts and most else prefer the first
    taken = cores[:count] if count > len(first) else first[-count:]
    return _placement((), tuple(sorted(taken)), 0.0, 0, notes)


def place_apart(
    *,
    allowed: Sequence[int],
    siblings: Mapping[int, frozenset[int]],
    cpus: float,
    memory: int,
    load: Placement,
) -> Placement:
    """Divide the CPUs of another machine between a server and its services.

    No load is made there, so the server gets all that it may use; a hyper-thread of its cores goes
    to the services only where there is nothing else.

    Args:
        allowed: Logical CPUs that containers may use there.
        siblings: See ``place``.
        cpus: CPU limit of the server in cores; it is pinned to that many, rounded up.
        memory: Memory limit of the server in bytes.
        load: Where load is made on this machine.
    """
    notes = list(load.notes)
    cores = _one_thread_per_core_first(allowed, siblings)
    wanted = math.ceil(cpus)
    server, others = cores[:wanted], cores[wanted:]
    if len(server) < wanted:
        notes.append(
            f"The target host has {len(cores)} CPUs: the server is pinned to {len(server)} "
            f"instead of {wanted}."
        )
    beside = {sibling for cpu in server for sibling in siblings.get(cpu, frozenset())}
    free = [cpu for cpu in others if cpu not in beside] or others
    if not free:
        notes.append("Database and upstream, where there are any, share the server's CPUs.")
    backing = tuple(sorted(free[:MOST_BACKING_CPUS])) or tuple(sorted(server))
    where = _placement(tuple(sorted(server)), load.client_cpus, cpus, memory, notes, backing)
    return replace(where, apart=True)


def _one_thread_per_core_first(
    allowed: Sequence[int], siblings: Mapping[int, frozenset[int]]
) -> list[int]:
    firsts = [cpu for cpu in allowed if cpu == min(siblings.get(cpu, {cpu}) & set(allowed))]
    return firsts + [cpu for cpu in allowed if cpu not in firsts]


def _placement(
    server: tuple[int, ...],
    client: tuple[int, ...],
    cpus: float,
    memory: int,
    notes: list[str],
    backing: tuple[int, ...] = (),
) -> Placement:
    return Placement(
        server_cpus=server,
        client_cpus=client,
        backing_cpus=backing or client,
        cpus=min(cpus, len(server)) if server else cpus,
        memory=memory,
        notes=tuple(notes),
    )
