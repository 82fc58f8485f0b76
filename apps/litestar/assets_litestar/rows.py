"""Routes that read and change rows of the database: through raw SQL, and through the ORM."""

from typing import Annotated

import aiodatabase
import database
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath, FromQuery, JSONBody, PathParameter
from litestar.status_codes import HTTP_200_OK
from msgspec import Meta, Struct, convert
from sqlalchemy import String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from assets_litestar.resources import Pool


class StoredAsset(Struct):
    """A row."""

    id: int
    name: str
    kind: str
    site: str
    value_cents: int
    moves: int


class Move(Struct):
    """The body of a move."""

    site: Annotated[str, Meta(min_length=1, max_length=32)]


class MovedAsset(Struct):
    """What a move has changed."""

    id: int
    site: str
    moves: int


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


class RowController(Controller):
    """Rows through raw SQL."""

    path = "/db/assets"

    @get("/{asset_id:int}")
    async def read_asset(self, pool: NamedDependency[Pool], asset_id: FromPath[int]) -> StoredAsset:
        """Read one row.

        Raises:
            NotFoundException: There is none of this id.
        """
        row = await aiodatabase.read_asset(pool, asset_id)
        if row is None:
            raise NotFoundException(f"there is no asset {asset_id}")
        return convert(row, StoredAsset)

    @get("/")
    async def read_assets(
        self, pool: NamedDependency[Pool], ids: FromQuery[str]
    ) -> list[StoredAsset]:
        """Read several rows: ``ids=1,2,3``.

        Raises:
            ValidationException: The ids are no numbers, or too many.
        """
        try:
            numbers = [int(text) for text in ids.split(",")]
        except ValueError as error:
            raise ValidationException("ids: numbers with commas between are needed") from error
        if len(numbers) > database.MOST_IDS:
            raise ValidationException(f"ids: at most {database.MOST_IDS} at once")
        return convert(await aiodatabase.read_assets(pool, numbers), list[StoredAsset])

    @post("/{asset_id:int}/moves", status_code=HTTP_200_OK)
    async def move_asset(
        self, pool: NamedDependency[Pool], asset_id: FromPath[int], data: JSONBody[Move]
    ) -> MovedAsset:
        """Move an asset to another site.

        Raises:
            NotFoundException: There is none of this id.
        """
        moved = await aiodatabase.move_asset(pool, asset_id, data.site)
        if moved is None:
            raise NotFoundException(f"there is no asset {asset_id}")
        return convert(moved, MovedAsset)


@get("/orm/assets/{asset_id:int}")
async def read_through_orm(
    db_session: NamedDependency[AsyncSession],
    # SQLAlchemy casts it to the column's type, which has 32 bits
    asset_id: Annotated[int, PathParameter(ge=0, lt=2**31)],
) -> StoredAsset:
    """Read one row through the ORM.

    Raises:
        NotFoundException: There is none of this id.
    """
    row = await db_session.get(AssetRow, asset_id)
    if row is None:
        raise NotFoundException(f"there is no asset {asset_id}")
    return convert(row, StoredAsset, from_attributes=True)
