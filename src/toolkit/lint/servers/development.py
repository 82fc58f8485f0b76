"""Development servers: ``flask run``, ``manage.py runserver``."""

from toolkit.lint.facts import Fact, Server, ServerKind
from toolkit.lint.servers.arguments import Options, split
from toolkit.lint.servers.python_server import server_in
from toolkit.lint.servers.settings import truth_of
from toolkit.lint.servers.starting import Starting
from toolkit.lint.shell.values import is_known

_FLASK = Options.of(
    "host=-h,--host port=-p,--port --cert --key --extra-files --exclude-patterns app=-A,--app "
    "env_file=-e,--env-file",
    "debug=--debug debug!=--no-debug --reload --no-reload --debugger --no-debugger --with-threads "
    "--without-threads",
)
_RUNSERVER = Options.of(
    "--settings --pythonpath --verbosity --threaded-workers",
    "--noreload --nothreading --insecure --nostatic --ipv6 -6 --force-color --no-color",
)


def read(start: Starting) -> Server | None:
    """Read ``flask run``, ``manage.py runserver`` and ``python FILE``."""
    name, words = start.command.words[0], start.arguments
    if name in ("flask", "quart") and "run" in words:
        return _flask(start)
    for verb in ("runserver", "runserver_plus"):
        if verb in words:
            return _runserver(start, words[words.index(verb) + 1 :])
    for script in _scripts(name, words):
        found = start.file(script)
        if found is not None:
            return server_in(*found, start.env)
    return None


def _flask(start: Starting) -> Server:
    given, where = split(start.arguments, _FLASK), start.where
    found = {
        setting: Fact(given.values[setting][-1], start.place(given.last[setting]))
        if setting in given.values
        else start.env.get(variable)
        for setting, variable in (
            ("host", "FLASK_RUN_HOST"),
            ("port", "FLASK_RUN_PORT"),
            ("debug", "FLASK_DEBUG"),
        )
    }
    host = found["host"] or Fact("127.0.0.1", where, "flask")
    port = found["port"] or Fact("5000", where, "flask")
    debug = found["debug"]
    reloads = None if debug is None else truth_of(debug.value)
    return Server(
        kind=ServerKind.DEVELOPMENT,
        where=where,
        binds=_address(host, port),
        reloads=Fact(reloads, debug.where) if debug is not None and reloads is not None else None,
    )


def _address(host: Fact[str], port: Fact[str]) -> tuple[Fact[str], ...]:
    if not (is_known(host.value) and port.value.isdecimal()):
        return ()
    name = f"[{host.value}]" if ":" in host.value else host.value
    return (Fact(f"{name}:{port.value}", host.where, host.default),)


def _runserver(start: Starting, words: tuple[str, ...]) -> Server:
    given = split(words, _RUNSERVER)
    where = start.where
    bind = Fact(given.rest[0], where) if given.rest else Fact("127.0.0.1:8000", where, "django")
    if bind.value.isdecimal():
        bind = Fact(f"127.0.0.1:{bind.value}", where, "django")
    elif bind.value.startswith("0:"):
        bind = Fact(f"0.0.0.0:{bind.value[2:]}", where)
    return Server(
        kind=ServerKind.DEVELOPMENT,
        where=where,
        binds=(bind,) if is_known(bind.value) else (),
        reloads=Fact("noreload" not in given.values, where, "django"),
    )


def _scripts(name: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """Give the Python file that is run, or those one of which is; none if none is."""
    if name.endswith(".py"):
        return (name,)
    if not name.startswith(("python", "pypy")):
        return ()
    at = 0
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "-m" and at + 1 < len(words):
            module = words[at + 1].replace(".", "/")
            return (f"{module}.py", f"{module}/__main__.py")
        if words[at] in ("-c", "-m", "-"):
            return ()
        at += 2 if words[at] in ("-W", "-X") else 1
    return (words[at],) if at < len(words) and words[at].endswith(".py") else ()
