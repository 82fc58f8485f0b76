"""``/upload``: a body that is never in memory as a whole."""

import settings
import work
from fastapi import APIRouter, HTTPException, Request, status

from assets_fastapi.models import Received

router = APIRouter()


@router.post("/upload")
async def upload(request: Request) -> Received:
    """Take a body piece by piece."""
    size = checksum = 0
    async for piece in request.stream():
        size += len(piece)
        if size > settings.MOST_BODY:
            raise HTTPException(
                status.HTTP_413_CONTENT_TOO_LARGE, f"At most {settings.MOST_BODY} bytes are taken"
            )
        checksum = work.checksum(piece, checksum)
    return Received(bytes=size, crc32=checksum)
