"""Which Python files of a folder belong to an app, and what they say together."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from toolkit.lint.facts import Hops, Pool, Route
from toolkit.lint.python import source as python_source
from toolkit.lint.python.source import Source
from toolkit.reading import Files, ReadError

_NOT_THE_APP = re.compile(
    r"(?:^|/)(?:tests?|testing|docs?|examples?|loadtests?|benchmarks?)/"
    r"|(?:^|/)(?:test_[^/]*|[^/]*_test|tests?|conftest|noxfile|setup|locustfile)\.py$"
)
_NO_POOLS = re.compile(r"(?:^|/)(?:migrations|alembic|scripts)/")
"""What runs beside the app has connections of its own, and not for long."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What the Python of a folder says.

    Attributes:
        unread: Reasons, by path.
    """

    sources: Mapping[str, Source]
    unread: Mapping[str, ReadError]

    @property
    def files(self) -> tuple[str, ...]:
        """Those that say something."""
        return tuple(path for path, source in self.sources.items() if source != Source())

    @property
    def hops(self) -> tuple[Hops, ...]:
        """Proxies that are believed."""
        return tuple(hops for source in self.sources.values() for hops in source.hops)

    @property
    def routes(self) -> tuple[Route, ...]:
        """Views; those of a path that is asked about twice, with different results, are unclear."""
        found = python_source.routes(*self.sources.values())
        asking: dict[str, set[bool]] = {}
        for route in found:
            asking.setdefault(route.path, set()).add(route.asks is not None)
        return tuple(route for route in found if len(asking[route.path]) == 1)

    @property
    def reads_forwarded(self) -> bool:
        """Whether one of them names forwarded headers, or a middleware for them."""
        return any(source.reads_forwarded for source in self.sources.values())

    @property
    def patches_gevent(self) -> bool:
        """Whether one of them has gevent patch the standard library."""
        return any(source.patches_gevent for source in self.sources.values())

    def pools(self, *, server: bool) -> tuple[Pool, ...]:
        """Connections to a database.

        Args:
            server: Whether the files start a database that takes connections.
        """
        return python_source.pools(self._pooled(), server=server)

    def _pooled(self) -> Iterator[Source]:
        for path, source in self.sources.items():
            yield replace(source, pools=()) if _NO_POOLS.search(path) else source


def read_folder(files: Files) -> Sources:
    """Read the Python of an app, without its tests.

    Args:
        files: Of the folder.
    """
    sources: dict[str, Source] = {}
    unread: dict[str, ReadError] = {}
    for path in _of_app(files.paths):
        text = files.text(path)
        if text is None:
            continue
        try:
            sources[path] = python_source.read(path, text)
        except ReadError as error:
            unread[path] = error
    return Sources(sources, unread)


def _of_app(paths: Sequence[str]) -> Iterator[str]:
    yield from (path for path in paths if path.endswith(".py") and not _NOT_THE_APP.search(path))
