"""Blueprint for those who operate the app."""

import logging

import database
import psycopg
import settings
from asgiref.sync import sync_to_async
from flask import Blueprint
from flask.typing import ResponseReturnValue

from assets_flask_async.rows import pool

blueprint = Blueprint("operations", __name__)
logger = logging.getLogger(__name__)


@blueprint.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answer while the process serves; asks nothing else, so a slow database cannot kill it."""
    return {"status": "ok"}


@blueprint.get("/readyz")
async def readyz() -> ResponseReturnValue:
    """Tell whether requests can be answered: the database is there, if one is needed."""
    if settings.DATABASE_URL:
        try:
            await sync_to_async(database.ping)(pool())
        except psycopg.Error as error:
            logger.warning("not ready: %s", error)
            return {"status": "not ready"}, 503
    return {"status": "ready"}
