"""Blueprint ``/db`` and ``/orm``: rows through psycopg and through Flask-SQLAlchemy.

A pool of asynchronous connections belongs to the loop that opened it, and would end with the
request. What lives as long as the process is the synchronous pool, and asgiref's bridge leads to
it: ``sync_to_async`` runs a call in the worker's own thread, which waits for the view anyway.
``asyncio.to_thread`` would start a thread for every request, as a new loop has none yet, and costs
several times as much.
"""

import atexit
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

import database
import settings
from asgiref.sync import sync_to_async
from flask import Blueprint
from werkzeug.exceptions import NotFound, ServiceUnavailable

from assets_flask_async.arguments import body_member, query_numbers
from assets_flask_async.models import Asset, db

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

blueprint = Blueprint("rows", __name__)

_MOST_ID = 2**31 - 1  # PostgreSQL refuses to look for more in a column of type integer

_making = threading.Lock()


@cache
def _make_pool() -> "ConnectionPool[Any]":
    made = database.make_pool()
    atexit.register(made.close)  # its threads must end before the interpreter does
    return made


def pool() -> "ConnectionPool[Any]":
    """Give this process's pool; it is made for the first request, hence after the fork.

    Raises:
        ServiceUnavailable: There is no database.
    """
    if not settings.DATABASE_URL:
        raise ServiceUnavailable("there is no database")
    with _making:
        return _make_pool()


@blueprint.get("/db/assets/<int:number>")
async def one_row(number: int) -> database.Row:
    """Give one row."""
    row = await sync_to_async(database.read_asset)(pool(), number)
    if row is None:
        raise _unknown(number)
    return row


@blueprint.get("/db/assets")
async def several_rows() -> list[database.Row]:
    """Give the rows that are asked for by their ids, in that order."""
    numbers = query_numbers("ids", most=database.MOST_IDS)
    return await sync_to_async(database.read_assets)(pool(), numbers)


@blueprint.post("/db/assets/<int:number>/moves")
async def move(number: int) -> database.Row:
    """Move an asset to another site."""
    site = body_member("site", most=32)
    row = await sync_to_async(database.move_asset)(pool(), number, site)
    if row is None:
        raise _unknown(number)
    return row


@blueprint.get(f"/orm/assets/<int(max={_MOST_ID}):number>")
async def one_object(number: int) -> dict[str, str | int]:
    """Give one row, read through the session of the request."""
    if not settings.DATABASE_URL:
        raise ServiceUnavailable("there is no database")
    asset = await sync_to_async(db.session.get)(Asset, number)
    if asset is None:
        raise _unknown(number)
    return {
        "id": asset.id,
        "name": asset.name,
        "kind": asset.kind,
        "site": asset.site,
        "value_cents": asset.value_cents,
        "moves": asset.moves,
    }


def _unknown(number: int) -> NotFound:
    return NotFound(f"there is no asset {number}")
