"""The statements of ``apps/shared/database.py`` on Django's connection, which is the pool's."""

import database
from database import CHANGE, LOCK, READ, Row
from django.db import connection, transaction


def ping() -> None:
    """Ask the database for an answer.

    On the pool itself, which can wait for less than the 10 s that a request would wait.

    Raises:
        psycopg.Error: There is none, or no connection.
    """
    pool = connection.pool
    pool.open()
    database.ping(pool)


def read_asset(number: int) -> Row | None:
    """Read one row by its id."""
    rows = read_assets([number])
    return rows[0] if rows else None


def read_assets(numbers: list[int]) -> list[Row]:
    """Read rows, each by a statement of its own; those that are not there are left out."""
    rows = []
    with connection.cursor() as cursor:
        for number in numbers:
            cursor.execute(READ, [number])
            row = cursor.fetchone()
            if row is not None:
                names = [column.name for column in cursor.description]
                rows.append(dict(zip(names, row, strict=True)))
    return rows


def move_asset(number: int, site: str) -> Row | None:
    """Read, change and write one row in a transaction; give what has changed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK, [number])
        row = cursor.fetchone()
        if row is None:
            return None
        moves = row[0] + 1
        cursor.execute(CHANGE, [site, moves, number])
    return {"id": number, "site": site, "moves": moves}
