"""The extensions that models and views import; each is bound to an app by ``install``."""

from pathlib import Path

from flask import Flask, abort, current_app
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import URL, make_url
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The declarative base of the models."""


db = SQLAlchemy(model_class=Base)
migrate = Migrate(db=db, directory=str(Path(__file__).parent.parent / "migrations"))


def install(app: Flask) -> None:
    """Bind the database, if one is configured: engine, a session per request, ``flask db``.

    No connection is made here, so a server may load the app before it forks.
    """
    if app.config["DATABASE_URL"]:
        app.config["SQLALCHEMY_DATABASE_URI"] = with_driver(app.config["DATABASE_URL"])
        db.init_app(app)
        migrate.init_app(app)


def with_driver(url: str) -> URL:
    """Have SQLAlchemy use psycopg 3, whatever the scheme of the URL says about drivers."""
    return make_url(url).set(drivername="postgresql+psycopg")


def require_database() -> None:
    """Answer 503 where no database is configured; a ``before_request`` of what needs one."""
    if not current_app.config["DATABASE_URL"]:
        abort(503, "no database is configured")
