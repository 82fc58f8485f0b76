"""Blueprint of the route that waits for another service."""

from typing import Any

import aioupstream
from quart import Blueprint, current_app, request
from upstream_error import UpstreamError
from werkzeug.exceptions import BadGateway, BadRequest

from assets_quart.parameters import whole_number
from assets_quart.resources import current_client

MOST_DELAY_MS = 60_000

upstreams = Blueprint("upstreams", __name__)


@upstreams.get("/upstream")
async def call_upstream() -> dict[str, Any]:
    """Call the service and pass its answer on.

    Raises:
        BadGateway: There was none, or not a good one.
        BadRequest: A parameter is missing or wrong.
    """
    delay_ms = whole_number("delay_ms", least=0, most=MOST_DELAY_MS)
    token = request.args.get("token")
    if token is None:
        raise BadRequest("token: is needed")
    try:
        return await aioupstream.call(current_client(), delay_ms, token)
    except UpstreamError as error:
        current_app.logger.warning("upstream: %r", error)
        raise BadGateway("the upstream service fails") from error
