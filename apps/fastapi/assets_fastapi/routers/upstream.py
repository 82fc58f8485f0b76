"""``/upstream``: what another service answers."""

import logging
from typing import Annotated, Any

import httpx
import upstream
from fastapi import APIRouter, HTTPException, Query, status

from assets_fastapi.dependencies import Upstream

router = APIRouter()
log = logging.getLogger(__name__)


@router.get("/upstream")
async def call_upstream(
    client: Upstream, delay_ms: Annotated[int, Query(ge=0)], token: str
) -> dict[str, Any]:
    """Ask the other service."""
    try:
        return await upstream.call_async(client, delay_ms, token)
    except httpx.HTTPError as error:
        log.warning("upstream: %r", error)
        raise HTTPException(status.HTTP_502_BAD_GATEWAY, "The upstream service failed") from error
