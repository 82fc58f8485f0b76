"""The assets API in Quart."""

from logging.config import dictConfig

import settings
import work
from assets import AssetStore
from quart import Quart
from werkzeug.exceptions import HTTPException

from assets_quart import resources
from assets_quart.api import create_api
from assets_quart.errors import as_json
from assets_quart.ops import ops
from assets_quart.pages import create_pages
from assets_quart.rows import rows
from assets_quart.sessions import sessions
from assets_quart.transfers import transfers
from assets_quart.upstreams import upstreams


def create_app() -> Quart:
    """Build the application with a store of its own.

    Raises:
        RuntimeError: There is no secret key.
    """
    if not settings.SECRET_KEY:
        raise RuntimeError("SECRET_KEY is not set: sessions cannot be signed")
    _configure_logging(settings.LOG_LEVEL)
    app = Quart(__name__, static_folder=str(work.STATIC), static_url_path="/static")
    app.config.from_mapping(
        SECRET_KEY=settings.SECRET_KEY,
        MAX_CONTENT_LENGTH=settings.MOST_BODY,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    store = AssetStore()
    for blueprint in (
        create_api(store),
        create_pages(store),
        transfers,
        sessions,
        rows,
        upstreams,
        ops,
    ):
        app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, as_json)
    for resource in resources.WHILE_SERVING:
        app.while_serving(resource)
    return app


def _configure_logging(level: str) -> None:
    # before the app makes its logger: that one gets a handler of its own where there is none
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {"format": "%(asctime)s %(levelname)s %(name)s %(process)d %(message)s"}
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"level": level, "handlers": ["stderr"]},
        }
    )
