"""Blueprint ``/api``: list, show and create assets, and the export of many."""

from typing import Any

import work
from assets import Asset, AssetStore, parse_new_asset
from quart import Blueprint
from werkzeug.exceptions import NotFound, UnprocessableEntity

from assets_quart.parameters import json_body, whole_number


def create_api(store: AssetStore) -> Blueprint:
    """Bind the routes to a store."""
    api = Blueprint("api", __name__, url_prefix="/api")

    @api.get("/assets")
    async def list_assets() -> list[Asset]:
        return store.first_page()

    @api.post("/assets")
    async def create_asset() -> tuple[Asset, int]:
        try:
            fields = parse_new_asset(await json_body())
        except ValueError as error:
            raise UnprocessableEntity(str(error)) from error
        return store.create(**fields), 201

    @api.get("/assets/<int:number>")
    async def show_asset(number: int) -> Asset:
        for asset in store.first_page():
            if asset["id"] == number:
                return asset
        raise NotFound(f"there is no asset {number}")

    @api.get("/export")
    async def export_assets() -> list[dict[str, Any]]:
        return work.export(whole_number("rows", least=1, most=work.MOST_ROWS))

    return api
