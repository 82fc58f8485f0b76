"""What a process keeps open while it serves, and how a view gets it."""

from collections.abc import AsyncGenerator
from typing import Any

import aiodatabase
import aioupstream
import settings
from psycopg_pool import AsyncConnectionPool
from quart import current_app
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from werkzeug.exceptions import ServiceUnavailable

_POOL, _ORM, _UPSTREAM = "assets-pool", "assets-orm", "assets-upstream"


async def pool_of_connections() -> AsyncGenerator[None]:
    """Keep the pool of the raw statements open."""
    if not settings.DATABASE_URL:
        yield
        return
    async with aiodatabase.make_pool() as current_app.extensions[_POOL]:
        yield


async def orm_engine() -> AsyncGenerator[None]:
    """Keep the engine of the ORM, which has a pool of its own."""
    if not settings.DATABASE_URL:
        yield
        return
    engine = create_async_engine(
        make_url(settings.DATABASE_URL).set(drivername="postgresql+psycopg"),
        pool_size=settings.DATABASE_POOL,
        max_overflow=0,
        pool_timeout=settings.DATABASE_TIMEOUT,
    )
    current_app.extensions[_ORM] = async_sessionmaker(engine, expire_on_commit=False)
    try:
        yield
    finally:
        await engine.dispose()


async def upstream_client() -> AsyncGenerator[None]:
    """Keep the client of the service that ``/upstream`` calls."""
    if not settings.UPSTREAM_URL:
        yield
        return
    async with aioupstream.make_client() as current_app.extensions[_UPSTREAM]:
        yield


WHILE_SERVING = (pool_of_connections, orm_engine, upstream_client)


def current_pool() -> AsyncConnectionPool[Any]:
    """Give the pool of the raw statements.

    Raises:
        ServiceUnavailable: The app has no database.
    """
    pool: AsyncConnectionPool[Any] = _open(_POOL, "DATABASE_URL")
    return pool


def make_db_session() -> AsyncSession:
    """Make a session of the ORM for one request.

    Raises:
        ServiceUnavailable: The app has no database.
    """
    session: AsyncSession = _open(_ORM, "DATABASE_URL")()
    return session


def current_client() -> aioupstream.AsyncClient:
    """Give the client of the service that ``/upstream`` calls.

    Raises:
        ServiceUnavailable: The app has no such service.
    """
    client: aioupstream.AsyncClient = _open(_UPSTREAM, "UPSTREAM_URL")
    return client


def _open(name: str, setting: str) -> Any:  # noqa: ANN401 - Quart keeps extensions untyped
    if name not in current_app.extensions:
        raise ServiceUnavailable(f"{setting} is not set")
    return current_app.extensions[name]
