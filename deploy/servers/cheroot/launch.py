"""Serve a WSGI app by cheroot until SIGTERM or SIGINT, then finish what is in flight.

The command ``cheroot`` has no flag for the number of connections that it keeps, ends at once on
SIGTERM, and ignores it as the first process of a container.
"""

import argparse
import pkgutil
import signal
import socket
import threading
from types import FrameType
from typing import Any

from cheroot import wsgi
from cheroot.server import HTTPConnection

_SILENCE = 10.0
"""Seconds that a client may be silent inside of a request, cheroot's default."""


class Connection(HTTPConnection):
    """A connection that may be idle for longer between requests than inside of one.

    Cheroot has one timeout for both, and gives every new connection to a thread, which waits for
    the first request: a few silent clients would stop the server for as long.
    """

    def __init__(self, server: wsgi.Server, sock: socket.socket, *rest: Any) -> None:  # noqa: ANN401
        sock.settimeout(_SILENCE)
        super().__init__(server, sock, *rest)


def serve(server: wsgi.Server) -> None:
    """Serve until a signal comes or the server gives up by itself, then stop it.

    ``stop`` waits for the thread that serves, so that cannot be the one that handles the signal.
    """
    over = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        over.set()

    def work() -> None:
        try:
            server.serve()
        finally:
            over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server.prepare()
    threading.Thread(target=work, name="serve").start()
    over.wait()
    server.stop()


def main() -> None:
    """Serve what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--keep-alive", type=int, required=True)
    parser.add_argument("--backlog", type=int, required=True)
    parser.add_argument("--graceful-timeout", type=int, required=True)
    parser.add_argument("target", help="module:attribute")
    arguments = parser.parse_args()

    server = wsgi.Server(
        (arguments.host, arguments.port),
        pkgutil.resolve_name(arguments.target),
        numthreads=arguments.threads,
        max=arguments.threads,
        request_queue_size=arguments.backlog,
        timeout=arguments.keep_alive,
        shutdown_timeout=arguments.graceful_timeout,
        # is SERVER_NAME too, where its default with a slash and a version is no host name
        server_name="cheroot",
    )
    server.ConnectionClass = Connection
    # ten by default: with more clients than that it closes after nearly every answer
    server.keep_alive_conn_limit = arguments.connections if arguments.keep_alive else 0
    serve(server)


if __name__ == "__main__":
    main()
