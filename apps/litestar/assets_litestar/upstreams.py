"""The route that waits for another service."""

import logging
from typing import Annotated, Any

import aioupstream
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from upstream_error import UpstreamError

from assets_litestar.errors import BadGatewayException

MOST_DELAY_MS = 60_000

logger = logging.getLogger(__name__)


@get("/upstream")
async def call_upstream(
    client: NamedDependency[aioupstream.AsyncClient],
    delay_ms: Annotated[int, QueryParameter(ge=0, le=MOST_DELAY_MS)],
    token: FromQuery[str],
) -> dict[str, Any]:
    """Call the service and pass its answer on.

    Raises:
        BadGatewayException: There was none, or not a good one.
    """
    try:
        return await aioupstream.call(client, delay_ms, token)
    except UpstreamError as error:
        logger.warning("upstream: %r", error)
        raise BadGatewayException("the upstream service fails") from error
