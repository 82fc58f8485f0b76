"""Blueprint of one table in two ways: ``/db`` by SQL through a pool, ``/orm`` by the models."""

from typing import TypeVar

import database
from flask import Blueprint, abort, request

from inventory.extensions import db, require_database
from inventory.models import Asset
from inventory.pools import database_pool

T = TypeVar("T")

blueprint = Blueprint("rows", __name__)
blueprint.before_request(require_database)

_MOST_SITE = 32
_MOST_ID = 2**31 - 1


@blueprint.get("/db/assets/<int:number>")
def read_asset(number: int) -> database.Row:
    """Read a row."""
    return _found(database.read_asset(database_pool(), _in_range(number)), number)


@blueprint.get("/db/assets")
def read_assets() -> list[database.Row]:
    """Read the rows of ``ids``, each by a statement of its own."""
    texts = request.args.get("ids", "").split(",")
    if len(texts) > database.MOST_IDS or not all(t.isascii() and t.isdigit() for t in texts):
        abort(400, f"ids: 1 to {database.MOST_IDS} whole numbers are needed, with commas between")
    numbers = [int(text[:20]) for text in texts]
    return database.read_assets(database_pool(), [n for n in numbers if n <= _MOST_ID])


@blueprint.post("/db/assets/<int:number>/moves")
def move_asset(number: int) -> database.Row:
    """Change a row in a transaction."""
    body = request.get_json()
    site = body.get("site") if isinstance(body, dict) else None
    if not isinstance(site, str) or not 1 <= len(site) <= _MOST_SITE or "\0" in site:
        abort(422, f"site: a string of 1 to {_MOST_SITE} characters is needed")
    return _found(database.move_asset(database_pool(), _in_range(number), site), number)


@blueprint.get("/orm/assets/<int:number>")
def load_asset(number: int) -> database.Row:
    """Read the same row as an object."""
    asset = _found(db.session.get(Asset, _in_range(number)), number)
    return {name: getattr(asset, name) for name in Asset.__table__.columns.keys()}  # noqa: SIM118 - not a dict


def _in_range(number: int) -> int:
    if number > _MOST_ID:
        abort(404, f"there is no asset {number}")
    return number


def _found(row: T | None, number: int) -> T:
    if row is None:
        abort(404, f"there is no asset {number}")
    return row
