"""The command ``uvicorn`` with a parent process even for one worker.

Where a worker ends after a number of requests, somebody has to start the next one while the socket
stays open; the command does so from two workers on, and simply ends with a single one.
"""

import sys

from uvicorn import Config
from uvicorn.config import LOGGING_CONFIG
from uvicorn.main import main as command
from uvicorn.supervisors import multiprocess


class Worker(multiprocess.Process):
    """A worker whose end the parent notices while it waits for a sign of life.

    As long as the parent keeps the worker's end of the pipe open itself, it waits for the answer of
    a worker that has just ended until the health check times out, and nobody serves meanwhile.
    """

    def start(self) -> None:
        """Start the process, which has its own copy of the pipe."""
        super().start()
        self.child_conn.close()


def main(arguments: list[str]) -> None:
    """Serve as ``uvicorn`` would with these arguments, but supervised."""
    options = command.make_context("uvicorn", arguments).params
    sys.path.insert(0, options.pop("app_dir"))
    options["headers"] = [tuple(header.split(":", 1)) for header in options["headers"]]
    options["log_config"] = options["log_config"] or LOGGING_CONFIG
    options["reload_dirs"] = options["reload_dirs"] or None
    config = Config(**options)
    multiprocess.Process = Worker
    multiprocess.Multiprocess(config, sockets=[config.bind_socket()]).run()


if __name__ == "__main__":
    main(sys.argv[1:])
