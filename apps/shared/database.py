"""Raw SQL through psycopg 3 with a pool, for apps that wait in a thread or a greenlet.

``aiodatabase`` is the same for an event loop: the statements are shared, so every app sends the
database the same bytes.
"""

import atexit
from typing import Any

import settings
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

READ = "SELECT id, name, kind, site, value_cents, moves FROM asset WHERE id = %s"
LOCK = "SELECT moves FROM asset WHERE id = %s FOR UPDATE"
CHANGE = "UPDATE asset SET site = %s, moves = %s WHERE id = %s"
PING = "SELECT 1"
MOST_IDS = 500

Row = dict[str, Any]


def make_pool() -> "ConnectionPool[Any]":
    """Make this process's pool, opened. After the fork: connections must not be shared."""
    pool: ConnectionPool[Any] = ConnectionPool(
        settings.DATABASE_URL,
        min_size=1,
        max_size=settings.DATABASE_POOL,
        timeout=settings.DATABASE_TIMEOUT,
        kwargs={"row_factory": dict_row, "autocommit": True},
        open=True,
    )
    # its threads would otherwise outlive what they need to end well
    atexit.register(pool.close)
    return pool


def ping(pool: "ConnectionPool[Any]") -> None:
    """Ask the database for an answer.

    Raises:
        psycopg.Error: It does not give one.
        psycopg_pool.PoolTimeout: Nor is there a connection.
    """
    with pool.connection(timeout=1.0) as connection:
        connection.execute(PING)


def read_asset(pool: "ConnectionPool[Any]", number: int) -> Row | None:
    """Read one row by its id."""
    with pool.connection() as connection:
        row: Row | None = connection.execute(READ, (number,)).fetchone()
    return row


def read_assets(pool: "ConnectionPool[Any]", numbers: list[int]) -> list[Row]:
    """Read rows one by one, each by a statement of its own; leave out those that are not there."""
    with pool.connection() as connection:
        rows = [connection.execute(READ, (number,)).fetchone() for number in numbers]
    return [row for row in rows if row is not None]


def move_asset(pool: "ConnectionPool[Any]", number: int, site: str) -> Row | None:
    """Read, change and write one row in a transaction; give what has changed."""
    with pool.connection() as connection, connection.transaction():
        row = connection.execute(LOCK, (number,)).fetchone()
        if row is None:
            return None
        moves = row["moves"] + 1
        connection.execute(CHANGE, (site, moves, number))
    return {"id": number, "site": site, "moves": moves}
