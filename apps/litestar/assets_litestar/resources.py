"""What a process keeps open while it serves: made by the lifespan, handed out as dependencies."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiodatabase
import aioupstream
import settings
from assets import AssetStore
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import ServiceUnavailableException
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

Pool = AsyncConnectionPool[Any]


@asynccontextmanager
async def pool_of_connections(app: Litestar) -> AsyncGenerator[None]:
    """Keep the pool of the raw statements open."""
    if not settings.DATABASE_URL:
        yield
        return
    async with aiodatabase.make_pool() as app.state.pool:
        yield


@asynccontextmanager
async def orm_engine(app: Litestar) -> AsyncGenerator[None]:
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
    app.state.make_session = async_sessionmaker(engine, expire_on_commit=False)
    try:
        yield
    finally:
        await engine.dispose()


@asynccontextmanager
async def upstream_client(app: Litestar) -> AsyncGenerator[None]:
    """Keep the client of the service that ``/upstream`` calls."""
    if not settings.UPSTREAM_URL:
        yield
        return
    async with aioupstream.make_client() as app.state.client:
        yield


def provide_store(state: State) -> AssetStore:
    """Give the store of assets in memory."""
    store: AssetStore = state.store
    return store


def provide_pool(state: State) -> Pool:
    """Give the pool of the raw statements.

    Raises:
        ServiceUnavailableException: The app has no database.
    """
    pool: Pool | None = state.get("pool")
    if pool is None:
        raise ServiceUnavailableException("DATABASE_URL is not set")
    return pool


async def provide_session(state: State) -> AsyncGenerator[AsyncSession]:
    """Give a session of the ORM for one request.

    Raises:
        ServiceUnavailableException: The app has no database.
    """
    make_session: async_sessionmaker[AsyncSession] | None = state.get("make_session")
    if make_session is None:
        raise ServiceUnavailableException("DATABASE_URL is not set")
    async with make_session() as session:
        yield session


def provide_client(state: State) -> aioupstream.AsyncClient:
    """Give the client of the service that ``/upstream`` calls.

    Raises:
        ServiceUnavailableException: The app has no such service.
    """
    client: aioupstream.AsyncClient | None = state.get("client")
    if client is None:
        raise ServiceUnavailableException("UPSTREAM_URL is not set")
    return client


dependencies = {
    "store": Provide(provide_store, sync_to_thread=False),
    "pool": Provide(provide_pool, sync_to_thread=False),
    "db_session": Provide(provide_session),
    "client": Provide(provide_client, sync_to_thread=False),
}
