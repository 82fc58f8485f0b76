"""Route ``/upstream``: what another service answers."""

import logging
from typing import Any

import settings
import upstream
from bottle import Bottle, HTTPError, request
from upstream_error import UpstreamError

from assets_bottle.arguments import query_number
from assets_bottle.once import OncePerProcess

app = Bottle()
client = OncePerProcess(upstream.make_client)
logger = logging.getLogger(__name__)


@app.get("/upstream")
def call_upstream() -> dict[str, Any]:
    """Ask the service and pass its answer on."""
    if not settings.UPSTREAM_URL:
        raise HTTPError(503, "there is no upstream service")
    delay_ms = query_number("delay_ms", 0, least=0, most=60_000)
    try:
        return upstream.call(client.get(), delay_ms, request.query.getunicode("token", ""))
    except UpstreamError as error:
        logger.warning("upstream: %s", error)
        raise HTTPError(502, "the upstream service does not answer") from error
