"""Routes for those who operate the app."""

import logging

import database
import psycopg
import settings
from bottle import Bottle, HTTPResponse

from assets_bottle.database_rows import pool

app = Bottle()
logger = logging.getLogger(__name__)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer while the process serves; asks nothing else, so a slow database cannot kill it."""
    return {"status": "ok"}


@app.get("/readyz")
def readyz() -> dict[str, str] | HTTPResponse:
    """Tell whether requests can be answered: the database is there, if one is needed."""
    if settings.DATABASE_URL:
        try:
            database.ping(pool.get())
        except psycopg.Error as error:
            logger.warning("not ready: %s", error)
            return HTTPResponse({"status": "not ready"}, 503)
    return {"status": "ready"}
