"""The same as ``upstream``, for apps on an event loop: through aiohttp."""

from typing import Any

import aiohttp
import settings
from upstream_error import UpstreamError

AsyncClient = aiohttp.ClientSession


def make_client() -> AsyncClient:
    """Make a client with a pool of connections; inside the loop that it is for."""
    return aiohttp.ClientSession(
        settings.UPSTREAM_URL,
        connector=aiohttp.TCPConnector(limit=settings.UPSTREAM_CONNECTIONS),
        timeout=aiohttp.ClientTimeout(total=settings.UPSTREAM_TIMEOUT),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def call(client: AsyncClient, delay_ms: int, token: str) -> dict[str, Any]:
    """Call the service and give its answer: what was asked for.

    Raises:
        UpstreamError: There was none, or not a good one.
    """
    params = {"delay_ms": str(delay_ms), "token": token}
    try:
        async with client.get("/upstream", params=params) as answer:
            if answer.status != 200:
                raise UpstreamError(f"status {answer.status}")
            value: dict[str, Any] = await answer.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise UpstreamError(str(error)) from error
    return value
