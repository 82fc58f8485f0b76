"""What kind of app a value is, if it is one."""

import ast
from collections.abc import Iterator, Sequence

from toolkit.model import Interface
from toolkit.project.apps.calls import FunctionNode
from toolkit.project.apps.frameworks import Kind, app_of
from toolkit.project.apps.values import (
    Class,
    Follow,
    Function,
    Made,
    Nothing,
    Outside,
    Served,
    Unknown,
    Value,
)

_MOST_BASES = 30


def kind_of(value: Value, follow: Follow) -> Kind | None:
    """Give the kind of app a value is, None if it is none or that is not known."""
    match value:
        case Served():
            return value.kind
        case Made(of=Outside(name=name)):
            return app_of(name)
        case Made(of=Class() as made):
            own = called_as(made, "__call__", follow)
            for base in ancestry(made, follow):
                if isinstance(base, Outside) and (kind := app_of(base.name)):
                    return kind
            return Kind("", own) if own else None
        case Function():
            interface = _interface(value.node, bound=value.bound is not None)
            return Kind("", interface) if interface else None
        case Class():
            # PEP 3333 has this form, too: making an object of it is the call
            interface = called_as(value, "__init__", follow)
            return Kind("", interface) if interface is Interface.WSGI else None
        case _:
            return None


def called_as(made: Class, method: str, follow: Follow) -> Interface | None:
    """Give the interface whose arguments a method of a class takes."""
    for base in ancestry(made, follow):
        if isinstance(base, Class):
            found = follow.inside(base.node, base.scope).bindings.named.get(method, ())
            if found and isinstance(node := found[-1].value, FunctionNode):
                return _interface(node, bound=True)
    return None


def _interface(node: FunctionNode, *, bound: bool) -> Interface | None:
    names = [argument.arg.strip("_") for argument in [*node.args.posonlyargs, *node.args.args]]
    if bound:
        names = names[1:]
    if names == ["scope", "receive", "send"] and isinstance(node, ast.AsyncFunctionDef):
        return Interface.ASGI
    if len(names) == 2 and (names[0] in {"environ", "env"} or names[1] == "start_response"):
        return Interface.WSGI if isinstance(node, ast.FunctionDef) else None
    return None


def ancestry(made: Class, follow: Follow) -> Iterator[Class | Outside]:
    """Give a class and those that it inherits from, nearest first, as far as they are known."""
    waiting: list[Class | Outside] = [made]
    seen: list[ast.ClassDef] = []
    while waiting and len(seen) < _MOST_BASES:
        current = waiting.pop(0)
        if isinstance(current, Class):
            if current.node in seen:
                continue
            seen.append(current.node)
            for expression in current.node.bases:
                place = (current.node.lineno, current.node.col_offset)
                base = follow.follow(expression, current.scope, place)
                if isinstance(base, Class | Outside):
                    waiting.append(base)
        yield current


def merge(values: Sequence[Value], follow: Follow) -> Value:
    """Give what all of several values have in common: the source does not say which it is."""
    rest = [value for value in values if not isinstance(value, Nothing)]
    if not rest:
        return Nothing()
    if all(value == rest[0] for value in rest):
        return rest[0]
    kinds = [kind_of(value, follow) for value in rest]
    first = kinds[0]
    if first is None or any(kind is None or kind.interface != first.interface for kind in kinds):
        return Unknown()
    if all(kind == first for kind in kinds):
        return rest[-1]
    return Served(Kind("", first.interface))


def unwrap(value: Value) -> Value:
    """Take off the wrappers of an app."""
    while isinstance(value, Served) and value.inner is not None:
        value = value.inner
    return value
