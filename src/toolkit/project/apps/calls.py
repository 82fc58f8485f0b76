"""The parts of functions and calls: parameters, what a call passes, what is returned."""

import ast
from collections.abc import Iterator, Mapping

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

_HARMLESS = frozenset({"cache", "lru_cache", "wraps", "staticmethod", "classmethod", "override"})
"""Decorators after which a function returns what it says."""


def parameters_of(node: FunctionNode) -> Mapping[str, tuple[ast.arg, ast.expr | None]]:
    """Give a function's parameters with their defaults."""
    positional = [*node.args.posonlyargs, *node.args.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(node.args.defaults))
    found = dict(
        zip(
            (argument.arg for argument in positional),
            zip(positional, [*defaults, *node.args.defaults], strict=True),
            strict=True,
        )
    )
    for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        found[argument.arg] = (argument, default)
    return found


def given_by(call: ast.Call, node: FunctionNode, *, bound: bool) -> Mapping[str, ast.expr] | None:
    """Give what a call passes, by parameter; None if it cannot be told.

    Args:
        call: With its arguments.
        node: The function that is called.
        bound: Whether the first parameter is an object that the call does not name.
    """
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    if any(keyword.arg is None for keyword in call.keywords):
        return None
    names = [argument.arg for argument in [*node.args.posonlyargs, *node.args.args]][bound:]
    given = dict(zip(names, call.args, strict=False))
    given.update({str(keyword.arg): keyword.value for keyword in call.keywords})
    return given


def returned_by(node: FunctionNode) -> list[ast.Return] | None:
    """Give the return statements of a function, None if it is a generator."""
    found = []
    for inner in inside(node.body):
        if isinstance(inner, ast.Yield | ast.YieldFrom):
            return None
        if isinstance(inner, ast.Return) and inner.value is not None:
            found.append(inner)
    return found


def inside(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Walk through statements, but not into functions and classes that they define."""
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, FunctionNode | ast.ClassDef | ast.Lambda):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Give statements and all that stand in them, in no order."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, None)
            # the body of a lambda or of a conditional expression is no list
            if isinstance(inner, list):
                waiting.extend(inner)


def is_plain(node: FunctionNode) -> bool:
    """Say whether a call of a function gives what its body returns."""
    return isinstance(node, ast.FunctionDef) and all(
        _last_name(decorator) in _HARMLESS for decorator in node.decorator_list
    )


def has_decorator(node: FunctionNode, *names: str) -> bool:
    """Say whether a decorator has one of these names."""
    return any(name in names for name in decorators_of(node))


def decorators_of(node: FunctionNode | ast.ClassDef) -> list[str]:
    """Give the names of decorators, each without what stands before its last dot."""
    return [_last_name(decorator) for decorator in node.decorator_list]


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
