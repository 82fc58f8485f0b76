"""A call that the app passes on to another service, which takes its time."""

import secrets

from toolkit.client import JsonBody, Request


def call(delay: float) -> Request:
    """Have the other service called; it answers after so many seconds, and with our token.

    A token of its own for each request: an answer that was kept, or is somebody else's, is wrong.
    """
    milliseconds, token = round(delay * 1e3), secrets.token_hex(8)
    return Request(
        "GET",
        f"/upstream?delay_ms={milliseconds}&token={token}",
        name="upstream",
        expect=200,
        check=JsonBody({"delay_ms": milliseconds, "token": token}),
    )
