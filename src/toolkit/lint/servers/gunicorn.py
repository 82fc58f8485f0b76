"""gunicorn's settings, from its command line, its configuration file and variables.

Options, defaults and which of them win are those of gunicorn 27.0.1 (``config.py`` and
``app/base.py`` of its source): defaults, then the file, then GUNICORN_CMD_ARGS, then the command
line. Among the defaults, WEB_CONCURRENCY, PORT and FORWARDED_ALLOW_IPS are variables' values.
"""

import re
import shlex
from collections.abc import Mapping

from toolkit.lint.facts import Fact, Server, ServerKind
from toolkit.lint.servers import gunicorn_config
from toolkit.lint.servers.arguments import Given, Options, split
from toolkit.lint.servers.settings import Settings, from_text, layer_of
from toolkit.lint.servers.starting import Starting
from toolkit.lint.shell.values import is_known
from toolkit.reading import ReadError

_OPTIONS = Options.of(
    "config=-c,--config bind=-b,--bind backlog=--backlog workers=-w,--workers "
    "worker_class=-k,--worker-class threads=--threads worker_connections=--worker-connections "
    "max_requests=--max-requests max_requests_jitter=--max-requests-jitter timeout=-t,--timeout "
    "graceful_timeout=--graceful-timeout keepalive=--keep-alive chdir=--chdir "
    "worker_tmp_dir=--worker-tmp-dir forwarded_allow_ips=--forwarded-allow-ips "
    "--limit-request-line --limit-request-fields --limit-request-field_size --reload-engine "
    "--reload-extra-file raw_env=-e,--env pidfile=-p,--pid user=-u,--user group=-g,--group "
    "umask=-m,--umask --access-logfile --access-logformat errorlog=--error-logfile,--log-file "
    "--log-level --logger-class --log-config --log-config-json --log-syslog-to "
    "--log-syslog-prefix --log-syslog-facility --statsd-host --statsd-prefix --dogstatsd-tags "
    "proc_name=-n,--name --pythonpath paste=--paste,--paster --proxy-allow-from --protocol "
    "--uwsgi-allow-from --keyfile --certfile --ssl-version --cert-reqs --ca-certs --ciphers "
    "--http-protocols --http2-max-concurrent-streams --http2-initial-window-size "
    "--http2-max-frame-size --http2-max-header-list-size --paste-global --forwarder-headers "
    "--header-map --asgi-loop --asgi-lifespan --asgi-disconnect-grace-period "
    "--websocket-max-message-size --http-parser --root-path --dirty-app --dirty-workers "
    "--dirty-timeout --dirty-threads --dirty-graceful-timeout --control-socket "
    "--control-socket-mode",
    "reload=--reload preload_app=--preload control_socket_disable=--no-control-socket --spew "
    "--check-config --print-config --no-sendfile --reuse-port daemon=-D,--daemon --initgroups "
    "--capture-output --log-syslog --disable-redirect-access-to-syslog "
    "stdio=-R,--enable-stdio-inheritance --enable-backlog-metric --suppress-ragged-eofs "
    "--do-handshake-on-connect --permit-obsolete-folding --strip-header-spaces "
    "--permit-unconventional-http-method --permit-unconventional-http-version "
    "--casefold-http-method --http2-cleartext version=-v,--version help=-h,--help",
    "--proxy-protocol",
)

_DEFAULTS: Mapping[str, object] = {
    "backlog": 2048,
    "bind": "127.0.0.1:8000",
    "control_socket_disable": False,
    "forwarded_allow_ips": "127.0.0.1,::1",
    "graceful_timeout": 30,
    "keepalive": 2,
    "max_requests": 0,
    "max_requests_jitter": 0,
    "preload_app": False,
    "reload": False,
    "threads": 1,
    "timeout": 30,
    "worker_class": "sync",
    "worker_connections": 1000,
    "worker_tmp_dir": "",
    "workers": 1,
}

_CLASSES = {
    "gevent_pywsgi": "gevent",
    "gevent_wsgi": "gevent",
    "gunicorn.workers.gasgi.asgiworker": "asgi",
    "gunicorn.workers.ggevent.geventpywsgiworker": "gevent",
    "gunicorn.workers.ggevent.geventworker": "gevent",
    "gunicorn.workers.gthread.threadworker": "gthread",
    "gunicorn.workers.gtornado.tornadoworker": "tornado",
    "gunicorn.workers.sync.syncworker": "sync",
}
_WITH_THREADS = frozenset({"gthread", "sync"})
_WITH_CONNECTIONS = frozenset({"asgi", "eventlet", "gevent", "gthread"})
_CONTROL_SOCKET_SINCE = (25, 1)


def read(start: Starting) -> Server:
    """Read the settings that gunicorn comes to.

    A class of workers has no threads, connections or keep-alive where its source does not use them:
    they are None then.
    """
    given = split(start.arguments, _OPTIONS)
    more, more_known = _from_variable(start.env)
    config, config_known = _configured(given, more, start)
    variable = start.env.get("GUNICORN_CMD_ARGS")
    settings = Settings(
        layers=(
            _from_environment(start.env),
            config,
            layer_of(more, lambda _: start.where if variable is None else variable.where),
            layer_of(given, start.place),
        ),
        defaults=_DEFAULTS,
        where=start.where,
        by="gunicorn",
        complete=given.complete and more_known and config_known,
    )
    return _server(start, settings)


def _server(start: Starting, settings: Settings) -> Server:
    threads = settings.integer("threads")
    worker_class = _class_of(settings, threads)
    name = None if worker_class is None else worker_class.value
    version = start.version
    has_control = version is None or release_of(version.value) >= _CONTROL_SOCKET_SINCE
    disabled = settings.truth("control_socket_disable")
    trusted = settings.texts("forwarded_allow_ips")
    return Server(
        kind=ServerKind.GUNICORN,
        where=start.where,
        version=version,
        worker_class=worker_class,
        workers=settings.integer("workers"),
        workers_by_cpus=settings.by_cpus("workers"),
        threads=threads if name in _WITH_THREADS else None,
        worker_connections=(
            settings.integer("worker_connections") if name in _WITH_CONNECTIONS else None
        ),
        timeout=settings.seconds("timeout"),
        graceful_timeout=settings.seconds("graceful_timeout"),
        keep_alive=settings.seconds("keepalive") if name not in ("sync", None) else None,
        backlog=settings.integer("backlog"),
        max_requests=settings.integer("max_requests"),
        max_requests_jitter=settings.integer("max_requests_jitter"),
        preload=settings.truth("preload_app"),
        binds=settings.texts("bind"),
        trusted_proxies=_joined(trusted),
        control_socket=(
            Fact(not disabled.value, disabled.where, disabled.default)
            if has_control and disabled is not None
            else None
        ),
        heartbeat_folder=settings.text("worker_tmp_dir"),
        reloads=settings.truth("reload"),
    )


def _class_of(settings: Settings, threads: Fact[int] | None) -> Fact[str] | None:
    """Give the class of workers; sync ones with several threads are gthread."""
    found = settings.text("worker_class")
    if found is None:
        return None
    name = re.sub(r"^egg:gunicorn#", "", found.value)
    name = _CLASSES.get(name.lower(), name)
    if name != "sync":
        return Fact(name, found.where, found.default)
    if threads is None:
        return None
    if threads.value > 1:
        return Fact("gthread", threads.where, threads.default)
    return Fact(name, found.where, found.default)


def _joined(texts: tuple[Fact[str], ...]) -> Fact[str] | None:
    if not texts:
        return None
    return Fact(",".join(text.value for text in texts), texts[0].where, texts[0].default)


def _from_environment(env: Mapping[str, Fact[str]]) -> dict[str, Fact[object]]:
    """Give the defaults that variables change."""
    found: dict[str, Fact[object]] = {}
    for name, setting in (
        ("WEB_CONCURRENCY", "workers"),
        ("FORWARDED_ALLOW_IPS", "forwarded_allow_ips"),
    ):
        if name in env:
            found[setting] = Fact(from_text(env[name].value), env[name].where)
    if "PORT" in env:
        found["bind"] = Fact(f"0.0.0.0:{env['PORT'].value}", env["PORT"].where)
    return found


def _from_variable(env: Mapping[str, Fact[str]]) -> tuple[Given, bool]:
    """Give the settings of GUNICORN_CMD_ARGS, and whether they are known."""
    variable = env.get("GUNICORN_CMD_ARGS")
    if variable is None:
        return Given(), True
    try:
        given = split(shlex.split(variable.value), _OPTIONS)
    except ValueError:
        return Given(), False
    # here no word is the app
    return given, all(is_known(word) for word in given.rest)


def _configured(
    given: Given, more: Given, start: Starting
) -> tuple[Mapping[str, Fact[object]], bool]:
    """Give the settings of the configuration file, and whether they are all that it has."""
    named = given.values.get("config") or more.values.get("config")
    location = named[-1] if named else "gunicorn.conf.py"
    if location == "/dev/null":
        return {}, True
    if location.startswith("python:"):
        location = location.removeprefix("python:").replace(".", "/") + ".py"
    location = location.removeprefix("file:")
    found = start.file(location) if is_known(location) else None
    if found is None:
        return {}, not named
    try:
        return gunicorn_config.read(*found, start.env)
    except ReadError:
        return {}, False


def release_of(version: str) -> tuple[int, ...]:
    """Give the numbers at the beginning of a version: (25, 1, 0) of "25.1.0"."""
    found = re.match(r"\d{1,6}(?:\.\d{1,6})*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
