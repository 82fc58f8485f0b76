"""poetry.lock, of Poetry 1.1 to 2.x.

Since 2.1 of its format a lock says of every package in which groups and where it is installed;
before, one has to walk from what pyproject.toml asks for.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from toolkit.project.packages.addresses import Notes, archive_url, inside
from toolkit.project.packages.constraints import allows
from toolkit.project.packages.files import Broken, Table, quoted
from toolkit.project.packages.markers import (
    ALWAYS,
    NEVER,
    Condition,
    any_of,
    condition_of,
    decide_by,
    marker_of,
)
from toolkit.project.packages.pins import Found, Pin, locked, pin_of
from toolkit.project.packages.poetry_project import Dependency, dependencies_of, git_url, python_of
from toolkit.project.packages.reach import reach
from toolkit.spelling import did_you_mean

VERSIONS = ("1", "2")
_MAIN = "main"

_Node = tuple[int, str]


def read(lock: Table, *, project: Table, extras: Sequence[str]) -> Found:
    """Read what a project installs.

    Args:
        lock: The file.
        project: pyproject.toml; empty if there is none.
        extras: Of the project, that are asked for.

    Raises:
        Broken: It is of another version, does not know an extra, or is damaged.
    """
    metadata = lock.table("metadata")
    version = metadata.text("lock-version")
    if version.split(".")[0] not in VERSIONS:
        raise Broken(
            f"it is of version {quoted(version)}, known are 1.x and 2.x",
            "Name what `poetry export -o requirements.txt` writes.",
        )
    known = lock.table("extras").values
    for extra in extras:
        if extra not in known:
            raise Broken(f"there is no extra {quoted(extra)}", did_you_mean(extra, known))
    packages = lock.tables("package")
    if packages and all("groups" in package for package in packages):
        conditions = _stated(packages, extras)
    else:
        conditions = _reached(packages, lock, project, extras)
    notes = Notes()
    pins = []
    for number, condition in sorted(conditions.items()):
        package = packages[number]
        hashes = _hashes(package, metadata)
        pin = _pin(package, marker_of(condition), hashes, notes)
        if pin is not None:
            pins.append(pin)
    poetry = project.table("tool").table("poetry")
    if "name" in poetry and poetry.values.get("package-mode") is not False:
        notes.itself = True
    return Found(
        pins=tuple(pins),
        notes=notes.texts(),
        python=python_of(metadata.text("python-versions")),
        local=tuple(sorted(notes.local)),
    )


def _stated(packages: Sequence[Table], extras: Sequence[str]) -> dict[int, Condition]:
    decide = decide_by(extras)
    found = {}
    for number, package in enumerate(packages):
        if _MAIN not in package.texts("groups"):
            continue
        markers = package.values.get("markers", "")
        if isinstance(markers, dict):
            markers = package.table("markers").text(_MAIN)
        elif not isinstance(markers, str):
            raise Broken(f"{quoted(package.where)} has markers that are none")
        condition = condition_of(markers, decide)
        if condition != NEVER:
            found[number] = condition
    return found


@dataclass(frozen=True, slots=True)
class _Lock:
    packages: tuple[Table, ...]
    by_name: dict[str, list[int]]

    def edges(self, node: _Node) -> Iterator[tuple[_Node, Condition]]:
        number, extra = node
        package = self.packages[number]
        wanted = self._of_extra(package, extra) if extra else frozenset()
        if extra:
            yield (number, ""), ALWAYS
        for dependency in dependencies_of(package.table("dependencies")):
            if extra and dependency.name not in wanted:
                continue
            if dependency.optional and not extra:
                continue
            yield from self.targets(dependency, extra)

    def targets(self, dependency: Dependency, extra: str) -> Iterator[tuple[_Node, Condition]]:
        """Find the packages that a dependency means."""
        condition = condition_of(dependency.marker, decide_by({extra}))
        numbers = self.by_name.get(dependency.name, [])
        fitting = [
            number
            for number in numbers
            if allows(dependency.constraint, self.packages[number].text("version"))
        ]
        # one that comes from elsewhere has whatever version it has
        for number in fitting or numbers:
            for each in ("", *dependency.extras):
                yield (number, each), condition

    def _of_extra(self, package: Table, extra: str) -> frozenset[str]:
        names: dict[str, str] = {
            canonicalize_name(key): key for key in package.table("extras").values
        }
        if extra not in names:
            return frozenset()
        listed = package.table("extras").texts(names[extra])
        return frozenset(canonicalize_name(_name(each)) for each in listed)


def _name(requirement: str) -> str:
    name = re.match(r"[\w.-]+", requirement)
    return name[0] if name else ""


def _reached(
    packages: tuple[Table, ...], lock: Table, project: Table, extras: Sequence[str]
) -> dict[int, Condition]:
    by_name: dict[str, list[int]] = {}
    for number, package in enumerate(packages):
        by_name.setdefault(canonicalize_name(package.text("name")), []).append(number)
    graph = _Lock(packages, by_name)
    starts: list[tuple[_Node, Condition]] = []
    for dependency in _asked(lock, project, extras):
        starts += graph.targets(dependency, "")
    conditions: dict[int, list[Condition]] = {}
    for (number, _), condition in reach(starts, graph.edges).items():
        conditions.setdefault(number, []).append(condition)
    return {number: any_of(several) for number, several in conditions.items()}


def _asked(lock: Table, project: Table, extras: Sequence[str]) -> Iterator[Dependency]:
    standard, poetry = project.table("project"), project.table("tool").table("poetry")
    if not standard.values and not poetry.values:
        raise Broken(
            "of this version it tells what is installed only together with pyproject.toml",
            "Name what `poetry export -o requirements.txt` writes.",
        )
    wanted = {canonicalize_name(name) for e in extras for name in lock.table("extras").texts(e)}
    for dependency in dependencies_of(poetry.table("dependencies")):
        if not dependency.optional or dependency.name in wanted:
            yield dependency
    for text in standard.texts("dependencies"):
        yield _dependency(pin_of(text))
    for extra in extras:
        for text in standard.table("optional-dependencies").texts(extra):
            yield _dependency(pin_of(text))


def _dependency(pin: Pin) -> Dependency:
    return Dependency(
        name=pin.name,
        constraint=pin.specifier or "*",
        extras=pin.extras,
        marker=pin.marker,
        optional=False,
        table=Table({}),
    )


def _hashes(package: Table, metadata: Table) -> list[str]:
    files = package.tables("files")
    if not files:
        # format 1.1 has them all at the end
        files = metadata.table("files").tables(package.text("name"))
    return [file.text("hash") for file in files]


def _pin(package: Table, marker: str, hashes: Sequence[str], notes: Notes) -> Pin | None:
    name, source = package.text("name"), package.table("source")
    kind = source.text("type", "legacy")
    if kind in ("directory", "file"):
        notes.add_local(inside(source.text("url")))
        return None
    if kind == "git":
        revision = source.text("resolved_reference") or source.text("reference")
        address = Table({**source.values, "git": source.text("url")})
        pin = locked(name, url=git_url(address, revision), marker=marker)
    elif kind == "url":
        url = archive_url(source.text("url"), source.text("subdirectory"))
        pin = locked(name, url=url, marker=marker, hashes=hashes)
    elif kind == "legacy":
        notes.add_index(source.text("url"))
        return locked(name, version=package.text("version"), marker=marker, hashes=hashes)
    else:
        raise Broken(f"{quoted(name)} comes from {quoted(kind)}, which is not known")
    notes.add_url(pin.name, pin.url)
    return pin
