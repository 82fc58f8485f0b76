"""Routes ``/orm``: rows through SQLAlchemy, a session for each request."""

import settings
from bottle import Bottle, HTTPError
from sqlalchemy import String, create_engine, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from assets_bottle.once import OncePerProcess

app = Bottle()

_MOST_ID = 2**31 - 1  # PostgreSQL refuses to look for more in a column of type integer


class Base(DeclarativeBase):
    """Of the models."""


class Asset(Base):
    """A row of the table."""

    __tablename__ = "asset"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(16))
    site: Mapped[str] = mapped_column(String(32))
    value_cents: Mapped[int]
    moves: Mapped[int]


def _make_sessions() -> sessionmaker[Session]:
    engine = create_engine(
        make_url(settings.DATABASE_URL).set(drivername="postgresql+psycopg"),
        pool_size=settings.DATABASE_POOL,
        max_overflow=0,
        pool_timeout=settings.DATABASE_TIMEOUT,
    )
    return sessionmaker(engine)


sessions = OncePerProcess(_make_sessions)


@app.get("/orm/assets/<number:int>")
def one_row(number: int) -> dict[str, str | int]:
    """Give one row."""
    if not settings.DATABASE_URL:
        raise HTTPError(503, "there is no database")
    asset = None
    if number <= _MOST_ID:
        with sessions.get()() as session:
            asset = session.get(Asset, number)
    if asset is None:
        raise HTTPError(404, f"there is no asset {number}")
    return {
        "id": asset.id,
        "name": asset.name,
        "kind": asset.kind,
        "site": asset.site,
        "value_cents": asset.value_cents,
        "moves": asset.moves,
    }
