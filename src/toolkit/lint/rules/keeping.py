"""Idle connections: the proxy must be the one that closes them."""

import math
from collections.abc import Iterator

from toolkit.lint.facts import Deployment, Fact, Server, ServerKind, Unit
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Rule, Severity
from toolkit.lint.rules.counting import worker_class
from toolkit.lint.rules.wording import besides, seconds

INGRESS_IDLE = 60.0
"""Seconds for which the usual ingress controllers and AWS keep an idle connection to an app."""

KEEP_ALIVE = Rule(
    name="keep-alive-nesting",
    summary="A server keeps idle connections for longer than the proxy in front of it does.",
    reason="A server that closes an idle connection first may do so while the proxy sends a "
    "request over it; the client gets a 502. nginx repeats a GET, but not a POST.",
    fix="Set the server's keep-alive above the proxy's, which is 60 s for nginx upstreams, "
    "ingress-nginx and AWS, or let the proxy close connections earlier.",
    source="AWS, Application Load Balancer, connection idle timeout: https://docs.aws.amazon.com/"
    "elasticloadbalancing/latest/application/edit-load-balancer-attributes.html",
)


def _keep_alive(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        server = unit.server
        if server is None or server.keep_alive is None or not _keeps(server):
            continue
        for proxy in unit.proxies:
            if proxy.protocol == "http" and proxy.kept and proxy.kept.value and proxy.keep_alive:
                yield from _closed_early(unit, server, server.keep_alive, proxy.keep_alive)
        # a Service of type LoadBalancer passes clients' own connections on, which it keeps not
        for published in unit.container.published:
            if published.by == "Ingress":
                idle = Fact(INGRESS_IDLE, published.where, "the usual Ingress")
                yield from _closed_early(unit, server, server.keep_alive, idle)


def _keeps(server: Server) -> bool:
    """Tell whether it keeps connections at all, until a time that it is told."""
    if server.kind is not ServerKind.GUNICORN:
        return server.kind is not ServerKind.DEVELOPMENT
    if server.worker_class is None or worker_class(server) in {"sync", "tornado"}:
        return False
    # gunicorn then says `Connection: close` in each answer, which no proxy can misunderstand
    return server.keep_alive is not None and server.keep_alive.value > 0


def _closed_early(
    unit: Unit, server: Server, kept: Fact[float], idle: Fact[float]
) -> Iterator[Finding]:
    if kept.value > idle.value:
        return
    yield Finding(
        rule=KEEP_ALIVE.name,
        severity=Severity.WARNING,
        where=kept.where,
        message=f"{unit.name}: {server.kind} closes idle connections after {seconds(kept.value)}"
        f"{kept.said}, the proxy in front of it after {seconds(idle.value)}{idle.said} "
        f"({idle.where})",
        fix=_keep_alive_setting(server, idle.value + 5),
        others=besides(kept.where, idle),
    )


def _keep_alive_setting(server: Server, least: float) -> str:
    number = math.ceil(least)
    return {
        ServerKind.GUNICORN: f"keepalive = {number}",
        ServerKind.UVICORN: f"--timeout-keep-alive {number}",
        ServerKind.HYPERCORN: f"--keep-alive {number}",
        ServerKind.WAITRESS: f"--channel-timeout {number}",
    }.get(server.kind, f"keep idle connections for {number} s")


RULES: tuple[tuple[Rule, Check], ...] = ((KEEP_ALIVE, _keep_alive),)
