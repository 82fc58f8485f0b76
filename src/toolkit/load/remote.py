"""A Locust worker on another host: the entry point of docker/load.Dockerfile. Has Locust.

The master is the tool's (``inside``); it sends the locustfile, the target and the phases, and gets
what this process records. Nothing here needs the tool's clock.
"""

import os
import socket
import sys
import time

from locust import events, runners
from locust import main as locust_main
from locust.env import Environment

from toolkit.client.pace import Pace
from toolkit.client.user import course, recorder
from toolkit.load.foreign import ForeignUsers
from toolkit.load.inside import find_shared_modules, follow, settle_memory
from toolkit.load.protocol import AGAIN_VARIABLE, MASTER_VARIABLE

_MASTER_LOST = 15
"""Seconds without a word after which there is nobody to make load for."""


def main() -> None:
    """Become Locust, for the master that the environment names; see ``protocol``."""
    host, _, port = os.environ[MASTER_VARIABLE].rpartition(":")
    _wait_for(host)
    pace = course.pace = Pace(recorder)
    foreign = ForeignUsers(recorder)

    def lead(environment: Environment, **_: object) -> None:
        settle_memory()  # what the locustfile has made stays as well
        # the phases say how many users there are, those that play it included
        environment.shape_class = None
        follow(environment, foreign, pace)

    events.init.add_listener(lead)
    # nothing is to be left on a host that was cut off
    runners.MASTER_HEARTBEAT_TIMEOUT = _MASTER_LOST
    find_shared_modules()
    # the master sends the locustfile
    sys.argv = ["locust", "--worker", "--master-host", host, "--master-port", port, "-f", "-"]
    try:
        locust_main.main()
    except SystemExit:
        if not os.environ.get(AGAIN_VARIABLE):
            raise
    if os.environ.get(AGAIN_VARIABLE):
        # afresh, as every trial begins: with nothing of the locustfile before
        os.execv(sys.executable, [sys.executable, "-m", "toolkit.load.remote"])  # noqa: S606 - itself


def _wait_for(host: str) -> None:
    """Wait until a name has an address: a cluster gives one when the master is there."""
    while True:
        try:
            socket.getaddrinfo(host, None)
        except OSError:
            time.sleep(1)
        else:
            return


if __name__ == "__main__":
    main()
