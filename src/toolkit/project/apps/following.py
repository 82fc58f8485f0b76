"""Follows names through the sources of a folder to what they stand for; nothing is run."""

import ast
from collections.abc import Mapping

from toolkit.project.apps.bindings import Binding, Bindings, Definition, Imported, Position
from toolkit.project.apps.calls import given_by, parameters_of
from toolkit.project.apps.expressions import expressed
from toolkit.project.apps.frameworks import app_of, object_of, wrapper_of
from toolkit.project.apps.kinds import merge
from toolkit.project.apps.objects import attribute, returned, typed
from toolkit.project.apps.sources import Module, Sources
from toolkit.project.apps.values import (
    Class,
    Function,
    Inside,
    Items,
    Made,
    Outside,
    Parameter,
    Scope,
    Served,
    Unknown,
    Value,
)

MOST_STEPS = 20_000
"""Of one question. What people write takes a few hundred."""

MOST_DEPTH = 40
"""Each takes several frames of the interpreter, which has 1,000."""


class Follower:
    """Answers what an expression in the sources stands for.

    Every answer is bounded in steps; what takes more is not known.
    """

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._bindings: dict[ast.AST, Bindings] = {}
        self._scopes: dict[str, Scope] = {}
        self._busy: set[tuple[object, ...]] = set()
        self._steps = 0
        self._depth = 0

    def member(self, module: str, name: str) -> Value:
        """Follow a name of a module."""
        self._steps = 0
        return self._member(Inside(module), name)

    def value(self, expression: ast.expr, scope: Scope, before: Position | None = None) -> Value:
        """Follow an expression.

        Args:
            expression: What to follow.
            scope: In which it stands.
            before: Where it stands, if what comes later does not matter to it.
        """
        self._steps = 0
        return self.follow(expression, scope, before)

    def result(self, value: Value, call: str = "") -> Value:
        """Give what a function returns, or a class makes.

        Args:
            value: The function or the class.
            call: The call as it is written in a target; "": one without arguments.
        """
        self._steps = 0
        if isinstance(value, Function):
            node = ast.parse(call, mode="eval").body if call else None
            given: Mapping[str, ast.expr] = {}
            if isinstance(node, ast.Call):
                given = given_by(node, value.node, bound=value.bound is not None) or {}
            known = {
                name: self.follow(literal, value.scope, None) for name, literal in given.items()
            }
            return returned(value, known, self)
        return Made(value) if isinstance(value, Class | Outside) else Unknown()

    def each(self, expression: ast.expr, scope: Scope) -> tuple[Value, ...]:
        """Follow an expression that a loop may bind to one thing after another."""
        self._steps = 0
        if isinstance(expression, ast.Name):
            group = scope.bindings.reaching(expression.id, None)
            if len(group) == 1 and group[0].each and isinstance(group[0].value, ast.expr):
                whole = self.follow(group[0].value, scope, group[0].position)
                if isinstance(whole, Items):
                    return tuple(
                        self.follow(part, whole.scope, whole.before) for part in whole.parts
                    )
        return (self.follow(expression, scope, None),)

    def scope_of(self, module: Module) -> Scope:
        """Give the top level of a module."""
        if module.name not in self._scopes:
            self._scopes[module.name] = Scope(module, module.bindings)
        return self._scopes[module.name]

    def inside(
        self,
        node: Definition,
        scope: Scope,
        given: Mapping[str, Value] | None = None,
        *,
        called: bool = False,
    ) -> Scope:
        """Give the scope of a function or a class.

        Args:
            node: Its definition.
            scope: In which that stands.
            given: What its parameters are, by name, as far as it is known.
            called: Whether the other parameters have their defaults.
        """
        if node not in self._bindings:
            self._bindings[node] = Bindings.of(node)
        parameters = {} if isinstance(node, ast.ClassDef) else parameters_of(node)
        return Scope(scope.module, self._bindings[node], scope, parameters, given or {}, called)

    def follow(self, expression: ast.expr, scope: Scope, before: Position | None) -> Value:
        """Follow an expression as a part of a question."""
        self._steps += 1
        if self._steps > MOST_STEPS or self._depth > MOST_DEPTH:
            return Unknown()
        self._depth += 1
        try:
            return expressed(expression, scope, before, self)
        finally:
            self._depth -= 1

    def look_up(self, name: str, scope: Scope, before: Position | None) -> Value:
        """Follow a name through the scopes around it.

        Args:
            name: The name.
            scope: In which it stands.
            before: Where.
        """
        current: Scope | None = scope
        while current is not None:
            group = current.bindings.reaching(name, before)
            found = [self._bound(binding, current) for binding in group]
            sure = bool(group) and not group[0].conditional
            if not sure and name in current.parameters:
                found.insert(0, self._parameter(name, current))
                sure = True
            if found and (sure or current.parent is None or current.bindings.has(name)):
                return merge(found, self)
            current, before = current.parent, None
        return self._starred(name, scope.module)

    def _parameter(self, name: str, scope: Scope) -> Value:
        if name in scope.given:
            return scope.given[name]
        argument, default = scope.parameters[name]
        around = scope.parent or scope
        if scope.called and default is not None:
            return self.follow(default, around, None)
        value = typed(argument.annotation, around, self)
        return Parameter(name) if isinstance(value, Unknown) else value

    def _bound(self, binding: Binding, scope: Scope) -> Value:
        key = (scope.module.file, id(scope.bindings), binding.name, binding.position)
        if binding.each or binding.value is None or key in self._busy:
            return Unknown()
        self._busy.add(key)
        try:
            match binding.value:
                case Imported():
                    return self._imported(binding.value, scope.module)
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    return Function(binding.value, scope)
                case ast.ClassDef():
                    return Class(binding.value, scope)
                case _:
                    return self.follow(binding.value, scope, binding.position)
        finally:
            self._busy.discard(key)

    def _imported(self, imported: Imported, module: Module) -> Value:
        name = module.absolute(imported.level, imported.module)
        if not name:
            return Unknown()
        here = bool(self.sources.find(name)) or self.sources.is_folder(name)
        if imported.level and not here:
            return Unknown()
        if name == module.name and self.sources.find(f"{name}.{imported.name}"):
            # a package that takes a module of its own
            return Inside(f"{name}.{imported.name}")
        source = Inside(name) if here else Outside(name)
        return self._member(source, imported.name) if imported.name else source

    def attribute(self, value: Value, name: str) -> Value:
        """Follow an attribute of an object or a module."""
        if isinstance(value, Inside | Outside):
            return self._member(value, name)
        return attribute(value, name, self)

    def _member(self, source: Inside | Outside, name: str) -> Value:
        if isinstance(source, Outside):
            member = f"{source.name}.{name}"
            kind = object_of(member)
            return Served(kind, borrowed=True) if kind else Outside(member)
        module = self.sources.module(source.name)
        if module is not None:
            if module.bindings.has(name):
                return self.look_up(name, self.scope_of(module), None)
            starred = self._starred(name, module)
            if not isinstance(starred, Unknown):
                return starred
        inner = f"{source.name}.{name}"
        return Inside(inner) if self.sources.find(inner) else Unknown()

    def _starred(self, name: str, module: Module) -> Value:
        """Look for a name where all names come from."""
        for star in reversed(module.bindings.stars):
            source = module.absolute(star.level, star.module)
            key = ("*", source, name)
            if not source or key in self._busy:
                continue
            self._busy.add(key)
            try:
                if self.sources.find(source):
                    value = self._member(Inside(source), name)
                    if not isinstance(value, Unknown | Inside):
                        return value
                elif app_of(f"{source}.{name}") or wrapper_of(f"{source}.{name}"):
                    return Outside(f"{source}.{name}")
            finally:
                self._busy.discard(key)
        return Unknown()
