"""A plugin for routes that read a body."""

from collections.abc import Callable
from functools import wraps
from tempfile import SpooledTemporaryFile
from typing import Any

import settings
from bottle import HTTPError, Route, request

_PIECE = 64 * 1024


class DecodedBody:
    """Lets a route read chunked bodies that the server has decoded already.

    Bottle decodes them itself, by ``Transfer-Encoding``, which servers such as gunicorn leave in
    place though they hand out the plain body; it then answers 400
    (https://github.com/bottlepy/bottle/issues/700). ``wsgi.input_terminated`` says that the server
    did it. Bottle reads other bodies by their length only, so that has to be found out first.
    """

    name = "decoded_body"
    api = 2

    def apply(self, callback: Callable[..., Any], route: Route) -> Callable[..., Any]:
        """Wrap a route."""

        @wraps(callback)
        def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the route has them
            if request.chunked and request.get("wsgi.input_terminated"):
                _measure_body()
            return callback(*args, **kwargs)

        return wrapper


def _measure_body() -> None:
    body = SpooledTemporaryFile(max_size=request.MEMFILE_MAX)  # noqa: SIM115 - goes with the request
    source = request["wsgi.input"]
    while piece := source.read(_PIECE):
        body.write(piece)
        if body.tell() > settings.MOST_BODY:
            raise HTTPError(413, f"at most {settings.MOST_BODY} bytes are accepted")
    request["CONTENT_LENGTH"] = str(body.tell())
    del request["HTTP_TRANSFER_ENCODING"]
    body.seek(0)
    request["wsgi.input"] = body
