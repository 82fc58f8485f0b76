"""What a process opens when it starts to serve, and closes when it stops."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypedDict

import aiodatabase
import aioupstream
import settings
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from assets_fastapi.orm import make_engine


class State(TypedDict):
    """What a request finds in ``request.state``; None where the setting for it is empty."""

    pool: AsyncConnectionPool[Any] | None
    orm_session: async_sessionmaker[AsyncSession] | None
    upstream: aioupstream.AsyncClient | None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[State]:
    """Hold the connection pools and the client of this process."""
    state = State(pool=None, orm_session=None, upstream=None)
    async with AsyncExitStack() as stack:
        if settings.DATABASE_URL:
            state["pool"] = await stack.enter_async_context(aiodatabase.make_pool())
            engine = make_engine()
            stack.push_async_callback(engine.dispose)
            state["orm_session"] = async_sessionmaker(engine, expire_on_commit=False)
        if settings.UPSTREAM_URL:
            state["upstream"] = await stack.enter_async_context(aioupstream.make_client())
        yield state
