"""What path operations ask for; all of it ``async``, as FastAPI runs the rest in a thread."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import aioupstream
from fastapi import Depends, HTTPException, Request, status
from psycopg_pool import AsyncConnectionPool
from sqlalchemy.ext.asyncio import AsyncSession


async def get_pool(request: Request) -> AsyncConnectionPool[Any]:
    """Give this process's pool of database connections.

    Raises:
        HTTPException: There is no database (503).
    """
    pool: AsyncConnectionPool[Any] | None = request.state.pool
    if pool is None:
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "There is no database")
    return pool


async def get_orm_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Open a session of the ORM for one request.

    Raises:
        HTTPException: There is no database (503).
    """
    if request.state.orm_session is None:
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "There is no database")
    async with request.state.orm_session() as session:
        yield session


async def get_upstream(request: Request) -> aioupstream.AsyncClient:
    """Give this process's client of the service that ``/upstream`` calls.

    Raises:
        HTTPException: There is no such service (503).
    """
    client: aioupstream.AsyncClient | None = request.state.upstream
    if client is None:
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "There is no upstream service")
    return client


Pool = Annotated[AsyncConnectionPool[Any], Depends(get_pool)]
# "function": the connection is given back before the answer is sent, not when the client has it
OrmSession = Annotated[AsyncSession, Depends(get_orm_session, scope="function")]
Upstream = Annotated[aioupstream.AsyncClient, Depends(get_upstream)]
