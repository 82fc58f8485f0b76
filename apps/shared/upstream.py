"""The service that ``/upstream`` calls, through urllib3, on which requests is built too.

``aioupstream`` is the same for an event loop. There is one client that does both, httpx; its pool
looks through all its connections for every request, which under an event loop with dozens of calls
at once costs more than all the rest (``benchmarks/http_clients.py``).
"""

from typing import Any

import settings
import urllib3
from upstream_error import UpstreamError

Client = urllib3.HTTPConnectionPool


def make_client() -> Client:
    """Make this process's client, with its pool of connections. After the fork."""
    return urllib3.connection_from_url(
        settings.UPSTREAM_URL,
        maxsize=settings.UPSTREAM_CONNECTIONS,
        timeout=settings.UPSTREAM_TIMEOUT,
        retries=False,
    )


def call(client: Client, delay_ms: int, token: str) -> dict[str, Any]:
    """Call the service and give its answer: what was asked for.

    Raises:
        UpstreamError: There was none, or not a good one.
    """
    fields = {"delay_ms": str(delay_ms), "token": token}
    try:
        answer = client.request("GET", "/upstream", fields=fields)
        if answer.status != 200:
            raise UpstreamError(f"status {answer.status}")
        value: dict[str, Any] = answer.json()
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise UpstreamError(str(error)) from error
    return value
