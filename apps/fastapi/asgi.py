"""The assets API in FastAPI, validated by pydantic models as its documentation recommends."""

from typing import Annotated, Literal

import assets
from fastapi import FastAPI
from pydantic import BaseModel, Field, StrictInt


class NewAsset(BaseModel):
    """The body of a creation."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    kind: Literal["laptop", "monitor", "phone", "printer", "server"]
    value_cents: Annotated[StrictInt, Field(ge=0)]


class CreatedAsset(NewAsset):
    """The answer to a creation."""

    id: int
    status: str


class ListedAsset(BaseModel):
    """One asset of the list."""

    id: int
    name: str
    kind: str
    site: str
    status: str
    serial: str
    value_cents: int
    insured: bool


app = FastAPI(title="Assets", openapi_url=None)
store = assets.AssetStore()


@app.get("/api/assets")
async def list_assets() -> list[ListedAsset]:
    """List the first page."""
    return store.first_page()  # type: ignore[return-value] # FastAPI makes the models of it


@app.post("/api/assets", status_code=201)
async def create_asset(new: NewAsset) -> CreatedAsset:
    """Create one asset."""
    return store.create(**new.model_dump())  # type: ignore[return-value] # likewise


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answer while the process serves."""
    return {"status": "ok"}
