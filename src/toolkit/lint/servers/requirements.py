"""Versions that a project pins, from its lock files and requirements."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType

from toolkit.lint.facts import Fact, Where
from toolkit.reading import Files, lines_of

_PINNED = re.compile(
    # without going back: a line may be a million blanks
    r"\s*+([A-Za-z0-9][A-Za-z0-9._-]*+)\s*+(?:\[[^\]]*+\])?+\s*+\(?+\s*+={2,3}+\s*+"
    r"([0-9][^\s;,#)\\]*)"
)
_NAME = re.compile(r"\s*name\s*=\s*[\"']([A-Za-z0-9][A-Za-z0-9._-]*)[\"']\s*")
_VERSION = re.compile(r"\s*version\s*=\s*[\"']([0-9][^\"']*)[\"']\s*")
_TABLE = re.compile(r"\s*\[\[?\s*([\w.-]+)\s*\]?\]\s*")
_PACKAGES = frozenset({"package", "packages"})
_SEPARATORS = re.compile(r"[-_.]+")

_Pins = Iterator[tuple[str, Fact[str]]]


def versions_of(files: Files) -> Mapping[str, Fact[str]]:
    """Give the versions that are pinned with ``==`` or locked, by normalized name.

    A lock file says what is installed, so it wins over requirements. A package of which files of
    the same kind pin different versions is left out: which one is installed is not known.

    Args:
        files: Of the project.
    """
    locked: list[tuple[str, Fact[str]]] = []
    required: list[tuple[str, Fact[str]]] = []
    for path in files.paths:
        reader = _LOCKS.get(PurePosixPath(path).name)
        if reader is None and not _is_requirements(path):
            continue
        text = files.text(path)
        if text is not None:
            found = (_of_requirements if reader is None else reader)(path, text)
            (required if reader is None else locked).extend(found)
    return MappingProxyType({**_agreed(required), **_agreed(locked)})


def _is_requirements(path: str) -> bool:
    pure = PurePosixPath(path)
    if pure.suffix != ".txt":
        return False
    return "requirements" in pure.name.lower() or pure.parent.name.lower() == "requirements"


def _agreed(pins: list[tuple[str, Fact[str]]]) -> dict[str, Fact[str]]:
    found: dict[str, Fact[str]] = {}
    contested: set[str] = set()
    for name, fact in pins:
        first = found.setdefault(name, fact)
        if first.value != fact.value:
            contested.add(name)
    return {name: fact for name, fact in found.items() if name not in contested}


def _normalized(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()


def _of_requirements(path: str, text: str) -> _Pins:
    for number, line in lines_of(text):
        found = _PINNED.match(line)
        if found is not None and "*" not in found[2]:
            yield _normalized(found[1]), Fact(found[2], Where(path, number))


def _of_toml(path: str, text: str) -> _Pins:
    """Read uv.lock, poetry.lock, pdm.lock and pylock.toml.

    Programs write them, a key in a line; so their lines are known without a parser of TOML.
    """
    inside = False
    name = ""
    for number, line in lines_of(text):
        if table := _TABLE.fullmatch(line):
            inside, name = table[1] in _PACKAGES, ""
        elif inside and (found := _NAME.fullmatch(line)):
            name = found[1]
        elif inside and name and (found := _VERSION.fullmatch(line)):
            yield _normalized(name), Fact(found[1], Where(path, number))


def _of_pipfile(path: str, text: str) -> _Pins:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    default = document.get("default") if isinstance(document, dict) else None
    if not isinstance(default, dict):
        return
    lines = {line.strip(): number for number, line in reversed(list(lines_of(text)))}
    for name, entry in default.items():
        version = entry.get("version") if isinstance(entry, dict) else None
        if isinstance(version, str) and version.startswith("=="):
            where = Where(path, lines.get(f'"{name}": {{', 0))
            yield _normalized(name), Fact(version.removeprefix("=="), where)


_LOCKS: Mapping[str, Callable[[str, str], _Pins]] = {
    "Pipfile.lock": _of_pipfile,
    "pdm.lock": _of_toml,
    "poetry.lock": _of_toml,
    "pylock.toml": _of_toml,
    "uv.lock": _of_toml,
}
