"""Blueprints and routers, whose prefixes are often given in another file than their views."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from toolkit.lint.facts import Route
from toolkit.lint.python.names import Names, keywords_of
from toolkit.lint.python.views import View

_GROUPS = frozenset({"flask.Blueprint", "quart.Blueprint", "fastapi.APIRouter"})
_REGISTERS = {"register_blueprint": "url_prefix", "include_router": "prefix"}


@dataclass(frozen=True, slots=True)
class Group:
    """A blueprint or a router.

    Attributes:
        name: As "app.health.bp".
        prefix: Its own, None: not known.
        adds: Whether the prefix with which it is registered comes before it (FastAPI), not in its
            place (Flask).
    """

    name: str
    prefix: str | None
    adds: bool


@dataclass(frozen=True, slots=True)
class Registered:
    """Where a blueprint or a router is taken into an app.

    Attributes:
        name: As that of the group.
        prefix: None: not known.
        given: Whether a prefix is given here.
    """

    name: str
    prefix: str | None
    given: bool


def groups_of(names: Names, nodes: Iterable[ast.AST]) -> Iterator[Group]:
    """Find blueprints and routers."""
    for node in nodes:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        origin = names.origin(node.value.func)
        if origin in _GROUPS:
            adds = origin.endswith("APIRouter")
            prefix, _ = _prefix(names, node.value, "prefix" if adds else "url_prefix")
            for target in node.targets:
                yield Group(names.origin(target), prefix, adds)


def registered_of(names: Names, nodes: Iterable[ast.AST]) -> Iterator[Registered]:
    """Find where blueprints and routers are taken into an app."""
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            keyword = _REGISTERS.get(node.func.attr)
            name = names.origin(node.args[0])
            if keyword and name:
                prefix, given = _prefix(names, node, keyword)
                yield Registered(name, prefix, given)


def _prefix(names: Names, call: ast.Call, keyword: str) -> tuple[str | None, bool]:
    keywords = keywords_of(call)
    if keywords is None:
        return None, True
    node = keywords.get(keyword)
    if node is None or (isinstance(node, ast.Constant) and node.value is None):
        return "", False
    return names.string(node), True


def routes_of(
    views: Iterable[View], groups: Sequence[Group], registered: Sequence[Registered]
) -> tuple[Route, ...]:
    """Put views, blueprints and their registrations of all files together.

    Views whose prefix cannot be told are left out: their paths would be wrong.
    """
    known = _Known(groups, registered)
    prefixes: dict[str, str | None] = {}
    found: list[Route] = []
    for view in views:
        if view.group not in prefixes:
            prefixes[view.group] = known.prefix_of(view.group)
        prefix = prefixes[view.group]
        if prefix is not None:
            path = prefix.rstrip("/") + view.path
            found.append(Route(path=path, where=view.where, asks=view.asks))
    return tuple(found)


class _Known:
    """Groups and where they are registered, by the ends of their names."""

    def __init__(self, groups: Sequence[Group], registered: Sequence[Registered]) -> None:
        self._groups: dict[str, list[Group]] = {}
        for group in groups:
            self._groups.setdefault(_end_of(group.name), []).append(group)
        self._registered: dict[str, list[Registered]] = {}
        self._by_last: dict[str, list[Registered]] = {}
        for item in registered:
            self._registered.setdefault(_end_of(item.name), []).append(item)
            self._by_last.setdefault(item.name.rpartition(".")[2], []).append(item)

    def prefix_of(self, name: str) -> str | None:
        """Give what comes before the paths of a group's views; None: that is not known."""
        group = next(
            (item for item in self._groups.get(_end_of(name), ()) if _same(item.name, name)), None
        )
        if group is None:
            return ""
        taken = [item for item in self._registered.get(_end_of(name), ()) if _same(item.name, name)]
        if not taken:
            # imported from where it is only passed on; its own name tells it, if it is not "bp"
            taken = self._by_last.get(name.rpartition(".")[2], [])
        if len(taken) > 1 and any(item.given for item in taken):
            return None
        given = taken[0].prefix if taken and taken[0].given else ""
        if group.prefix is None or given is None:
            return None
        return given + group.prefix if group.adds else given or group.prefix


def _end_of(name: str) -> str:
    """Give the last two parts, which names of one thing have in common."""
    return ".".join(name.split(".")[-2:])


def _same(one: str, other: str) -> bool:
    """Tell whether names are one, of which imports leave out the folders above the package."""
    shorter, longer = sorted((one, other), key=len)
    return longer == shorter or ("." in shorter and longer.endswith(f".{shorter}"))
