"""Two things of HTTP that Django leaves to the server, and some servers leave to the app.

Django reads as much of a body as Content-Length says, so one sent in chunks is empty
(https://code.djangoproject.com/ticket/35838). A server that ends the stream where the body ends
says so with ``wsgi.input_terminated``; then it can be read to its end.

Django answers HEAD with the body of GET. Waitress and gevent's server send it, and the client takes
it for the answer to its next request.
"""

import io
from typing import Any, Protocol

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class Readable(Protocol):
    """The ``wsgi.input`` of a server."""

    def read(self, size: int, /) -> bytes:
        """Read up to so many bytes; none at the end."""
        ...


class ChunkedBody(io.RawIOBase):
    """A stream that refuses to go on when more has come than a body may have.

    Raises:
        RequestDataTooBig: While it is read.
    """

    def __init__(self, source: Readable, most: int) -> None:
        self._source = source
        self._left = most

    def readable(self) -> bool:
        """Tell ``io`` that this can be read."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - typing has no writable buffer in 3.11
        """Read a piece, which is all that ``io.RawIOBase`` needs to have the rest."""
        piece = self._source.read(len(buffer))
        self._left -= len(piece)
        if self._left < 0:
            raise RequestDataTooBig("The chunked body exceeds DATA_UPLOAD_MAX_MEMORY_SIZE.")
        buffer[: len(piece)] = piece
        return len(piece)


class ChunkedRequest(WSGIRequest):
    """A request whose body may come in chunks."""

    def __init__(self, environ: dict[str, Any]) -> None:
        super().__init__(environ)
        chunked = "HTTP_TRANSFER_ENCODING" in environ and not environ.get("CONTENT_LENGTH")
        if chunked and environ.get("wsgi.input_terminated"):
            most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            self._stream = ChunkedBody(environ["wsgi.input"], most)


class HttpHandler(WSGIHandler):
    """Django's handler with such requests, and without a body in answers to HEAD."""

    request_class = ChunkedRequest

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request; the headers stay those of GET, Content-Length among them."""
        response = super().get_response(request)
        if request.method == "HEAD":
            if response.streaming:
                response.streaming_content = ()
            else:
                response.content = b""
        return response
