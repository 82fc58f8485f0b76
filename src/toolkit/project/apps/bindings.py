"""What the names of a module or a function are bound to: assignments, imports, definitions."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from toolkit.project.apps.calls import statements

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
"""A statement that binds its own name."""

Position = tuple[int, int]
"""Line, from 1, and column, from 0."""

_PLAIN = (ast.With, ast.AsyncWith)
_COMPOUND = (ast.If, ast.Try, ast.TryStar, ast.For, ast.AsyncFor, ast.While, ast.Match, *_PLAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import statement names.

    Attributes:
        level: Leading dots.
        module: What is imported, or from what.
        name: What is taken from it; "" if the module itself is bound, "*" for all.
    """

    level: int = 0
    module: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One way in which a name gets a value.

    Attributes:
        value: An expression, a definition, an import, or None if the source does not show it.
        conditional: Whether it may not happen.
        typing: Whether it is only there for a type checker.
        each: Whether the name is bound to each item of the value in turn.
    """

    name: str
    position: Position
    value: ast.expr | Definition | Imported | None
    conditional: bool = False
    typing: bool = False
    each: bool = False


@dataclass(frozen=True, slots=True)
class Bindings:
    """The names of one scope.

    Attributes:
        named: Bindings by name, in the order of the source.
        stars: Imports of all names of a module, likewise.
    """

    named: Mapping[str, tuple[Binding, ...]]
    stars: tuple[Imported, ...]

    @classmethod
    def of(cls, node: ast.Module | Definition) -> "Bindings":
        """Collect the names that are bound in the scope of a module, function or class."""
        named: dict[str, list[Binding]] = {}
        stars = []
        found = list(_in_body(node.body))
        if isinstance(node, ast.Module):
            found += _globals(node)
        for binding in found:
            if binding.name == "*" and isinstance(binding.value, Imported):
                stars.append(binding.value)
            else:
                named.setdefault(binding.name, []).append(binding)
        ordered = {
            name: tuple(sorted(group, key=lambda binding: binding.position))
            for name, group in named.items()
        }
        return cls(ordered, tuple(stars))

    def reaching(self, name: str, before: Position | None) -> tuple[Binding, ...]:
        """Give the bindings that a use of a name may see.

        Args:
            name: The name.
            before: Where it is used, None if that is after all of them.
        """
        group = self.named.get(name, ())
        if before is not None:
            group = tuple(each for each in group if each.position < before)
        real = tuple(binding for binding in group if not binding.typing) or group
        for index in range(len(real) - 1, -1, -1):
            if not real[index].conditional:
                return real[index:]
        return real

    def has(self, name: str) -> bool:
        """Say whether a name is bound when the program runs."""
        return any(not binding.typing for binding in self.named.get(name, ()))


@dataclass(frozen=True, slots=True)
class _Context:
    conditional: bool = False
    typing: bool = False


def _in_body(body: list[ast.stmt]) -> Iterator[Binding]:
    # a stack, because a long chain of elif is nested deeply
    waiting = [(statement, _Context()) for statement in reversed(body)]
    while waiting:
        statement, context = waiting.pop()
        yield from _of_statement(statement, context)
        if isinstance(statement, _COMPOUND):
            inner = [
                (child, inside) for block, inside in _blocks(statement, context) for child in block
            ]
            waiting.extend(reversed(inner))


def _blocks(statement: ast.stmt, context: _Context) -> Iterator[tuple[list[ast.stmt], _Context]]:
    maybe = _Context(conditional=True, typing=context.typing)
    match statement:
        case ast.With() | ast.AsyncWith():
            yield statement.body, context
        case ast.If():
            test = ast.unparse(statement.test) if _is_small(statement.test) else ""
            if test in {"TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING"}:
                yield statement.body, _Context(conditional=True, typing=True)
                yield statement.orelse, context
            elif test in {"__name__ == '__main__'", "'__main__' == __name__"}:
                # a server imports the module under its own name
                yield statement.orelse, context
            else:
                yield statement.body, maybe
                yield statement.orelse, maybe
        case ast.Try() | ast.TryStar():
            yield statement.body, maybe
            for handler in statement.handlers:
                yield handler.body, maybe
            yield statement.orelse, maybe
            yield statement.finalbody, context
        case ast.For() | ast.AsyncFor() | ast.While():
            yield statement.body, maybe
            yield statement.orelse, maybe
        case ast.Match():
            for case in statement.cases:
                yield case.body, maybe
        case _:
            pass


def _is_small(test: ast.expr) -> bool:
    return isinstance(test, ast.Name | ast.Attribute) or (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name | ast.Constant)
        and all(isinstance(side, ast.Name | ast.Constant) for side in test.comparators)
    )


def _of_statement(statement: ast.stmt, context: _Context) -> Iterator[Binding]:
    each = isinstance(statement, ast.For | ast.AsyncFor)
    for name, value in (*_defined(statement), *_given(statement)):
        yield Binding(
            name=name,
            position=(statement.lineno, statement.col_offset),
            value=value,
            conditional=context.conditional,
            typing=context.typing,
            each=each,
        )


def _defined(statement: ast.stmt) -> Iterator[tuple[str, Definition | Imported]]:
    """Give what definitions and imports bind."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name, statement
        case ast.Import():
            for alias in statement.names:
                top = alias.name.partition(".")[0]
                yield alias.asname or top, Imported(module=alias.name if alias.asname else top)
        case ast.ImportFrom():
            for alias in statement.names:
                imported = Imported(
                    level=statement.level, module=statement.module or "", name=alias.name
                )
                yield alias.asname or alias.name, imported
        case _:
            pass


def _given(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """Give what assignments bind, and what loops and ``with`` do."""
    match statement:
        case ast.Assign():
            for target in statement.targets:
                yield from _assigned(target, statement.value)
        case ast.AnnAssign() if statement.value is not None:
            yield from _assigned(statement.target, statement.value)
        case ast.AugAssign():
            yield from _assigned(statement.target, None)
        case ast.For() | ast.AsyncFor():
            whole = statement.iter if isinstance(statement.target, ast.Name) else None
            for name, _ in _assigned(statement.target, None):
                yield name, whole
        case ast.With() | ast.AsyncWith():
            for item in statement.items:
                if item.optional_vars is not None:
                    yield from _assigned(item.optional_vars, item.context_expr)
        case _:
            pass


def _assigned(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(target, ast.Name):
        yield target.id, value
        return
    if isinstance(target, ast.Tuple | ast.List):
        pairs = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        for index, part in enumerate(target.elts):
            inner = value.elts[index] if pairs and isinstance(value, ast.Tuple | ast.List) else None
            yield from _assigned(part.value if isinstance(part, ast.Starred) else part, inner)


def _globals(tree: ast.Module) -> Iterator[Binding]:
    """Collect what functions bind at the top level, which happens when somebody calls them."""
    for node in statements(tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = {
                name for part in node.body if isinstance(part, ast.Global) for name in part.names
            }
            for binding in _in_body(node.body) if names else ():
                if binding.name in names:
                    yield Binding(
                        name=binding.name,
                        position=binding.position,
                        value=None,
                        conditional=True,
                    )
