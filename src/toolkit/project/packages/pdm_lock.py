"""pdm.lock (format 4): https://pdm-project.org/latest/usage/lockfile/.

With the strategy ``inherit_metadata``, PDM's own choice, it says of every package in which groups
and where it is installed; without, one has to walk from what pyproject.toml asks for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from toolkit.project.packages.addresses import Notes, archive_url, inside, vcs_url
from toolkit.project.packages.files import Broken, Table, quoted
from toolkit.project.packages.markers import Condition, any_of, condition_of, marker_of
from toolkit.project.packages.pins import Found, Pin, locked, pin_of
from toolkit.project.packages.reach import reach
from toolkit.spelling import did_you_mean

VERSION = "4"
_DEFAULT = "default"
_VCS = ("git", "hg", "svn", "bzr")


def read(lock: Table, *, project: Table, extras: Sequence[str]) -> Found:
    """Read what a project installs.

    Args:
        lock: The file.
        project: pyproject.toml; empty if there is none.
        extras: Of the project, that are asked for.

    Raises:
        Broken: It is of another version, does not have an extra, or is damaged.
    """
    metadata = lock.table("metadata")
    version = metadata.text("lock_version")
    if version.split(".")[0] != VERSION:
        raise Broken(
            f"it is of version {quoted(version)}, known is {VERSION}.x",
            "Name what `pdm export --prod -o requirements.txt` writes.",
        )
    groups = metadata.texts("groups")
    for extra in extras:
        if extra not in groups:
            raise Broken(f"there is no extra {quoted(extra)}", did_you_mean(extra, groups))
    packages = lock.tables("package")
    if "inherit_metadata" in metadata.texts("strategy"):
        asked = {_DEFAULT, *extras}
        conditions = {
            number: condition_of(package.text("marker"))
            for number, package in enumerate(packages)
            if asked.intersection(package.texts("groups"))
        }
    else:
        conditions = _reached(packages, project, extras)
    notes = Notes()
    return Found(
        pins=tuple(_pins(packages, conditions, notes)),
        notes=notes.texts(),
        python=_python(metadata, project),
        local=tuple(sorted(notes.local)),
    )


def _python(metadata: Table, project: Table) -> str:
    several = {target.text("requires_python") for target in metadata.tables("targets")}
    if len(several) == 1:
        return several.pop()
    return project.table("project").text("requires-python")


def _pins(
    packages: Sequence[Table], conditions: dict[int, Condition], notes: Notes
) -> Iterator[Pin]:
    """Give each package once, though one with extras has an entry of its own."""
    merged: dict[tuple[str, str], tuple[Table, list[Condition]]] = {}
    for number, condition in sorted(conditions.items()):
        package = packages[number]
        key = (canonicalize_name(package.text("name")), package.text("version"))
        merged.setdefault(key, (package, []))[1].append(condition)
    for package, several in merged.values():
        pin = _pin(package, marker_of(any_of(several)), notes)
        if pin is not None:
            yield pin


def _pin(package: Table, marker: str, notes: Notes) -> Pin | None:
    name = package.text("name")
    hashes = [file.text("hash") for file in package.tables("files")]
    if "path" in package:
        notes.add_local(inside(package.text("path")))
        return None
    kind = next((kind for kind in _VCS if kind in package), "")
    if kind:
        revision = package.text("revision") or package.text("ref")
        url = vcs_url(package.text(kind), revision, package.text("subdirectory"), kind=kind)
        pin = locked(name, url=url, marker=marker)
    elif "url" in package:
        url = archive_url(package.text("url"), package.text("subdirectory"))
        pin = locked(name, url=url, marker=marker, hashes=hashes)
    else:
        return locked(name, version=package.text("version"), marker=marker, hashes=hashes)
    notes.add_url(pin.name, pin.url)
    return pin


@dataclass(frozen=True, slots=True)
class _Lock:
    packages: tuple[Table, ...]
    by_name: dict[str, list[int]]

    def edges(self, number: int) -> Iterator[tuple[int, Condition]]:
        for text in self.packages[number].texts("dependencies"):
            yield from self.targets(pin_of(text))

    def targets(self, wanted: Pin) -> Iterator[tuple[int, Condition]]:
        """Find the entries that a requirement means: those with just its extras."""
        condition = condition_of(wanted.marker)
        named = self.by_name.get(wanted.name, [])
        same = [n for n in named if _extras(self.packages[n]) == wanted.extras] or named
        fitting = [n for n in same if _fits(wanted, self.packages[n].text("version"))]
        for number in fitting or same:
            yield number, condition


def _extras(package: Table) -> tuple[str, ...]:
    return tuple(sorted(canonicalize_name(extra) for extra in package.texts("extras")))


def _fits(wanted: Pin, version: str) -> bool:
    try:
        return SpecifierSet(wanted.specifier).contains(version, prereleases=True)
    except InvalidVersion:
        return False


def _reached(
    packages: tuple[Table, ...], project: Table, extras: Sequence[str]
) -> dict[int, Condition]:
    standard = project.table("project")
    if not standard.values:
        raise Broken(
            "without the strategy inherit_metadata it tells what is installed only together with "
            "pyproject.toml",
            "Name what `pdm export --prod -o requirements.txt` writes.",
        )
    by_name: dict[str, list[int]] = {}
    for number, package in enumerate(packages):
        by_name.setdefault(canonicalize_name(package.text("name")), []).append(number)
    graph = _Lock(packages, by_name)
    optional = standard.table("optional-dependencies")
    texts = [*standard.texts("dependencies"), *(t for e in extras for t in optional.texts(e))]
    starts = [start for text in texts for start in graph.targets(pin_of(text))]
    return reach(starts, graph.edges)
