"""Worker processes: as many as there are CPUs for, and not replaced all at once."""

import math
from collections.abc import Iterator

from toolkit.lint.facts import Deployment, Fact, Server, ServerKind, Unit
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Rule, Severity
from toolkit.lint.rules.counting import processes
from toolkit.lint.rules.versions import is_older
from toolkit.lint.rules.wording import besides
from toolkit.units import counted

QUOTA = Rule(
    name="workers-for-quota",
    summary="The number of workers fits the CPUs that the container may use.",
    reason="Neither cpu_count() nor nproc sees the quota of a container: with 1 CPU on a machine "
    "of 64 they start 129 workers, which take the memory and the time of all others. Fixed "
    "numbers are told when they exceed 2 x CPUs + 1, where gunicorn's advice starts.",
    fix="Set the number of workers, or compute it from /sys/fs/cgroup/cpu.max.",
    source="gunicorn#2028, cpu_count() is dangerous in containers: "
    "https://github.com/benoitc/gunicorn/issues/2028",
)


def _quota(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        server, cpus = unit.server, unit.container.cpus
        if server is None or cpus is None or cpus.value <= 0:
            continue
        if server.workers_by_cpus is not None:
            yield from _unseen(unit, server.workers_by_cpus, cpus)
        elif server.workers is not None:
            yield from _too_many(unit, server.workers, cpus)


def _fitting(cpus: Fact[float]) -> int:
    """Give the most workers for CPUs; two, so that one may be replaced, are never too many."""
    return max(2, math.floor(2 * cpus.value + 1))


def _unseen(unit: Unit, computed: Fact[str], cpus: Fact[float]) -> Iterator[Finding]:
    # that has a bound of its own, which may be a fitting one
    if "min(" in computed.value:
        return
    yield Finding(
        rule=QUOTA.name,
        severity=Severity.ERROR,
        where=computed.where,
        message=f"{unit.name}: `{computed.value}` counts the CPUs of the machine, the container "
        f"may use {counted(cpus.value, 'CPU')} ({cpus.where})",
        fix=f"workers = {_fitting(cpus)}",
        others=besides(computed.where, cpus),
    )


def _too_many(unit: Unit, workers: Fact[int], cpus: Fact[float]) -> Iterator[Finding]:
    most = _fitting(cpus)
    if workers.value <= most:
        return
    yield Finding(
        rule=QUOTA.name,
        severity=Severity.WARNING,
        where=workers.where,
        message=f"{unit.name}: {workers.value} workers share {counted(cpus.value, 'CPU')} "
        f"({cpus.where}), more than 2 x CPUs + 1",
        fix=f"workers = {most}, with threads for requests that wait",
        others=besides(workers.where, cpus),
    )


_UVICORN_JITTER_SINCE = (0, 41)
"""https://www.uvicorn.org/release-notes/"""

JITTER = Rule(
    name="recycling-jitter",
    summary="Workers that are replaced after some requests are not replaced at the same time.",
    reason="Requests are spread over the workers, so all reach the same number at nearly the same "
    "time, and there are none for as long as the app takes to start.",
    fix="Set max_requests_jitter to a tenth of max_requests or more.",
    source="gunicorn, settings, max_requests_jitter: "
    "https://gunicorn.org/reference/settings/#max_requests_jitter",
)


def _jitter(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        server = unit.server
        if server is None or server.max_requests is None or server.max_requests_jitter is None:
            continue
        most, jitter, workers = server.max_requests, server.max_requests_jitter, processes(server)
        several = server.workers_by_cpus is not None or (workers is not None and workers.value > 1)
        if most.value <= 0 or jitter.value > 0 or not several:
            continue
        number = max(1, most.value // 10)
        yield Finding(
            rule=JITTER.name,
            severity=Severity.WARNING,
            where=most.where,
            message=f"{unit.name}: each worker is replaced after the same {most.value} requests, "
            "so that all are at once",
            fix=_jitter_setting(server, number),
            others=besides(most.where, workers),
        )


def _jitter_setting(server: Server, number: int) -> str:
    if server.kind is ServerKind.UWSGI:
        return f"max-requests-delta = {number}"
    if server.kind is not ServerKind.UVICORN:
        return f"max_requests_jitter = {number}"
    newer = "uvicorn 0.41 or later, with " if is_older(server, _UVICORN_JITTER_SINCE) else ""
    return f"{newer}--limit-max-requests-jitter {number}"


RULES: tuple[tuple[Rule, Check], ...] = ((QUOTA, _quota), (JITTER, _jitter))
