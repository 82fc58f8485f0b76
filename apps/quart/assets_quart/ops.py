"""Blueprint for those who operate the app."""

import aiodatabase
import psycopg
import psycopg_pool
import settings
from quart import Blueprint, current_app
from quart.typing import ResponseReturnValue

from assets_quart.resources import current_pool

ops = Blueprint("ops", __name__)


@ops.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answer while the process serves; asks nothing else, so a slow database cannot kill it."""
    return {"status": "ok"}


@ops.get("/readyz")
async def readyz() -> ResponseReturnValue:
    """Tell whether requests can be served: with a database only when it answers."""
    if settings.DATABASE_URL:
        try:
            await aiodatabase.ping(current_pool())
        except (psycopg.Error, psycopg_pool.PoolTimeout) as error:
            current_app.logger.warning("not ready: %s", error)
            return {"status": "not ready"}, 503
    return {"status": "ready"}
