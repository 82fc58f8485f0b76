"""The assets API in Flask with ``async def`` views.

Flask stays a WSGI application: it runs each view on an event loop that is made for the request, in
a thread beside that of the worker, and the worker waits for it
(https://flask.palletsprojects.com/async-await/). So nothing bound to a loop outlives a request, and
what blocks a view keeps nobody else waiting.
"""

import logging

import settings
import work
from flask import Flask, json
from flask.typing import ResponseReturnValue
from sqlalchemy import make_url
from werkzeug.exceptions import HTTPException

from assets_flask_async import api, operations, page, remote, rows, sessions, transfers
from assets_flask_async.models import db


def create_app() -> Flask:
    """Build the application.

    Raises:
        RuntimeError: There is no key to sign sessions with.
    """
    if not settings.SECRET_KEY:
        raise RuntimeError(
            "SECRET_KEY is not set; every worker needs the same one to sign sessions"
        )
    logging.basicConfig(level=settings.LOG_LEVEL)
    app = Flask(__name__, static_folder=work.STATIC, static_url_path="/static")
    app.config.from_mapping(
        SECRET_KEY=settings.SECRET_KEY,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=settings.MOST_BODY,
    )
    if settings.DATABASE_URL:
        _add_database(app)
    for module in (api, operations, page, remote, rows, sessions, transfers):
        app.register_blueprint(module.blueprint)
    app.register_error_handler(HTTPException, _as_json)
    return app


def _add_database(app: Flask) -> None:
    app.config.from_mapping(
        SQLALCHEMY_DATABASE_URI=make_url(settings.DATABASE_URL).set(
            drivername="postgresql+psycopg"
        ),
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_size": settings.DATABASE_POOL,
            "max_overflow": 0,
            "pool_timeout": settings.DATABASE_TIMEOUT,
        },
    )
    db.init_app(app)


# not async: it waits for nothing, and a coroutine would cost an event loop more
def _as_json(error: HTTPException) -> ResponseReturnValue:
    response = error.get_response()  # with the headers of the error, such as Allow
    response.data = json.dumps({"error": error.description})
    response.content_type = "application/json"
    return response
