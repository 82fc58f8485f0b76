"""A name for each request, in ``g``, in every log line and in the answer."""

import re
from uuid import uuid4

from flask import Flask, Response, g, request

HEADER = "X-Request-ID"
# what a proxy gave is kept, as long as it cannot forge log lines or fill a disk
_GOOD = re.compile(r"[A-Za-z0-9._-]{1,64}")


def install(app: Flask) -> None:
    """Name each request before anything else looks at it."""
    app.before_request(_name)
    app.after_request(_tell)


def _name() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if _GOOD.fullmatch(given) else uuid4().hex


def _tell(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    return response
