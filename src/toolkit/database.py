"""The databases of a run: one per stack as a template, a fresh copy of it for every server."""

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from toolkit.errors import StackError

_TRIAL = "trial"
_TABLE = "asset"
_COLUMNS = (
    "SELECT column_name, data_type, character_maximum_length, is_nullable "
    "FROM information_schema.columns WHERE table_name = %s ORDER BY column_name"
)

Column = tuple[str, str, int | None, str]


class Databases:
    """Makes databases on a PostgreSQL that the toolkit started for this run.

    Args:
        url: How this process reaches it, as a role that may create databases.
        url_for_servers: How servers do.
        schema: Statements that make the table every app must have.
        seed: Statements that fill it.
    """

    def __init__(self, *, url: str, url_for_servers: str, schema: str, seed: str) -> None:
        self._url = url
        self._url_for_servers = url_for_servers
        self._seed = seed
        self._templates: dict[str, str] = {}
        self._admin = _connect(url)
        self._create("reference")
        with _connect(_with_name(url, "reference")) as connection:
            connection.execute(schema.encode())
        self._wanted = self._columns("reference")

    def close(self) -> None:
        """Close the connection."""
        self._admin.close()

    def prepare(self, stack: str, make_tables: Callable[[str], None]) -> None:
        """Make the template of a stack: its own tables, and the same rows for all.

        Args:
            stack: Its id.
            make_tables: Given the URL (for servers) of an empty database, makes the tables.

        Raises:
            StackError: The tables are not those that all apps share.
        """
        name = f"stack_{len(self._templates) + 1}"
        self._create(name)
        make_tables(_with_name(self._url_for_servers, name))
        made = self._columns(name)
        if made != self._wanted:
            differing = sorted(str(column) for column in set(made) ^ set(self._wanted))
            raise StackError(
                f"its migrations make another table {_TABLE!r} than apps/shared/schema.sql: "
                f"{', '.join(differing)}"
            )
        try:
            with _connect(_with_name(self._url, name)) as connection:
                connection.execute(self._seed.encode())
        except psycopg.Error as error:
            raise StackError(f"its database cannot be seeded: {error}") from error
        self._templates[stack] = name

    def fresh(self, stack: str) -> str:
        """Put a copy of a stack's template in place of the last copy; give its URL for servers.

        What a server before this one still holds open is cut off.
        """
        # a template that somebody is connected to cannot be copied
        self._create(_TRIAL, template=self._templates[stack])
        return _with_name(self._url_for_servers, _TRIAL)

    def _create(self, name: str, template: str = "template1") -> None:
        target, source = sql.Identifier(name), sql.Identifier(template)
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._admin.execute(drop.format(target))
        self._admin.execute(create.format(target, source))

    def _columns(self, name: str) -> tuple[Column, ...]:
        with _connect(_with_name(self._url, name)) as connection:
            return tuple(_rows(connection.execute(_COLUMNS, (_TABLE,)).fetchall()))


def _connect(url: str) -> psycopg.Connection:
    # whatever the environment says of other databases, this one is ours and on loopback
    return psycopg.connect(url, autocommit=True, sslmode="disable")


def _rows(rows: Iterable[tuple[str, str, int | None, str]]) -> Iterable[Column]:
    return ((name, kind, length, nullable) for name, kind, length, nullable in rows)


def _with_name(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
