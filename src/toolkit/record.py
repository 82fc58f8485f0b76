"""The history of an app: a file of JSON lines, one per check, that only grows.

It is made to live in a repository or among the artifacts of a pipeline: lines from two branches may
be merged in any order (``merge=union`` in .gitattributes), and a check counts once.

Format history of a line:

1  the first
"""

import errno
import fcntl
import json
import os
from collections.abc import Callable
from io import RawIOBase
from pathlib import Path
from typing import Any, NamedTuple

import cattrs

from toolkit.changes import Verdict
from toolkit.checked import Metric
from toolkit.errors import ConfigError, EnvironmentFault
from toolkit.history import Point

FORMAT = 1
_OWN_START = b'{"format"'


def _converter() -> cattrs.Converter:
    """Make a converter that lets no text in which would not print as it is."""
    converter = cattrs.Converter()
    converter.register_structure_hook(str, lambda value, _: _printable(str(value)))
    # which are texts too, and that hook would take them
    for kind in (Verdict, Metric):
        converter.register_structure_hook(kind, lambda value, kind: kind(value))
    return converter


def _printable(text: str) -> str:
    """Put a question mark for what steers a terminal or turns the direction of writing."""
    return "".join(character if character.isprintable() else "?" for character in text)


_CONVERTER = _converter()


def dumps(point: Point) -> str:
    """Write a point as its line, without the end of it."""
    return json.dumps({"format": FORMAT, **_CONVERTER.unstructure(point)})


class _Broken(NamedTuple):
    """The last line, where it is no point: where it starts, and what to say of it."""

    start: int
    message: str


def read(path: Path, report: Callable[[str], None] | None = None) -> tuple[Point, ...]:
    """Read a history, oldest check first.

    Args:
        path: The file.
        report: Is told of a last line that is broken, as a crash may leave it, and is skipped.

    Raises:
        ConfigError: There is no such file, or another line than the last one is no point.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", hint="`toolkit check --record FILE` makes one."
        ) from error
    points, broken = _parse(data, path)
    if broken is not None and report is not None:
        report(f"{broken.message}; it is skipped")
    return points


def append(path: Path, point: Point) -> None:
    """Add a point to the end of a history, unless its check is there already.

    The line is written at once and under a lock, so it is there whole or not at all, whatever
    happens and whoever else appends. What a crash left of a line at the end is removed.

    Raises:
        ConfigError: What is in the file is no history; it is left alone.
        EnvironmentFault: No space or no permission; the file stays as it is.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # unbuffered: one write is one call of the system
        with path.open("ab+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            data = file.read()
            points, broken = _parse(data, path)
            if any(known.check == point.check for known in points):
                return
            if broken is not None:
                data = data[: _start_of_remains(data, broken)]
                file.truncate(len(data))
            between = b"\n" if data and not data.endswith(b"\n") else b""
            _write(file, between + dumps(point).encode() + b"\n", len(data))
    except OSError as error:
        raise EnvironmentFault(f"cannot write {path}: {error.strerror}") from error


def _write(file: RawIOBase, line: bytes, end: int) -> None:
    """Write all of a line to the end of a file, or nothing."""
    written = 0
    try:
        written = file.write(line) or 0
        os.fsync(file.fileno())
    finally:
        if written != len(line):
            file.truncate(end)
    if written != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _start_of_remains(data: bytes, broken: _Broken) -> int:
    """Say where a line starts that was not written to its end.

    Raises:
        ConfigError: The broken line is somebody else's.
    """
    remains = data[broken.start :]
    if remains.endswith(b"\n") or not remains.startswith(_OWN_START):
        raise ConfigError(broken.message, hint="Correct or remove it; nothing was added.")
    return broken.start


def _parse(data: bytes, path: Path) -> tuple[tuple[Point, ...], _Broken | None]:
    """Read all points, each check once, by their time; give the last line apart if it is broken.

    Raises:
        ConfigError: Another line is broken, or one is of a later format.
    """
    found: dict[str, Point] = {}
    broken: _Broken | None = None
    start = 0
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            if broken is not None:
                raise ConfigError(
                    broken.message,
                    hint="Correct or remove it. Marks of a conflict stay out with the attribute "
                    "merge=union in .gitattributes.",
                )
            try:
                point = _point(line, f"{path}, line {number}")
                found.setdefault(point.check, point)
            except _NOT_A_POINT as error:
                message = f"{path}, line {number} is not a check's: {_reason(error)}"
                broken = _Broken(start, message)
        start += len(line) + 1
    # a merge leaves the lines of two branches in any order
    return tuple(sorted(found.values(), key=lambda point: point.time)), broken


_NOT_A_POINT = (ValueError, RecursionError, cattrs.BaseValidationError)


def _reason(error: Exception) -> str:
    if isinstance(error, cattrs.BaseValidationError):
        return _printable(cattrs.transform_error(error, path="it")[0])
    return _printable(str(error))


def _point(line: bytes, where: str) -> Point:
    document: Any = json.loads(line.decode())
    version = document.pop("format", None) if isinstance(document, dict) else None
    if not isinstance(version, int):
        raise ValueError("it is not an object with a format")
    if version > FORMAT:
        raise ConfigError(
            f"{where} has format {version}, this toolkit reads up to {FORMAT}",
            hint="Upgrade flask-production-toolkit.",
        )
    return _CONVERTER.structure(document, Point)
