"""Blueprint ``/api`` and ``/cpu``: assets in memory and plain work."""

import work
from assets import Asset, AssetStore, parse_new_asset
from flask import Blueprint, request
from werkzeug.exceptions import NotFound, UnprocessableEntity

from assets_flask_async.arguments import query_number

blueprint = Blueprint("api", __name__)
store = AssetStore()


@blueprint.get("/api/assets")
async def list_assets() -> list[Asset]:
    """List the first page."""
    return store.first_page()


@blueprint.post("/api/assets")
async def create_asset() -> tuple[Asset, int]:
    """Create one asset."""
    try:
        fields = parse_new_asset(request.get_json())
    except ValueError as error:
        raise UnprocessableEntity(str(error)) from error
    return store.create(**fields), 201


@blueprint.get("/api/assets/<int:number>")
async def one_asset(number: int) -> Asset:
    """Give one asset of the first page."""
    for asset in store.first_page():
        if asset["id"] == number:
            return asset
    raise NotFound(f"there is no asset {number}")


@blueprint.get("/api/export")
async def export() -> list[Asset]:
    """Give many assets at once."""
    return work.export(query_number("rows", 1000, least=1, most=work.MOST_ROWS))


@blueprint.get("/cpu")
async def cpu() -> dict[str, int]:
    """Work for a while; on the loop, which has nothing else to do."""
    rounds = query_number("rounds", 40_000, least=1, most=work.MOST_ROUNDS)
    return {"rounds": rounds, "checksum": work.burn(rounds)}
