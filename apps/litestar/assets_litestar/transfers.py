"""Work for the processor, a large body in, a long body out."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import work
from litestar import MediaType, Request, get, post
from litestar.params import QueryParameter
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK
from msgspec import Struct


class Burnt(Struct):
    """The answer to ``/cpu``."""

    rounds: int
    checksum: int


class Uploaded(Struct):
    """The answer to ``/upload``."""

    bytes: int
    crc32: int


# Litestar's documentation sends work that computes for long to the pool of threads: it ends no
# sooner there, but the event loop keeps serving the others
@get("/cpu", sync_to_thread=True)
def burn(rounds: Annotated[int, QueryParameter(ge=1, le=work.MOST_ROUNDS)] = 40_000) -> Burnt:
    """Work and give the checksum."""
    return Burnt(rounds=rounds, checksum=work.burn(rounds))


@post("/upload", status_code=HTTP_200_OK)
async def upload(request: Request[Any, Any, Any]) -> Uploaded:
    """Read a body piece by piece; ``request_max_body_size`` ends one that is too large."""
    size = checksum = 0
    async for piece in request.stream():
        size += len(piece)
        checksum = work.checksum(piece, checksum)
    return Uploaded(bytes=size, crc32=checksum)


@get("/stream", sync_to_thread=False)
def stream(chunks: Annotated[int, QueryParameter(ge=0, le=work.MOST_CHUNKS)] = 100) -> Stream:
    """Send a text in pieces."""
    return Stream(_pieces(chunks), media_type=MediaType.TEXT)


async def _pieces(count: int) -> AsyncIterator[bytes]:
    # a plain iterator would be moved to a thread for every piece
    for piece in work.chunks(count):
        yield piece
