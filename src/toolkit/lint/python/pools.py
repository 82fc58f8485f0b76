"""Pools of connections to a database that a Python source makes.

Defaults: SQLAlchemy keeps 5 and opens 10 more
(https://docs.sqlalchemy.org/en/20/core/pooling.html), psycopg_pool keeps 4, asyncpg 10.
"""

import ast
import re
from collections.abc import Iterable, Iterator

from toolkit.lint.facts import Fact, Pool, Where
from toolkit.lint.python.names import Names, keywords_of

_ENGINES = re.compile(r"(?:sqlalchemy|sqlmodel)\.(?:.*\.)?create_(?:async_)?engine")
_FLASK = re.compile(r"flask_sqlalchemy\.(?:.*\.)?SQLAlchemy")
_OPTIONS = "SQLALCHEMY_ENGINE_OPTIONS"
_QUEUES = frozenset({"QueuePool", "AsyncAdaptedQueuePool"})
_SQLALCHEMY = "SQLAlchemy"
_URL = re.compile(r"(\w+)(?:\+\w+)?://")

_FIXED = {
    "psycopg_pool.ConnectionPool": ("max_size", "min_size", None, 4),
    "psycopg_pool.AsyncConnectionPool": ("max_size", "min_size", None, 4),
    "psycopg2.pool.ThreadedConnectionPool": ("maxconn", "minconn", 1, None),
    "psycopg2.pool.SimpleConnectionPool": ("maxconn", "minconn", 1, None),
    "asyncpg.create_pool": ("max_size", None, None, 10),
}
"""Keyword of the most connections, of the least (which is the most where that is not given), the
place among the arguments without keyword, and the default."""


def pools_of(path: str, names: Names, nodes: Iterable[ast.AST]) -> Iterator[Pool]:
    """Find pools whose sizes are written there or are the defaults.

    Args:
        path: Of the file.
        names: Of its names.
        nodes: All of its tree.
    """
    for node in nodes:
        if isinstance(node, ast.Call):
            yield from _of_call(path, names, node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if node.value is not None and any(_is_options(target) for target in targets):
                yield from _of_dict(path, names, node.value)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == _OPTIONS:
                    yield from _of_dict(path, names, value)


def _is_options(target: ast.expr) -> bool:
    if isinstance(target, ast.Subscript):
        return isinstance(target.slice, ast.Constant) and target.slice.value == _OPTIONS
    return (isinstance(target, ast.Name) and target.id == _OPTIONS) or (
        isinstance(target, ast.Attribute) and target.attr == _OPTIONS
    )


def _of_call(path: str, names: Names, call: ast.Call) -> Iterator[Pool]:
    for item in call.keywords:
        if item.arg == _OPTIONS:
            yield from _of_dict(path, names, item.value)
    origin = names.origin(call.func)
    keywords = keywords_of(call)
    if keywords is None:
        return
    where = Where(path, call.lineno)
    if origin in _FIXED:
        yield from _fixed(origin, names, call, keywords, where)
    elif _FLASK.fullmatch(origin):
        if "engine_options" in keywords:
            yield from _of_dict(path, names, keywords["engine_options"])
        else:
            yield from _sqlalchemy(path, names, {}, where)
    elif _ENGINES.fullmatch(origin):
        url = call.args[0] if call.args else keywords.get("url")
        scheme = _URL.match(names.string(url) or "")
        if not scheme or scheme[1] != "sqlite":
            yield from _sqlalchemy(path, names, keywords, where)


def _of_dict(path: str, names: Names, node: ast.expr) -> Iterator[Pool]:
    if isinstance(node, ast.Name):
        node = names.constants.get(node.id, node)
    where = Where(path, node.lineno)
    if isinstance(node, ast.Dict):
        options = {
            key.value: value
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        if len(options) == len(node.keys):
            yield from _sqlalchemy(path, names, options, where)
    elif isinstance(node, ast.Call) and names.dotted(node.func) == "dict" and not node.args:
        given = keywords_of(node)
        if given is not None:
            yield from _sqlalchemy(path, names, given, where)


def _sqlalchemy(
    path: str, names: Names, options: dict[str, ast.expr], where: Where
) -> Iterator[Pool]:
    poolclass = options.get("poolclass")
    if poolclass is not None and names.dotted(poolclass).rpartition(".")[2] not in _QUEUES:
        return
    if "creator" in options and "pool_size" not in options:
        return
    size = _given(path, names, options.get("pool_size"), 5, where)
    overflow = _given(path, names, options.get("max_overflow"), 10, where)
    if size and overflow:
        yield Pool(where=where, size=size, overflow=overflow)


def _given(
    path: str, names: Names, node: ast.expr | None, default: int, where: Where
) -> Fact[int] | None:
    if node is None:
        return Fact(default, where, _SQLALCHEMY)
    value = names.integer(node)
    return None if value is None else Fact(value, Where(path, node.lineno))


def _fixed(
    origin: str, names: Names, call: ast.Call, keywords: dict[str, ast.expr], where: Where
) -> Iterator[Pool]:
    most, least, place, default = _FIXED[origin]
    node = keywords.get(most)
    if node is None and place is not None and len(call.args) > place:
        node = call.args[place]
    if node is None and least is not None:
        node = keywords.get(least)
    if node is not None:
        value = names.integer(node)
        size = None if value is None else Fact(value, Where(where.path, node.lineno))
    else:
        size = None if default is None else Fact(default, where, origin.partition(".")[0])
    if size:
        yield Pool(where=where, size=size, overflow=Fact(0, size.where, size.default))
