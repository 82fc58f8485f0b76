"""The files of a folder that somebody else wrote, read with bounds and never followed out of it."""

import ast
import os
import stat
import warnings
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Protocol, Self

MOST_FILES = 20_000
MOST_BYTES = 1_000_000
"""Of one file. What people write is shorter; what is longer is data."""

SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "site-packages"})
READ_HIDDEN = frozenset({".deploy", ".docker", ".platform"})
"""Hidden folders in which people keep deployment files; all others belong to tools."""


class ReadError(Exception):
    """What stands in a file cannot be read.

    Attributes:
        reason: Why, without the file's name.
        line: Where, from 1; 0: not known, or everywhere.
    """

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.reason = reason
        self.line = line


class _Load(Protocol):
    def __call__(self, path: str, /) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of a folder, each read when it is first asked for.

    Attributes:
        paths: Of all files, sorted; from the folder, with ``/``.
        left_out: Reasons, by path, why files and folders (or the rest of them: ".") are not
            among them.
    """

    paths: tuple[str, ...]
    left_out: Mapping[str, str]
    _load: _Load
    _names: Mapping[str, tuple[str, ...]]
    _known: frozenset[str]
    _texts: dict[str, str | ReadError] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Walk through a folder.

        Raises:
            OSError: It is no folder, or cannot be read.
        """
        paths, left_out = _walk(folder)
        return cls._with(paths, left_out, partial(_load, folder))

    @classmethod
    def of_texts(cls, texts: Mapping[str, str]) -> Self:
        """Give a folder that has these files."""
        return cls._with(list(texts), {}, dict(texts).__getitem__)

    def only(self, paths: Iterable[str]) -> Self:
        """Give the folder as if it had only some of its files."""
        return self._with([path for path in paths if path in self._known], {}, self.read)

    @classmethod
    def _with(cls, paths: list[str], left_out: Mapping[str, str], load: _Load) -> Self:
        names: dict[str, list[str]] = {}
        for path in sorted(paths):
            names.setdefault(PurePosixPath(path).name, []).append(path)
        return cls(
            paths=tuple(sorted(paths)),
            left_out=MappingProxyType(dict(left_out)),
            _load=load,
            _names={name: tuple(found) for name, found in names.items()},
            _known=frozenset(paths),
        )

    def read(self, path: str) -> str:
        """Give a file's text, lines ended by line feeds.

        Raises:
            ReadError: It is not there, or is no text.
        """
        if path not in self._known:
            raise ReadError(self.left_out.get(path, "there is no such file"))
        if path not in self._texts:
            try:
                self._texts[path] = self._load(path)
            except ReadError as error:
                self._texts[path] = error
        text = self._texts[path]
        if isinstance(text, ReadError):
            raise text
        return text

    def text(self, path: str) -> str | None:
        """Give a file's text, None if it is not there or is no text."""
        try:
            return self.read(path)
        except ReadError:
            return None

    def find(self, name: str) -> tuple[str, ...]:
        """Give the paths of all files with a base name."""
        return self._names.get(name, ())

    def holds(self, folder: str) -> bool:
        """Tell whether there are files in a folder."""
        start = bisect_left(self.paths, f"{folder}/")
        return start < len(self.paths) and self.paths[start].startswith(f"{folder}/")

    def inside(self, folder: str) -> tuple[str, ...]:
        """Give the paths of all files in a folder and those in it; "": of all."""
        if not folder:
            return self.paths
        # "0" is what follows "/": of sorted paths those between are the ones that begin with it
        start = bisect_left(self.paths, f"{folder}/")
        return self.paths[start : bisect_left(self.paths, f"{folder}0")]


def _walk(folder: Path) -> tuple[list[str], dict[str, str]]:
    """List the files, nearest to the top first, so that a limit cuts off what lies deep."""
    paths: list[str] = []
    left_out: dict[str, str] = {}
    root = folder.resolve(strict=True)
    waiting = deque([""])
    seen = 0
    while waiting:
        inside = waiting.popleft()
        try:
            entries = sorted(os.scandir(root / inside), key=lambda entry: entry.name)
        except OSError as error:
            if not inside:
                raise
            left_out[inside] = f"cannot be read: {error.strerror}"
            continue
        for entry in entries:
            seen += 1
            if seen > MOST_FILES:
                left_out["."] = f"only the first {MOST_FILES:,} files and folders are read"
                return paths, left_out
            path = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_dir(follow_symlinks=False):
                if not _is_skipped(entry):
                    waiting.append(path)
            else:
                _sort_file(root, path, paths, left_out)
    return paths, left_out


def _is_skipped(entry: os.DirEntry[str]) -> bool:
    name = entry.name
    if name in SKIPPED_FOLDERS or not name.isprintable():
        return True
    if name.startswith("."):
        return name not in READ_HIDDEN
    return Path(entry.path, "pyvenv.cfg").exists()


def _sort_file(root: Path, path: str, paths: list[str], left_out: dict[str, str]) -> None:
    if not path.isprintable():
        left_out[ascii(path)] = "its name is not printable"
        return
    try:
        # a link may lead to a secret of this machine, whose lines a finding would then quote
        if not (root / path).resolve(strict=True).is_relative_to(root):
            left_out[path] = "a link that leads out of the folder"
            return
        status = (root / path).stat()
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, Python < 3.13
        left_out[path] = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        return
    if not stat.S_ISREG(status.st_mode):
        left_out[path] = "not a plain file"
    elif status.st_size > MOST_BYTES:
        left_out[path] = f"longer than {MOST_BYTES:,} bytes"
    else:
        paths.append(path)


def _load(folder: Path, path: str) -> str:
    try:
        with (folder / path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ReadError(f"cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise ReadError(f"longer than {MOST_BYTES:,} bytes")
    if b"\0" in content:
        raise ReadError("not a text")
    # a comment in another encoding is no reason to leave out the rest of the file
    text = content.decode("utf-8-sig", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def python_of(text: str) -> ast.Module:
    """Parse a Python source.

    Raises:
        ReadError: It is no Python of the version that runs this.
    """
    try:
        with warnings.catch_warnings():
            # of somebody else's escapes
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise ReadError(f"not Python: {error.msg}", error.lineno or 0) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ReadError("not Python, or nested too deeply") from error


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """Give lines with their numbers, split at line feeds alone as other programs split them."""
    yield from enumerate(text.split("\n"), start=1)
