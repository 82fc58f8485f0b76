"""Look at this machine for what hurts the numbers, and say what to do."""

import os
import resource
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from toolkit.config import Config
from toolkit.errors import EnvironmentFault
from toolkit.host import cpu_quota, memory_limit, read_host
from toolkit.measured import Host
from toolkit.model import Placement
from toolkit.runtime.cluster import find_binaries
from toolkit.runtime.ready import free_port
from toolkit.units import format_bytes

_LEAST_SPACE = 2 * 2**30
_PORT = 8000


class Level(StrEnum):
    """How much a finding hurts."""

    FINE = "ok"
    WARN = "warn"
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; ``advice`` is empty where nothing is to be done."""

    level: Level
    subject: str
    finding: str
    advice: str = ""


def examine(config: Config, placement: Placement) -> Iterator[Check]:
    """Look at everything, the most important first."""
    host = read_host()
    yield _engine()
    yield _postgres()
    yield _cpus(host, placement)
    yield _quota(host)
    yield _memory(host, placement)
    yield _governor(host)
    yield _load_average(host)
    yield _open_files(config)
    yield _ports()
    yield _space(Path(config.results))
    yield Check(
        Level.FINE,
        "versions",
        f"toolkit {host.toolkit}, Python {host.python}, Locust {host.locust}, {host.system}",
    )


def _postgres() -> Check:
    """Say whether database workloads can run without Docker."""
    try:
        found = find_binaries()
    except EnvironmentFault as fault:
        return Check(Level.WARN, "PostgreSQL", f"{fault}; with Docker it is not needed", fault.hint)
    return Check(Level.FINE, "PostgreSQL", f"{found.server}, for database workloads as processes")


def _engine() -> Check:
    from toolkit.runtime.engine import Engine  # noqa: PLC0415 - the SDK is heavy

    try:
        engine = Engine.connect()
    except EnvironmentFault as fault:
        return Check(
            Level.WARN,
            "Docker engine",
            str(fault),
            "Servers will run as local processes, without a sum limit on memory. " + fault.hint,
        )
    try:
        where = f"{engine.description}, at {engine.address}"
        if not engine.is_loopback:
            return Check(
                Level.BAD,
                "Docker engine",
                f"{where} is another machine",
                "Servers are measured over loopback; unset DOCKER_HOST or switch the context.",
            )
        if not engine.shares_host_network:
            return Check(
                Level.WARN,
                "Docker engine",
                f"{where}: in a virtual machine or rootless",
                "Ports are published through a proxy, which costs latency; measure on Linux.",
            )
        return Check(Level.FINE, "Docker engine", where)
    finally:
        engine.close()


def _cpus(host: Host, placement: Placement) -> Check:
    text = f"{host.cpus}, {host.cpu_model}"
    if placement.notes:
        return Check(Level.WARN, "CPUs", f"{text}. {' '.join(placement.notes)}")
    server, client = (
        ",".join(map(str, cpus)) for cpus in (placement.server_cpus, placement.client_cpus)
    )
    return Check(Level.FINE, "CPUs", f"{text}: server on {server}, load generator on {client}")


def _quota(host: Host) -> Check:
    quota = cpu_quota()
    subject = f"cgroup {host.cgroup}"
    if quota is None or quota >= len(host.allowed_cpus):
        return Check(Level.FINE, subject, "no CPU quota")
    return Check(
        Level.BAD,
        subject,
        f"a CPU quota of {quota:g} cores on {len(host.allowed_cpus)} CPUs",
        "Server and load generator are stopped together when it is used up: give this machine "
        "or container whole cores.",
    )


def _memory(host: Host, placement: Placement) -> Check:
    limit = memory_limit()
    have = min(host.memory, limit or host.memory)
    if have < 2 * placement.memory:
        return Check(
            Level.BAD,
            "memory",
            f"{format_bytes(have)} for servers of {format_bytes(placement.memory)}",
            "Lower --memory, or swapping will be measured.",
        )
    return Check(Level.FINE, "memory", f"{format_bytes(have)}{' (cgroup limit)' if limit else ''}")


def _governor(host: Host) -> Check:
    if host.governor in ("performance", "unknown"):
        text = "not told by this machine" if host.governor == "unknown" else host.governor
        return Check(Level.FINE, "CPU governor", text)
    return Check(
        Level.WARN,
        "CPU governor",
        host.governor,
        "The clock follows the load, so the first trials look slower: "
        "`cpupower frequency-set -g performance`.",
    )


def _load_average(host: Host) -> Check:
    last = host.load_average[0]
    text = f"{last:.2f} in the last minute"
    if last > 0.3 * host.cpus:
        return Check(
            Level.WARN,
            "load average",
            text,
            "Something else is running; it takes time from server and load generator alike.",
        )
    return Check(Level.FINE, "load average", text)


def _open_files(config: Config) -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * config.bench.users + 100
    if soft != resource.RLIM_INFINITY and soft < needed:
        return Check(
            Level.BAD,
            "open files",
            f"{soft} for {config.bench.users} users",
            f"`ulimit -n {min(needed * 2, hard)}` before the start.",
        )
    return Check(Level.FINE, "open files", "unlimited" if soft < 0 else f"{soft}")


def _ports() -> Check:
    try:
        free_port(_PORT)
    except EnvironmentFault:
        return Check(
            Level.FINE,
            "ports",
            f"{_PORT} is taken, which hinders nothing but `toolkit up`",
            "`toolkit up --port 0` takes a free one.",
        )
    return Check(Level.FINE, "ports", f"{_PORT} is free; a bench takes any free ones")


def _space(results: Path) -> Check:
    there = next(
        path for path in (results.absolute(), *results.absolute().parents) if path.exists()
    )
    free = shutil.disk_usage(there).free
    if not os.access(there, os.W_OK):
        return Check(
            Level.BAD, "results", f"{there} cannot be written", "Give another one: --results."
        )
    if free < _LEAST_SPACE:
        return Check(
            Level.WARN,
            "disk space",
            f"{format_bytes(free)} for results",
            "Images take about 1 GiB: `docker system prune` frees what is not used.",
        )
    return Check(Level.FINE, "disk space", f"{format_bytes(free)} free for results")
