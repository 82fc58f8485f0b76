"""The command ``uvicorn`` that loses no request when it stops or when a worker is replaced.

Its HTTP has patience (see ``uvicorn_patient``), and its parent process does not hold up the end of
a worker or of the socket. There is a parent even for one worker if that is to be replaced after a
number of requests: somebody has to start the next one while the socket stays open, where the
command simply ends.
"""

import sys

from uvicorn import Config, Server
from uvicorn.config import LOGGING_CONFIG, STARTUP_FAILURE
from uvicorn.main import main as command
from uvicorn.supervisors import multiprocess
from uvicorn_patient import Protocol


class Worker(multiprocess.Process):
    """A worker whose end the parent notices while it waits for a sign of life.

    As long as the parent keeps the worker's end of the pipe open itself, it waits for the answer of
    a worker that has just ended until the health check times out, and nobody serves meanwhile.
    """

    def start(self) -> None:
        """Start the process, which has its own copy of the pipe."""
        super().start()
        self.child_conn.close()


class Parent(multiprocess.Multiprocess):
    """A parent that does not keep the socket open while its workers finish what they have.

    Otherwise connections are made all the while that nobody accepts, and reset at the end.
    """

    def terminate_all(self) -> None:
        """Ask all workers to stop, which close their own sockets."""
        for sock in self.sockets:
            sock.close()
        super().terminate_all()


def main(arguments: list[str]) -> int:
    """Serve as ``uvicorn`` would with these arguments; give the exit code."""
    options = command.make_context("uvicorn", arguments).params
    sys.path.insert(0, options.pop("app_dir"))
    options["headers"] = [tuple(header.split(":", 1)) for header in options["headers"]]
    options["log_config"] = options["log_config"] or LOGGING_CONFIG
    options["reload_dirs"] = options["reload_dirs"] or None
    if options["http"] == "httptools":
        options["http"] = Protocol
    config = Config(**options)
    if config.workers > 1 or config.limit_max_requests is not None:
        multiprocess.Process = Worker
        Parent(config, sockets=[config.bind_socket()]).run()
        return 0
    server = Server(config)
    server.run()
    return 0 if server.started else STARTUP_FAILURE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
