"""What Python sources say that deployment files must agree with. Read, never run or imported."""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from toolkit.lint.facts import Hops, Pool, Route
from toolkit.lint.python.groups import (
    Group,
    Registered,
    groups_of,
    registered_of,
    routes_of,
)
from toolkit.lint.python.hops import hops_of
from toolkit.lint.python.names import Names
from toolkit.lint.python.pools import pools_of
from toolkit.lint.python.views import View, views_of
from toolkit.reading import python_of

_OF_INTEREST = re.compile(
    r"ProxyFix|create_engine|create_async_engine|SQLAlchemy|SQLALCHEMY_|ConnectionPool"
    r"|create_pool|@[\w.]+\.(?:route|get|api_route)\b|add_url_rule|Blueprint|APIRouter"
    r"|register_blueprint|include_router"
)
_FORWARDED = re.compile(
    r"x[-_](?:forwarded[-_](?:for|proto|host)|real[-_]ip)|ProxyHeadersMiddleware|ReverseProxied",
    re.IGNORECASE,
)
_PATCHES = re.compile(r"^[^#\n]*\bpatch_all\(", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What one file says.

    Attributes:
        hops: Proxies that it believes.
        pools: Connections to a database.
        sqlite: Whether it names SQLite, which has no server to run out of connections.
        reads_forwarded: Whether it names forwarded headers, or a middleware for them.
        patches_gevent: Whether it has gevent patch the standard library.
        views: Without the prefixes that other files give, ...
        groups: ... which these ...
        registered: ... and these tell.
    """

    hops: tuple[Hops, ...] = ()
    pools: tuple[Pool, ...] = ()
    sqlite: bool = False
    reads_forwarded: bool = False
    patches_gevent: bool = False
    views: tuple[View, ...] = ()
    groups: tuple[Group, ...] = ()
    registered: tuple[Registered, ...] = ()

    @property
    def routes(self) -> tuple[Route, ...]:
        """Give the views as if this were the only file."""
        return routes(self)


def read(path: str, text: str) -> Source:
    """Read a file.

    Raises:
        ReadError: It is no Python of the version that runs this.
    """
    forwarded = _FORWARDED.search(text) is not None
    patches = "gevent" in text and _PATCHES.search(text) is not None
    if not _OF_INTEREST.search(text):
        return Source(reads_forwarded=forwarded, patches_gevent=patches)
    tree = python_of(text)
    nodes = list(ast.walk(tree))
    names = Names.of(path, nodes, tree)
    return Source(
        hops=tuple(hops_of(path, names, nodes)),
        pools=tuple(pools_of(path, names, nodes)),
        sqlite="sqlite:" in text or "sqlite+" in text,
        reads_forwarded=forwarded,
        patches_gevent=patches,
        views=tuple(views_of(path, names, tree, nodes)),
        groups=tuple(groups_of(names, nodes)),
        registered=tuple(registered_of(names, nodes)),
    )


def routes(*sources: Source) -> tuple[Route, ...]:
    """Give the views of files that belong together, with the prefixes of their blueprints."""
    return routes_of(
        (view for source in sources for view in source.views),
        [group for source in sources for group in source.groups],
        [item for source in sources for item in source.registered],
    )


def pools(sources: Iterable[Source], *, server: bool) -> tuple[Pool, ...]:
    """Give the pools of files that belong together.

    Those of defaults alone are left out where options are given elsewhere, which then are meant,
    and where the app may use SQLite.

    Args:
        sources: What the files say.
        server: Whether the files start a database that takes connections.
    """
    known = tuple(sources)
    found = [pool for source in known for pool in source.pools]
    chosen = [pool for pool in found if not (pool.size.default and pool.overflow.default)]
    if chosen:
        return tuple(chosen)
    sqlite = any(source.sqlite for source in known)
    return tuple(found) if server or not sqlite else ()
