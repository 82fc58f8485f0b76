"""What each form of an expression stands for."""

import ast
from collections.abc import Sequence

from toolkit.project.apps.bindings import Position
from toolkit.project.apps.kinds import merge
from toolkit.project.apps.objects import call
from toolkit.project.apps.values import Follow, Items, Nothing, Scope, Text, Unknown, Value


def expressed(node: ast.expr, scope: Scope, before: Position | None, follow: Follow) -> Value:
    """Follow an expression by its form.

    Args:
        node: The expression.
        scope: In which it stands.
        before: Where.
        follow: Follows its parts.
    """
    match node:
        case ast.Name(id=name):
            return follow.look_up(name, scope, before)
        case ast.Attribute(value=base, attr=name):
            return follow.attribute(follow.follow(base, scope, before), name)
        case ast.Call():
            return call(node, scope, before, follow)
        case ast.NamedExpr(value=inner):
            return follow.follow(inner, scope, before)
        case ast.BoolOp(values=parts):
            return merge([follow.follow(part, scope, before) for part in parts], follow)
        case ast.IfExp(body=body, orelse=orelse):
            return merge([follow.follow(side, scope, before) for side in (body, orelse)], follow)
        case _:
            return _literal(node, scope, before, follow)


def _literal(node: ast.expr, scope: Scope, before: Position | None, follow: Follow) -> Value:
    match node:
        case ast.Constant(value=str(text)):
            return Text(text)
        case ast.JoinedStr(values=parts):
            return _joined([follow.follow(part, scope, before) for part in parts])
        case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
            return follow.follow(inner, scope, before)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _joined([follow.follow(side, scope, before) for side in (left, right)])
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return Items(tuple(parts), scope, before)
        case ast.Constant() | ast.Dict() | ast.Compare() | ast.UnaryOp():
            return Nothing()
        case _:
            return Unknown()


def _joined(parts: Sequence[Value]) -> Value:
    texts = [part.text for part in parts if isinstance(part, Text)]
    return Text("".join(texts)) if len(texts) == len(parts) else Unknown()
