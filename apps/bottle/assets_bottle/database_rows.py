"""Routes ``/db``: rows through psycopg."""

import atexit
from typing import TYPE_CHECKING, Any

import database
import settings
from bottle import Bottle, HTTPError

from assets_bottle.answers import as_json
from assets_bottle.arguments import body_member, query_numbers
from assets_bottle.decoded import DecodedBody
from assets_bottle.once import OncePerProcess

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

app = Bottle()


def _make_pool() -> "ConnectionPool[Any]":
    made = database.make_pool()
    atexit.register(made.close)  # its threads must end before the interpreter does
    return made


pool = OncePerProcess(_make_pool)


@app.get("/db/assets/<number:int>")
def one_row(number: int) -> database.Row:
    """Give one row."""
    row = database.read_asset(_pool(), number)
    if row is None:
        raise _unknown(number)
    return row


@app.get("/db/assets")
def several_rows() -> str:
    """Give the rows that are asked for by their ids, in that order."""
    numbers = query_numbers("ids", most=database.MOST_IDS)
    return as_json(database.read_assets(_pool(), numbers))


@app.post("/db/assets/<number:int>/moves", apply=DecodedBody())
def move(number: int) -> database.Row:
    """Move an asset to another site."""
    row = database.move_asset(_pool(), number, body_member("site", most=32))
    if row is None:
        raise _unknown(number)
    return row


def _pool() -> "ConnectionPool[Any]":
    if not settings.DATABASE_URL:
        raise HTTPError(503, "there is no database")
    return pool.get()


def _unknown(number: int) -> HTTPError:
    return HTTPError(404, f"there is no asset {number}")
