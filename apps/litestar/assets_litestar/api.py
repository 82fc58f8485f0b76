"""Routes of ``/api/assets``: list, show and create assets, and the export of many."""

from typing import Annotated, Any, Literal

import work
from assets import AssetStore
from litestar import HttpMethod, Router, get, post, route
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.status_codes import HTTP_204_NO_CONTENT
from msgspec import Meta, Struct, convert


class NewAsset(Struct):
    """The body of a creation."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    kind: Literal["laptop", "monitor", "phone", "printer", "server"]
    value_cents: Annotated[int, Meta(ge=0)]


class CreatedAsset(Struct):
    """The answer to a creation."""

    id: int
    name: str
    kind: str
    value_cents: int
    status: str


class ListedAsset(Struct):
    """One asset of the list."""

    id: int
    name: str
    kind: str
    site: str
    status: str
    serial: str
    value_cents: int
    insured: bool


@route(
    "/",
    http_method=HttpMethod.OPTIONS,
    status_code=HTTP_204_NO_CONTENT,
    response_headers={"Allow": "GET, HEAD, OPTIONS, POST"},
    sync_to_thread=False,
)
def list_options() -> None:
    """Name the methods of the list."""


# one handler for both: that of ``@head`` must return nothing, and would tell the length of that
@route("/", http_method=[HttpMethod.GET, HttpMethod.HEAD], sync_to_thread=False)
def list_assets(store: NamedDependency[AssetStore]) -> list[ListedAsset]:
    """List the first page."""
    return convert(store.first_page(), list[ListedAsset])


@post("/", sync_to_thread=False)
def create_asset(store: NamedDependency[AssetStore], data: JSONBody[NewAsset]) -> CreatedAsset:
    """Create one asset."""
    created = store.create(name=data.name, kind=data.kind, value_cents=data.value_cents)
    return convert(created, CreatedAsset)


@get("/{asset_id:int}", sync_to_thread=False)
def show_asset(store: NamedDependency[AssetStore], asset_id: FromPath[int]) -> ListedAsset:
    """Show one asset of the first page.

    Raises:
        NotFoundException: There is none of this id.
    """
    for asset in store.first_page():
        if asset["id"] == asset_id:
            return convert(asset, ListedAsset)
    raise NotFoundException(f"there is no asset {asset_id}")


asset_router = Router(
    "/api/assets",
    # OPTIONS comes first, or Litestar 2 adds a handler of its own, which knows only one of the
    # others (litestar#4169)
    route_handlers=[list_options, list_assets, create_asset, show_asset],
)


@get("/api/export", sync_to_thread=False)
def export_assets(
    rows: Annotated[int, QueryParameter(ge=1, le=work.MOST_ROWS)],
) -> list[dict[str, Any]]:
    """Give many assets at once."""
    return work.export(rows)
