"""The app named by ``APP_TARGET`` with what uWSGI's HTTP leaves to the app.

uWSGI 2.0 leaves ``wsgi.input`` empty for a body that comes in chunks, which it has to be asked for,
and does not answer ``Expect: 100-continue``, with which curl announces large bodies.
"""

import io
import os
import pkgutil
from collections.abc import Iterable
from typing import Any

import uwsgi

_wsgi_app = pkgutil.resolve_name(os.environ["APP_TARGET"])


class _Chunks(io.RawIOBase):
    """The body of the current request, chunk by chunk."""

    _rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer has no type in 3.11
        if not self._rest:
            self._rest = uwsgi.chunked_read()
        part = self._rest[: len(buffer)]
        self._rest = self._rest[len(part) :]
        buffer[: len(part)] = part
        return len(part)


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401
    """Serve a request, its body readable whether it comes with a length or in chunks."""
    if environ.get("HTTP_EXPECT", "").lower() == "100-continue":
        os.write(uwsgi.connection_fd(), b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        environ["wsgi.input"] = io.BufferedReader(_Chunks())
        environ["wsgi.input_terminated"] = True
    return _wsgi_app(environ, start_response)
