"""Blueprint of work for the processor, a large body in, a long body out."""

import asyncio
from collections.abc import AsyncIterator

import settings
import work
from quart import Blueprint, Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout

from assets_quart.parameters import whole_number

transfers = Blueprint("transfers", __name__)


@transfers.get("/cpu")
def burn() -> dict[str, int]:
    """Work and give the checksum; Quart runs a view that is not async in a thread."""
    rounds = whole_number("rounds", least=1, most=work.MOST_ROUNDS, default=40_000)
    return {"rounds": rounds, "checksum": work.burn(rounds)}


@transfers.post("/upload")
async def upload() -> dict[str, int]:
    """Read a body piece by piece.

    Raises:
        RequestEntityTooLarge: It is too large.
        RequestTimeout: It takes too long to come.
    """
    size = checksum = 0
    try:
        # whoever iterates has to set the limit of time, says Quart's documentation, and that of
        # size where the length is not known before: Quart's own looks at what is not yet read
        async with asyncio.timeout(current_app.config["BODY_TIMEOUT"]):
            async for piece in request.body:
                size += len(piece)
                if size > settings.MOST_BODY:
                    raise RequestEntityTooLarge
                checksum = work.checksum(piece, checksum)
    except TimeoutError as error:
        raise RequestTimeout from error
    return {"bytes": size, "crc32": checksum}


@transfers.get("/stream")
async def stream() -> Response:
    """Send a text in pieces."""
    count = whole_number("chunks", least=0, most=work.MOST_CHUNKS, default=100)
    return Response(_pieces(count), mimetype="text/plain")


async def _pieces(count: int) -> AsyncIterator[bytes]:
    # a plain iterator would be moved to a thread for every piece
    for piece in work.chunks(count):
        yield piece
