"""The assets API in Bottle."""

import logging

import settings
from bottle import Bottle, HTTPError

from assets_bottle import (
    api,
    database_rows,
    operations,
    orm_rows,
    page,
    remote,
    sessions,
    transfers,
)
from assets_bottle.answers import as_json


class AssetsApp(Bottle):
    """Bottle whose errors are JSON instead of pages."""

    def default_error_handler(self, res: HTTPError) -> str:
        """Make the body of an error that no handler of its own is registered for."""
        return as_json({"error": res.body})


def create_app() -> AssetsApp:
    """Merge the applications of the modules into one.

    Raises:
        RuntimeError: There is no key to sign sessions with.
    """
    if not settings.SECRET_KEY:
        raise RuntimeError(
            "SECRET_KEY is not set; every worker needs the same one to sign sessions"
        )
    logging.basicConfig(level=settings.LOG_LEVEL)
    app = AssetsApp()
    for module in (api, database_rows, operations, orm_rows, page, remote, sessions, transfers):
        app.merge(module.app)
    return app
