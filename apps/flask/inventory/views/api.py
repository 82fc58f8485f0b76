"""Blueprint ``/api``: the JSON API that every reference app has, on a store in memory."""

from assets import Asset, AssetStore, parse_new_asset
from flask import Blueprint, abort, current_app, request

blueprint = Blueprint("api", __name__, url_prefix="/api")


def store() -> AssetStore:
    """Give the store of the current app."""
    found: AssetStore = current_app.extensions["asset_store"]
    return found


@blueprint.get("/assets")
def list_assets() -> list[Asset]:
    """List the first page."""
    return store().first_page()


@blueprint.post("/assets")
def create_asset() -> tuple[Asset, int]:
    """Create one asset."""
    try:
        fields = parse_new_asset(request.get_json())
    except ValueError as error:
        abort(422, str(error))
    return store().create(**fields), 201


@blueprint.get("/assets/<int:number>")
def get_asset(number: int) -> Asset:
    """Give one asset of the first page."""
    found = next((asset for asset in store().first_page() if asset["id"] == number), None)
    if found is None:
        abort(404, f"there is no asset {number}")
    return found
