"""The assets API in Bottle."""

import json

from assets import Asset, AssetStore, parse_new_asset
from bottle import Bottle, HTTPError, HTTPResponse, request, response

app = Bottle()
store = AssetStore()


@app.get("/api/assets")
def list_assets() -> str:
    """List the first page; Bottle makes JSON of a dict by itself, but not of a list."""
    response.content_type = "application/json"
    return json.dumps(store.first_page())


@app.post("/api/assets")
def create_asset() -> Asset:
    """Create one asset."""
    try:
        fields = parse_new_asset(request.json)
    except ValueError as error:
        raise HTTPError(422, str(error)) from error
    response.status = 201
    return store.create(**fields)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer while the process serves."""
    return {"status": "ok"}


def _as_json(error: HTTPResponse) -> str:
    response.content_type = "application/json"
    return json.dumps({"error": error.body})


app.default_error_handler = _as_json
