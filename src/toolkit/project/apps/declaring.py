"""Collects what sources declare of routes, and of the groups that they are in."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from toolkit.project.apps.calls import FunctionNode, inside
from toolkit.project.apps.following import Follower
from toolkit.project.apps.frameworks import GROUPS, short
from toolkit.project.apps.groups import Declared, Group, Mount, identify, words
from toolkit.project.apps.values import Class, Made, Outside, Scope, Text, Value

SHORTCUTS = frozenset({"get", "post", "put", "patch", "delete"})
_ROUTES = frozenset({"route", "api_route"})
_RULES = frozenset({"add_url_rule", "add_api_route"})
_MOUNTS = {
    "register_blueprint": "url_prefix",
    "register_api": "url_prefix",
    "include_router": "prefix",
    "add_namespace": "path",
}
"""Methods that put a group into another, and the argument with a prefix."""


@dataclass(frozen=True, slots=True)
class Declarations:
    """What sources declare.

    Attributes:
        routes: As they stand there.
        mounts: Which group is part of which.
    """

    routes: list[Declared] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Collector:
    """Collects declarations, module by module.

    Attributes:
        follower: Of the sources.
        app: The app whose routes are looked for.
        found: What there is so far.
    """

    follower: Follower
    app: Value
    found: Declarations = field(default_factory=Declarations)

    def visit(self, body: list[ast.stmt], scope: Scope) -> None:
        """Go through the statements of a scope and of all that are defined in it."""
        for node in inside(body):
            if isinstance(node, FunctionNode | ast.ClassDef):
                for decorator in node.decorator_list:
                    if isinstance(decorator, ast.Call):
                        self._decorated(decorator, node, scope)
                self._enter(node, scope)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                self._called(node, node.func, scope)

    def _enter(self, node: FunctionNode | ast.ClassDef, scope: Scope) -> None:
        if not isinstance(node, ast.ClassDef):
            self.visit(node.body, self.follower.inside(node, scope))
            return
        own = Made(Class(node, scope))
        for statement in node.body:
            if isinstance(statement, FunctionNode) and statement.args.args:
                given = {statement.args.args[0].arg: own}
                self.visit(statement.body, self.follower.inside(statement, scope, given))

    def _decorated(self, call: ast.Call, node: FunctionNode | ast.ClassDef, scope: Scope) -> None:
        if not isinstance(call.func, ast.Attribute):
            return
        name = call.func.attr
        if name not in _ROUTES | SHORTCUTS:
            return
        methods = [name.upper()] if name in SHORTCUTS else self._methods(call, node, scope)
        if methods is None:
            return
        for owner in self._owners(call.func.value, scope):
            for path in self._paths(call, scope, several=isinstance(node, ast.ClassDef)):
                self.found.routes.append(
                    Declared(owner, path, tuple(methods), scope.module.file, call.lineno, node)
                )

    def _called(self, call: ast.Call, function: ast.Attribute, scope: Scope) -> None:
        if function.attr in _MOUNTS:
            self._mounted(call, function, scope, _MOUNTS[function.attr])
        elif function.attr == "mount" and len(call.args) > 1:
            prefix = self.follower.value(call.args[0], scope)
            self._mount(function, call.args[1], scope, prefix)
        elif function.attr == "init_app" and call.args:
            self._started(call, function, scope)
        elif function.attr in _RULES:
            self._ruled(call, function, scope)
        elif function.attr == "add_resource" and call.args:
            self._added(call, function, scope)

    def _started(self, call: ast.Call, function: ast.Attribute, scope: Scope) -> None:
        for group in self._owners(function.value, scope):
            if group.style == "restful":
                for parent in self._owners(call.args[0], scope):
                    self.found.mounts.append(Mount(parent, group, None))

    def _added(self, call: ast.Call, function: ast.Attribute, scope: Scope) -> None:
        resource = self.follower.value(call.args[0], scope, _place(call))
        if not isinstance(resource, Class):
            return
        node, file = resource.node, scope.module.file
        for owner in self._owners(function.value, scope):
            for path in self._texts(call.args[1:], scope):
                self.found.routes.append(
                    Declared(owner, path, methods_of(node), file, call.lineno, node)
                )

    def _ruled(self, call: ast.Call, function: ast.Attribute, scope: Scope) -> None:
        view = _argument(call, "view_func", 2 if function.attr == "add_url_rule" else 9)
        view = view or _argument(call, "endpoint", 1 if function.attr == "add_api_route" else 9)
        value = self.follower.value(view, scope, _place(call)) if view else None
        node: FunctionNode | ast.ClassDef | None = getattr(value, "node", None)
        if isinstance(value, Made) and isinstance(value.of, Outside):
            viewed = value.of.of if value.of.name.endswith(".as_view") else None
            node = viewed.node if isinstance(viewed, Class) else None
        unseen = view is not None and node is None and isinstance(view, ast.Call)
        methods = None if unseen else self._methods(call, node, scope)
        for path in self._paths(call, scope) if methods is not None else ():
            for owner in self._owners(function.value, scope):
                self.found.routes.append(
                    Declared(
                        owner, path, tuple(methods or ()), scope.module.file, call.lineno, node
                    )
                )

    def _mounted(
        self, call: ast.Call, function: ast.Attribute, scope: Scope, prefixed: str
    ) -> None:
        child = call.args[0] if call.args else None
        child = child or _argument(call, "blueprint", 9) or _argument(call, "router", 9)
        prefix = _argument(call, prefixed, 1 if prefixed == "path" else 9)
        if child is None or any(word.arg is None for word in call.keywords):
            return
        if any(word.arg in {"subdomain", "host"} for word in call.keywords):
            return
        value = self.follower.value(prefix, scope, _place(call)) if prefix else None
        if isinstance(prefix, ast.Constant) and prefix.value is None:
            value = None
        self._mount(function, child, scope, value)

    def _mount(
        self, function: ast.Attribute, child: ast.expr, scope: Scope, prefix: Value | None
    ) -> None:
        if prefix is not None and not isinstance(prefix, Text):
            return
        for parent in self._owners(function.value, scope):
            for group in self._owners(child, scope):
                text = prefix.text if isinstance(prefix, Text) else None
                self.found.mounts.append(Mount(parent, group, text))

    def _owners(self, expression: ast.expr, scope: Scope) -> Iterator[Group]:
        """Give the app or the groups that an expression stands for."""
        for value in self.follower.each(expression, scope):
            group = identify(value, self.app, self.follower)
            if group is not None:
                yield group
                self._implied(group, value)

    def _implied(self, group: Group, value: Value) -> None:
        """Add what making a group puts into another: ``Api(app)``, ``api.namespace("x")``."""
        if not isinstance(value, Made) or not isinstance(value.of, Outside) or not value.call:
            return
        if value.of.name.endswith(".namespace") and value.of.of is not None:
            parent = identify(value.of.of, self.app, self.follower)
            if parent is not None:
                self.found.mounts.append(Mount(parent, group, None))
                self._implied(parent, value.of.of)
        elif group.style == "restful" and short(value.of.name) in GROUPS and value.scope:
            over = _argument(value.call, "app", 0) or _argument(value.call, "blueprint", 9)
            if over is not None and not short(value.of.name).endswith("Namespace"):
                for parent in self._owners(over, value.scope):
                    self.found.mounts.append(Mount(parent, group, None))

    def _paths(self, call: ast.Call, scope: Scope, *, several: bool = False) -> list[str]:
        named = _argument(call, "rule", 9) or _argument(call, "path", 9)
        if any(word.arg in {"subdomain", "host", "websocket"} for word in call.keywords):
            return []
        if named is not None and not call.args:
            return self._texts([named], scope)
        return self._texts(call.args if several else call.args[:1], scope)

    def _texts(self, expressions: list[ast.expr], scope: Scope) -> list[str]:
        values = [self.follower.value(expression, scope) for expression in expressions]
        return [value.text for value in values if isinstance(value, Text)]

    def _methods(
        self, call: ast.Call, node: ast.AST | None, scope: Scope
    ) -> tuple[str, ...] | None:
        """Give the methods of a route, None if they are not known."""
        given = _argument(call, "methods", 9) or _argument(call, "method", 9)
        if given is not None:
            found = words(self.follower.value(given, scope), self.follower)
            return tuple(word.upper() for word in found) if found else None
        return methods_of(node) if isinstance(node, ast.ClassDef) else ("GET",)


def methods_of(node: ast.ClassDef) -> tuple[str, ...]:
    """Give the methods that a class-based view answers."""
    names = [each.name for each in node.body if isinstance(each, FunctionNode)]
    return tuple(name.upper() for name in names if name in SHORTCUTS)


def _argument(call: ast.Call, name: str, index: int) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[index] if index < len(call.args) else None


def _place(call: ast.Call) -> tuple[int, int]:
    return (call.lineno, call.col_offset)
