"""Whether a function plainly asks a database or another service."""

import ast
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from toolkit.lint.facts import Fact, Where
from toolkit.lint.python.names import Names

Function = ast.FunctionDef | ast.AsyncFunctionDef

_MOST_FUNCTIONS = 20
"""That are followed from one view."""

_SERVICES = frozenset(
    {
        "aiohttp",
        "boto3",
        "httpx",
        "psycopg",
        "psycopg2",
        "pymongo",
        "pymysql",
        "redis",
        "requests",
        "urllib3",
    }
)
_ASKS = re.compile(
    r"""
      (?:.*\.)?(?:execute|executemany|fetchone|fetchall|fetchval|fetchrow|cursor|urlopen|ping)
    | (?:.*\.)?(?:db|database|sqlalchemy)\.session\.\w+
    | (?:.*\.)?session\.(?:scalars?|query|exec|commit)
    | (?:.*\.)?(?:engine|pool)\.(?:connect|begin|raw_connection|connection|acquire)
    | (?!(?:.*\.)?request\b)(?:.*\.)?query\.(?:all|count|filter|filter_by|first|get|one)\b.*
    | (?:.*\.)?redis(?:_client|_conn|_connection)?\.(?:get|set|info|exists)
    """,
    re.VERBOSE,
)
"""Calls, as they are written, that plainly go to a database or a cache."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Looks into functions of a module.

    Attributes:
        path: Of the file.
        functions: At its top level, which others may call.
    """

    path: str
    names: Names
    functions: Mapping[str, Function]

    def of(self, function: Function) -> Fact[str] | None:
        """Give the first call that asks, in a function or in those that it calls."""
        waiting = deque([function])
        seen = {id(function)}
        while waiting:
            for statement in waiting.popleft().body:
                for node in ast.walk(statement):
                    if not isinstance(node, ast.Call):
                        continue
                    written = _written(node.func)
                    if self._asks(node, written):
                        return Fact(written, Where(self.path, node.lineno))
                    inner = self.functions.get(written)
                    if inner and id(inner) not in seen and len(seen) < _MOST_FUNCTIONS:
                        seen.add(id(inner))
                        waiting.append(inner)
        return None

    def _asks(self, call: ast.Call, written: str) -> bool:
        root = written.partition(".")[0]
        if self.names.imported.get(root, "").partition(".")[0] in _SERVICES:
            return True
        return isinstance(call.func, ast.Attribute) and _ASKS.fullmatch(written) is not None


def _written(node: ast.expr) -> str:
    """Give what is called as text, calls within as "()": "db.cursor().execute"."""
    parts: list[str] = []
    for _ in range(16):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
            parts.append("()")
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            break
        else:
            break
    return ".".join(reversed(parts)).replace(".()", "()")
