"""What an expression in somebody else's source stands for, as far as the source shows it."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from toolkit.project.apps.bindings import Bindings, Definition, Position
from toolkit.project.apps.frameworks import Kind
from toolkit.project.apps.sources import Module


class Site(NamedTuple):
    """Where something is made: that tells one object from another."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """Where names are looked up.

    Attributes:
        parent: The scope around it, None for a module's.
        parameters: Of the function, by name; the default is None where there is none.
        given: What parameters are known to be, by name.
        called: Whether parameters that are not given have their defaults.
    """

    module: Module
    bindings: Bindings
    parent: "Scope | None" = None
    parameters: Mapping[str, tuple[ast.arg, ast.expr | None]] = field(default_factory=dict)
    given: "Mapping[str, Value]" = field(default_factory=dict)
    called: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The source does not show it."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """A number, a dictionary, None: surely no app."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a function gets, and nobody knows from whom."""

    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """A tuple or a list as it is written."""

    parts: tuple[ast.expr, ...]
    scope: Scope
    before: Position | None


@dataclass(frozen=True, slots=True)
class Inside:
    """A module of the folder."""

    name: str


@dataclass(frozen=True, slots=True)
class Outside:
    """A module of a library, or something in it.

    Attributes:
        name: Dotted.
        of: The object whose method it is.
    """

    name: str
    of: "Value | None" = None


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the folder.

    Attributes:
        scope: In which it is defined.
        bound: The object whose method it is.
    """

    node: ast.FunctionDef | ast.AsyncFunctionDef
    scope: Scope
    bound: "Value | None" = None


@dataclass(frozen=True, slots=True)
class Class:
    """A class of the folder."""

    node: ast.ClassDef
    scope: Scope


@dataclass(frozen=True, slots=True)
class Made:
    """An object of a class.

    Attributes:
        site: Where; None if only its type is known.
        call: That made it.
        scope: Of the call.
    """

    of: Class | Outside
    site: Site | None = None
    call: ast.Call | None = None
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """An app that is not the object of a class of a framework itself.

    Attributes:
        inner: The app that it wraps.
        borrowed: Whether it is whatever app handles the request.
    """

    kind: Kind
    inner: "Value | None" = None
    borrowed: bool = False


Value = (
    Unknown
    | Nothing
    | Parameter
    | Text
    | Items
    | Inside
    | Outside
    | Function
    | Class
    | Made
    | Served
)


class Follow(Protocol):
    """Follows expressions to their values, see ``following.Follower``."""

    def follow(self, expression: ast.expr, scope: Scope, before: Position | None) -> Value:
        """Follow one expression."""
        ...

    def look_up(self, name: str, scope: Scope, before: Position | None) -> Value:
        """Follow one name."""
        ...

    def attribute(self, value: Value, name: str) -> Value:
        """Follow an attribute."""
        ...

    def inside(
        self,
        node: Definition,
        scope: Scope,
        given: Mapping[str, Value] | None = None,
        *,
        called: bool = False,
    ) -> Scope:
        """Give the scope of a definition."""
        ...
