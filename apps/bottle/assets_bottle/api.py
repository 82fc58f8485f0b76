"""Routes ``/api`` and ``/cpu``: assets in memory and plain work."""

import work
from assets import Asset, AssetStore, parse_new_asset
from bottle import Bottle, HTTPError, HTTPResponse, request, response

from assets_bottle.answers import as_json
from assets_bottle.arguments import query_number
from assets_bottle.decoded import DecodedBody

app = Bottle()
store = AssetStore()


@app.get("/api/assets")
def list_assets() -> str:
    """List the first page."""
    return as_json(store.first_page())


@app.route("/api/assets", method="OPTIONS")
def assets_options() -> HTTPResponse:
    """Tell the methods; Bottle answers HEAD by GET, but OPTIONS only where there is a route."""
    return HTTPResponse(status=204, Allow="GET, HEAD, OPTIONS, POST")


@app.post("/api/assets", apply=DecodedBody())
def create_asset() -> Asset:
    """Create one asset."""
    try:
        fields = parse_new_asset(request.json)
    except ValueError as error:
        raise HTTPError(422, str(error)) from error
    response.status = 201
    return store.create(**fields)


@app.get("/api/assets/<number:int>")
def one_asset(number: int) -> Asset:
    """Give one asset of the first page."""
    for asset in store.first_page():
        if asset["id"] == number:
            return asset
    raise HTTPError(404, f"there is no asset {number}")


@app.get("/api/export")
def export() -> str:
    """Give many assets at once."""
    return as_json(work.export(query_number("rows", 1000, least=1, most=work.MOST_ROWS)))


@app.get("/cpu")
def cpu() -> dict[str, int]:
    """Work for a while."""
    rounds = query_number("rounds", 40_000, least=1, most=work.MOST_ROUNDS)
    return {"rounds": rounds, "checksum": work.burn(rounds)}
