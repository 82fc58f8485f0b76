"""The same as ``database``, for apps on an event loop."""

from typing import Any

import settings
from database import CHANGE, LOCK, PING, READ, Row
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool


def make_pool() -> "AsyncConnectionPool[Any]":
    """Make this process's pool, not yet opened: that is for the loop (``async with``)."""
    return AsyncConnectionPool(
        settings.DATABASE_URL,
        min_size=1,
        max_size=settings.DATABASE_POOL,
        timeout=settings.DATABASE_TIMEOUT,
        kwargs={"row_factory": dict_row, "autocommit": True},
        open=False,
    )


async def ping(pool: "AsyncConnectionPool[Any]") -> None:
    """Ask the database for an answer.

    Raises:
        psycopg.Error: It does not give one.
        psycopg_pool.PoolTimeout: Nor is there a connection.
    """
    async with pool.connection(timeout=1.0) as connection:
        await connection.execute(PING)


async def read_asset(pool: "AsyncConnectionPool[Any]", number: int) -> Row | None:
    """Read one row by its id."""
    async with pool.connection() as connection:
        row: Row | None = await (await connection.execute(READ, (number,))).fetchone()
    return row


async def read_assets(pool: "AsyncConnectionPool[Any]", numbers: list[int]) -> list[Row]:
    """Read rows one by one, each by a statement of its own; leave out those that are not there."""
    async with pool.connection() as connection:
        rows = [await (await connection.execute(READ, (n,))).fetchone() for n in numbers]
    return [row for row in rows if row is not None]


async def move_asset(pool: "AsyncConnectionPool[Any]", number: int, site: str) -> Row | None:
    """Read, change and write one row in a transaction; give what has changed."""
    async with pool.connection() as connection, connection.transaction():
        row = await (await connection.execute(LOCK, (number,))).fetchone()
        if row is None:
            return None
        moves = row["moves"] + 1
        await connection.execute(CHANGE, (site, moves, number))
    return {"id": number, "site": site, "moves": moves}
