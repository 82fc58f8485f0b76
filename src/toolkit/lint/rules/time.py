"""The time that a request may take: for its server, and for the proxy in front of it."""

import math
from collections.abc import Iterator

from toolkit.lint.facts import Deployment, Fact, Proxy, Server, ServerKind, Unit
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Rule, Severity
from toolkit.lint.rules.counting import worker_class
from toolkit.lint.rules.wording import besides, seconds

TIMEOUT = Rule(
    name="timeout-nesting",
    summary="A proxy waits longer than the server may work on a request, and that longer than the "
    "slowest request takes.",
    reason="A proxy that gives up first answers 504 while the worker goes on with what nobody "
    "waits for; clients that try again take up the next worker. A server that gives up before the "
    "slowest request ends kills it each time. Only gunicorn's sync workers and uWSGI's harakiri "
    "limit a request: the timeout of other workers watches the worker.",
    fix="Set slowest request < worker timeout < proxy_read_timeout.",
    source="gunicorn, settings, timeout: https://gunicorn.org/reference/settings/#timeout",
)


def _timeouts(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    findings: list[Finding] = []
    limited = False
    for unit in deployment.units:
        if unit.server is None:
            continue
        limit, proxy = _request_limit(unit.server), _most_patient(unit.proxies)
        limited = limited or limit is not None or proxy is not None
        if limit is not None and proxy is not None:
            findings += _gives_up_first(unit, unit.server, limit, proxy)
        if measured.slowest_request is not None:
            findings += _too_slow(unit, limit, proxy, measured.slowest_request)
    yield from findings
    if limited and not findings and measured.slowest_request is None:
        yield NotJudged(
            rule=TIMEOUT.name,
            reason="whether the slowest request ends in time: --slowest-request says how long it "
            "takes",
        )


def _request_limit(server: Server) -> Fact[float] | None:
    """Give the time that a request may take, infinite where the server is told not to limit it."""
    limit = server.timeout
    if limit is None:
        return None
    if worker_class(server) == "sync":
        return limit if limit.value else Fact(math.inf, limit.where, limit.default)
    return limit if server.kind is ServerKind.UWSGI and limit.value else None


def _most_patient(proxies: tuple[Proxy, ...]) -> Proxy | None:
    """Give the proxy that waits longest: another may be impatient with health checks alone."""
    known = [proxy for proxy in proxies if proxy.read_timeout is not None]
    return max(known, key=_patience, default=None)


def _patience(proxy: Proxy) -> float:
    return proxy.read_timeout.value if proxy.read_timeout else 0.0


def _directive(proxy: Proxy, least: float) -> str:
    if proxy.software == "Traefik":
        return f"responseHeaderTimeout {math.ceil(least)}s"
    prefix = "proxy" if proxy.protocol == "http" else proxy.protocol
    return f"{prefix}_read_timeout {math.ceil(least)}s"


def _limit_setting(server: Server, most: float) -> str:
    name = "harakiri" if server.kind is ServerKind.UWSGI else "timeout"
    return f"{name} = {math.floor(most)}"


def _gives_up_first(
    unit: Unit, server: Server, limit: Fact[float], proxy: Proxy
) -> Iterator[Finding]:
    patience = proxy.read_timeout
    if patience is None or patience.value > limit.value:
        return
    less = _limit_setting(server, max(patience.value - 5, 1))
    endless = math.isinf(limit.value)
    works = "sets no limit" if endless else f"after {seconds(limit.value)}"
    yield Finding(
        rule=TIMEOUT.name,
        severity=Severity.WARNING,
        where=patience.where,
        message=f"{unit.name}: the proxy gives up after {seconds(patience.value)}{patience.said}, "
        f"{server.kind} {works}{limit.said} ({limit.where})",
        fix=less if endless else f"{_directive(proxy, limit.value + 5)}, or {less}",
        others=besides(patience.where, limit, proxy),
    )


def _too_slow(
    unit: Unit, limit: Fact[float] | None, proxy: Proxy | None, slowest: float
) -> Iterator[Finding]:
    said = f"the slowest request takes {seconds(slowest)}"
    if limit is not None and limit.value <= slowest and unit.server is not None:
        yield Finding(
            rule=TIMEOUT.name,
            severity=Severity.ERROR,
            where=limit.where,
            message=f"{unit.name}: {unit.server.kind} kills a worker after {seconds(limit.value)}"
            f"{limit.said}, {said}",
            fix=_limit_setting(unit.server, math.ceil(slowest * 1.5)),
        )
    patience = proxy.read_timeout if proxy else None
    if proxy is not None and patience is not None and patience.value <= slowest:
        yield Finding(
            rule=TIMEOUT.name,
            severity=Severity.ERROR,
            where=patience.where,
            message=f"{unit.name}: the proxy gives up after {seconds(patience.value)}"
            f"{patience.said}, {said}",
            fix=_directive(proxy, slowest * 2),
            others=besides(patience.where, proxy),
        )


RULES: tuple[tuple[Rule, Check], ...] = ((TIMEOUT, _timeouts),)
