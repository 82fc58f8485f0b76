"""Work: a computation, a large answer, a streamed one."""

from collections.abc import AsyncIterator
from typing import Annotated

import work
from assets import Asset
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from assets_fastapi.models import Checksum, ListedAsset

router = APIRouter()


class TextStream(StreamingResponse):
    """Text sent as it is made."""

    media_type = "text/plain"


# def, not async def: FastAPI runs it in its thread pool, so that the event loop serves others
# meanwhile. https://fastapi.tiangolo.com/async/#path-operation-functions
@router.get("/cpu")
def compute(rounds: Annotated[int, Query(ge=1, le=work.MOST_ROUNDS)] = 40_000) -> Checksum:
    """Compute for a while."""
    return Checksum(rounds=rounds, checksum=work.burn(rounds))


# likewise: FastAPI then validates the many rows in a thread too
@router.get("/api/export", response_model=list[ListedAsset])
def export(rows: Annotated[int, Query(ge=1, le=work.MOST_ROWS)]) -> list[Asset]:
    """Give many assets at once."""
    return work.export(rows)


@router.get("/stream", response_class=TextStream)
async def stream(
    chunks: Annotated[int, Query(ge=1, le=work.MOST_CHUNKS)] = 100,
) -> AsyncIterator[bytes]:
    """Send a text in pieces."""
    for chunk in work.chunks(chunks):
        yield chunk
