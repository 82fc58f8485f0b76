"""Serve a WSGI app by waitress until SIGTERM or SIGINT, then finish what is in flight.

The command ``waitress-serve`` ends at once on SIGTERM, and ignores it as the first process of a
container.
"""

import argparse
import logging
import pkgutil
import signal
import time
from types import FrameType
from typing import Any

from waitress import create_server, wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer


class Loop:
    """The event loop of one server, with an end.

    Args:
        server: What ``create_server`` gave.
        channels: The map that it was given: the listening socket, the connections, and the pipe
            that wakes the loop.
        grace: Seconds for what is in flight when it stops.
    """

    def __init__(self, server: BaseWSGIServer, channels: dict[int, Any], grace: float) -> None:
        self._server = server
        self._channels = channels
        self._grace = grace
        self._stopping = False

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Begin to stop: a signal handler."""
        self._stopping = True
        self._server.pull_trigger()

    def run(self) -> None:
        """Serve until asked to stop, then accept no more and answer what has come in."""
        while not self._stopping:
            self._turn()
        # the listening socket alone: the server's own close() takes the waking pipe away too
        wasyncore.dispatcher.close(self._server)
        deadline = time.monotonic() + self._grace
        while self._server.active_channels and time.monotonic() < deadline:
            for channel in list(self._server.active_channels.values()):
                if _is_idle(channel):
                    channel.will_close = True
            self._turn()
        self._server.task_dispatcher.shutdown(timeout=1)

    def _turn(self) -> None:
        # poll, because select knows no descriptors above 1023
        wasyncore.loop(timeout=1.0, use_poll=True, map=self._channels, count=1)


def _is_idle(channel: HTTPChannel) -> bool:
    """Say whether nothing of a request has come and nothing of an answer is still to go."""
    return not (channel.requests or channel.request or channel.total_outbufs_len)


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

    # it warns of every request that has to wait for a thread: a log line per request under load
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)

    channels: dict[int, Any] = {}
    server = create_server(
        pkgutil.resolve_name(arguments.target),
        map=channels,
        host=arguments.host,
        port=arguments.port,
        threads=arguments.threads,
        # counts the listening socket and the waking pipe, too
        connection_limit=arguments.connections + 2,
        channel_timeout=arguments.keep_alive,
        # how often it looks for connections that are idle for so long; the default is 30 s
        cleanup_interval=max(1, min(30, arguments.keep_alive // 4)),
        backlog=arguments.backlog,
        expose_tracebacks=False,
        # without a version
        ident="waitress",
        # what a proxy sets needs trust settings; without them it must not reach the app
        clear_untrusted_proxy_headers=False,
    )
    loop = Loop(server, channels, arguments.graceful_timeout)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, loop.stop)
    loop.run()


if __name__ == "__main__":
    main()
