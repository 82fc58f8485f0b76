"""Checks a target against the sources of a folder."""

from dataclasses import replace

from toolkit.errors import ConfigError
from toolkit.project.apps.calls import FunctionNode, has_decorator, is_plain
from toolkit.project.apps.connexion import interface_of_connexion
from toolkit.project.apps.following import Follower
from toolkit.project.apps.found import FoundApp
from toolkit.project.apps.frameworks import Kind
from toolkit.project.apps.importing import needed_roots
from toolkit.project.apps.kinds import ancestry, kind_of
from toolkit.project.apps.sources import Module, Sources
from toolkit.project.apps.targets import SPELLING, Target, is_path, misfit, module_of_path
from toolkit.project.apps.values import Class, Function, Inside, Made, Nothing, Text, Unknown
from toolkit.project.packages.files import quoted
from toolkit.spelling import did_you_mean

USUAL = ("app", "application")
"""Names of apps that Flask's command and gunicorn look for, in the order of Flask's."""

FACTORIES = ("create_app", "make_app")
_MOST_NAMED = 8


def check(target: Target, sources: Sources) -> FoundApp:
    """Find what a target names.

    Args:
        target: What to serve.
        sources: Of the folder.

    Returns:
        The app; without a file if its module is not in the folder.

    Raises:
        ConfigError: The folder has the module, but nothing in it that fits the target.
    """
    if is_path(target.module):
        target, sources = _by_path(target, sources)
    sources = _with_root(target.module, sources)
    file = sources.find(target.module)
    if file is None:
        return _elsewhere(target, sources)
    found = FoundApp(
        target=_spelt(target),
        file=file,
        search=needed_roots(sources, target.module) or (sources.root_of(file, target.module),),
    )
    module = sources.module(target.module)
    if module is None:
        if not target.attribute:
            raise ConfigError(f"{file} cannot be read as Python.", hint=SPELLING)
        return replace(found, reason="its module cannot be read as Python of this version")
    follower = Follower(sources)
    if not target.attribute:
        target = replace(target, attribute=_usual(module, follower))
    return _with_value(found, target, module, follower)


def _by_path(target: Target, sources: Sources) -> tuple[Target, Sources]:
    root, name = module_of_path(target.module, sources)
    located = sources.searching((root, *(other for other in sources.roots if other != root)))
    if located.find(name) is None:
        raise ConfigError(
            f"There is no file {quoted(target.module)} in the folder.",
            hint=did_you_mean(target.module, sources.paths) or SPELLING,
        )
    return replace(target, module=name), located


def _with_root(module: str, sources: Sources) -> Sources:
    """Look for a module a little deeper: "backend/" of a repository with several parts."""
    if sources.find(module) or sources.find(module.partition(".")[0]):
        return sources
    for root in sources.parts:
        below = sources.searching((root, *sources.roots))
        if below.find(module):
            return below
    return sources


def _elsewhere(target: Target, sources: Sources) -> FoundApp:
    package, _, _ = target.module.rpartition(".")
    if package and sources.find(package):
        near = sources.modules_in(package)
        raise ConfigError(
            f"There is no module {quoted(target.module)} in the folder.",
            hint=did_you_mean(target.module, near) or f"It has {_listed(near)}.",
        )
    if not target.attribute:
        raise ConfigError(
            f"{quoted(target.module)} is not in the folder, and names no app in it.", hint=SPELLING
        )
    reason = "its module is not in the folder: a package that is installed"
    return FoundApp(target=_spelt(target), search=("",), reason=reason)


def _spelt(target: Target) -> str:
    return f"{target.module}:{target.call or target.attribute}"


def _usual(module: Module, follower: Follower) -> str:
    """Choose a name where the target has none, as Flask's command and gunicorn do."""
    for name in (*USUAL, *FACTORIES):
        if module.bindings.has(name) or not isinstance(
            follower.member(module.name, name), Unknown | Inside
        ):
            return name
    raise ConfigError(
        f"{module.file} has no name that servers look for.",
        hint=f"Name the app: {module.name}:ATTRIBUTE. {_there_is(module)}",
    )


def _with_value(found: FoundApp, target: Target, module: Module, follower: Follower) -> FoundApp:
    first, *rest = target.attribute.split(".")
    if not follower.sources.has(module, first):
        raise ConfigError(
            f"{module.file} has no {quoted(first)}.",
            hint=did_you_mean(first, module.bindings.named) or _there_is(module),
        )
    value = follower.member(module.name, first)
    for name in rest:
        value = follower.attribute(value, name)
    if isinstance(value, Text | Nothing | Inside):
        raise ConfigError(
            f"{quoted(target.attribute)} in {module.file} is no app.", hint=_there_is(module)
        )
    named = module.bindings.named.get(first, ())
    found = replace(found, line=named[-1].position[0] if named else 0, target=_spelt(target))
    kind = kind_of(value, follower)
    if isinstance(value, Function | Class) and kind is None:
        return _of_factory(found, target, value, follower)
    if target.call is not None and isinstance(value, Made) and kind is not None:
        raise ConfigError(
            f"{quoted(target.attribute)} in {module.file} is an app, not a factory.",
            hint=f"Write {module.name}:{target.attribute}.",
        )
    return _with_kind(found, None if target.call is not None else kind, follower)


def _of_factory(
    found: FoundApp, target: Target, value: Function | Class, follower: Follower
) -> FoundApp:
    node = value.node if isinstance(value, Function) else _init_of(value, follower)
    bound = isinstance(value, Class) or value.bound is not None
    call = target.call or f"{target.attribute}()"
    given = f"{target.module}:{call}"
    if "." in target.attribute and target.call is None:
        raise ConfigError(
            f"{quoted(target.attribute)} is a factory, which servers call by a plain name only.",
            hint="Assign its result to a name of a module, and give that.",
        )
    result = kind_of(follower.result(value, call), follower)
    plain = not isinstance(value, Function) or is_plain(value.node)
    if not plain and result is None and target.call is None:
        # a decorator may have made anything of it, even an app
        return found if target.attribute not in FACTORIES else replace(found, target=given)
    if plain and node is not None and (problem := misfit(node, target.call, bound=bound)):
        raise ConfigError(
            f"{quoted(call)} does not fit the function in {found.file}: {problem}.",
            hint=f'Give its arguments: {target.module}:{target.attribute}("...").',
        )
    return _with_kind(replace(found, target=given), result, follower)


def _init_of(value: Class, follower: Follower) -> FunctionNode | None:
    for base in ancestry(value, follower):
        if not isinstance(base, Class):
            return None
        for statement in base.node.body:
            if isinstance(statement, FunctionNode) and statement.name == "__init__":
                return None if has_decorator(statement, "overload") else statement
    return None


def _with_kind(found: FoundApp, kind: Kind | None, follower: Follower) -> FoundApp:
    if kind is None:
        return found
    interface = kind.interface
    if kind.framework == "connexion" and interface is None:
        interface = interface_of_connexion(follower.sources.files)
    return replace(found, interface=interface, framework=kind.framework)


def _there_is(module: Module) -> str:
    names = [name for name in module.bindings.named if module.bindings.has(name) and name[0] != "_"]
    return f"It has {_listed(names)}." if names else "It has no names at all."


def _listed(names: list[str]) -> str:
    shown = names[:_MOST_NAMED]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
