"""Blueprint ``/upstream``: what another service answers."""

import logging
from typing import Any

import aioupstream
import settings
from flask import Blueprint, request
from upstream_error import UpstreamError
from werkzeug.exceptions import BadGateway, ServiceUnavailable

from assets_flask_async.arguments import query_number

blueprint = Blueprint("remote", __name__)
logger = logging.getLogger(__name__)


@blueprint.get("/upstream")
async def call_upstream() -> dict[str, Any]:
    """Ask the service and pass its answer on."""
    if not settings.UPSTREAM_URL:
        raise ServiceUnavailable("there is no upstream service")
    delay_ms = query_number("delay_ms", 0, least=0, most=60_000)
    try:
        # a client for each request: its connections belong to the loop, which ends with the view
        async with aioupstream.make_client() as client:
            return await aioupstream.call(client, delay_ms, request.args.get("token", ""))
    except UpstreamError as error:
        logger.warning("upstream: %s", error)
        raise BadGateway("the upstream service does not answer") from error
