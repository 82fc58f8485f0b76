"""``/upstream``: what another service answers."""

import logging
from typing import Annotated, Any

import aioupstream
from fastapi import APIRouter, HTTPException, Query, status
from upstream_error import UpstreamError

from assets_fastapi.dependencies import Upstream

router = APIRouter()
log = logging.getLogger(__name__)


@router.get("/upstream")
async def call_upstream(
    client: Upstream, delay_ms: Annotated[int, Query(ge=0)], token: str
) -> dict[str, Any]:
    """Ask the other service."""
    try:
        return await aioupstream.call(client, delay_ms, token)
    except UpstreamError as error:
        log.warning("upstream: %r", error)
        raise HTTPException(status.HTTP_502_BAD_GATEWAY, "The upstream service failed") from error
