"""What all workers need together: memory, and connections to the database."""

import math
from collections.abc import Iterator

from toolkit.lint.facts import Database, Deployment, Fact, Pool, Server, Unit
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Rule, Severity
from toolkit.lint.rules.counting import at_once, processes, worker_class
from toolkit.lint.rules.sources import may_hold
from toolkit.lint.rules.wording import besides
from toolkit.units import counted, format_bytes

RESERVE = 1.3
"""Of memory, beyond the measured peaks: the master process, and what a longer run adds."""

# Memory

MEMORY = Rule(
    name="memory-limit",
    summary="All workers fit into the memory of their container, with 30 % in reserve.",
    reason="A worker that goes over the limit is killed by the kernel in the middle of its "
    "requests, and in Kubernetes the container may go with it.",
    fix="Raise the memory limit to 1.3 x workers x the measured peak of one, or start fewer "
    "workers.",
    source="Kubernetes, resource management: "
    "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
)


def _memory(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        server, limit = unit.server, unit.container.memory
        if server is None or limit is None or limit.value <= 0:
            continue
        workers, each = processes(server), measured.worker_memory
        if each is None:
            yield NotJudged(
                rule=MEMORY.name,
                reason="how much memory a worker takes: --worker-memory says it (PSS at its peak), "
                "or --from a run",
            )
        elif workers is None:
            yield NotJudged(rule=MEMORY.name, reason=_uncounted(unit, server))
        else:
            yield from _does_not_fit(unit, workers, limit, each)


def _does_not_fit(unit: Unit, workers: Fact[int], limit: Fact[int], each: int) -> Iterator[Finding]:
    need = workers.value * each * RESERVE
    if need <= limit.value:
        return
    fewer = math.floor(limit.value / (each * RESERVE))
    more = f"a memory limit of {math.ceil(need / 2**20)} MiB"
    yield Finding(
        rule=MEMORY.name,
        severity=Severity.ERROR,
        where=limit.where,
        message=f"{unit.name}: {counted(workers.value, 'worker')}{workers.said} of "
        f"{format_bytes(each)} ({workers.where}) need {format_bytes(need)} with 30 % in reserve, "
        f"the limit is {format_bytes(limit.value)}",
        fix=f"{more}, or {counted(fewer, 'worker')}" if fewer else more,
        others=besides(limit.where, workers),
    )


def _uncounted(unit: Unit, server: Server) -> str:
    expression = server.workers_by_cpus
    if expression is None:
        return f"how many workers {unit.name} starts ({server.where})"
    return f"how many workers {unit.name} starts: `{expression.value}` ({expression.where})"


# Connections to the database

BUDGET = Rule(
    name="connection-budget",
    summary="No thread waits for a connection to the database, and all processes together open no "
    "more than it takes.",
    reason="Beyond the pool a request waits for a connection and then fails (QueuePool limit "
    "reached); beyond max_connections PostgreSQL refuses it (sorry, too many clients already). A "
    "process opens at most one connection for each request that it works on, so sync workers open "
    "one each.",
    fix="Set pool size + overflow to the threads of a process, and replicas x workers x that to "
    "less than max_connections - 3; or put PgBouncer in between.",
    source="SQLAlchemy, connection pooling: https://docs.sqlalchemy.org/en/20/core/pooling.html, "
    "PostgreSQL, connections: "
    "https://www.postgresql.org/docs/current/runtime-config-connection.html",
)


def _budget(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    """Judge pools and databases.

    No file says which unit uses which pool for which database: a finding must hold for all of
    them.
    """
    for unit in deployment.units:
        pools = tuple(pool for pool in deployment.pools if may_hold(unit, pool.where))
        if unit.server is None or not pools:
            continue
        yield from _waits(unit, unit.server, pools)
        if deployment.databases and not _is_pooled(unit):
            database = max(deployment.databases, key=_room)
            yield from _too_many(unit, unit.server, pools, database)


def _waits(unit: Unit, server: Server, pools: tuple[Pool, ...]) -> Iterator[Finding]:
    requests, pool = at_once(server), max(pools, key=_most)
    if requests is None or requests.value <= _most(pool):
        return
    yield Finding(
        rule=BUDGET.name,
        severity=Severity.WARNING,
        where=pool.size.where,
        message=f"{unit.name}: a process works on {requests.value}{requests.said} requests at once "
        f"({requests.where}) and has {counted(_most(pool), 'connection')} to the database"
        f"{pool.size.said}: the others wait",
        fix=_fewer_at_once(server, requests.value, _most(pool)),
        others=besides(pool.size.where, requests, pool.overflow),
    )


def _fewer_at_once(server: Server, requests: int, most: float) -> str:
    if worker_class(server) == "gevent":
        return f"worker_connections = {most:g}, or a larger pool"
    return f"threads = {most:g}, or pool size + overflow of {requests}"


def _too_many(
    unit: Unit, server: Server, pools: tuple[Pool, ...], database: Database
) -> Iterator[Finding | NotJudged]:
    workers, requests, pool = processes(server), at_once(server), min(pools, key=_most)
    each = min(_most(pool), requests.value if requests else math.inf)
    if workers is None:
        yield NotJudged(rule=BUDGET.name, reason=_uncounted(unit, server))
        return
    replicas = unit.container.replicas
    copies = max(replicas.value, 1) if replicas else 1
    room = _room(database)
    if math.isinf(each) or copies * workers.value * each <= room:
        return
    product = f"{counted(workers.value, 'worker')} x {each:g} connections"
    product = f"{copies} replicas x {product}" if copies > 1 else product
    total = copies * workers.value * each
    limit = database.max_connections
    yield Finding(
        rule=BUDGET.name,
        severity=Severity.ERROR,
        where=workers.where,
        message=f"{unit.name}: {product} = {total:g} ({pool.size.where}), {database.name} takes "
        f"{room}: max_connections is {limit.value}{limit.said}, of which {database.reserved} are "
        "reserved",
        fix=_fewer(copies * workers.value, room, total + database.reserved),
        others=besides(workers.where, replicas, pool.size, requests, limit),
    )


def _fewer(workers: int, room: int, need: float) -> str:
    more = f"max_connections = {math.ceil(need)}, or PgBouncer in between"
    each = room // workers
    return f"{counted(each, 'connection')} for each process, or {more}" if each >= 1 else more


def _most(pool: Pool) -> float:
    return math.inf if pool.most is None else pool.most


def _room(database: Database) -> int:
    return database.max_connections.value - database.reserved


def _is_pooled(unit: Unit) -> bool:
    """Tell whether it plainly asks PgBouncer, which opens fewer connections than it takes."""
    return any("bouncer" in fact.value.lower() for fact in unit.container.env.values())


RULES: tuple[tuple[Rule, Check], ...] = ((MEMORY, _memory), (BUDGET, _budget))
