"""Blueprint that reads and changes rows of the database: through raw SQL, and through the ORM."""

from typing import Any

import aiodatabase
import database
from quart import Blueprint, request
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.exceptions import BadRequest, NotFound, UnprocessableEntity

from assets_quart.parameters import json_body
from assets_quart.resources import current_pool, make_db_session

rows = Blueprint("rows", __name__)


class Base(DeclarativeBase):
    """The tables of the ORM."""


class AssetRow(Base):
    """The table of ``schema.sql``."""

    __tablename__ = "asset"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(16))
    site: Mapped[str] = mapped_column(String(32))
    value_cents: Mapped[int]
    moves: Mapped[int]

    def as_dict(self) -> dict[str, Any]:
        """Give the row as JSON has it."""
        return {column.key: getattr(self, column.key) for column in self.__mapper__.column_attrs}


@rows.get("/db/assets/<int:number>")
async def read_asset(number: int) -> database.Row:
    """Read one row.

    Raises:
        NotFound: There is none of this id.
    """
    row = await aiodatabase.read_asset(current_pool(), number)
    if row is None:
        raise NotFound(f"there is no asset {number}")
    return row


@rows.get("/db/assets")
async def read_assets() -> list[database.Row]:
    """Read several rows: ``ids=1,2,3``.

    Raises:
        BadRequest: The ids are no numbers, or too many.
    """
    try:
        numbers = [int(text) for text in request.args.get("ids", "").split(",")]
    except ValueError as error:
        raise BadRequest("ids: numbers with commas between are needed") from error
    if len(numbers) > database.MOST_IDS:
        raise BadRequest(f"ids: at most {database.MOST_IDS} at once")
    return await aiodatabase.read_assets(current_pool(), numbers)


@rows.post("/db/assets/<int:number>/moves")
async def move_asset(number: int) -> database.Row:
    """Move an asset to another site.

    Raises:
        NotFound: There is none of this id.
        UnprocessableEntity: The body does not name a site.
    """
    match await json_body():
        case {"site": str(site)} if 1 <= len(site) <= 32:
            moved = await aiodatabase.move_asset(current_pool(), number, site)
        case _:
            raise UnprocessableEntity("site: a string of 1 to 32 characters is needed")
    if moved is None:
        raise NotFound(f"there is no asset {number}")
    return moved


# SQLAlchemy casts the id to the column's type, which has 32 bits
@rows.get("/orm/assets/<int(max=2147483647):number>")
async def read_through_orm(number: int) -> dict[str, Any]:
    """Read one row through the ORM.

    Raises:
        NotFound: There is none of this id.
    """
    async with make_db_session() as db_session:
        row = await db_session.get(AssetRow, number)
    if row is None:
        raise NotFound(f"there is no asset {number}")
    return row.as_dict()
