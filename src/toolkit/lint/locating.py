"""Which file of the folder is meant by a path in a container or on a server."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from posixpath import join, normpath

from toolkit.lint.facts import Copied
from toolkit.reading import Files

MOST_PLACES = 500
"""Copies of a container that are looked at; a hostile Dockerfile may have more."""

_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder of the project and the path at which a container has it.

    Attributes:
        source: In the folder that is looked at; "": all of it.
        target: Absolute, without a slash at its end.
        folder: Whether it is one.
    """

    source: str
    target: str
    folder: bool


@dataclass(frozen=True, slots=True)
class Locator:
    """Finds files by their paths in one container.

    Attributes:
        places: Later ones hide earlier ones.
        near: Folders in which it is looked for otherwise, the nearest first.
    """

    files: Files
    places: tuple[Place, ...] = ()
    near: tuple[str, ...] = ("",)

    def find(self, path: str, *, guess: bool = True) -> tuple[str, str] | None:
        """Give path and text of a file, None if it is not in the folder or cannot be told.

        Args:
            path: In the container.
            guess: Whether the only file of that name is meant, wherever it lies.
        """
        found = self._locate(normpath(path), guess=guess)
        text = self.files.text(found) if found is not None else None
        return None if found is None or text is None else (found, text)

    def _locate(self, wanted: str, *, guess: bool) -> str | None:
        covered = False
        for place in reversed(self.places):
            candidate = _inside(place, wanted)
            if candidate is not None:
                if self.files.text(candidate) is not None:
                    return candidate
                covered = True
        # what was copied without that file does not have it, wherever else there is one
        return None if covered else self._by_name(wanted, guess=guess)

    def targets(self) -> Iterator[tuple[str, str]]:
        """Give all files with the paths at which the container has them, and in the folder."""
        for place in self.places:
            if not place.folder:
                yield place.target, place.source
                continue
            around = f"{place.source}/" if place.source else ""
            for path in self.files.inside(place.source):
                yield join(place.target, path.removeprefix(around)), path

    def _by_name(self, path: str, *, guess: bool) -> str | None:
        """Give the file that ends like the path does, or the only one of that name."""
        parts = [part for part in path.split("/")[-_DEEPEST:] if part not in {"", ".", ".."}]
        for folder in self.near:
            for start in range(len(parts)):
                candidate = join(folder, *parts[start:])
                if self.files.text(candidate) is not None:
                    return candidate
        found = self.files.find(parts[-1]) if parts and guess else ()
        for folder in self.near:
            inside = [path for path in found if path.startswith(f"{folder}/" if folder else "")]
            if inside:
                return inside[0] if len(inside) == 1 else None
        return None


def _inside(place: Place, wanted: str) -> str | None:
    """Give the file that a path is, if it lies where a place is."""
    if wanted == place.target:
        return place.source
    around = place.target.rstrip("/") + "/"
    if not place.folder or not wanted.startswith(around):
        return None
    return normpath(join(place.source, wanted.removeprefix(around)))


def places_of(files: Files, copies: Sequence[Copied], contexts: Sequence[str]) -> tuple[Place, ...]:
    """Resolve what is copied.

    Args:
        files: Of the folder.
        copies: As an image or a container says it.
        contexts: Folders from which the sources may be given, the likeliest first; the one that
            has most of them is taken.
    """
    last = copies[-MOST_PLACES:]
    resolved: list[list[Place]] = [
        [place for copied in last if (place := _place(files, copied, context)) is not None]
        for context in contexts
    ]
    most: list[Place] = max(resolved, key=len, default=[])
    return tuple(most)


def _place(files: Files, copied: Copied, context: str) -> Place | None:
    source = normpath(join(context, copied.source.lstrip("/")))
    if source.startswith(".."):
        return None
    source = "" if source == "." else source
    if source and files.text(source) is not None:
        return Place(source, normpath(copied.target), folder=False)
    there = _has_python(files, source) if copied.source == "." else files.holds(source)
    if not there:
        return None
    return Place(source, normpath(copied.target), folder=True)


def _has_python(files: Files, folder: str) -> bool:
    """Tell a context of an app from the folder in which only its Dockerfile lies."""
    return any(path.endswith(".py") for path in files.inside(folder))


def folders_above(path: str) -> tuple[str, ...]:
    """Give the folder of a file and those around it, the nearest first; the last is ""."""
    parents = [str(parent) for parent in PurePosixPath(path).parents]
    return tuple("" if parent == "." else parent for parent in parents)


def in_common(one: str, other: str) -> int:
    """Say how many folders two paths have in common from the top."""
    count = 0
    for first, second in zip(one.split("/")[:-1], other.split("/")[:-1], strict=False):
        if first != second:
            break
        count += 1
    return count
