"""For those who operate the app."""

import logging

import aiodatabase
import psycopg
from fastapi import APIRouter, Request, Response, status

from assets_fastapi.models import Health

router = APIRouter()
log = logging.getLogger(__name__)


@router.get("/healthz")
async def healthz() -> Health:
    """Answer while the process serves; asks nothing else, so a slow database cannot kill it."""
    return Health(status="ok")


@router.get("/readyz")
async def readyz(request: Request, response: Response) -> Health:
    """Tell whether the database answers, where there is one."""
    if request.state.pool is not None:
        try:
            await aiodatabase.ping(request.state.pool)
        except psycopg.Error as error:
            log.warning("not ready: %s", error)
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
            return Health(status="not ready")
    return Health(status="ready")
