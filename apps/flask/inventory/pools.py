"""Connections that a process opens when it first needs them: after the fork, never shared."""

import atexit
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import database
import upstream
from flask import Flask, abort, current_app

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool


class Closable(Protocol):
    """Something with connections."""

    def close(self) -> None:
        """Close them."""


T = TypeVar("T", bound=Closable)


class PerProcess(Generic[T]):
    """A thing made on first use, once, even if several threads come first together."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: T | None = None

    def get(self) -> T:
        """Give the thing."""
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = self._make()
                    atexit.register(self.close)
        return self._made

    def close(self) -> None:
        """Close the thing, if it was made; the next use makes another."""
        atexit.unregister(self.close)
        made, self._made = self._made, None
        if made is not None:
            made.close()


def install(app: Flask) -> None:
    """Give an app its own pools, not yet opened."""
    app.extensions["database_pool"] = PerProcess(database.make_pool)
    app.extensions["upstream_client"] = PerProcess(upstream.make_client)


def database_pool() -> "ConnectionPool[Any]":
    """Give this process's pool for SQL without the ORM; 503 if no database is configured."""
    if not current_app.config["DATABASE_URL"]:
        abort(503, "no database is configured")
    pool: ConnectionPool[Any] = current_app.extensions["database_pool"].get()
    return pool


def upstream_client() -> upstream.Client:
    """Give this process's HTTP client; 503 if no upstream is configured."""
    if not current_app.config["UPSTREAM_URL"]:
        abort(503, "no upstream service is configured")
    client: upstream.Client = current_app.extensions["upstream_client"].get()
    return client
