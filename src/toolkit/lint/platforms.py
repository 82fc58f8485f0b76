"""What starts containers and services: compose, Kubernetes, systemd, supervisord, Procfiles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from toolkit.lint.facts import Container, Database, Unread, Where
from toolkit.lint.manifests import compose, kubernetes, procfile, supervisord, systemd
from toolkit.lint.manifests.databases import databases
from toolkit.reading import Files, ReadError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Described:
    """What the files of all platforms say.

    Attributes:
        programs: Of supervisord, be it on a machine or in a container that the others describe.
        files: That were read, by kind.
    """

    containers: tuple[Container, ...]
    programs: tuple[Container, ...]
    databases: tuple[Database, ...]
    files: Mapping[str, tuple[str, ...]]
    unread: tuple[Unread, ...]


def is_of_platform(path: str) -> bool:
    """Tell by its name whether a file describes how something is started."""
    return compose.is_compose(path) or procfile.is_procfile(path) or systemd.is_unit(path)


def read_folder(files: Files) -> Described:
    """Read the files of all platforms.

    Args:
        files: Of the folder.
    """
    reader = _Reader(files)
    containers = (*_compose(reader), *_kubernetes(reader), *_systemd(reader), *_procfile(reader))
    return Described(
        containers=containers,
        programs=tuple(_supervisord(reader)),
        databases=databases(containers),
        files={kind: tuple(paths) for kind, paths in reader.read.items()},
        unread=tuple(reader.unread),
    )


@dataclass(slots=True)
class _Reader:
    """Reads files, and notes which could be."""

    files: Files
    read: dict[str, list[str]] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)

    def attempt(self, kind: str, path: str, read: Callable[[str, str], T]) -> T | None:
        """Read a file, None if it cannot be."""
        try:
            found = read(path, self.files.read(path))
        except ReadError as error:
            self.fail(path, error)
            return None
        self.note(kind, path)
        return found

    def note(self, kind: str, *paths: str) -> None:
        """Note that files were read."""
        known = self.read.setdefault(kind, [])
        known.extend(path for path in paths if path not in known)

    def fail(self, path: str, error: ReadError) -> None:
        """Note that a file could not be read."""
        self.unread.append(Unread(where=Where(path, error.line), reason=str(error)))

    def text(self, path: str, endings: tuple[str, ...]) -> str | None:
        """Give the text of a file that is called like this, None of others."""
        return self.files.text(path) if path.endswith(endings) else None


def _compose(reader: _Reader) -> list[Container]:
    files = reader.files
    texts: dict[str, str] = {}
    for path in files.paths:
        if compose.is_compose(path):
            try:
                texts[path] = files.read(path)
            except ReadError as error:
                reader.fail(path, error)
        elif (text := reader.text(path, (".yaml", ".yml"))) and compose.is_stack(path, text):
            texts[path] = text
    containers: list[Container] = []
    for base, *over in compose.projects(texts):
        layers = [(path, texts[path]) for path in over]
        try:
            containers += compose.read(base, texts[base], over=layers, find=files.text)
        except ReadError as error:
            reader.fail(base, error)
        else:
            reader.note("compose", base, *over)
    return containers


def _kubernetes(reader: _Reader) -> tuple[Container, ...]:
    found = [
        reader.attempt("Kubernetes", path, partial(kubernetes.read, find=reader.files.text))
        for path in reader.files.paths
        if not compose.is_compose(path)
        and (text := reader.text(path, (".yaml", ".yml")))
        and kubernetes.is_manifest(path, text)
    ]
    try:
        return kubernetes.containers_of(manifests for manifests in found if manifests is not None)
    except ReadError as error:
        reader.fail(".", error)
        return ()


def _systemd(reader: _Reader) -> list[Container]:
    found = [
        reader.attempt("systemd", path, systemd.read)
        for path in reader.files.paths
        if systemd.is_unit(path)
    ]
    return [container for container in found if container is not None]


def _supervisord(reader: _Reader) -> list[Container]:
    found = [
        reader.attempt(supervisord.NAME, path, supervisord.read)
        for path in reader.files.paths
        if (text := reader.text(path, (".conf", ".ini"))) and supervisord.is_config(path, text)
    ]
    return [program.container() for programs in found for program in programs or ()]


def _procfile(reader: _Reader) -> list[Container]:
    found = [
        reader.attempt("Procfile", path, procfile.read)
        for path in reader.files.paths
        if procfile.is_procfile(path)
    ]
    return [container for containers in found for container in containers or ()]
