"""Views in a Python source: their paths, and whether they ask a database or another service."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from toolkit.lint.facts import Fact, Where
from toolkit.lint.python.asking import Asking, Function
from toolkit.lint.python.names import Names, keywords_of

_DECORATORS = frozenset({"route", "get", "api_route"})


@dataclass(frozen=True, slots=True)
class View:
    """A view as its decorator declares it.

    Attributes:
        group: The blueprint or router, as "app.health.bp".
    """

    group: str
    path: str
    where: Where
    asks: Fact[str] | None


def views_of(path: str, names: Names, tree: ast.Module, nodes: Sequence[ast.AST]) -> Iterator[View]:
    """Find views that answer to GET.

    Args:
        path: Of the file.
        names: Of its names.
        tree: For functions at the top, whose bodies count where a view calls them.
        nodes: All of the tree.
    """
    functions = {node.name: node for node in tree.body if isinstance(node, Function)}
    asking = Asking(path, names, functions)
    for node in nodes:
        if isinstance(node, Function):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
                    route = _path_of(names, decorator, _DECORATORS)
                    if route is not None:
                        group = names.origin(decorator.func.value)
                        where = Where(path, decorator.lineno)
                        yield View(group, route, where, asking.of(node))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            route = _path_of(names, node, frozenset({"add_url_rule"}))
            function = functions.get(_view_function(names, node))
            if route is not None and function:
                group = names.origin(node.func.value)
                yield View(group, route, Where(path, node.lineno), asking.of(function))


def _path_of(names: Names, call: ast.Call, methods: frozenset[str]) -> str | None:
    keywords = keywords_of(call)
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in methods:
        return None
    if keywords is None:
        return None
    allowed = keywords.get("methods")
    if isinstance(allowed, ast.List | ast.Tuple | ast.Set):
        given = [names.string(item) for item in allowed.elts]
        if None not in given and not {"GET", "HEAD"} & {str(item).upper() for item in given}:
            return None
    path = call.args[0] if call.args else keywords.get("rule", keywords.get("path"))
    text = names.string(path)
    return text if text is not None and text.startswith("/") else None


def _view_function(names: Names, call: ast.Call) -> str:
    node = (keywords_of(call) or {}).get("view_func")
    if node is None and len(call.args) > 2:
        node = call.args[2]
    return names.dotted(node) if node is not None else ""
