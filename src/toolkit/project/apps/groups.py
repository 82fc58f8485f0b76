"""Groups of routes - blueprints, routers, namespaces - and where in an app they are."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from toolkit.project.apps.calls import FunctionNode
from toolkit.project.apps.following import Follower
from toolkit.project.apps.frameworks import GROUPS, short
from toolkit.project.apps.kinds import ancestry, kind_of, unwrap
from toolkit.project.apps.values import (
    Class,
    Items,
    Made,
    Outside,
    Parameter,
    Served,
    Site,
    Text,
    Value,
)

_MOST_NESTED = 8
_NAMES_OF_APPS = frozenset({"app", "application", "flask_app", "server", "fastapi_app"})
"""What a function calls the app that it gets."""


@dataclass(frozen=True, slots=True)
class Group:
    """The app, or something that collects routes.

    Attributes:
        site: Where it is made, None for the app.
        style: How paths are put together: "flask", "restful", "fastapi".
        prefix: Its own, None if the source does not show it.
    """

    site: Site | None
    style: str
    prefix: str | None = ""


@dataclass(frozen=True, slots=True)
class Declared:
    """A route as it is declared: its path goes on from that of its group."""

    owner: Group
    path: str
    methods: tuple[str, ...]
    file: str
    line: int
    view: FunctionNode | ast.ClassDef | None


@dataclass(frozen=True, slots=True)
class Mount:
    """A group that is part of another one.

    Attributes:
        prefix: Given there, None if none is.
    """

    parent: Group
    child: Group
    prefix: str | None


def identify(value: Value, app: Value, follower: Follower) -> Group | None:
    """Tell which app or group a value is, None if that is not known.

    Args:
        value: What routes are declared on.
        app: The app that is looked at; another one has other routes.
        follower: Of the sources.
    """
    value = unwrap(value)
    kind = kind_of(value, follower)
    own = kind_of(app, follower)
    style = "fastapi" if own and own.framework in {"fastapi", "starlette"} else "flask"
    root = Group(None, style)
    if isinstance(value, Parameter):
        return root if value.name in _NAMES_OF_APPS else None
    if isinstance(value, Served):
        return root if value.borrowed else None
    if not isinstance(value, Made):
        return None
    if kind is not None:
        same = isinstance(app, Made) and value.site == app.site
        # a function that gets an app, or a method of one: there is no other that it could be
        return root if same or value.site is None else None
    return _group(value, follower)


def _group(value: Made, follower: Follower) -> Group | None:
    name, plain = value.of.name if isinstance(value.of, Outside) else "", True
    if isinstance(value.of, Class):
        for base in ancestry(value.of, follower):
            if isinstance(base, Outside) and short(base.name) in GROUPS:
                name = base.name
                break
            # what it makes of its arguments is anybody's guess
            plain = plain and not (isinstance(base, Class) and _has_init(base))
    key = short(name)
    if key.endswith(" namespace"):
        key = key.replace("namespace", "Namespace")
    if key not in GROUPS or value.site is None:
        return None
    package, _, made = key.partition(" ")
    style = "fastapi" if package == "fastapi" else "flask"
    if made in {"Api", "Namespace"}:
        style = "restful"
    prefix = _prefix(value, GROUPS[key], follower) if plain else None
    return Group(value.site, style, prefix)


def _has_init(made: Class) -> bool:
    return any(
        isinstance(statement, FunctionNode) and statement.name == "__init__"
        for statement in made.node.body
    )


def _prefix(value: Made, argument: str, follower: Follower) -> str | None:
    if value.call is None or value.scope is None:
        return None
    if any(keyword.arg is None for keyword in value.call.keywords):
        return None
    for keyword in value.call.keywords:
        if keyword.arg == argument:
            if isinstance(keyword.value, ast.Constant) and keyword.value.value is None:
                break
            text = follower.value(keyword.value, value.scope)
            return text.text if isinstance(text, Text) else None
    if argument != "path":
        return ""
    # https://flask-restx.readthedocs.io/en/latest/scaling.html: a namespace is under its name
    first = follower.value(value.call.args[0], value.scope) if value.call.args else None
    return f"/{first.text}" if isinstance(first, Text) else None


def words(value: Value, follower: Follower) -> tuple[str, ...]:
    """Give a text, or a list of texts, () if it is neither."""
    if isinstance(value, Text):
        return (value.text,)
    if not isinstance(value, Items):
        return ()
    found = [follower.value(part, value.scope, value.before) for part in value.parts]
    texts = tuple(part.text for part in found if isinstance(part, Text))
    return texts if len(texts) == len(found) else ()


def paths_of(declared: Declared, mounts: Sequence[Mount]) -> Iterator[str]:
    """Give the whole paths of a route: one for every way from the app to its group.

    Args:
        declared: The route.
        mounts: Which group is part of which.
    """
    for prefix in _prefixes(declared.owner, mounts, _MOST_NESTED):
        path = _join(prefix, declared.path, declared.owner.style)
        if path.startswith("/"):
            yield path


def _prefixes(group: Group, mounts: Sequence[Mount], depth: int) -> Iterator[str]:
    if group.site is None:
        yield ""
        return
    for mount in mounts if depth else ():
        if mount.child.site != group.site or mount.parent.site == group.site:
            continue
        own = _own_prefix(group, mount)
        if own is not None:
            for above in _prefixes(mount.parent, mounts, depth - 1):
                yield _join(above, own, mount.parent.style)


def _own_prefix(group: Group, mount: Mount) -> str | None:
    if group.style == "fastapi":
        return None if group.prefix is None else (mount.prefix or "") + group.prefix
    # a prefix that is given later replaces the one that a blueprint has
    return group.prefix if mount.prefix is None else mount.prefix


def _join(prefix: str, path: str, style: str) -> str:
    if style == "flask" and prefix:
        return f"{prefix.rstrip('/')}/{path.lstrip('/')}" if path else prefix
    return prefix + path
