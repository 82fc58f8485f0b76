"""Serve a WSGI app by ``gevent.pywsgi``, which has no command of its own.

Until SIGTERM or SIGINT; then idle connections are closed and what is in flight is finished.
"""
# ruff: noqa: E402 - what is imported before the patch keeps the blocking originals

from gevent import monkey

monkey.patch_all()

import argparse
import contextlib
import pkgutil
import signal
import socket
import sys
import time
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer


class Handler(WSGIHandler):
    """One connection, which tells its server while it waits for a request."""

    def read_requestline(self) -> str:
        """Wait for the next request, or for its end if the server stops."""
        if not self.server.started:
            self.end()
        self.server.idle[self] = time.monotonic()
        try:
            return super().read_requestline()
        finally:
            del self.server.idle[self]

    def end(self) -> None:
        """Let the client send no more; what it has sent is still read and answered."""
        with contextlib.suppress(OSError):  # it has gone already
            self.socket.shutdown(socket.SHUT_RD)


class Server(WSGIServer):
    """A server that closes idle connections: after a time, and when it stops.

    Args:
        keep_alive: Seconds after which an idle connection is closed; gevent keeps it for ever.
        arguments: Those of ``WSGIServer``.
    """

    handler_class = Handler

    def __init__(self, *arguments: Any, keep_alive: float, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        self.keep_alive = keep_alive
        # the one that has waited longest is the first
        self.idle: dict[Handler, float] = {}

    def init_socket(self) -> None:
        """Make the listening socket; those accepted from it inherit its options."""
        super().init_socket()
        # headers and body are sent apart: without this the body waits 40 ms for the client's
        # delayed acknowledgement of the headers
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def end_idle(self, seconds: float) -> None:
        """End the connections that have been idle for so long."""
        limit = time.monotonic() - seconds
        for handler, since in list(self.idle.items()):
            if since > limit:
                break
            handler.end()

    def watch_idle(self) -> None:
        """End idle connections in time, for ever."""
        while True:
            gevent.sleep(1.0)
            self.end_idle(self.keep_alive)

    def drain(self) -> None:
        """Accept no more and end what is idle; ``serve_forever`` then waits for the rest."""
        self.close()
        self.end_idle(0.0)


def main() -> None:
    """Serve what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--keep-alive", type=int, required=True)
    parser.add_argument("--backlog", type=int, required=True)
    parser.add_argument("--graceful-timeout", type=int, required=True)
    parser.add_argument("--access-log", action="store_true")
    parser.add_argument("target", help="module:attribute")
    arguments = parser.parse_args()

    server = Server(
        (arguments.host, arguments.port),
        pkgutil.resolve_name(arguments.target),
        keep_alive=arguments.keep_alive,
        backlog=arguments.backlog,
        spawn=Pool(arguments.connections),
        log=sys.stdout if arguments.access_log else None,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, server.drain)
    gevent.spawn(server.watch_idle)
    server.serve_forever(stop_timeout=arguments.graceful_timeout)


if __name__ == "__main__":
    main()
