"""Read a file that says what is installed, whichever it is."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from toolkit.project.packages import (
    declared,
    pdm_lock,
    pipfile_lock,
    poetry_lock,
    pylock,
    requirements_file,
    uv_lock,
)
from toolkit.project.packages.files import Broken, Table, read_json, read_text, read_toml
from toolkit.project.packages.order import DECLARED, PYPROJECT, UV
from toolkit.project.packages.pins import Found
from toolkit.project.packages.requirements_file import file_inside

_PYLOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml")
_ITSELF = "."


def read(folder: Path, path: str, extras: Sequence[str]) -> Found | None:
    """Read a file by its name; None if it leaves it to others to say what is installed.

    Args:
        folder: Of the project; but for a workspace's lock nothing outside of it is read.
        path: Of the file, relative to the folder.
        extras: Of the project, that are asked for, in normal form.

    Raises:
        Broken: It cannot be used.
    """
    name = PurePath(path).name
    if name == UV:
        file = (folder / path).resolve()
        home = _seen_from(file.parent, folder)
        return uv_lock.read(read_toml(file), home=home, extras=extras)
    file = file_inside(folder, path)
    if name == "poetry.lock":
        return poetry_lock.read(read_toml(file), project=_beside(file), extras=extras)
    if name == "pdm.lock":
        return pdm_lock.read(read_toml(file), project=_beside(file), extras=extras)
    if _PYLOCK.fullmatch(name):
        return pylock.read(read_toml(file), extras=extras)
    if name == PYPROJECT:
        return declared.read_pyproject(read_toml(file), file.parent, extras)
    if name == "setup.cfg":
        return declared.read_setup_cfg(read_text(file), file.parent, extras)
    if name == "Pipfile.lock":
        return _without_extras(pipfile_lock.read(read_json(file)), name, extras)
    return _without_extras(_read_list(folder, path), name, extras)


def read_declared(folder: Path, extras: Sequence[str]) -> Found | None:
    """Read what a folder's pyproject.toml or setup.cfg asks for; None if they do not say.

    Raises:
        Broken: One cannot be used.
    """
    for name in DECLARED:
        if (folder / name).is_file():
            found = read(folder, name, extras)
            if found is not None:
                return found
    return None


def _seen_from(place: Path, folder: Path) -> str:
    try:
        return folder.resolve().relative_to(place).as_posix()
    except ValueError as error:
        raise Broken("it is not the lock of a folder above the project's") from error


def _beside(lock: Path) -> Table:
    file = lock.parent / PYPROJECT
    return read_toml(file) if file.is_file() else Table({})


def _without_extras(found: Found, name: str, extras: Sequence[str]) -> Found:
    if not extras:
        return found
    note = f"Ignored, because {name} knows of no extras: {', '.join(extras)}."
    return replace(found, notes=(*found.notes, note))


def _read_list(folder: Path, path: str) -> Found:
    """Read a requirements file; where it names folders of the project, also what those ask for."""
    listed = requirements_file.read(folder, path)
    parts = [listed.found]
    for part, extras in listed.parts:
        place = folder if part == _ITSELF else folder / part
        asked = read_declared(place, extras) if place.is_dir() else None
        if asked is not None:
            used = DECLARED if part == _ITSELF else ()
            parts.append(replace(asked, notes=(), local=(), python="", used=used))
        else:
            what = "the project itself" if part == _ITSELF else part
            note = f"Not known is what {what} asks for: no pyproject.toml says so."
            parts.append(Found(pins=(), notes=(note,)))
    return declared.joined(parts)
