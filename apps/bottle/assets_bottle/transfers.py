"""Routes that receive and send in pieces."""

from collections.abc import Iterator

import settings
import work
from bottle import Bottle, HTTPError, request, response

from assets_bottle.arguments import query_number
from assets_bottle.decoded import DecodedBody

app = Bottle()

_PIECE = 64 * 1024


@app.post("/upload", apply=DecodedBody())
def upload() -> dict[str, int]:
    """Sum up a body, which Bottle keeps in a temporary file if it is longer than 100 KiB."""
    if request.content_length > settings.MOST_BODY:
        raise _too_large()
    body, size, crc = request.body, 0, 0
    while piece := body.read(_PIECE):
        size += len(piece)
        # a chunked body has no length that could be looked at before
        if size > settings.MOST_BODY:
            raise _too_large()
        crc = work.checksum(piece, crc)
    return {"bytes": size, "crc32": crc}


@app.get("/stream")
def stream() -> Iterator[bytes]:
    """Send text as it is made."""
    count = query_number("chunks", 100, least=1, most=work.MOST_CHUNKS)
    response.content_type = "text/plain; charset=utf-8"
    return work.chunks(count)


def _too_large() -> HTTPError:
    return HTTPError(413, f"at most {settings.MOST_BODY} bytes are accepted")
