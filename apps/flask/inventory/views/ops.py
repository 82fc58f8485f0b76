"""Blueprint for those who operate the app."""

import logging

import database
import psycopg
from flask import Blueprint, current_app

from inventory.pools import database_pool

blueprint = Blueprint("ops", __name__)
log = logging.getLogger(__name__)


@blueprint.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer while the process serves; asks nothing else, so a slow database cannot kill it."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz() -> tuple[dict[str, str], int]:
    """Tell whether requests should be sent here: the database answers, or there is none."""
    if current_app.config["DATABASE_URL"]:
        try:
            database.ping(database_pool())
        except psycopg.Error as error:
            log.warning("not ready: %s", error)
            return {"status": "not ready"}, 503
    return {"status": "ready"}, 200
