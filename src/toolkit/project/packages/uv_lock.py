"""uv.lock: https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from packaging.utils import canonicalize_name

from toolkit.project.packages.addresses import Notes, archive_url, inside, vcs_url
from toolkit.project.packages.files import Broken, Table, quoted
from toolkit.project.packages.markers import (
    ALWAYS,
    Condition,
    Decide,
    any_of,
    condition_of,
    decide_by,
    marker_of,
)
from toolkit.project.packages.pins import Found, Pin, locked, pin_of
from toolkit.project.packages.reach import reach
from toolkit.spelling import did_you_mean

VERSION = 1
"""uv takes a lock of another version for one it cannot read; revisions are compatible."""

_LOCAL = ("editable", "virtual", "directory", "path")

_Node = tuple[int, str]
"""Index of a package, and an extra of it or an empty text."""


@dataclass(frozen=True, slots=True)
class _Lock:
    packages: tuple[Table, ...]
    by_name: dict[str, list[int]]
    decide: Decide

    def edges(self, node: _Node) -> Iterator[tuple[_Node, Condition]]:
        number, extra = node
        package = self.packages[number]
        if extra:
            yield (number, ""), ALWAYS
            asked = package.table("optional-dependencies").tables(extra)
        else:
            asked = package.tables("dependencies")
        for dependency in asked:
            condition = condition_of(dependency.text("marker"), self.decide)
            for target in self._targets(dependency):
                yield (target, ""), condition
                for wanted in dependency.texts("extra"):
                    if wanted in self.packages[target].table("optional-dependencies"):
                        yield (target, wanted), condition

    def _targets(self, dependency: Table) -> list[int]:
        """Find what a dependency means: it says as much as is needed to tell it from others."""
        name = dependency.text("name")
        numbers = self.by_name.get(name, [])
        for key in ("version", "source"):
            if key in dependency:
                wanted = dependency.values[key]
                numbers = [n for n in numbers if self.packages[n].values.get(key) == wanted]
        if not numbers:
            raise Broken(f"it has no package {quoted(name)} that others need", "Run `uv lock`.")
        return numbers


def read(lock: Table, *, home: str, extras: Sequence[str]) -> Found:
    """Read what a project installs.

    Args:
        lock: The file.
        home: The project's folder, relative to the lock's: "." or that of a workspace's member.
        extras: Of the project, that are asked for.

    Raises:
        Broken: It is of another version, does not know the project or an extra, or is damaged.
    """
    if lock.values.get("version") != VERSION:
        raise Broken(
            f"it is of version {quoted(str(lock.values.get('version')))}, known is {VERSION}",
            "Name what `uv export --no-dev --no-emit-project -o requirements.txt` writes.",
        )
    packages = lock.tables("package")
    by_name: dict[str, list[int]] = {}
    for number, package in enumerate(packages):
        by_name.setdefault(package.text("name"), []).append(number)
    roots = _roots(lock, packages, home)
    _check_extras(extras, [packages[root] for root in roots])
    graph = _Lock(packages, by_name, decide_by(_conflicting([packages[r] for r in roots], extras)))
    starts: list[tuple[_Node, Condition]] = []
    for root in roots:
        named = packages[root].table("optional-dependencies")
        starts += [
            ((root, extra), ALWAYS) for extra in ("", *extras) if not extra or extra in named
        ]
    reached = reach(starts, graph.edges)
    conditions: dict[int, list[Condition]] = {}
    for (number, _), condition in reached.items():
        conditions.setdefault(number, []).append(condition)
    notes = Notes()
    pins = []
    for number in sorted(conditions):
        marker = marker_of(any_of(conditions[number]))
        pin = _pin(packages[number], marker, home, notes)
        if pin is not None:
            pins.append(pin)
    return Found(
        pins=tuple(pins),
        constraints=tuple(_limits(lock, {pin.name for pin in pins})),
        notes=notes.texts(),
        python=lock.text("requires-python"),
        local=tuple(sorted(notes.local)),
    )


def _limits(lock: Table, locked_names: Collection[str]) -> Iterator[Pin]:
    """Give the project's ``constraint-dependencies``, but for those that the lock has heeded."""
    for entry in lock.table("manifest").tables("constraints"):
        name, marker = entry.text("name"), entry.text("marker")
        if "specifier" in entry and canonicalize_name(name) not in locked_names:
            yield pin_of(f"{name}{entry.text('specifier')}" + (f" ; {marker}" if marker else ""))


def knows(lock: Table, home: str) -> bool:
    """Tell whether a folder is a project of a lock's.

    Raises:
        Broken: The lock is damaged.
    """
    return any(_folder(package) == home for package in lock.tables("package"))


def _roots(lock: Table, packages: Sequence[Table], home: str) -> list[int]:
    found = [n for n, package in enumerate(packages) if _folder(package) == home]
    if not found and home == ".":
        # a workspace without a project at its top is the sum of its members
        members = lock.table("manifest").texts("members")
        found = [
            n
            for n, package in enumerate(packages)
            if package.text("name") in members and _folder(package)
        ]
    if not found:
        raise Broken(f"it has no project in the folder {quoted(home)}", "Run `uv lock`.")
    return found


def _folder(package: Table) -> str:
    source = package.table("source")
    return next((source.text(kind) for kind in _LOCAL[:3] if kind in source), "")


def _check_extras(extras: Sequence[str], roots: Sequence[Table]) -> None:
    known = {name for root in roots for name in root.table("optional-dependencies").values}
    for extra in extras:
        if extra not in known:
            raise Broken(f"there is no extra {quoted(extra)}", did_you_mean(extra, known))


def _conflicting(roots: Sequence[Table], extras: Sequence[str]) -> set[str]:
    """Name what uv writes into markers where extras exclude each other: lengths come first."""
    names = [root.text("name") for root in roots]
    found = {f"project-{len(name)}-{name}" for name in names}
    return found | {f"extra-{len(name)}-{name}-{extra}" for name in names for extra in extras}


def _pin(package: Table, marker: str, home: str, notes: Notes) -> Pin | None:
    source = package.table("source")
    name = package.text("name")
    for kind in _LOCAL:
        if kind in source:
            if source.text(kind) != home:
                notes.add_local(_relative(source.text(kind), home))
            elif kind != "virtual":
                notes.add_local(".")
            return None
    files = [*package.tables("wheels"), *([package.table("sdist")] if "sdist" in package else [])]
    hashes = [file.text("hash") for file in files]
    if "git" in source:
        url = _git(source.text("git"))
        notes.add_url(name, url)
        return locked(name, url=url, marker=marker)
    if "url" in source:
        url = archive_url(source.text("url"), source.text("subdirectory"))
        notes.add_url(name, url)
        return locked(name, url=url, marker=marker, hashes=hashes)
    notes.add_index(source.text("registry"))
    if canonicalize_name(name) != name or "version" not in package:
        raise Broken(f"the package {quoted(name)} has no version, or no name", "Run `uv lock`.")
    return locked(name, version=package.text("version"), marker=marker, hashes=hashes)


def _relative(path: str, home: str) -> str:
    """Give a path of the lock's folder, as seen from the project."""
    if home == ".":
        try:
            return inside(path)
        except Broken:
            return path
    return f"{'/'.join('..' for _ in home.split('/'))}/{path}"


def _git(address: str) -> str:
    """Read ``https://host/path?rev=asked&subdirectory=part#commit``."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise Broken(f"{quoted(address)} is no address") from error
    asked = parse_qs(parts.query)
    url = parts._replace(query="", fragment="").geturl()
    return vcs_url(url, parts.fragment, asked.get("subdirectory", [""])[0])
