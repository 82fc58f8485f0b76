"""Settings of uvicorn, hypercorn, granian, waitress and cheroot."""

import math
from collections.abc import Mapping

from toolkit.lint.facts import Fact, Server, ServerKind
from toolkit.lint.servers import hypercorn_config
from toolkit.lint.servers import options as table
from toolkit.lint.servers.arguments import Given, Options, split
from toolkit.lint.servers.settings import Settings, from_text, layer_of
from toolkit.lint.servers.starting import Starting
from toolkit.lint.shell.values import is_known
from toolkit.reading import ReadError

_TRUSTED = "forwarded_allow_ips"
UVICORN_VARIABLES = {"WEB_CONCURRENCY": "workers", "FORWARDED_ALLOW_IPS": _TRUSTED}


def uvicorn(start: Starting) -> Server:
    """Read uvicorn's settings, also of ``fastapi run`` and ``fastapi dev`` that start it.

    Without ``--timeout-graceful-shutdown`` it waits for its requests without end: infinity.
    """
    words, changed, options = start.arguments, dict[str, object](), table.UVICORN
    if start.command.words[0] == "fastapi":
        options = table.FASTAPI
        develops = "dev" in words
        changed = {"reload": develops, "host": "127.0.0.1" if develops else "0.0.0.0"}  # noqa: S104
        # a word that is no option stays in its place, so that others keep theirs
        words = tuple("app" if word in ("dev", "run") else word for word in words)
    layers = _variables(start.env, UVICORN_VARIABLES)
    layers |= _prefixed(start.env, "UVICORN_", table.UVICORN)
    settings = _settings(
        start, split(words, options), layers, {**table.UVICORN_DEFAULTS, **changed}
    )
    return uvicorn_of(settings, start.version)


def uvicorn_of(settings: Settings, version: Fact[str] | None = None) -> Server:
    """Give what uvicorn's settings come to, of a command line or of ``uvicorn.run(...)``."""
    believes = settings.truth("proxy_headers")
    return Server(
        kind=ServerKind.UVICORN,
        where=settings.where,
        version=version,
        workers=settings.integer("workers"),
        workers_by_cpus=settings.by_cpus("workers"),
        worker_connections=settings.integer("limit_concurrency"),
        graceful_timeout=_patience(settings, "timeout_graceful_shutdown"),
        keep_alive=settings.seconds("timeout_keep_alive"),
        backlog=settings.integer("backlog"),
        max_requests=settings.integer("limit_max_requests"),
        max_requests_jitter=settings.integer("limit_max_requests_jitter"),
        binds=_address(settings, "uds"),
        trusted_proxies=settings.text(_TRUSTED) if believes and believes.value else None,
        reloads=settings.truth("reload"),
    )


def hypercorn(start: Starting) -> Server:
    """Read hypercorn's settings, also from its TOML or Python file."""
    given = split(start.arguments, table.HYPERCORN)
    named = given.values.get("config")
    config: Mapping[str, Fact[object]] = {}
    complete = True
    if named:
        location = named[-1].removeprefix("file:").removeprefix("python:")
        if named[-1].startswith("python:"):
            location = location.replace(".", "/") + ".py"
        found = start.file(location) if is_known(location) else None
        try:
            config, complete = (
                ({}, False) if found is None else hypercorn_config.read(*found, start.env)
            )
        except ReadError:
            complete = False
    settings = _settings(start, given, config, table.HYPERCORN_DEFAULTS, complete=complete)
    return Server(
        kind=ServerKind.HYPERCORN,
        where=start.where,
        version=start.version,
        workers=settings.integer("workers"),
        workers_by_cpus=settings.by_cpus("workers"),
        graceful_timeout=settings.seconds("graceful_timeout"),
        keep_alive=settings.seconds("keep_alive_timeout"),
        backlog=settings.integer("backlog"),
        max_requests=settings.integer("max_requests"),
        max_requests_jitter=settings.integer("max_requests_jitter"),
        binds=settings.texts("bind"),
        reloads=settings.truth("use_reloader"),
    )


def granian(start: Starting) -> Server:
    """Read granian's settings.

    Without ``--workers-kill-timeout`` it waits for its requests without end: infinity.
    """
    given = split(start.arguments, table.GRANIAN)
    variables = _prefixed(start.env, "GRANIAN_", table.GRANIAN)
    settings = _settings(start, given, variables, table.GRANIAN_DEFAULTS)
    return Server(
        kind=ServerKind.GRANIAN,
        where=start.where,
        version=start.version,
        workers=settings.integer("workers"),
        workers_by_cpus=settings.by_cpus("workers"),
        threads=_threads(settings),
        worker_connections=_backpressure(settings),
        graceful_timeout=_patience(settings, "workers_kill_timeout"),
        backlog=settings.integer("backlog"),
        binds=_address(settings, "uds"),
        reloads=settings.truth("reload"),
    )


def waitress(start: Starting) -> Server:
    """Read waitress's settings."""
    settings = _settings(start, split(start.arguments, table.WAITRESS), {}, table.WAITRESS_DEFAULTS)
    return Server(
        kind=ServerKind.WAITRESS,
        where=start.where,
        version=start.version,
        threads=settings.integer("threads"),
        worker_connections=settings.integer("connection_limit"),
        keep_alive=settings.seconds("channel_timeout"),
        backlog=settings.integer("backlog"),
        binds=settings.texts("listen") or _address(settings, "unix_socket"),
        trusted_proxies=settings.text("trusted_proxy"),
    )


def cheroot(start: Starting) -> Server:
    """Read cheroot's settings."""
    settings = _settings(start, split(start.arguments, table.CHEROOT), {}, table.CHEROOT_DEFAULTS)
    return Server(
        kind=ServerKind.CHEROOT,
        where=start.where,
        version=start.version,
        threads=settings.integer("threads"),
        graceful_timeout=settings.seconds("shutdown_timeout"),
        keep_alive=settings.seconds("timeout"),
        backlog=settings.integer("request_queue_size"),
        binds=settings.texts("bind"),
    )


def _settings(
    start: Starting,
    given: Given,
    before: Mapping[str, Fact[object]],
    defaults: Mapping[str, object],
    *,
    complete: bool = True,
) -> Settings:
    return Settings(
        layers=(before, layer_of(given, start.place)),
        defaults=defaults,
        where=start.where,
        by=start.command.words[0].removesuffix("-serve"),
        complete=complete and given.complete,
    )


def _variables(
    env: Mapping[str, Fact[str]], settings: Mapping[str, str]
) -> dict[str, Fact[object]]:
    return {
        setting: Fact(from_text(env[name].value), env[name].where)
        for name, setting in settings.items()
        if name in env
    }


def _prefixed(
    env: Mapping[str, Fact[str]], prefix: str, options: Options
) -> dict[str, Fact[object]]:
    """Give the settings that click takes from variables: UVICORN_WORKERS, GRANIAN_PORT."""
    settings = {*options.valued.values(), *(name for name, _ in options.flags.values())}
    return _variables(env, {f"{prefix}{setting.upper()}": setting for setting in settings})


def _address(settings: Settings, socket: str) -> tuple[Fact[str], ...]:
    """Put host and port together, or give the socket in the file system."""
    path = settings.text(socket)
    if path is not None:
        return (Fact(f"unix:{path.value}", path.where),)
    host, port = settings.text("host"), settings.integer("port")
    if host is None or port is None:
        return ()
    name = f"[{host.value}]" if ":" in host.value else host.value
    chosen = port if not port.default else host
    return (Fact(f"{name}:{port.value}", chosen.where, chosen.default),)


def _patience(settings: Settings, name: str) -> Fact[float] | None:
    found = settings.given(name)
    if found is not None and found.value == math.inf:
        return Fact(math.inf, found.where, found.default)
    return settings.seconds(name)


def _backpressure(settings: Settings) -> Fact[int] | None:
    given = settings.integer("backpressure")
    if given is not None or settings.given("backpressure") is not None:
        return given
    backlog, workers = settings.integer("backlog"), settings.integer("workers")
    if backlog is None or workers is None:
        return None
    return Fact(max(1, backlog.value // max(1, workers.value)), settings.where, "granian")


def _threads(settings: Settings) -> Fact[int] | None:
    """Give the blocking threads: by default, for WSGI, half the connections."""
    given = settings.integer("blocking_threads")
    if given is not None or settings.given("blocking_threads") is not None:
        return given
    interface, connections = settings.text("interface"), _backpressure(settings)
    if interface is None or not settings.complete:
        return None
    if interface.value != "wsgi":
        return Fact(1, settings.where, "granian")
    if connections is None:
        return None
    return Fact(max(1, connections.value // 2), settings.where, "granian")
