"""Blueprint of what is received and sent in pieces."""

import work
from flask import Blueprint, Response, request

from assets_flask_async.arguments import query_number

blueprint = Blueprint("transfers", __name__)

_PIECE = 64 * 1024


@blueprint.post("/upload")
async def upload() -> dict[str, int]:
    """Sum up a body; MAX_CONTENT_LENGTH has it refused (413) where it is too long."""
    size = crc = 0
    while piece := request.stream.read(_PIECE):
        size += len(piece)
        crc = work.checksum(piece, crc)
    return {"bytes": size, "crc32": crc}


@blueprint.get("/stream")
async def stream() -> Response:
    """Send text as it is made; the server asks for it after the loop has ended, so not `async`."""
    count = query_number("chunks", 100, least=1, most=work.MOST_CHUNKS)
    return Response(work.chunks(count), mimetype="text/plain")
