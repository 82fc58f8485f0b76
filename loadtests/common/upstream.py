"""A call that the app passes on to another service, which takes its time."""

import secrets

from toolkit.client import JsonBody, Request

_MOST = 60_000


def call(delay: float) -> Request:
    """Have the other service called; it answers after so many seconds, and with our token.

    A token of its own for each request: an answer that was kept, or is somebody else's, is wrong.
    """
    milliseconds, token = round(delay * 1e3), secrets.token_hex(8)
    if abs(milliseconds - delay * 1e3) > 1e-6 or milliseconds > _MOST:
        raise ValueError(f"delay is in whole milliseconds, up to {_MOST}")
    return Request(
        "GET",
        f"/upstream?delay_ms={milliseconds}&token={token}",
        name="upstream",
        expect=200,
        check=JsonBody({"delay_ms": milliseconds, "token": token}),
    )
