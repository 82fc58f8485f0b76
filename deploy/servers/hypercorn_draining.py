"""The command ``hypercorn`` with workers that all finish their requests before they end.

On SIGTERM its parent process asks the workers to stop, waits for the first to end, and then sends
SIGTERM to the others, who die with the requests they still have (0.18.0).
"""

import signal
import sys
from typing import Any

import hypercorn.asyncio.run
from hypercorn.__main__ import main

_uvloop_worker = hypercorn.asyncio.run.uvloop_worker


def uvloop_worker(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on as they are
    """Run a worker that is stopped by the event it shares with its parent and by nothing else."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _uvloop_worker(*args, **kwargs)


if __name__ == "__main__":
    hypercorn.asyncio.run.uvloop_worker = uvloop_worker
    sys.exit(main(sys.argv[1:]))
