"""The databases of a run: one per app as a template, a fresh copy of it for every server."""

import contextlib
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from toolkit.errors import EnvironmentFault, StackError

_TRIAL = "trial"
_REFERENCE = "reference"
_TABLE = "asset"
_COLUMNS = (
    "SELECT column_name, data_type, character_maximum_length, is_nullable "
    "FROM information_schema.columns WHERE table_name = %s ORDER BY column_name"
)
_INDEXES = """
    SELECT array_agg(a.attname ORDER BY a.attnum)::text, i.indisprimary, i.indisunique
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
    WHERE c.relname = %s
    GROUP BY i.indexrelid, i.indisprimary, i.indisunique
    ORDER BY 1
"""
_CONNECT_SECONDS = 10
_SILENCE_SECONDS = 8

Shape = tuple[tuple[object, ...], ...]
"""Columns and indexes of a table, as PostgreSQL describes them."""


class Databases:
    """Makes databases on a PostgreSQL that the toolkit started for this run.

    Args:
        url: How this process reaches it, as a role that may create databases.
        url_for_servers: How servers do.
        schema: Statements that make the table every app must have.
        seed: Statements that fill it.

    Raises:
        EnvironmentFault: It is gone, or full.
    """

    def __init__(self, *, url: str, url_for_servers: str, schema: str, seed: str) -> None:
        self._url = url
        self._url_for_servers = url_for_servers
        self._seed = seed
        self._templates: dict[str, str] = {}
        with _as(EnvironmentFault), contextlib.ExitStack() as opened:
            self._admin = opened.enter_context(connect(url))
            self._create(_REFERENCE)
            with connect(_with_name(url, _REFERENCE)) as connection:
                connection.execute(schema.encode())
            self._wanted = self._shape(_REFERENCE)
            opened.pop_all()

    def close(self) -> None:
        """Close the connection."""
        self._admin.close()

    def prepare(
        self,
        app: str,
        make_tables: Callable[[str], None],
        *,
        as_all: bool = True,
        filled: bool = True,
    ) -> None:
        """Make the template of an app, once: its own tables, and the same rows for all.

        Args:
            app: Its name.
            make_tables: Given the URL (for servers) of an empty database, makes the tables.
            as_all: Whether they must be those that all apps share.
            filled: Whether it gets those rows.

        Raises:
            StackError: The tables are not those that all apps share.
        """
        if app in self._templates:
            return
        name = f"app_{len(self._templates) + 1}"
        with _as(StackError):
            self._create(name)
            make_tables(_with_name(self._url_for_servers, name))
            made = self._shape(name)
            if as_all and made != self._wanted:
                differing = sorted(map(str, set(made) ^ set(self._wanted)))
                raise StackError(
                    f"its migrations make another table {_TABLE!r} than apps/shared/schema.sql: "
                    f"{', '.join(differing)}"
                )
            if filled:
                with connect(_with_name(self._url, name)) as connection:
                    connection.execute(self._seed.encode())
        self._templates[app] = name

    def fresh(self, app: str, name: str = _TRIAL) -> str:
        """Put a copy of an app's template in place of the last copy; give its URL for servers.

        What a server before this one still holds open is cut off.

        Args:
            app: Its name.
            name: What to call the copy; two servers at once need two.

        Raises:
            StackError: PostgreSQL is gone, or full.
        """
        with _as(StackError):
            self._create(name, template=self._templates[app])
        return _with_name(self._url_for_servers, name)

    def _create(self, name: str, template: str = "template1") -> None:
        target, source = sql.Identifier(name), sql.Identifier(template)
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._admin.execute(drop.format(target))
        self._admin.execute(create.format(target, source))

    def _shape(self, name: str) -> Shape:
        with connect(_with_name(self._url, name)) as connection:
            columns = connection.execute(_COLUMNS, (_TABLE,)).fetchall()
            return (*columns, *connection.execute(_INDEXES, (_TABLE,)).fetchall())


def connect(url: str, seconds: int = _CONNECT_SECONDS) -> psycopg.Connection:
    """Connect to a PostgreSQL that the toolkit started, whatever the user's own variables ask.

    Raises:
        psycopg.OperationalError: It does not answer.
    """
    return psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=seconds,
        # PGSSLMODE and its like are about other databases; this one trusts whoever is on loopback,
        # and asks others for a password
        sslmode="disable",
        gssencmode="disable",
        channel_binding="disable",
        require_auth="none,scram-sha-256",
        # elsewhere it may be cut off, and the kernel alone would wait for a quarter of an hour
        tcp_user_timeout=_SILENCE_SECONDS * 1000,
        keepalives_idle=2,
        keepalives_interval=2,
        keepalives_count=_SILENCE_SECONDS // 2,
    )


@contextlib.contextmanager
def _as(kind: type[EnvironmentFault | StackError]) -> Iterator[None]:
    """Turn errors of the database into one of ours."""
    try:
        yield
    except psycopg.Error as error:
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise kind(f"the database of this run fails: {reason}") from error


def _with_name(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
