"""The spelling of a target: ``module:attribute``, or ``module:factory("argument")``."""

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from toolkit.errors import ConfigError
from toolkit.project.apps.calls import FunctionNode
from toolkit.project.apps.sources import Sources
from toolkit.project.packages.files import quoted

SPELLING = 'Write "module:attribute", such as "shop.wsgi:app", or "shop:create_app()".'
_MOST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Target:
    """What a server is told to serve.

    Attributes:
        module: Dotted, or the path of a file.
        attribute: Dotted; "" if none is named.
        call: The call as it is written, with its arguments, None if there is none.
    """

    module: str
    attribute: str
    call: str | None = None


def parse_target(text: str) -> Target:
    """Take a target apart.

    Raises:
        ConfigError: It is spelt in a way that gunicorn does not take.
    """
    text = text.strip()
    module, colon, attribute = text.partition(":")
    # bounded, because both end in messages and in file names
    if len(text) > _MOST_TEXT or not text.isprintable():
        raise ConfigError("That is no target of an app.", hint=SPELLING)
    if not module or (colon and not attribute) or not _is_module(module):
        raise ConfigError(f"{quoted(text)} is no target of an app.", hint=SPELLING)
    if not colon:
        return Target(module, "")
    try:
        node = ast.parse(attribute.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{quoted(text)} is no target of an app.", hint=SPELLING) from error
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name):
            raise ConfigError(
                f"{quoted(text)} calls what is no plain name: servers do not take that.",
                hint="Assign its result to a name of a module, and give that.",
            )
        if not _are_literals(node):
            raise ConfigError(
                f"{quoted(text)} passes something that is no literal: servers do not take that.",
                hint='Pass numbers and texts, such as create_app("production"), or nothing.',
            )
        return Target(module, node.func.id, attribute.strip())
    name = ast.unparse(node) if _is_dotted(node) else ""
    if not name:
        raise ConfigError(f"{quoted(text)} is no target of an app.", hint=SPELLING)
    return Target(module, name)


def _is_module(text: str) -> bool:
    if is_path(text):
        return not PurePosixPath(text).is_absolute() and ".." not in PurePosixPath(text).parts
    return all(part.isidentifier() for part in text.split("."))


def is_path(module: str) -> bool:
    """Say whether a module is named by its file, as FLASK_APP may."""
    return "/" in module or module.endswith(".py")


def module_of_path(path: str, sources: Sources) -> tuple[str, str]:
    """Give the folder to search for a file, and the name of the module that it then is.

    The folder is the first above the file that is no package, as flask's command has it:
    https://github.com/pallets/flask/blob/main/src/flask/cli.py (prepare_import)
    """
    pure = PurePosixPath(path)
    if pure.suffix != ".py":
        inner = pure / "__init__.py"
        pure = inner if str(inner) in sources.paths else pure.with_name(f"{pure.name}.py")
    parts = [] if pure.name == "__init__.py" else [pure.stem]
    parent = pure.parent
    while parent.name and sources.is_package(str(parent)):
        parts.insert(0, parent.name)
        parent = parent.parent
    return "" if str(parent) == "." else str(parent), ".".join(parts)


def _are_literals(node: ast.Call) -> bool:
    if any(keyword.arg is None for keyword in node.keywords):
        return False
    try:
        for value in [*node.args, *(keyword.value for keyword in node.keywords)]:
            ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def _is_dotted(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def misfit(node: FunctionNode, call: str | None, *, bound: bool = False) -> str:
    """Say why a function cannot be called like that, "" if it can.

    Args:
        node: The function.
        call: Of a target; None stands for a call without arguments.
        bound: Whether its first parameter is an object that the call does not name.
    """
    try:
        _signature(node, bound=bound).bind(*_positional(call), **_named(call))
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def _signature(node: FunctionNode, *, bound: bool) -> inspect.Signature:
    kinds = inspect.Parameter
    found: list[inspect.Parameter] = []
    positional = [*node.args.posonlyargs, *node.args.args]
    optional = len(positional) - len(node.args.defaults)
    for index, argument in enumerate(positional):
        by_place = index < len(node.args.posonlyargs)
        kind = kinds.POSITIONAL_ONLY if by_place else kinds.POSITIONAL_OR_KEYWORD
        default = None if index >= optional else kinds.empty
        found.append(kinds(argument.arg, kind, default=default))
    if node.args.vararg:
        found.append(kinds(node.args.vararg.arg, kinds.VAR_POSITIONAL))
    for argument, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        default = None if value is not None else kinds.empty
        found.append(kinds(argument.arg, kinds.KEYWORD_ONLY, default=default))
    if node.args.kwarg:
        found.append(kinds(node.args.kwarg.arg, kinds.VAR_KEYWORD))
    return inspect.Signature(found[bound:])


def _called(call: str | None) -> ast.Call | None:
    node = ast.parse(call, mode="eval").body if call else None
    return node if isinstance(node, ast.Call) else None


def _positional(call: str | None) -> list[object]:
    node = _called(call)
    return [ast.literal_eval(argument) for argument in node.args] if node else []


def _named(call: str | None) -> Mapping[str, object]:
    node = _called(call)
    keywords = node.keywords if node else []
    return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in keywords}
