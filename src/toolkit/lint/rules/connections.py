"""Connections of clients: those that wait, and those that a worker holds."""

from collections.abc import Iterator

from toolkit.lint.facts import Container, Deployment, Fact, Platform, ServerKind
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Rule, Severity
from toolkit.lint.rules.counting import worker_class
from toolkit.lint.rules.wording import besides

SOMAXCONN = 4096
"""Linux's default since 5.4, of every new network namespace whatever the machine has set."""

BACKLOG = Rule(
    name="backlog",
    summary="A server's backlog is no longer than net.core.somaxconn allows.",
    reason="The kernel silently shortens a longer one to net.core.somaxconn, which of a container "
    "is its own and not the machine's. uWSGI refuses to start.",
    fix="Raise net.core.somaxconn for the container (sysctls), or ask for a shorter backlog.",
    source="listen(2): https://man7.org/linux/man-pages/man2/listen.2.html",
)


def _backlog(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        server, most = unit.server, _somaxconn(unit.container)
        if server is None or server.backlog is None or most is None:
            continue
        backlog = server.backlog
        if backlog.value <= most.value:
            continue
        refuses = server.kind is ServerKind.UWSGI
        yield Finding(
            rule=BACKLOG.name,
            severity=Severity.ERROR if refuses else Severity.WARNING,
            where=backlog.where,
            message=f"{unit.name}: {server.kind} asks for a backlog of {backlog.value}"
            f"{backlog.said}, net.core.somaxconn is {most.value}{most.said}: "
            + ("it refuses to start" if refuses else "it gets no more"),
            fix=f"net.core.somaxconn: {backlog.value} for the container, or a backlog of "
            f"{most.value}",
            others=besides(backlog.where, most),
        )


def _somaxconn(container: Container) -> Fact[int] | None:
    """Give the limit, None where it is the machine's and so in none of the files."""
    if container.platform in {Platform.SYSTEMD, Platform.SUPERVISORD, Platform.PROCFILE}:
        return None
    given = container.sysctls.get("net.core.somaxconn")
    if given is None:
        return Fact(SOMAXCONN, container.where, "Linux")
    text = given.value.strip()
    return Fact(int(text), given.where) if text.isascii() and text.isdecimal() else None


THREADS = Rule(
    name="thread-connections",
    summary="A gthread worker may hold more connections than it has threads.",
    reason="worker_connections limits all of a worker's connections, idle ones included. With no "
    "more of them than threads no connection is kept alive; with fewer, some threads never get "
    "work.",
    fix="Set worker_connections well above threads, or leave it at 1000.",
    source="gunicorn, gthread.py, check_config: "
    "https://github.com/benoitc/gunicorn/blob/master/gunicorn/workers/gthread.py",
)


def _threads(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        server = unit.server
        if server is None or worker_class(server) != "gthread":
            continue
        threads, connections, kept = server.threads, server.worker_connections, server.keep_alive
        if threads is None or connections is None or connections.value > threads.value:
            continue
        if connections.value == threads.value and kept is not None and not kept.value:
            continue
        lost = (
            "so that no connection is kept alive"
            if connections.value == threads.value
            else f"so that {threads.value - connections.value} of the threads never get work"
        )
        yield Finding(
            rule=THREADS.name,
            severity=Severity.ERROR,
            where=connections.where,
            message=f"{unit.name}: a worker holds {connections.value} connections"
            f"{connections.said} at most and has {threads.value} threads ({threads.where}), {lost}",
            fix=f"worker_connections = {max(1000, 10 * threads.value)}",
            others=besides(connections.where, threads),
        )


RULES: tuple[tuple[Rule, Check], ...] = ((BACKLOG, _backlog), (THREADS, _threads))
