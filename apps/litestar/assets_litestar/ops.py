"""Routes for those who operate the app."""

import logging

import aiodatabase
import psycopg
import psycopg_pool
import settings
from litestar import Response, get
from litestar.datastructures import State
from litestar.status_codes import HTTP_503_SERVICE_UNAVAILABLE

logger = logging.getLogger(__name__)


@get("/healthz", sync_to_thread=False)
def healthz() -> dict[str, str]:
    """Answer while the process serves; asks nothing else, so a slow database cannot kill it."""
    return {"status": "ok"}


@get("/readyz")
async def readyz(state: State) -> Response[dict[str, str]]:
    """Tell whether requests can be served: with a database only when it answers."""
    if settings.DATABASE_URL:
        try:
            await aiodatabase.ping(state.pool)
        except (psycopg.Error, psycopg_pool.PoolTimeout) as error:
            logger.warning("not ready: %s", error)
            return Response({"status": "not ready"}, status_code=HTTP_503_SERVICE_UNAVAILABLE)
    return Response({"status": "ready"})
