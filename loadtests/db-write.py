"""POST a change of one of 5,000 database rows: read, lock, write and commit in a transaction.

Every answer is checked, and no two moves of a row may have the same number: a lost update is found,
if both were sent by the same load process.

Runs with the toolkit or on its own: ``locust -f loadtests/db-write.py --host http://127.0.0.1:8000``.
"""

from common.database import forget_moves, move
from locust import events, task

from toolkit.client import Scenario, SocketUser

NEEDS = ("database",)

events.test_start.add_listener(lambda **_: forget_moves())


class MoveUser(SocketUser):
    """A client that moves the next asset as soon as it has the answer (closed loop)."""

    @task
    def move_asset(self) -> Scenario:
        """Move a random asset to a random site."""
        yield move()
