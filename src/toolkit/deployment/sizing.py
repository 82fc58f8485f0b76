"""Every number of a deployment, with its formula and what went into it. Pure.

What was measured prevails; where nothing was, a number is a setting or a rule, and says so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from toolkit.deployment.evidence import Evidence, wait_to_cpu, whole_mebibytes
from toolkit.errors import ConfigError
from toolkit.units import counted, format_bytes, format_rate

T = TypeVar("T")

RESERVE = 1.3
"""Of memory, beyond the measured peak; the rule of `toolkit lint`, too."""

_LEAST_MEMORY = 128 * 2**20

_GRACE = 25
"""Seconds for the requests under way when a server stops, as its configuration has it."""
_WORKER_TIMEOUT = 30
_PRE_STOP = 5
_KEEP_ALIVE_OF_PROXIES = 60
_LEAST_START = 10
_PROBES = 5
_POOLS_OF_REFERENCE_APPS = 2
_RESERVED_CONNECTIONS = 10
_OTHER_PROCESSES = 16
_UNSEEN_THREADS = 40
"""Of a process whose server sets no number: AnyIO runs the synchronous views of an async app in so
many at most. https://anyio.readthedocs.io/en/stable/threads.html
"""
_LEAST_TMP = 16 * 2**20
_ASYNC_BODIES = 8
_SHARED_BUFFERS = 128 * 2**20
_OF_A_CONNECTION = 8 * 2**20
_SPARE = 1
_LATENCY_TO_TELL = 0.5
_LOAD_TO_GROW_AT = 0.8
_MOST_REPLICAS = 10
_HAIR = 1e-9
"""By which a product may miss a whole number only because it is computed in binary."""


class Basis(StrEnum):
    """Where a number comes from."""

    MEASURED = "measured"
    SETTING = "setting"
    RULE = "rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number with its derivation.

    Attributes:
        name: Of the attribute of ``Numbers``.
        shown: The number with its unit.
        formula: How it comes about, in words and symbols.
        inputs: What went in, by the symbol.
        basis: Where that comes from.
    """

    name: str
    shown: str
    formula: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a user asks of a deployment; None leaves it to the measurement.

    Attributes:
        cpus: Cores of one replica.
        memory: Its memory limit, bytes.
        knobs: Settings of the server in place of the measured ones.
        pool: Database connections of each process.
        replicas: How many run at least.
        rate: Requests/s that all of them are to carry.
        body: Most bytes of a request's body.
        pools: Pools of database connections that each process has.
    """

    cpus: float | None = None
    memory: int | None = None
    knobs: Mapping[str, int] = field(default_factory=dict)
    pool: int | None = None
    replicas: int | None = None
    rate: float | None = None
    body: int = 2 * 2**20
    pools: int = _POOLS_OF_REFERENCE_APPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The numbers that templates take. Seconds, bytes, requests/s; None: the server has it not.

    Attributes:
        cpus: Cores of one replica.
        workers: Processes of one replica with so many cores.
        workers_per_cpu: What the entry point multiplies the quota with.
        threads: Of each process.
        connections: Of each process.
        keep_alive: Of the server ...
        proxy_keep_alive: ... and of the proxy's idle connections to it, which is shorter; 0: it
            keeps none.
        backlog: Connections not yet accepted.
        max_requests: After which a process is replaced, 0: never; ...
        max_requests_jitter: ... give or take so many.
        preload: Whether the app is loaded before the processes are forked.
        access_log: Whether the server logs each request.
        worker_memory: Peak of one process; 0: not measured.
        memory_limit: Of one replica ...
        memory_request: ... and what it is sure to get.
        cpu_request: Cores that it is sure to get.
        pids_limit: Processes and threads of one replica.
        tmp_size: Of its /tmp, which is memory of that limit.
        worker_timeout: After which a process that gives no sign of life is killed.
        graceful_timeout: For the requests under way when a server stops ...
        stop_grace: ... until its container is killed ...
        pre_stop: ... after it went on for so long, so that nobody sends it any more ...
        termination_grace: ... and all of that, for Kubernetes.
        proxy_timeout: For an answer.
        start_period: Within which nobody complains that it does not answer yet.
        replicas: How many run at least ...
        most_replicas: ... and at most.
        hpa_target: Use of the requested CPU at which one more is started, percent.
        database_pool: Connections of each process in one pool.
        max_connections: That the database allows.
        most_connections: That it is to allow once there are ``most_replicas``.
        database_memory: Memory limit of the database.
        body_limit: Most bytes of a request's body.
        carried: Requests/s of one replica within the objective; None: not measured.
        alert_latency: p99 above which somebody is told ...
        alert_rate: ... requests/s of one replica, None: not known ...
        alert_memory: ... and memory of one replica.
        figures: The derivation of each.
    """

    cpus: float
    workers: int
    workers_per_cpu: float
    threads: int | None
    connections: int | None
    keep_alive: int | None
    proxy_keep_alive: int
    backlog: int | None
    max_requests: int
    max_requests_jitter: int
    preload: bool
    access_log: bool
    worker_memory: int
    memory_limit: int
    memory_request: int
    cpu_request: float
    pids_limit: int
    tmp_size: int
    worker_timeout: int
    graceful_timeout: int
    stop_grace: int
    pre_stop: int
    termination_grace: int
    proxy_timeout: int
    start_period: int
    replicas: int
    most_replicas: int
    hpa_target: int
    database_pool: int
    max_connections: int
    most_connections: int
    database_memory: int
    body_limit: int
    carried: float | None
    alert_latency: float
    alert_rate: float | None
    alert_memory: int
    figures: tuple[Figure, ...]


def derive(evidence: Evidence | None, wishes: Wishes, defaults: Mapping[str, int]) -> Numbers:
    """Derive every number.

    Args:
        evidence: What was measured, None: nothing.
        wishes: What the user asks for.
        defaults: Settings that the server has, with their values where nothing else says one.

    Raises:
        ConfigError: What is asked for does not fit together.
    """
    sheet = _Sheet(evidence)
    knobs = _knobs(sheet, wishes, defaults)
    values: dict[str, Any] = {**knobs, **_size(sheet, wishes, knobs)}
    values.update(_times(sheet, knobs))
    values.update(_copies(sheet, wishes, values))
    values.update(_database(sheet, wishes, values))
    values["body_limit"] = sheet.setting(
        "body_limit", wishes.body, format_bytes(wishes.body), "the most that the app takes"
    )
    values["tmp_size"] = _tmp(sheet, values)
    values.update(_alerts(sheet, wishes, values))
    return Numbers(**values, figures=tuple(sheet.figures))


class _Sheet:
    """Collects figures while values are computed."""

    def __init__(self, evidence: Evidence | None) -> None:
        self.evidence = evidence
        self.figures: list[Figure] = []

    def note(self, name: str, value: T, shown: str, formula: str, basis: Basis, **inputs: str) -> T:
        self.figures.append(
            Figure(name=name, shown=shown, formula=formula, basis=basis, inputs=inputs)
        )
        return value

    def measured(self, name: str, value: T, shown: str, formula: str, **inputs: str) -> T:
        return self.note(name, value, shown, formula, Basis.MEASURED, **inputs)

    def setting(self, name: str, value: T, shown: str, formula: str, **inputs: str) -> T:
        return self.note(name, value, shown, formula, Basis.SETTING, **inputs)

    def rule(self, name: str, value: T, shown: str, formula: str, **inputs: str) -> T:
        return self.note(name, value, shown, formula, Basis.RULE, **inputs)


def _knobs(sheet: _Sheet, wishes: Wishes, defaults: Mapping[str, int]) -> dict[str, Any]:
    evidence = sheet.evidence
    found: dict[str, int] = {}
    unknown = [name for name in wishes.knobs if name not in defaults]
    if unknown:
        raise ConfigError(
            f"this server has no setting {unknown[0]}",
            hint=f"It has {', '.join(defaults)}." if defaults else "It has none.",
        )
    if "workers" not in defaults:
        sheet.rule("workers", 1, "1", "this server is one process; more of them are replicas")
    for name, default in defaults.items():
        if name in wishes.knobs:
            found[name] = sheet.setting(name, wishes.knobs[name], str(wishes.knobs[name]), "given")
        elif evidence is not None and name in evidence.knobs:
            value = evidence.knobs[name]
            inputs = _threads_beside(evidence) if name == "threads" else {}
            found[name] = sheet.measured(name, value, str(value), "as measured", **inputs)
        else:
            found[name] = sheet.setting(name, default, str(default), "the toolkit's default")
    jitter = found.get("max_requests", 0) // 10
    return {
        "workers": found.get("workers", 1),
        "threads": found.get("threads"),
        "connections": found.get("connections"),
        "keep_alive": found.get("keep_alive"),
        "backlog": found.get("backlog"),
        "max_requests": found.get("max_requests", 0),
        "max_requests_jitter": sheet.rule(
            "max_requests_jitter", jitter, str(jitter), "a tenth of max_requests"
        ),
        "preload": bool(found.get("preload", False)),
        "access_log": bool(found.get("access_log", False)),
    }


def _threads_beside(evidence: Evidence) -> dict[str, str]:
    """Say what the measured ratio of waiting to computing would make of the threads."""
    found = {}
    for under in evidence.under:
        ratio = wait_to_cpu(under)
        if ratio is not None and under.lone is not None:
            found[under.workload] = (
                f"1 + wait/CPU = {1 + ratio:.1f} (a lone request takes {under.lone * 1e3:.1f} ms, "
                f"{(under.cpu or 0) * 1e3:.2f} ms of it CPU)"
            )
    return found


def _size(sheet: _Sheet, wishes: Wishes, knobs: Mapping[str, Any]) -> dict[str, Any]:
    evidence = sheet.evidence
    measured_cpus = evidence.cpus if evidence else 1.0
    cpus = wishes.cpus or measured_cpus
    basis = Basis.SETTING if wishes.cpus or not evidence else Basis.MEASURED
    sheet.note("cpus", cpus, f"{cpus:g}", "given" if wishes.cpus else "as measured", basis)
    given = "workers" in wishes.knobs
    # rounded up: what the entry point multiplies must not come out a hair below a whole number
    per_cpu = _rounded_up(knobs["workers"] / (cpus if given else measured_cpus))
    workers = knobs["workers"] if given else max(1, math.floor(per_cpu * cpus + _HAIR))
    sheet.note(
        "workers_per_cpu",
        per_cpu,
        f"{per_cpu:g}",
        "workers / cpus, rounded up to the fourth digit; the entry point multiplies it with the "
        "CPU quota that it finds and rounds down, at least to 1",
        Basis.SETTING if given or not evidence else Basis.MEASURED,
        workers=str(knobs["workers"]),
        cpus=f"{cpus if given else measured_cpus:g}",
    )
    return {
        "cpus": cpus,
        "workers": workers,
        "workers_per_cpu": per_cpu,
        **_memory(sheet, wishes, workers),
        **_processes(sheet, workers, knobs["threads"] or _UNSEEN_THREADS),
    }


def _rounded_up(number: float) -> float:
    """Round up to the fourth digit."""
    return math.ceil(round(number * 1e4, 9)) / 1e4


def _memory(sheet: _Sheet, wishes: Wishes, workers: int) -> dict[str, int]:
    evidence = sheet.evidence
    if evidence is None:
        limit = wishes.memory or 512 * 2**20
        sheet.setting("memory_limit", limit, format_bytes(limit), "not measured: a guess")
        sheet.setting("memory_request", limit, format_bytes(limit), "the limit")
        sheet.rule("worker_memory", 0, "not known", "not measured: memory limits no workers")
        return {"worker_memory": 0, "memory_limit": limit, "memory_request": limit}
    peak = max(under.memory for under in evidence.under)
    there = evidence.knobs.get("workers", 1)
    each = sheet.measured(
        "worker_memory",
        math.ceil(peak / there),
        format_bytes(peak / there),
        "peak / workers, the share of the parent process included",
        peak=format_bytes(peak),
        workers=str(there),
    )
    needed = whole_mebibytes(RESERVE * each * workers)
    inputs = {"peak of a worker": format_bytes(each), "workers": str(workers)}
    request = sheet.measured(
        "memory_request",
        whole_mebibytes(each * workers),
        format_bytes(whole_mebibytes(each * workers)),
        "workers x peak of a worker, to whole 16 MiB",
        **inputs,
    )
    if wishes.memory is not None and wishes.memory < needed:
        raise ConfigError(
            f"{counted(workers, 'worker')} need {format_bytes(needed)} "
            f"(1.3 x {workers} x {format_bytes(each)}), and {format_bytes(wishes.memory)} is given",
            hint="Give more memory, or fewer workers.",
        )
    limit = wishes.memory or max(needed, _LEAST_MEMORY)
    formula = (
        "given"
        if wishes.memory
        else "1.3 x workers x peak of a worker, to whole 16 MiB; at least "
        f"{format_bytes(_LEAST_MEMORY)}, for a migration loads the app within it, too"
    )
    sheet.note(
        "memory_limit",
        limit,
        format_bytes(limit),
        formula,
        Basis.SETTING if wishes.memory else Basis.MEASURED,
        **inputs,
    )
    return {"worker_memory": each, "memory_limit": limit, "memory_request": request}


def _processes(sheet: _Sheet, workers: int, threads: int) -> dict[str, int]:
    seen = [u.threads for u in sheet.evidence.under if u.threads] if sheet.evidence else []
    there = sheet.evidence.knobs.get("workers", 1) if sheet.evidence else 1
    most = math.ceil(max(seen, default=0) / there * workers)
    known = workers * (threads + 1)
    limit = 2 * max(most, known) + _OTHER_PROCESSES
    return {
        "pids_limit": sheet.note(
            "pids_limit",
            limit,
            str(limit),
            f"2 x threads of all processes + {_OTHER_PROCESSES} for the parent, health checks and "
            "a shell: what starts threads without end is stopped, and not its neighbours. Threads "
            f"are those that were seen, or workers x (threads + 1) if that is more; "
            f"{_UNSEEN_THREADS} of a process where none are set",
            Basis.MEASURED if most >= known else Basis.RULE,
            **({"seen": str(most)} if seen else {}),
            **{"workers x (threads + 1)": str(known)},
        )
    }


def _tmp(sheet: _Sheet, values: Mapping[str, Any]) -> int:
    at_once = values["workers"] * (values["threads"] or _ASYNC_BODIES)
    size = min(max(_LEAST_TMP, at_once * values["body_limit"]), values["memory_limit"] // 4)
    size = max(size // 2**20, 1) * 2**20
    return int(
        sheet.rule(
            "tmp_size",
            size,
            format_bytes(size),
            f"workers x threads x body_limit ({_ASYNC_BODIES} without threads): a body that is "
            f"received may lie there; at least {format_bytes(_LEAST_TMP)}, at most a quarter of "
            "memory_limit, which it counts against",
        )
    )


def _times(sheet: _Sheet, knobs: Mapping[str, Any]) -> dict[str, int]:
    evidence = sheet.evidence
    slowest = max((u.slowest for u in evidence.under), default=0.0) if evidence else 0.0
    saw = {"slowest answer": f"{slowest:.2f} s"} if evidence else {}
    basis = Basis.MEASURED if evidence else Basis.RULE
    graceful = sheet.note(
        "graceful_timeout",
        max(_GRACE, math.ceil(1.2 * slowest)),
        f"{max(_GRACE, math.ceil(1.2 * slowest))} s",
        f"1.2 x the slowest answer, at least {_GRACE} s",
        basis,
        **saw,
    )
    timeout = sheet.note(
        "worker_timeout",
        max(_WORKER_TIMEOUT, math.ceil(2 * slowest)),
        f"{max(_WORKER_TIMEOUT, math.ceil(2 * slowest))} s",
        f"2 x the slowest answer, at least {_WORKER_TIMEOUT} s",
        basis,
        **saw,
    )

    def rule(name: str, value: int, formula: str) -> int:
        return int(sheet.rule(name, value, f"{value} s", formula))

    start = max(_LEAST_START, math.ceil(3 * evidence.start)) if evidence else 3 * _LEAST_START
    return {
        "graceful_timeout": graceful,
        "worker_timeout": timeout,
        "stop_grace": rule("stop_grace", graceful + 5, "graceful_timeout + 5 s to end"),
        "pre_stop": rule(
            "pre_stop", _PRE_STOP, "until load balancers have heard that it is about to stop"
        ),
        "termination_grace": rule(
            "termination_grace", _PRE_STOP + graceful + 5, "pre_stop + stop_grace"
        ),
        "proxy_timeout": rule(
            "proxy_timeout", timeout + 5, "worker_timeout + 5 s: who is nearest to a fault tells it"
        ),
        "proxy_keep_alive": rule(
            "proxy_keep_alive",
            _keep_alive_before(knobs["keep_alive"] or 0),
            f"at most {_KEEP_ALIVE_OF_PROXIES} s, 5 s less than keep_alive of the server, or half "
            "of a short one: who opened a connection closes it; 0: none are kept",
        ),
        "start_period": sheet.note(
            "start_period",
            start,
            f"{start} s",
            f"3 x the slowest start, at least {_LEAST_START} s" if evidence else "not measured",
            basis,
            **({"slowest start": f"{evidence.start:.2f} s"} if evidence else {}),
        ),
    }


def _keep_alive_before(server: int) -> int:
    """Give how long a proxy may keep an idle connection to a server that keeps it for so long."""
    return min(_KEEP_ALIVE_OF_PROXIES, max(server - 5, server // 2))


def _copies(sheet: _Sheet, wishes: Wishes, values: Mapping[str, Any]) -> dict[str, Any]:
    evidence = sheet.evidence
    under = evidence.most_expensive if evidence else None
    same = _is_as_measured(evidence, wishes, values)
    carried = (under.carried if under else None) if same else None
    if carried is not None and evidence and under:
        sheet.measured(
            "carried",
            carried,
            f"{format_rate(carried)}/s",
            "the rate within the objective, of the workload of which it is least; 0: it was "
            "missed at every rate tried",
            objective=evidence.goal,
            workload=under.workload,
        )
    replicas = _replicas(sheet, wishes, carried)
    target, request = _growth(sheet, values["cpus"], carried, under.cpu if under else None)
    most = max(_MOST_REPLICAS, 2 * replicas)
    return {
        "carried": carried,
        "replicas": replicas,
        "most_replicas": sheet.rule(
            "most_replicas",
            most,
            str(most),
            f"2 x replicas, at least {_MOST_REPLICAS}: a limit of cost",
        ),
        "hpa_target": target,
        "cpu_request": request,
    }


def _is_as_measured(evidence: Evidence | None, wishes: Wishes, values: Mapping[str, Any]) -> bool:
    """Tell whether a replica is what was measured, so that it carries what that did."""
    return (
        evidence is not None
        and values["cpus"] == evidence.cpus
        and all(evidence.knobs.get(name) == value for name, value in wishes.knobs.items())
    )


def _replicas(sheet: _Sheet, wishes: Wishes, carried: float | None) -> int:
    if wishes.replicas is not None:
        return int(sheet.setting("replicas", wishes.replicas, str(wishes.replicas), "given"))
    if wishes.rate is None:
        return int(sheet.rule("replicas", 2, "2", "one can be replaced while the other serves"))
    if not carried:
        raise ConfigError(
            f"how many it takes for {format_rate(wishes.rate)}/s is not known",
            hint="The run must have measured rates (`toolkit bench --rate-rounds 3`) with as many "
            "CPUs; or say --replicas.",
        )
    number = max(2, math.ceil(wishes.rate / carried) + _SPARE)
    return int(
        sheet.measured(
            "replicas",
            number,
            str(number),
            "wanted rate / what one carries, rounded up, and one to spare while one is replaced",
            wanted=f"{format_rate(wishes.rate)}/s",
            carried=f"{format_rate(carried)}/s",
        )
    )


def _growth(
    sheet: _Sheet, cpus: float, carried: float | None, cpu: float | None
) -> tuple[int, float]:
    request = float(
        sheet.rule("cpu_request", cpus, f"{cpus:g}", "all of it: what was measured had it, too")
    )
    if not carried or not cpu:
        target = sheet.rule("hpa_target", 70, "70 %", "not measured: the usual")
        return int(target), request
    use = min(carried * cpu / cpus, 1.0)
    target = max(math.floor(100 * _LOAD_TO_GROW_AT * use + _HAIR), 1)
    sheet.measured(
        "hpa_target",
        target,
        f"{target} %",
        "0.8 x the CPU in use at the rate carried within the objective: the next replica starts "
        "before answers take longer",
        carried=f"{format_rate(carried)}/s",
        **{"CPU of a request": f"{cpu * 1e3:.2f} ms", "CPU in use": f"{use:.0%}"},
    )
    return target, request


def _database(sheet: _Sheet, wishes: Wishes, values: Mapping[str, Any]) -> dict[str, int]:
    evidence = sheet.evidence
    pool = wishes.pool or (evidence.pool if evidence else 16)
    sheet.note(
        "database_pool",
        pool,
        str(pool),
        "given" if wishes.pool else "as measured" if evidence else "the toolkit's default",
        Basis.MEASURED if evidence and not wishes.pool else Basis.SETTING,
    )
    # while one is replaced there is one more
    need = (values["replicas"] + 1) * values[
        "workers"
    ] * pool * wishes.pools + _RESERVED_CONNECTIONS
    most = max(100, math.ceil(need / 10) * 10)
    memory = whole_mebibytes(_SHARED_BUFFERS + most * _OF_A_CONNECTION)
    of_a_replica = values["workers"] * pool * wishes.pools
    grown = (values["most_replicas"] + 1) * of_a_replica + _RESERVED_CONNECTIONS
    return {
        "database_pool": pool,
        "max_connections": sheet.rule(
            "max_connections",
            most,
            str(most),
            f"(replicas + 1) x workers x database_pool x pools + {_RESERVED_CONNECTIONS}, "
            "at least 100",
            replicas=str(values["replicas"]),
            workers=str(values["workers"]),
            pools=str(wishes.pools),
        ),
        "most_connections": sheet.rule(
            "most_connections",
            grown,
            str(grown),
            f"(most_replicas + 1) x workers x database_pool x pools + {_RESERVED_CONNECTIONS}",
            most_replicas=str(values["most_replicas"]),
            workers=str(values["workers"]),
            pools=str(wishes.pools),
        ),
        "database_memory": sheet.rule(
            "database_memory",
            memory,
            format_bytes(memory),
            f"shared_buffers ({format_bytes(_SHARED_BUFFERS)}) + max_connections x "
            f"{format_bytes(_OF_A_CONNECTION)}, to whole 16 MiB",
        ),
    }


def _alerts(sheet: _Sheet, wishes: Wishes, values: Mapping[str, Any]) -> dict[str, Any]:
    evidence = sheet.evidence
    latency = evidence.objective if evidence else _LATENCY_TO_TELL
    sheet.note(
        "alert_latency",
        latency,
        f"{latency * 1e3:g} ms",
        "the objective for p99" if evidence else "not measured: a guess",
        Basis.SETTING,
    )
    limit = values["memory_limit"]
    peak = values["workers"] * values["worker_memory"] or limit / RESERVE
    memory = math.floor((peak + limit) / 2 / 2**20) * 2**20
    sheet.note(
        "alert_memory",
        memory,
        format_bytes(memory),
        "halfway from the peak to memory_limit: half of what is in reserve is used up",
        Basis.MEASURED if values["worker_memory"] else Basis.RULE,
        peak=format_bytes(peak),
    )
    return {
        "alert_latency": latency,
        "alert_memory": memory,
        "alert_rate": _rate_to_tell(sheet, wishes, values),
    }


def _rate_to_tell(sheet: _Sheet, wishes: Wishes, values: Mapping[str, Any]) -> float | None:
    evidence = sheet.evidence
    carried: float | None = values["carried"]
    if carried:
        return sheet.measured(
            "alert_rate",
            0.9 * carried,
            f"{format_rate(0.9 * carried)}/s",
            "0.9 x carried: above it p99 leaves the objective, and at 0.8 one more was to start",
            carried=f"{format_rate(carried)}/s",
        )
    if evidence is None or not _is_as_measured(evidence, wishes, values):
        return None
    under = evidence.most_expensive
    return sheet.measured(
        "alert_rate",
        0.7 * under.capacity.value,
        f"{format_rate(0.7 * under.capacity.value)}/s",
        "0.7 x the most that one served, of the workload of which it is least; from which rate on "
        "answers take long was not measured",
        **{under.workload: f"{format_rate(under.capacity.value)}/s"},
    )
