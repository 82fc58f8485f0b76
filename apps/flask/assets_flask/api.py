"""Blueprint ``/api``: list and create assets."""

from assets import Asset, AssetStore, parse_new_asset
from flask import Blueprint, request
from werkzeug.exceptions import UnprocessableEntity


def create_api(store: AssetStore) -> Blueprint:
    """Bind the routes to a store."""
    api = Blueprint("api", __name__, url_prefix="/api")

    @api.get("/assets")
    def list_assets() -> list[Asset]:
        return store.first_page()

    @api.post("/assets")
    def create_asset() -> tuple[Asset, int]:
        try:
            fields = parse_new_asset(request.get_json())
        except ValueError as error:
            raise UnprocessableEntity(str(error)) from error
        return store.create(**fields), 201

    return api
