"""How many proxies a Python source believes: Werkzeug's ``ProxyFix`` and Hypercorn's.

Defaults: https://werkzeug.palletsprojects.com/en/stable/middleware/proxy_fix/.
"""

import ast
from collections.abc import Iterable, Iterator

from toolkit.lint.facts import Hops, Where
from toolkit.lint.python.names import Names, keywords_of

_OPTIONAL = (ast.ClassDef, ast.If, ast.IfExp, ast.match_case)
_WERKZEUG = {"x_for": 1, "x_proto": 1, "x_host": 0}


def hops_of(path: str, names: Names, nodes: Iterable[ast.AST]) -> Iterator[Hops]:
    """Find where forwarded headers are believed.

    Args:
        path: Of the file.
        names: Of its names.
        nodes: All of its tree, those around others before them.
    """
    optional: set[int] = set()
    for node in nodes:
        if id(node) in optional or isinstance(node, _OPTIONAL):
            optional.update(map(id, ast.iter_child_nodes(node)))
        if not isinstance(node, ast.Call):
            continue
        origin = names.origin(node.func)
        where = Where(path, node.lineno)
        if origin.startswith("werkzeug.") and origin.endswith(".ProxyFix"):
            always = id(node) not in optional
            yield Hops(where=where, **_werkzeug(names, node), always=always)
        elif origin.startswith("hypercorn.") and origin.endswith(".ProxyFixMiddleware"):
            trusted = _argument(names, node, "trusted_hops", 2, 1)
            yield Hops(
                where=where,
                x_for=trusted,
                x_proto=trusted,
                x_host=trusted,
                always=id(node) not in optional,
            )


def _werkzeug(names: Names, call: ast.Call) -> dict[str, int | None]:
    return {
        name: _argument(names, call, name, place, default)
        for place, (name, default) in enumerate(_WERKZEUG.items(), start=1)
    }


def _argument(names: Names, call: ast.Call, name: str, place: int, default: int) -> int | None:
    keywords = keywords_of(call)
    if keywords is None or any(isinstance(item, ast.Starred) for item in call.args):
        return None
    if name in keywords:
        return names.integer(keywords[name])
    if len(call.args) > place:
        return names.integer(call.args[place])
    return default
