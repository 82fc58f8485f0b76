"""Servers that a Python file starts by itself when it is run: ``python app.py``."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from toolkit.lint.facts import Fact, Server, ServerKind, Where
from toolkit.lint.servers.evaluating import Evaluator
from toolkit.lint.servers.options import UVICORN_DEFAULTS
from toolkit.lint.servers.other_servers import UVICORN_VARIABLES, uvicorn_of
from toolkit.lint.servers.settings import Settings, Unknown, from_text, integer_of
from toolkit.reading import ReadError, python_of

_FRAMEWORKS = frozenset({"bottle", "dash", "flask", "quart"})
_HANDLERS = ("signal.signal", "signal_handler")
_ARGUMENTS = frozenset({"debug", "host", "port", "threaded", "use_reloader"})
_SERVERS = {
    "cheroot.wsgi.Server": ServerKind.CHEROOT,
    "gevent.pywsgi.WSGIServer": ServerKind.GEVENT,
    "uvicorn.run": ServerKind.UVICORN,
    "waitress.serve": ServerKind.WAITRESS,
    "werkzeug.serving.run_simple": ServerKind.DEVELOPMENT,
}
_DEFAULTS = {
    ServerKind.DEVELOPMENT: ("127.0.0.1", 5000),
    ServerKind.WAITRESS: ("0.0.0.0", 8080),  # noqa: S104  what waitress listens on
}


def server_in(path: str, text: str, env: Mapping[str, Fact[str]]) -> Server | None:
    """Find the call in a file's source that serves an app.

    Args:
        path: Of the file.
        text: Its source.
        env: Variables that it gets.

    Returns:
        The server that is started when the file is run; None: none that is known.
    """
    try:
        tree = python_of(text)
        calls = list(_calls_at_start(tree))
        evaluator = Evaluator(env)
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                evaluator.names[node.targets[0].id] = evaluator.value(node.value)
        modules = _modules(tree)
        for call in reversed(calls):
            server = _served(call, modules, evaluator, Where(path, call.lineno))
            if server is not None and _handles_signals(calls):
                return replace(server, drops_on_term=Fact(False, server.where))
            if server is not None:
                return server
    except (ReadError, ValueError, RecursionError):
        pass  # what is no Python starts no server; the reader of sources reports it
    return None


def _calls_at_start(tree: ast.Module) -> Iterator[ast.Call]:
    """Give the calls that are made when a file is run, also of functions like ``main()``."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    waiting: list[ast.AST] = [
        node
        for node in tree.body
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
    ]
    while waiting:
        for node in ast.walk(waiting.pop()):
            if isinstance(node, ast.Call):
                yield node
                name = node.func.id if isinstance(node.func, ast.Name) else ""
                if name in functions:
                    waiting.append(functions.pop(name))


def _modules(tree: ast.Module) -> dict[str, str]:
    """Give the module, with the name in it, that each imported name is."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update({item.asname or item.name: item.name for item in node.names})
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(
                {item.asname or item.name: f"{node.module}.{item.name}" for item in node.names}
            )
    return found


def _handles_signals(calls: Iterable[ast.Call]) -> bool:
    """Tell whether a script says itself what happens on a signal; it is taken to do it well."""
    return any(ast.unparse(call.func).endswith(_HANDLERS) for call in calls)


def _served(
    call: ast.Call, modules: Mapping[str, str], evaluator: Evaluator, where: Where
) -> Server | None:
    name = ast.unparse(call.func) if isinstance(call.func, ast.Name | ast.Attribute) else ""
    first, dot, rest = name.partition(".")
    full = f"{modules.get(first, first)}{dot}{rest}"
    given = {item.arg: evaluator.value(item.value) for item in call.keywords if item.arg}
    kind = _SERVERS.get(full)
    if kind is None and _runs_app(call, modules, given):
        kind = ServerKind.DEVELOPMENT
    if kind is None:
        return None
    if kind is ServerKind.UVICORN:
        return uvicorn_of(_settings(call, given, evaluator, where))
    reloads = given.get("debug")
    return Server(
        kind=kind,
        where=where,
        threads=_threads(given, where) if kind is ServerKind.WAITRESS else None,
        binds=_address(given, where, *_DEFAULTS[kind]) if kind in _DEFAULTS else (),
        reloads=Fact(reloads, where) if isinstance(reloads, bool) else None,
    )


def _settings(
    call: ast.Call, given: Mapping[str, object], evaluator: Evaluator, where: Where
) -> Settings:
    """Give the settings of ``uvicorn.run(...)``, each where it stands."""
    lines = {item.arg: item.value.lineno for item in call.keywords if item.arg}
    variables = {
        name: Fact(from_text(evaluator.env[variable].value), evaluator.env[variable].where)
        for variable, name in UVICORN_VARIABLES.items()
        if variable in evaluator.env
    }
    return Settings(
        layers=(
            variables,
            {
                name: Fact(value, Where(where.path, lines[name]))
                for name, value in given.items()
                if value is not None
            },
        ),
        defaults=UVICORN_DEFAULTS,
        where=where,
        by="uvicorn",
        complete=all(item.arg for item in call.keywords),
    )


def _threads(given: Mapping[str, object], where: Where) -> Fact[int] | None:
    if "threads" not in given:
        return Fact(4, where, "waitress")
    number = integer_of(given["threads"])
    return None if number is None else Fact(number, where)


def _address(
    given: Mapping[str, object], where: Where, host: str, port: int
) -> tuple[Fact[str], ...]:
    named, number = given.get("host", host), given.get("port", port)
    if isinstance(named, Unknown) or not isinstance(named, str) or not str(number).isdecimal():
        return ()
    return (Fact(f"{named}:{number}", where),)


def _runs_app(call: ast.Call, modules: Mapping[str, str], given: Mapping[str, object]) -> bool:
    """Tell whether a call is ``app.run(...)`` of Flask or one like it.

    Others have ``.run(`` too: asyncio, subprocess, bots, Sanic (whose server is no toy). So the
    object must be made here by one of the frameworks, or be imported as an app.
    """
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in ("run", "run_server"):
        return False
    if not isinstance(function.value, ast.Name):
        return False
    name = function.value.id
    packages = {module.partition(".")[0] for module in modules.values()}
    if packages & {"sanic", "aiohttp", "discord", "telegram"} or modules.get(name) == name:
        return False
    if packages & _FRAMEWORKS:
        return name not in ("asyncio", "socketio", "subprocess", "uvicorn")
    return "app" in name.lower() and bool(_ARGUMENTS & set(given) or not call.args)
