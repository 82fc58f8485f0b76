"""What calls and attributes give: objects, what functions return, wrapped apps."""

import ast
from collections.abc import Mapping

from toolkit.project.apps.bindings import Position
from toolkit.project.apps.calls import (
    FunctionNode,
    given_by,
    has_decorator,
    is_plain,
    returned_by,
)
from toolkit.project.apps.frameworks import Kind, app_of, attribute_of, gives_back, wrapper_of
from toolkit.project.apps.kinds import ancestry, called_as, kind_of, merge
from toolkit.project.apps.values import (
    Class,
    Follow,
    Function,
    Made,
    Outside,
    Scope,
    Served,
    Site,
    Unknown,
    Value,
)

_OPTIONAL = frozenset({"Optional", "Annotated", "Final"})


def call(node: ast.Call, scope: Scope, before: Position | None, follow: Follow) -> Value:
    """Follow a call to what it gives."""
    called = follow.follow(node.func, scope, before)
    site = Site(scope.module.file, node.lineno, node.col_offset)
    match called:
        case Outside(name=name):
            if gives_back(name):
                return _inner(node, scope, before, follow) or Unknown()
            if interface := wrapper_of(name):
                inner = _inner(node, scope, before, follow)
                kind = kind_of(inner, follow) if inner else None
                return Served(Kind(kind.framework if kind else "", interface), inner)
            return Made(called, site, node, scope)
        case Class():
            inner = _inner(node, scope, before, follow)
            interface = called_as(called, "__call__", follow)
            kind = kind_of(inner, follow) if inner else None
            made = Made(called, site, node, scope)
            own = kind_of(made, follow)
            if kind and interface and own and not own.framework:
                return Served(Kind(kind.framework, interface), inner)
            return made
        case Function():
            expressions = given_by(node, called.node, bound=called.bound is not None)
            if expressions is None:
                return typed(called.node.returns, called.scope, follow)
            given = {
                name: follow.follow(expression, scope, before)
                for name, expression in expressions.items()
            }
            return returned(called, given, follow)
        case _:
            return Unknown()


def _inner(node: ast.Call, scope: Scope, before: Position | None, follow: Follow) -> Value | None:
    """Find the app among the arguments of a wrapper."""
    for expression in [*node.args, *(keyword.value for keyword in node.keywords)]:
        if isinstance(expression, ast.Name | ast.Attribute | ast.Call):
            value = follow.follow(expression, scope, before)
            # a class is not yet an app, and what is only typed is named like its type
            if isinstance(value, Made | Served) and kind_of(value, follow):
                return value
    return None


def returned(function: Function, given: Mapping[str, Value], follow: Follow) -> Value:
    """Follow what a call of a function gives.

    Args:
        function: That is called.
        given: Its arguments, by parameter.
        follow: Follows what it returns.
    """
    node = function.node
    statements = returned_by(node) if is_plain(node) else None
    value: Value = Unknown()
    if statements:
        if function.bound is not None and node.args.args:
            given = {node.args.args[0].arg: function.bound, **given}
        scope = follow.inside(node, function.scope, given, called=True)
        value = merge(
            [
                follow.follow(statement.value, scope, (statement.lineno, statement.col_offset))
                for statement in statements
                if statement.value is not None
            ],
            follow,
        )
    if isinstance(value, Unknown) and isinstance(node, ast.FunctionDef):
        return typed(node.returns, function.scope, follow)
    return value


def typed(annotation: ast.expr | None, scope: Scope, follow: Follow) -> Value:
    """Give an object of the type that an annotation names."""
    match annotation:
        case ast.Constant(value=str(text)):
            try:
                inner = ast.parse(text, mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return Unknown()
            return Unknown() if isinstance(inner, ast.Constant) else typed(inner, scope, follow)
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return typed(left, scope, follow)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            if name in _OPTIONAL:
                first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
                return typed(first, scope, follow)
        case ast.Name() | ast.Attribute():
            value = follow.follow(annotation, scope, None)
            if isinstance(value, Class | Outside):
                return Made(value)
        case _:
            pass
    return Unknown()


def attribute(value: Value, name: str, follow: Follow) -> Value:
    """Follow an attribute of an object or a class."""
    match value:
        case Made(of=Outside(name=made)):
            return _of_library(value, made, name)
        case Made(of=Class() as made) | (Class() as made):
            for base in ancestry(made, follow):
                if isinstance(base, Outside):
                    if isinstance(value, Made) and app_of(base.name):
                        return _of_library(value, base.name, name)
                    if name == "as_view":
                        return Outside(f"{base.name}.as_view", value)
                elif (found := _own(value, base, name, follow)) is not None:
                    return found
        case Served() if name in {"wsgi_app", "asgi_app"}:
            return value
    return Unknown()


def _of_library(value: Made, made: str, name: str) -> Value:
    kind = attribute_of(made, name)
    return Served(kind, value) if kind else Outside(f"{made}.{name}", value)


def _own(value: Value, base: Class, name: str, follow: Follow) -> Value | None:
    """Find what a class of the folder itself says of an attribute."""
    scope = follow.inside(base.node, base.scope)
    assigned = list(_assigned(value, base, name, follow)) if isinstance(value, Made) else []
    if scope.bindings.has(name):
        found = follow.look_up(name, scope, None)
        if not isinstance(found, Function):
            return merge([found, *assigned], follow)
        # a method's names are looked up outside of its class
        method = Function(found.node, base.scope, value if isinstance(value, Made) else None)
        if has_decorator(found.node, "property", "cached_property"):
            return typed(found.node.returns, base.scope, follow)
        if has_decorator(found.node, "staticmethod"):
            return Function(found.node, base.scope)
        if has_decorator(found.node, "classmethod"):
            return Function(found.node, base.scope, value)
        return method
    return merge(assigned, follow) if assigned else None


def _assigned(value: Value, base: Class, name: str, follow: Follow) -> list[Value]:
    """Follow what the methods of a class assign to an attribute of its objects."""
    found: list[Value] = []
    for method in base.node.body:
        if not isinstance(method, FunctionNode) or not method.args.args:
            continue
        owner = method.args.args[0].arg
        for node in ast.walk(method):
            match node:
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=of), attr=attr)]) if (
                    of == owner and attr == name
                ):
                    scope = follow.inside(method, base.scope, {owner: value})
                    found.append(follow.follow(node.value, scope, (node.lineno, node.col_offset)))
    return found
