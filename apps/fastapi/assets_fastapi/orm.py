"""The table of assets as SQLAlchemy sees it."""

import settings
from sqlalchemy import String, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of the mapped classes."""


class Asset(Base):
    """One row."""

    __tablename__ = "asset"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(16))
    site: Mapped[str] = mapped_column(String(32))
    value_cents: Mapped[int]
    moves: Mapped[int]


def make_engine() -> AsyncEngine:
    """Make this process's engine; it connects when it is used."""
    return create_async_engine(
        make_url(settings.DATABASE_URL).set(drivername="postgresql+psycopg"),
        pool_size=settings.DATABASE_POOL,
        max_overflow=0,
        pool_timeout=settings.DATABASE_TIMEOUT,
    )
