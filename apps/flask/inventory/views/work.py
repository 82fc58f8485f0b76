"""Blueprint of work for the benchmark: computing, streaming, receiving, asking another service."""

from typing import Any

import upstream
import work
from flask import Blueprint, Response, abort, request
from upstream_error import UpstreamError

from inventory.pools import upstream_client
from inventory.query import bounded

blueprint = Blueprint("work", __name__)

_PIECE = 64 * 1024
_MOST_DELAY_MS = 60_000


@blueprint.get("/cpu")
def cpu() -> dict[str, int]:
    """Compute for a while, holding the GIL."""
    rounds = bounded("rounds", default=40_000, most=work.MOST_ROUNDS)
    return {"rounds": rounds, "checksum": work.burn(rounds)}


@blueprint.get("/api/export")
def export() -> list[dict[str, Any]]:
    """Give a large answer."""
    return work.export(bounded("rows", default=1_000, least=1, most=work.MOST_ROWS))


@blueprint.get("/stream")
def stream() -> Response:
    """Give an answer piece by piece: the server sends each as it is made."""
    count = bounded("chunks", default=100, most=work.MOST_CHUNKS)
    return Response(work.chunks(count), mimetype="text/plain")


@blueprint.post("/upload")
def upload() -> dict[str, int]:
    """Take a body piece by piece; ``request.stream`` answers 413 beyond ``MAX_CONTENT_LENGTH``."""
    size, crc32 = 0, 0
    while piece := request.stream.read(_PIECE):
        size += len(piece)
        crc32 = work.checksum(piece, crc32)
    return {"bytes": size, "crc32": crc32}


@blueprint.get("/upstream")
def call_upstream() -> dict[str, Any]:
    """Call another service and pass on its answer."""
    delay_ms = bounded("delay_ms", default=0, most=_MOST_DELAY_MS)
    try:
        return upstream.call(upstream_client(), delay_ms, request.args.get("token", ""))
    except UpstreamError:
        abort(502, "the upstream service failed")
