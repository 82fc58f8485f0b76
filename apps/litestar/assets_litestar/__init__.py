"""The assets API in Litestar."""

from pathlib import Path

import settings
import work
from assets import AssetStore
from litestar import Litestar
from litestar.datastructures import State
from litestar.logging import LoggingConfig
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig

from assets_litestar import resources
from assets_litestar.api import asset_router, export_assets
from assets_litestar.errors import EXPECTED, exception_handlers
from assets_litestar.ops import healthz, readyz
from assets_litestar.pages import asset_page
from assets_litestar.rows import RowController, read_through_orm
from assets_litestar.sessions import SessionController, cookie_of
from assets_litestar.transfers import burn, stream, upload
from assets_litestar.upstreams import call_upstream


def create_app() -> Litestar:
    """Build the application with a store of its own.

    Raises:
        RuntimeError: There is no secret key.
    """
    if not settings.SECRET_KEY:
        raise RuntimeError("SECRET_KEY is not set: sessions cannot be encrypted")
    return Litestar(
        route_handlers=[
            asset_router,
            export_assets,
            asset_page,
            burn,
            upload,
            stream,
            SessionController,
            RowController,
            read_through_orm,
            call_upstream,
            healthz,
            readyz,
            create_static_files_router(path="/static", directories=[work.STATIC]),
        ],
        state=State({"store": AssetStore()}),
        lifespan=[resources.pool_of_connections, resources.orm_engine, resources.upstream_client],
        dependencies=resources.dependencies,
        exception_handlers=exception_handlers,
        middleware=[cookie_of(settings.SECRET_KEY).middleware],
        request_max_body_size=settings.MOST_BODY,
        template_config=TemplateConfig(
            directory=Path(__file__).with_name("templates"), engine=JinjaTemplateEngine
        ),
        openapi_config=None,
        logging_config=_logging(settings.LOG_LEVEL),
    )


def _logging(level: str) -> LoggingConfig:
    # not the queue listener: a server that loads the app before it forks leaves its thread behind
    return LoggingConfig(
        root={"level": level, "handlers": ["console"]},
        loggers={"litestar": {"level": level, "handlers": ["console"], "propagate": False}},
        log_exceptions="always",
        disable_stack_trace=EXPECTED,
    )
