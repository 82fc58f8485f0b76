"""The service that ``/upstream`` calls, through the same HTTP client in every app."""

from typing import Any

import httpx
import settings

# reading the certificates takes tens of milliseconds, and some apps make a client per request
_TLS = httpx.create_ssl_context()
_LIMITS = httpx.Limits(
    max_connections=settings.UPSTREAM_CONNECTIONS,
    max_keepalive_connections=settings.UPSTREAM_CONNECTIONS,
)


def make_client() -> httpx.Client:
    """Make this process's client, with its own pool of connections."""
    return httpx.Client(
        base_url=settings.UPSTREAM_URL,
        timeout=settings.UPSTREAM_TIMEOUT,
        limits=_LIMITS,
        verify=_TLS,
        trust_env=False,
    )


def make_async_client() -> httpx.AsyncClient:
    """Make the same for an event loop."""
    return httpx.AsyncClient(
        base_url=settings.UPSTREAM_URL,
        timeout=settings.UPSTREAM_TIMEOUT,
        limits=_LIMITS,
        verify=_TLS,
        trust_env=False,
    )


def call(client: httpx.Client, delay_ms: int, token: str) -> dict[str, Any]:
    """Call the service and give its answer: what was asked for.

    Raises:
        httpx.HTTPError: There was none, or not a good one.
    """
    answer = client.get("/upstream", params={"delay_ms": delay_ms, "token": token})
    return _value(answer)


async def call_async(client: httpx.AsyncClient, delay_ms: int, token: str) -> dict[str, Any]:
    """Do the same on an event loop.

    Raises:
        httpx.HTTPError: There was none, or not a good one.
    """
    answer = await client.get("/upstream", params={"delay_ms": delay_ms, "token": token})
    return _value(answer)


def _value(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    try:
        value: dict[str, Any] = answer.json()
    except ValueError as error:
        raise httpx.DecodingError(str(error), request=answer.request) from error
    return value
