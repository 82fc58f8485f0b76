"""Finds the routes of an app: what there is to load. Sources are read, never run.

It knows Flask and what extends it (blueprints, method views, Flask-RESTful, Flask-RESTX,
Flask-Smorest), Quart, FastAPI and Bottle. A route whose path the sources do not show is left out:
one that is not there is worse than one that is not offered.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.project.apps.calls import FunctionNode, decorators_of
from toolkit.project.apps.declaring import Collector
from toolkit.project.apps.following import Follower
from toolkit.project.apps.found import FoundApp
from toolkit.project.apps.groups import Declared, paths_of
from toolkit.project.apps.importing import imported_modules
from toolkit.project.apps.kinds import kind_of, unwrap
from toolkit.project.apps.lookup import sources_of
from toolkit.project.apps.values import Class, Function, Value

MOST_MODULES = 800
MOST_ROUTES = 2_000

_BRACES = re.compile(r"\{(?P<name>\w+)(?::(?P<converter>\w+))?\}")
_ANGLES = re.compile(r"<(?:(?P<converter>\w+)(?:\([^()]*\))?:)?(?P<name>\w+)>")
_BOTTLE = re.compile(r"<(?P<name>\w+)(?::(?P<converter>\w+)(?::[^>]*)?)?>")
_LAST = re.compile(
    r"(?i)(^|/)(static|assets|favicon\.ico|robots\.txt|admin|_?debug|metrics|ping|_?health\w*"
    r"|health-?check|live|livez|ready|readyz|readiness|liveness|openapi\.json|swagger\.json)(/|$)"
    # nobody wants these under load
    r"|shut-?down|log-?out|sign-?out|exit|quit|reset|clear|delete|remove|purge|restart|kill"
)
_GUARD = re.compile(r"(?i)login|auth|jwt|token|permission|require|admin|restricted")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_QUERY = frozenset({"str", "int", "float", "bool", "bytes", "UUID", "date", "datetime", "Decimal"})
"""Types of a parameter that FastAPI takes from the query."""


@dataclass(frozen=True, slots=True)
class PathParameter:
    """A part of a path that a request fills in.

    Attributes:
        name: As the view has it.
        converter: "int", "path"; "" if any text without a slash will do.
    """

    name: str
    converter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A path that an app answers.

    Attributes:
        method: "GET".
        path: From the app's root, with parameters as the framework spells them.
        file: Where it is declared, from the folder.
        line: From 1.
        parameters: Of the path, in its order.
        fixed: Whether it can be requested as it is: a GET that needs nothing.
        guarded: Whether the name of a decorator says that it wants a login.
    """

    method: str
    path: str
    file: str
    line: int
    parameters: tuple[PathParameter, ...] = field(default=())
    fixed: bool = False
    guarded: bool = False


def find_routes(folder: Path, app: FoundApp) -> tuple[Route, ...]:
    """Find the routes that an app's sources declare, the most useful to load first.

    Args:
        folder: Of the project.
        app: As ``lookup.find_app`` has found it.

    Raises:
        ConfigError: The folder cannot be read.
    """
    module, _, attribute = app.target.partition(":")
    if not app.file:
        return ()
    sources = sources_of(folder).searching(app.search)
    follower = Follower(sources)
    collector = Collector(follower, _app(follower, module, attribute))
    for each in imported_modules(sources, module, MOST_MODULES):
        collector.visit(each.tree.body, follower.scope_of(each))
    found: dict[tuple[str, str], Route] = {}
    for declared in collector.found.routes:
        for path in paths_of(declared, collector.found.mounts):
            for method in declared.methods:
                if method in _METHODS and len(found) < MOST_ROUTES:
                    route = _route(method, path, declared, app.framework)
                    found.setdefault((method, path), route)
    return tuple(sorted(found.values(), key=_order))


def _app(follower: Follower, module: str, attribute: str) -> Value:
    name, call, _ = attribute.partition("(")
    first, *rest = name.split(".")
    value = follower.member(module, first)
    for part in rest:
        value = follower.attribute(value, part)
    if isinstance(value, Function | Class) and kind_of(value, follower) is None:
        value = follower.result(value, attribute if call else "")
    return unwrap(value)


def _route(method: str, path: str, declared: Declared, framework: str) -> Route:
    pattern = _ANGLES
    if framework in {"fastapi", "starlette"}:
        pattern = _BRACES
    elif framework == "bottle":
        pattern = _BOTTLE
    parameters = tuple(
        PathParameter(found["name"], found["converter"] or "") for found in pattern.finditer(path)
    )
    view = declared.view
    plain = not parameters and not set("<>{}") & set(path)
    asked = framework == "fastapi" and isinstance(view, FunctionNode) and _asks(view)
    return Route(
        method=method,
        path=path,
        file=declared.file,
        line=declared.line,
        parameters=parameters,
        fixed=method == "GET" and plain and not asked,
        guarded=view is not None and any(map(_GUARD.search, decorators_of(view))),
    )


def _asks(view: FunctionNode) -> bool:
    """Say whether a view of FastAPI needs something in the query: a value without a default."""
    positional = [*view.args.posonlyargs, *view.args.args]
    needed = positional[: len(positional) - len(view.args.defaults)]
    needed += [
        argument
        for argument, default in zip(view.args.kwonlyargs, view.args.kw_defaults, strict=True)
        if default is None
    ]
    return any(
        argument.annotation is None
        or (isinstance(argument.annotation, ast.Name) and argument.annotation.id in _QUERY)
        for argument in needed
    )


def _order(route: Route) -> tuple[object, ...]:
    return (
        bool(_LAST.search(route.path)),
        not route.fixed,
        route.guarded,
        _METHODS.index(route.method),
        len(route.parameters),
        route.path.count("/"),
        route.path,
    )
