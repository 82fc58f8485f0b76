"""The server itself: which one, how it loads the app, and whom it may serve."""

from collections.abc import Iterator

from toolkit.lint.facts import Deployment, Fact, Server, ServerKind, Unit
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Rule, Severity
from toolkit.lint.rules.counting import worker_class
from toolkit.lint.rules.fronts import (
    is_for_development,
    is_unit_for_development,
    published_directly,
)

PRELOAD_GEVENT = Rule(
    name="preload-gevent",
    summary="gunicorn does not load the app before gevent has patched the standard library.",
    reason="gunicorn's gevent worker patches sockets, locks and ssl when it starts. With preload "
    "the app has been imported by then: it keeps unpatched locks and sockets that block all "
    "requests of the process, or fails in ssl with a RecursionError.",
    fix="Do without preload_app, or patch at the top of gunicorn.conf.py "
    "(from gevent import monkey; monkey.patch_all()).",
    source="gunicorn, Monkey-patching ssl after ssl has already been imported: "
    "https://github.com/benoitc/gunicorn/issues/2796",
)

DEVELOPMENT_SERVER = Rule(
    name="development-server",
    summary="What is deployed is not a development server, and does not reload or debug.",
    reason="Flask's and Django's own servers are not made to be efficient, stable or secure. With "
    "the debugger on, whoever sees an error page can run code.",
    fix="Start a production server such as gunicorn; keep the development server in a file named "
    "for it, such as compose.override.yaml or compose.dev.yaml, or in a stage or profile called "
    "dev.",
    source="Flask, Development Server: https://flask.palletsprojects.com/en/stable/server/",
)

SLOW_CLIENTS = Rule(
    name="slow-clients",
    summary="Workers that serve one request at a time get it whole from a proxy.",
    reason="A worker reads a request and sends the answer at the client's pace. As many clients "
    "with a bad connection as there are workers, or one who means harm, keep all others waiting.",
    fix="Put a proxy that buffers requests in front (nginx does so by default), or take a worker "
    "class with threads or coroutines.",
    source="gunicorn, Deploying: https://gunicorn.org/deploy/",
)


def serves_asgi(server: Server) -> bool:
    """Tell whether gunicorn's workers serve ASGI apps."""
    name = server.worker_class.value.lower() if server.worker_class else ""
    return "asgi" in name or "uvicorn" in name


def is_development_server(server: Server | None) -> bool:
    """Tell whether a server is made for its developer only."""
    if server is None:
        return False
    reloads = server.reloads is not None and server.reloads.value
    return server.kind is ServerKind.DEVELOPMENT or reloads


# preload-gevent


def _preload_gevent(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    # who does it in gunicorn.conf.py or in the app has thought of it
    for unit in () if deployment.patches_gevent else deployment.units:
        server = unit.server
        if server is None or server.preload is None or server.worker_class is None:
            continue
        # also of a library: geventwebsocket.gunicorn.workers.GeventWebSocketWorker
        if not server.preload.value or "gevent" not in server.worker_class.value.lower():
            continue
        yield Finding(
            rule=PRELOAD_GEVENT.name,
            severity=Severity.ERROR,
            where=server.preload.where,
            message="the app is imported before the workers start (preload), but the worker class "
            f"{server.worker_class.value} ({server.worker_class.where}) patches the standard "
            "library only then",
            fix="remove preload, or call gevent.monkey.patch_all() at the top of gunicorn.conf.py",
            others=tuple({server.worker_class.where} - {server.preload.where}),
        )


# development-server


def _development_server(
    deployment: Deployment, measured: Measured
) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        server = unit.server
        if server is None or not is_development_server(server):
            continue
        reloads = server.reloads
        where = server.where
        if server.kind is not ServerKind.DEVELOPMENT and reloads is not None:
            where = reloads.where
        if is_for_development(where) or is_unit_for_development(unit):
            continue
        yield Finding(
            rule=DEVELOPMENT_SERVER.name,
            severity=Severity.ERROR,
            where=where,
            message=f"{unit.name} runs a development server"
            if server.kind is ServerKind.DEVELOPMENT
            else f"{unit.name}: {server.kind} watches files to reload them, or debugs",
            fix=f"gunicorn --bind {_address(server)} with the app, or name the file for development"
            if server.kind is ServerKind.DEVELOPMENT
            else "remove --reload and debug here",
            others=(unit.container.where,) if unit.container.where != where else (),
        )


def _address(server: Server) -> str:
    return server.binds[0].value if server.binds else "0.0.0.0:8000"


# slow-clients


def _slow_clients(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        kind = _one_at_a_time(unit.server)
        if kind is None:
            continue
        if unit.proxies:
            yield from _unbuffered(unit, kind)
            continue
        for published in published_directly(unit)[:1]:
            yield Finding(
                rule=SLOW_CLIENTS.name,
                severity=Severity.WARNING,
                where=kind.where,
                message=f"{unit.name}: {kind.value} workers{kind.said} serve one client at a time, "
                f"and clients reach them directly ({published.by}, {published.where})",
                fix="nginx in front, or --worker-class gthread --threads 4",
                others=tuple({published.where} - {kind.where}),
            )


_BUFFERING = {
    "nginx": "proxy_request_buffering on",
    "Traefik": "a middleware of Traefik's with buffering.maxRequestBodyBytes",
}
"""How a proxy is told to read a whole request first."""


def _unbuffered(unit: Unit, kind: Fact[str]) -> Iterator[Finding]:
    for proxy in unit.proxies:
        if proxy.buffers is None or proxy.buffers.value:
            continue
        yield Finding(
            rule=SLOW_CLIENTS.name,
            severity=Severity.WARNING,
            where=proxy.buffers.where,
            message=f"{unit.name}: {kind.value} workers{kind.said} ({kind.where}) serve one client "
            "at a time, and the proxy sends requests on while it still receives them"
            f"{proxy.buffers.said}",
            fix=f"{_BUFFERING[proxy.software]}; or a worker class with threads or coroutines",
            others=(kind.where,),
        )


def _one_at_a_time(server: Server | None) -> Fact[str] | None:
    """Give the class of workers that serve one request each, None if they serve more."""
    if server is None or server.worker_class is None:
        return None
    name = worker_class(server)
    single = server.threads is not None and server.threads.value == 1
    return server.worker_class if name == "sync" or (name == "gthread" and single) else None


RULES: tuple[tuple[Rule, Check], ...] = (
    (DEVELOPMENT_SERVER, _development_server),
    (PRELOAD_GEVENT, _preload_gevent),
    (SLOW_CLIENTS, _slow_clients),
)
