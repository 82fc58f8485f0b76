"""What a project installs, whatever it is managed with, as flat text for pip.

Files are read, never executed; which of them is used, ``toolkit.project.packages.order`` says.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

from toolkit.errors import ConfigError
from toolkit.project.packages import declared, readers
from toolkit.project.packages.files import Broken, read_toml
from toolkit.project.packages.lines import lines_of
from toolkit.project.packages.order import (
    DECLARED,
    LOCKS,
    NOT_READ,
    PYPROJECT,
    UV,
    WRITE_ONE,
    candidates,
)
from toolkit.project.packages.pins import Found, Pin, are_hashed, parse, pin_of, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a project installs.

    Attributes:
        text: Lines for ``pip install -r``: ``name==version ; marker --hash=sha256:...``.
        source: File that says so, relative to the project's folder.
        pinned: Whether every line has an exact version.
        hashed: Whether every line has the hashes of its files; pip wants them of all packages or
            of none, so otherwise no line has.
        passed_over: Other files that say what is installed, and are not used.
        notes: What the user should know, one matter each.
        python: Which Pythons the project is for (PEP 440); empty if it does not say.
        constraints: Lines for ``pip install -c``: versions of packages that others may ask for, the
            servers among them.
        local: Folders and archives of the project that it needs and that are not installed.
    """

    text: str
    source: str
    pinned: bool
    hashed: bool
    passed_over: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    python: str = ""
    constraints: str = ""
    local: tuple[str, ...] = ()


class NothingSaid(ConfigError):
    """No file that is read says what a project installs."""


def find_requirements(
    folder: Path, named: str = "", *, extras: Sequence[str] = (), beside: str = ""
) -> Requirements:
    """Say what a project installs.

    Args:
        folder: Of the project.
        named: File to take, relative to the folder or absolute; empty takes the first there is.
        extras: Of the project, that are installed too.
        beside: A file of the project, its app's: where the folder says nothing, the folders between
            the two are asked, the nearest to the file first.

    Raises:
        NothingSaid: No file says so.
        ConfigError: There is no such file, or it cannot be used.
    """
    if not named and beside:
        return _nearest(folder, extras, PurePosixPath(beside))
    wanted = tuple(sorted({canonicalize_name(extra) for extra in extras}))
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder")
    source, found = _take(folder, named, wanted) if named else _first(folder, wanted)
    return Requirements(
        text=render(found.pins),
        source=source,
        pinned=all(pin.exact for pin in found.pins),
        hashed=are_hashed(found.pins),
        passed_over=tuple(_passed_over(folder, source, found)),
        notes=(*found.notes, *_notes(found.pins), *_stale(folder, source, found)),
        python=found.python or _python(folder),
        constraints=render(found.constraints),
        local=found.local,
    )


def _nearest(folder: Path, extras: Sequence[str], beside: PurePosixPath) -> Requirements:
    try:
        return find_requirements(folder, extras=extras)
    except NothingSaid as nothing:
        for part in beside.parents:
            with contextlib.suppress(NothingSaid):
                found = find_requirements(folder / part, extras=extras)
                return replace(
                    found,
                    source=(part / found.source).as_posix(),
                    passed_over=tuple((part / name).as_posix() for name in found.passed_over),
                )
        raise nothing from None


def names(requirements: Requirements) -> frozenset[str]:
    """Give the packages that a project installs, by the normal form of their names (PEP 503)."""
    return frozenset(pin.name for pin in parse(requirements.text))


def with_more(requirements: Requirements | None, install: Sequence[str]) -> Requirements:
    """Add packages, in the place of those that have the same names.

    Args:
        requirements: What a project says; None: nothing.
        install: What the user adds, as ``package==1.0`` (PEP 508).

    Raises:
        ConfigError: One is no requirement.
    """
    try:
        more = tuple(pin_of(text) for text in install)
    except Broken as error:
        raise ConfigError(error.reason, hint="Write package==1.0.") from error
    if requirements is None:
        requirements = Requirements(text="", source="", pinned=True, hashed=False)
    elif not more:
        return requirements
    added = {pin.name for pin in more}
    pins = (*(pin for pin in parse(requirements.text) if pin.name not in added), *more)
    sources = (requirements.source, "--install")
    limits = (pin for pin in parse(requirements.constraints) if pin.name not in added)
    outdated = set(_notes(parse(requirements.text)))
    kept = (note for note in requirements.notes if note not in outdated)
    return replace(
        requirements,
        text=render(pins),
        source=" and ".join(filter(None, sources)),
        pinned=all(pin.exact for pin in pins),
        hashed=are_hashed(pins),
        notes=tuple(dict.fromkeys((*kept, *_notes(pins)))),
        constraints=render(limits),
    )


def logical_lines(text: str) -> list[str]:
    """Give the lines of a requirements file, comments left out and continued lines joined."""
    return [line for _, line in lines_of(text)]


def name_of(line: str) -> str:
    """Give the package of a requirement's line, in normal form (PEP 503); empty if it has none."""
    name = re.match(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?", line)
    return canonicalize_name(name[0]) if name else ""


def _take(folder: Path, named: str, extras: Sequence[str]) -> tuple[str, Found]:
    file = folder / named
    if not file.is_file():
        raise ConfigError(f"there is no file {named} in {folder}")
    if file.name in NOT_READ:
        raise ConfigError(f"{named} is not read", hint=NOT_READ[file.name])
    place, path = folder, named
    if file.name == UV:
        if file.resolve().is_relative_to(folder.resolve()):
            # of a project that is a part of this one
            place, path = file.parent, UV
    else:
        # the user may name a file anywhere; what it includes has to lie beside it
        inner, outer = file.resolve(), folder.resolve()
        place = folder if inner.is_relative_to(outer) else inner.parent
        path = inner.relative_to(place.resolve()).as_posix()
    found = _read(place, path, extras, source=named)
    if found is None:
        raise ConfigError(f"{named} does not say what is installed", hint=WRITE_ONE)
    return named, found


def _first(folder: Path, extras: Sequence[str]) -> tuple[str, Found]:
    for source in candidates(folder):
        found = _read(folder, source, extras, source=source)
        if found is not None:
            return source, found
    for name, hint in NOT_READ.items():
        if (folder / name).is_file():
            raise NothingSaid(f"{folder}: there is only {name}, which is not read", hint=hint)
    raise NothingSaid(f"{folder}: no file says what is installed", hint=WRITE_ONE)


def _read(folder: Path, path: str, extras: Sequence[str], *, source: str) -> Found | None:
    try:
        return readers.read(folder, path, extras)
    except Broken as error:
        hint = error.hint or "Mend it, or name another file with --requirements."
        raise ConfigError(f"{source}: {error.reason}", hint=hint) from error


def _passed_over(folder: Path, source: str, found: Found) -> Iterator[str]:
    """Name the other files, but for those that the one that is used was made from."""
    used = {Path(source).as_posix(), *found.used}
    for name in candidates(folder):
        if name in used:
            continue
        made_from = name in DECLARED and Path(source).name in (*LOCKS, *DECLARED)
        if not made_from and (name not in DECLARED or _says(folder, name)):
            yield name


def _says(folder: Path, name: str) -> bool:
    try:
        return readers.read(folder, name, ()) is not None
    except Broken:
        return False


def _notes(pins: Sequence[Pin]) -> Iterator[str]:
    loose = [pin.name for pin in pins if not pin.exact]
    bare = [pin.name for pin in pins if not pin.hashes]
    if loose:
        yield (
            "Without an exact version, so that another installation may be another app: "
            f"{_listed(loose)}."
        )
    elif bare and len(bare) < len(pins):
        yield f"No hashes, for pip wants all or none, and these have none: {_listed(bare)}."
    if not pins:
        yield "It names no package at all."


def _listed(words: Sequence[str]) -> str:
    more = len(words) - 5
    return ", ".join(words[:5]) + (f" and {more} more" if more > 0 else "")


def _stale(folder: Path, source: str, found: Found) -> Iterator[str]:
    """Tell that a lock is older than what the project asks for."""
    if source not in LOCKS or not (folder / PYPROJECT).is_file():
        return
    try:
        project = read_toml(folder / PYPROJECT)
        # Poetry has a table of its own that says where a package comes from
        if "poetry" in project.table("tool"):
            return
        asked = declared.read_pyproject(project, folder, ())
    except Broken:
        return
    have = {pin.name for pin in found.pins}
    missing = [pin.name for pin in asked.pins if pin.name not in have] if asked else []
    if missing:
        yield f"Lock again, {source} does not have what {PYPROJECT} asks for: {_listed(missing)}."


def _python(folder: Path) -> str:
    try:
        return read_toml(folder / PYPROJECT).table("project").text("requires-python")
    except Broken:
        return ""
