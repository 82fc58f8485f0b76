"""GET a small JSON list while 4 clients on poor lines hold what the server gives them.

What a server without a buffering proxy in front has to expect of the internet. The slow clients are
there besides the users, always as many, whatever the users do: in every phase, for every stack. By
turns each of them sends a small request in 20 pieces within a second, and takes a second to read an
answer of 1 MiB. A worker or thread that waits for them serves nobody else.

What is measured are the users: their rate and latency. The requests of the slow clients have names
of their own (``slow request``, ``slow answer``) in Locust's list and are not in its total; the
toolkit leaves them out, but for their errors. By default they are as many as a process has threads.

Runs with the toolkit or on its own:
``locust -f loadtests/slow-client.py --host http://127.0.0.1:8000``.
"""

import gevent
from common.assets import LIST, create, export

from toolkit.client import Parameters, SlowClient, SocketUser

PARAMETERS = {"clients": "4", "seconds": "1s"}

CHOSEN = Parameters(PARAMETERS)
CLIENTS, SECONDS = CHOSEN.count("clients"), CHOSEN.seconds("seconds")
EXPORT = export(6600, name="slow answer")


class ListUser(SocketUser):
    """A client that asks for the list again as soon as it has the answer (closed loop)."""

    tasks = [LIST]


class ListUserBesideSlowClient(ListUser):
    """One that has a slow client beside it; so these are as many as wanted, in all processes."""

    abstract = not CLIENTS
    fixed_count = CLIENTS

    def on_start(self) -> None:
        """Let the slow client begin."""
        self.slow = gevent.spawn(be_slow, SlowClient(self))

    def on_stop(self) -> None:
        """End it."""
        self.slow.kill()


def be_slow(client: SlowClient) -> None:
    """Send slowly and read slowly by turns, for ever."""
    while True:
        for answer in (
            client.send(create(name="slow request"), sending=SECONDS),
            client.send(EXPORT, reading=SECONDS),
        ):
            if answer.error is not None:
                gevent.sleep(SECONDS)  # who is refused does not come back at once
