"""Counts requests inside a Locust process that makes load (the only one, or one of several)."""

import time
from collections import Counter, deque
from functools import cache
from statistics import median
from typing import Any

from geventhttpclient.connectionpool import ConnectionPool
from locust import FastHttpUser, events
from locust.env import Environment

from toolkit.histogram import LatencyHistogram

_LATEST = 200
_MESSAGE_LENGTH = 200


class Recorder:
    """Listens to every request; records those that end while the window is open.

    Locust's own statistics round to whole milliseconds below 100 ms and to two digits above, so
    latencies are kept apart from them. Counts are kept of everything, to be compared with Locust's.
    """

    def __init__(self) -> None:
        self.seen = 0
        self.errors_seen = 0
        self.locust_shipped = 0
        self.opened_at: float | None = None
        self._closed: dict[str, Any] | None = None
        self._histogram = LatencyHistogram()
        self._requests = 0
        self._errors: Counter[str] = Counter()
        self._latest: deque[float] = deque(maxlen=_LATEST)
        self._connections = 0
        self._cpu_at_open = 0.0
        self._connections_at_open = 0
        events.request.add_listener(self._on_request)
        self._watch_connections()

    def _on_request(
        self, response_time: float, exception: BaseException | None, **_: object
    ) -> None:
        self.seen += 1
        recording = self.opened_at is not None and self._closed is None
        if exception is not None:
            self.errors_seen += 1
            if recording:
                self._errors[_describe(exception)] += 1
            return
        seconds = response_time / 1e3
        self._latest.append(seconds)
        if recording:
            self._requests += 1
            self._histogram.record(seconds)

    def _watch_connections(self) -> None:
        """Count what geventhttpclient connects, and have it look addresses up once (FastHttpUser).

        It asks the resolver, through a thread, before every connect: a fifth of what a request
        costs the client where the server closes each connection, and none of the server's business.
        """
        connected, resolve = ConnectionPool.after_connect, ConnectionPool._resolve  # noqa: SLF001

        def counted(pool: ConnectionPool, sock: object) -> None:
            self._connections += 1
            connected(pool, sock)

        @cache
        def resolved(host: str, port: int) -> Any:  # noqa: ANN401 - the library's
            return resolve(ConnectionPool(host, port, host, port))

        def resolve_once(pool: ConnectionPool) -> Any:  # noqa: ANN401 - the library's
            return resolved(pool._connection_host, pool._connection_port)  # noqa: SLF001

        ConnectionPool.after_connect = counted  # type: ignore[assignment,method-assign]
        ConnectionPool._resolve = resolve_once  # type: ignore[assignment,method-assign] # noqa: SLF001

    def latency(self) -> float | None:
        """Median of the latest answers in seconds, None without any."""
        return median(self._latest) if self._latest else None

    def open(self) -> None:
        """Begin the measured window."""
        self._cpu_at_open = time.process_time()
        self._connections_at_open = self._connections
        self.opened_at = time.monotonic()

    def close(self, environment: Environment) -> dict[str, Any]:
        """End the measured window and give what it held; a second call gives the same."""
        if self._closed is None:
            assert self.opened_at is not None  # noqa: S101 - the conductor opens before it closes
            duration = time.monotonic() - self.opened_at
            classes = environment.user_classes
            self._closed = {
                "duration": duration,
                "requests": self._requests,
                "errors": dict(self._errors),
                "latency": self._histogram.encode(),
                "connections": (
                    self._connections - self._connections_at_open
                    if all(issubclass(user, FastHttpUser) for user in classes)
                    else None
                ),
                "client_cpu": (time.process_time() - self._cpu_at_open) / duration,
                # listeners of the same event count both, so they agree at any instant
                "seen": self.seen,
                "locust_seen": self.locust_shipped + environment.stats.total.num_requests,
                "client": ", ".join(sorted({_client_of(user) for user in classes})),
            }
        return self._closed


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_MESSAGE_LENGTH]


def _client_of(user: type) -> str:
    """Name the Locust class whose client a user class has: the first of its ancestors' own."""
    return next(kind.__name__ for kind in user.__mro__ if kind.__module__.startswith("locust."))
