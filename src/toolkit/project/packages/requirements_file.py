"""requirements.txt, and the files that it includes.

https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from toolkit.project.packages.addresses import Notes, inside
from toolkit.project.packages.files import Broken, quoted, read_text
from toolkit.project.packages.lines import DIRECT, is_path, lines_of, named, option_of, unquoted
from toolkit.project.packages.pins import HASH_OPTION, VARIABLE, Found, Pin, pin_of

MOST_FILES = 100
"""Included by each other."""

MOST_LINES = 20_000
"""Of all files together that say something."""

_INDEX = frozenset({"--index-url", "--extra-index-url", "--find-links", "--no-index"})
_INDEX |= {"-i", "-f", "--trusted-host", "--pypi-url"}
_EXTRAS = re.compile(r"([^\[]+)\[([^\]]*)\]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What requirements files say.

    Attributes:
        found: Their packages.
        parts: Folders of the project that are to be installed from where they are, with extras;
            the project itself is ".".
    """

    found: Found
    parts: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(slots=True)
class _Reading:
    folder: Path
    path: str
    notes: Notes = field(default_factory=Notes)
    pins: list[Pin] = field(default_factory=list)
    constraints: list[Pin] = field(default_factory=list)
    parts: dict[str, set[str]] = field(default_factory=dict)
    seen: set[tuple[str, bool]] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    variables: int = 0
    lines: int = 0

    def read(self, path: str, *, constrains: bool) -> None:
        """Read a file, unless it was read before: one that includes itself would never end."""
        if (path, constrains) in self.seen:
            return
        self.seen.add((path, constrains))
        if len(self.seen) > MOST_FILES:
            raise Broken(f"it includes more than {MOST_FILES} files")
        for number, line in lines_of(read_text(file_inside(self.folder, path))):
            self.lines += 1
            if self.lines > MOST_LINES:
                raise Broken(f"it has more than {MOST_LINES:,} lines")
            try:
                self._take(line, path, constrains=constrains)
            except Broken as error:
                place = f"line {number}" if path == self.path else f"{path}, line {number}"
                raise Broken(f"{place}: {error.reason}", error.hint) from error

    def _take(self, line: str, path: str, *, constrains: bool) -> None:
        option, value = option_of(line)
        if option in ("-r", "--requirement", "-c", "--constraint"):
            included = inside(unquoted(value), str(PurePosixPath(path).parent))
            self.read(included, constrains=constrains or option in ("-c", "--constraint"))
        elif option and option not in ("-e", "--editable"):
            self._drop(option, value)
        elif VARIABLE.search(line):
            self.variables += 1
        else:
            self._add(value if option else line, path, constrains=constrains)

    def _drop(self, option: str, value: str) -> None:
        if option in _INDEX:
            self.notes.add_index(value)
            option = "package indexes"
        self.dropped.add(option)

    def _add(self, line: str, path: str, *, constrains: bool) -> None:
        text, *options = re.split(r"\s(?=--?[A-Za-z])", line)
        text = unquoted(text.strip())
        hashes = [each for option in options for each in HASH_OPTION.findall(f" {option}")]
        self.dropped |= {
            option_of(each)[0] for each in options if each and not each.startswith("--hash")
        }
        if is_path(text):
            self._add_part(text, path)
            return
        if "://" in text and not DIRECT.match(text):
            text, more = named(text)
            hashes += more
        pin = pin_of(text, hashes)
        if pin.url:
            self.notes.add_url(pin.name, pin.url)
        (self.constraints if constrains else self.pins).append(pin)

    def _add_part(self, text: str, path: str) -> None:
        # pip takes paths from where it runs, which is the project's folder
        direct = DIRECT.match(text)
        text = (text[direct.end() :] if direct else text).removeprefix("file:").removeprefix("//")
        text = text.partition(";")[0].partition("#")[0].strip()
        match = _EXTRAS.fullmatch(text)
        place = inside(match[1] if match else text)
        extras = [canonicalize_name(each) for each in match[2].split(",")] if match else []
        self.notes.add_local(place)
        self.parts.setdefault(place, set()).update(filter(None, extras))

    def told(self) -> tuple[str, ...]:
        notes = list(self.notes.texts())
        if self.dropped:
            notes.append(f"Options that are not taken over: {', '.join(sorted(self.dropped))}.")
        if self.variables:
            notes.append(
                f"Lines left out, for they name variables of the environment: {self.variables}."
            )
        return tuple(notes)


def read(folder: Path, path: str) -> Listed:
    """Read a requirements file with all that it includes.

    Args:
        folder: Of the project; what lies outside is not read.
        path: Of the file, relative to the folder.

    Raises:
        Broken: It, or one that it includes, cannot be read or lies outside of the folder.
    """
    reading = _Reading(folder, path)
    reading.read(path, constrains=False)
    pins, constraints = constrained(reading.pins, reading.constraints)
    notes = list(reading.told())
    used = tuple(sorted({name for name, _ in reading.seen} - {path}))
    return Listed(
        found=Found(
            pins=pins,
            constraints=constraints,
            notes=tuple(notes),
            local=tuple(sorted(reading.notes.local)),
            used=used,
        ),
        parts=tuple((part, tuple(sorted(extras))) for part, extras in reading.parts.items()),
    )


def file_inside(folder: Path, path: str) -> Path:
    """Find a file of a folder, not one that a link leads to somewhere else.

    Raises:
        Broken: It is not there, or lies outside.
    """
    file = folder / path
    try:
        if not file.resolve().is_relative_to(folder.resolve()):
            raise Broken(f"{quoted(path)} is a link that leads out of the project's folder")
        there = file.is_file()
    # ValueError: a NUL; RuntimeError: links in a circle, Python < 3.13
    except (OSError, ValueError, RuntimeError) as error:
        raise Broken(f"{quoted(path)} leads nowhere") from error
    if not there:
        raise Broken(f"there is no file {quoted(path)}")
    return file


def constrained(
    pins: Iterable[Pin], constraints: Iterable[Pin]
) -> tuple[tuple[Pin, ...], tuple[Pin, ...]]:
    """Apply constraints to the packages that are listed; give the rest as they are.

    A constraint says which version of a package will do, and not that it is installed, nor with
    which extras: https://pip.pypa.io/en/stable/user_guide/#constraints-files.
    """
    pins = tuple(pins)
    simple: dict[str, list[Pin]] = {}
    rest = []
    listed = {pin.name for pin in pins}
    for constraint in constraints:
        if constraint.name in listed and not constraint.marker and not constraint.url:
            simple.setdefault(constraint.name, []).append(constraint)
        else:
            rest.append(replace(constraint, extras=()))
    merged = []
    for pin in pins:
        for constraint in simple.get(pin.name, []) if not pin.url else []:
            specifier = SpecifierSet(pin.specifier) & SpecifierSet(constraint.specifier)
            hashes = tuple(sorted({*pin.hashes, *constraint.hashes}))
            pin = replace(pin, specifier=str(specifier), hashes=hashes)  # noqa: PLW2901
        merged.append(pin)
    # the same line from two files is one
    return tuple(dict.fromkeys(merged)), tuple(dict.fromkeys(rest))
