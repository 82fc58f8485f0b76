"""What a locustfile says of users and waits that phases say in its place. Pure."""

import ast
from collections.abc import Iterable, Iterator

_SHAPE = "LoadTestShape"
WAIT = "wait_time"


def left_out(text: str) -> tuple[str, ...]:
    """Name what of it is left out, a ``LoadTestShape`` first.

    Args:
        text: Of the locustfile. Of one that is no Python nothing is said: Locust will.
    """
    try:
        classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    except (SyntaxError, ValueError):
        return ()
    shapes = [f"{_SHAPE} {node.name}" for node in classes if _SHAPE in _names(node.bases)]
    waits = [WAIT] if any(_sets_wait(node) for node in classes) else []
    return (*shapes, *waits)


def _names(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def _sets_wait(node: ast.ClassDef) -> bool:
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == WAIT:
            return True
        if isinstance(statement, ast.AnnAssign) and WAIT in _names([statement.target]):
            return True
        if isinstance(statement, ast.Assign) and WAIT in _names(statement.targets):
            return True
    return False
