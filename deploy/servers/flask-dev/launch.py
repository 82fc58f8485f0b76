"""``flask run`` as somebody would have it who runs it in a container all the same.

Not for production: it is the baseline that shows why. It ignores SIGTERM as the first process of a
container; here the signal ends it, after what is in flight. And it has no flag for its request log.
"""

import argparse
import logging
import os
import signal
from types import FrameType

from flask.cli import cli
from werkzeug.serving import ThreadedWSGIServer

_GRACE = 25
"""Seconds for what is in flight, less than the 30 s after which Kubernetes kills."""


def stop(number: int, frame: FrameType | None) -> None:
    """End the server when what is in flight is done, at the latest after a while.

    Raises:
        KeyboardInterrupt: Always; the server takes it for its regular end.
    """
    # a client that connects and sends nothing would hold it up for ever
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.alarm(_GRACE)
    raise KeyboardInterrupt


def main() -> None:
    """Serve what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True)
    parser.add_argument("--access-log", action="store_true")
    parser.add_argument("target", help="module:attribute")
    arguments = parser.parse_args()

    if not arguments.access_log:
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
    # its threads are joined when it closes
    ThreadedWSGIServer.daemon_threads = False
    signal.signal(signal.SIGTERM, stop)
    address = ["--host", arguments.host, "--port", arguments.port]
    flags = ["--no-debug", "--no-reload", "--no-debugger", "--with-threads"]
    cli.main(["--app", arguments.target, "run", *address, *flags])


if __name__ == "__main__":
    main()
