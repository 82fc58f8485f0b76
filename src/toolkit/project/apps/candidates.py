"""Looks through a folder for apps that nobody has named."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from toolkit.errors import ConfigError
from toolkit.project.apps.bindings import Bindings, Imported
from toolkit.project.apps.checking import FACTORIES, USUAL, check
from toolkit.project.apps.following import Follower
from toolkit.project.apps.found import FoundApp
from toolkit.project.apps.kinds import kind_of, unwrap
from toolkit.project.apps.naming import named_targets
from toolkit.project.apps.sources import Sources, is_skipped
from toolkit.project.apps.targets import Target, misfit, module_of_path, parse_target
from toolkit.project.apps.values import Function, Made, Nothing, Served, Unknown, Value

MOST_LOOKED_AT = 400
"""Files that are parsed and may have an app, nearest to the top first."""

_FILES = ("wsgi", "asgi", "app", "main", "application")
"""Names of files, in the order in which people and tools look for an app."""

_HINT = re.compile(
    r"(?im)^\s*(\w*app(lication)?|server|api)\s*[:=]|^\s*(async )?def \w*app\w*\(|import (.*app|\*)"
    r"|\b(Flask|Quart|FastAPI|Starlette|Litestar|Bottle|APIFlask|OpenAPI|Dash|FlaskApp)\("
)
_FACTORY = re.compile(r"(create|make|get|build|init)_?(\w+_)?(app|application)")
_SPELT = {"fastapi": "FastAPI"}


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a folder has.

    Attributes:
        apps: Best first.
        needing: Factories that cannot be called without arguments.
        unread: Files that may have an app and are no Python of this version.
    """

    apps: tuple[FoundApp, ...]
    needing: tuple[str, ...]
    unread: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Ranked:
    rank: tuple[int, int, int, str]
    app: FoundApp
    same: tuple[object, ...]


def find_candidates(sources: Sources) -> Candidates:
    """Find the apps of a folder.

    What a project's deployment files name is better than what only looks like an app.
    """
    ranked = list(_named(sources))
    needing: list[str] = []
    unread: list[str] = []
    for file in _to_look_at(sources):
        if sources.is_python(file):
            ranked += _in_file(file, sources, needing)
        else:
            unread.append(file)
    found: dict[tuple[object, ...], FoundApp] = {}
    for each in sorted(ranked, key=lambda each: each.rank):
        if not any(each.app.target == known.target for known in found.values()):
            found.setdefault(each.same, each.app)
    return Candidates(tuple(found.values()), tuple(needing), tuple(unread))


def _named(sources: Sources) -> Iterator[_Ranked]:
    for index, named in enumerate(named_targets(sources.files)):
        try:
            target = parse_target(named.target)
            if not target.attribute and target.module.startswith("./"):
                target = replace(target, module=target.module.removeprefix("./"))
            found = check(target, sources)
        except ConfigError:
            # of another container, or of a folder that only the image has
            continue
        if found.file and not is_skipped(found.file):
            app = replace(found, reason=f"{named.file}: {named.by} names it")
            yield _Ranked((-1, index, 0, ""), app, _identity(app, sources))


def _identity(app: FoundApp, sources: Sources) -> tuple[object, ...]:
    """Tell whether two targets are one app: it is made in the same place."""
    module, _, attribute = app.target.partition(":")
    follower = Follower(sources.searching((*app.search, *sources.roots)))
    value = follower.member(module, attribute.partition("(")[0].partition(".")[0])
    if isinstance(value, Function) and kind_of(value, follower) is None:
        value = follower.result(value)
    return _same(value, app)


def _same(value: Value, app: FoundApp) -> tuple[object, ...]:
    made = unwrap(value)
    if isinstance(made, Made) and made.site is not None:
        return (made.site, app.interface)
    return (app.file, app.target)


def _to_look_at(sources: Sources) -> Iterable[str]:
    near = sorted(
        (path for path in sources.paths if not is_skipped(path)),
        key=lambda path: (path.count("/"), _of_file(path), path),
    )
    looked_at = 0
    for path in near:
        if _HINT.search(sources.files.text(path) or ""):
            looked_at += 1
            yield path
        if looked_at == MOST_LOOKED_AT:
            return


def _of_file(path: str) -> int:
    stem = path.rpartition("/")[2].removesuffix(".py")
    if stem in _FILES:
        return _FILES.index(stem)
    return len(_FILES) + (stem != "__init__")


def _in_file(file: str, sources: Sources, needing: list[str]) -> Iterator[_Ranked]:
    root, name = module_of_path(file, sources)
    if not name or not all(part.isidentifier() for part in name.split(".")):
        return
    root, name = _as_it_imports(root, name, sources)
    own = sources.searching((root, *(other for other in sources.roots if other != root)))
    module = own.module(name)
    if own.find(name) != file or module is None:
        return
    follower = Follower(own)
    for attribute in _names(module.bindings):
        value = _app_of(f"{name}:{attribute}", follower, needing)
        known = kind_of(value, follower) is not None
        if known or _is_likely(file, attribute, value):
            ranked = _checked(name, attribute, file, own)
            if ranked is not None:
                yield replace(ranked, same=_same(value, ranked.app))


def _app_of(target: str, follower: Follower, needing: list[str]) -> Value:
    """Follow a name, and what it returns if it is a factory."""
    module, _, attribute = target.partition(":")
    value = follower.member(module, attribute)
    if isinstance(value, Served) and value.borrowed:
        return Nothing()
    if not isinstance(value, Function) or kind_of(value, follower) is not None:
        return value
    if not _FACTORY.fullmatch(attribute):
        return Nothing()
    result = follower.result(value)
    if misfit(value.node, None):
        if kind_of(result, follower) is not None:
            needing.append(target)
        return Nothing()
    return result


def _names(bindings: Bindings) -> Iterator[str]:
    """Give the names of a module that may be an app."""
    for name, group in bindings.named.items():
        # what is imported under another name is found where it is made
        usual = name in USUAL or _FACTORY.fullmatch(name)
        if bindings.has(name) and (usual or not isinstance(group[-1].value, Imported)):
            yield name
    if bindings.stars:
        yield from (name for name in (*USUAL, *FACTORIES) if not bindings.has(name))


def _is_likely(file: str, attribute: str, value: Value) -> bool:
    """Say whether an app is where servers are pointed at, though the source does not show it."""
    stem = file.rpartition("/")[2]
    return (
        stem in {"wsgi.py", "asgi.py"} and attribute in USUAL and isinstance(value, Unknown | Made)
    )


def _as_it_imports(root: str, name: str, sources: Sources) -> tuple[str, str]:
    """Look one folder higher if a module takes its own folder for a package without a file."""
    above, _, folder = root.rpartition("/")
    if not folder.isidentifier():
        return root, name
    module = sources.searching((root,)).module(name)
    if module is None:
        return root, name
    for bindings in module.bindings.named.values():
        for binding in bindings:
            if isinstance(value := binding.value, Imported):
                beyond = value.level > name.count(".") + module.package
                own = value.level == 0 and value.module.partition(".")[0] == folder
                if beyond or (own and sources.searching((above,)).find(value.module)):
                    return above, f"{folder}.{name}"
    return root, name


def _checked(name: str, attribute: str, file: str, sources: Sources) -> _Ranked | None:
    try:
        app = check(Target(name, attribute), sources)
    except ConfigError:
        return None
    known = 0 if app.interface else 20
    named = (*USUAL, *FACTORIES)
    order = named.index(attribute) if attribute in named else len(named)
    depth = name.count(".")
    root = app.search[0]
    place = 2 * depth + (0 if root in {"", "src"} else 3 * (root.count("/") + 1))
    factory = app.target.endswith(")")
    rank = (known + _of_file(file) + place + factory, depth, order, app.target)
    return _Ranked(rank, replace(app, reason=_reason(app, factory=factory)), ())


def _reason(app: FoundApp, *, factory: bool) -> str:
    where = f"{app.file}:{app.line}" if app.line else app.file
    if app.interface is None and not app.framework:
        return f"{where} has what servers look for, though not of what kind it is"
    of = _SPELT.get(app.framework, app.framework.title())
    what = f"{of} app" if of else f"{str(app.interface).upper()} app"
    article = "an" if what.startswith("A") else "a"
    made = f"{article} {what}"
    return f"{where} has a factory that makes {made}" if factory else f"{where} makes {made}"
