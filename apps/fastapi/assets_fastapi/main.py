"""The application: its main resource, the routers of all else, what is common to them."""

import logging

import settings
import work
from assets import Asset
from fastapi import FastAPI, HTTPException, Response, status
from fastapi.staticfiles import StaticFiles

from assets_fastapi.errors import add_error_handlers
from assets_fastapi.lifespan import lifespan
from assets_fastapi.models import CreatedAsset, ListedAsset, NewAsset
from assets_fastapi.routers import compute, database, ops, pages, sessions, upload, upstream
from assets_fastapi.store import store

if not settings.SECRET_KEY:
    raise RuntimeError("SECRET_KEY is not set: sessions cannot be signed")
logging.basicConfig(level=settings.LOG_LEVEL)

app = FastAPI(title="Assets", openapi_url=None, lifespan=lifespan)


# These are the app's own, not of a router: since FastAPI 0.137 a request is matched twice in a
# router that is included, which would cost a tenth of what the list costs.
@app.api_route("/api/assets", methods=["GET", "HEAD"], response_model=list[ListedAsset])
async def list_assets() -> list[Asset]:
    """List the first page; FastAPI does not add HEAD to GET by itself."""
    return store.first_page()


@app.post(
    "/api/assets",
    status_code=status.HTTP_201_CREATED,
    response_model=CreatedAsset,
    max_body_size=settings.MOST_BODY,
)
async def create_asset(new: NewAsset) -> Asset:
    """Create one asset."""
    return store.create(**new.model_dump())


@app.options("/api/assets", status_code=status.HTTP_204_NO_CONTENT)
async def describe_assets() -> Response:
    """Tell what can be done with the list."""
    return Response(
        status_code=status.HTTP_204_NO_CONTENT, headers={"Allow": "GET, HEAD, OPTIONS, POST"}
    )


@app.get("/api/assets/{asset_id}", response_model=ListedAsset)
async def read_asset(asset_id: int) -> Asset:
    """Give one asset of the first page."""
    for asset in store.first_page():
        if asset["id"] == asset_id:
            return asset
    raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such asset")


app.mount("/static", StaticFiles(directory=work.STATIC), name="static")
app.include_router(database.router)
app.include_router(sessions.router)
app.include_router(upstream.router)
app.include_router(compute.router)
app.include_router(upload.router)
app.include_router(pages.router)
app.include_router(ops.router)
add_error_handlers(app)
