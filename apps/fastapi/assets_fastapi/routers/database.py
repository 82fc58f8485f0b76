"""Assets in the database: ``/db`` by raw SQL, ``/orm`` through SQLAlchemy."""

from typing import Annotated

import aiodatabase
import settings
from database import MOST_IDS, Row
from fastapi import APIRouter, HTTPException, Path, Query, status
from pydantic import BeforeValidator

from assets_fastapi import orm
from assets_fastapi.dependencies import OrmSession, Pool
from assets_fastapi.models import Move, MovedAsset, StoredAsset

router = APIRouter()


def _split_commas(values: list[str]) -> list[str]:
    return [part for value in values for part in value.split(",")]


# as large as the column
AssetId = Annotated[int, Path(ge=0, le=2**31 - 1)]
AssetIds = Annotated[
    list[int], BeforeValidator(_split_commas), Query(min_length=1, max_length=MOST_IDS)
]


@router.get("/db/assets/{asset_id}", response_model=StoredAsset)
async def read_asset(asset_id: AssetId, pool: Pool) -> Row:
    """Read one row."""
    row = await aiodatabase.read_asset(pool, asset_id)
    if row is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such asset")
    return row


@router.get("/db/assets", response_model=list[StoredAsset])
async def read_assets(ids: AssetIds, pool: Pool) -> list[Row]:
    """Read several rows."""
    return await aiodatabase.read_assets(pool, ids)


@router.post(
    "/db/assets/{asset_id}/moves", response_model=MovedAsset, max_body_size=settings.MOST_BODY
)
async def move_asset(asset_id: AssetId, move: Move, pool: Pool) -> Row:
    """Move one asset to another site."""
    row = await aiodatabase.move_asset(pool, asset_id, move.site)
    if row is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such asset")
    return row


@router.get("/orm/assets/{asset_id}", response_model=StoredAsset)
async def read_mapped_asset(asset_id: AssetId, session: OrmSession) -> orm.Asset:
    """Read one row through the ORM."""
    asset = await session.get(orm.Asset, asset_id)
    if asset is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such asset")
    return asset
