"""GET one of 5,000 database rows, read by raw SQL in one statement.

Runs with the toolkit or on its own: ``locust -f loadtests/db-read.py --host http://127.0.0.1:8000``.
"""

import random

from common.database import reads
from locust import task

from toolkit.client import Scenario, SocketUser

NEEDS = ("database",)

READS = reads("/db/assets", "db-read")


class RowUser(SocketUser):
    """A client that asks for the next row as soon as it has the answer (closed loop)."""

    @task
    def read(self) -> Scenario:
        """Read a random row."""
        yield random.choice(READS)  # noqa: S311 - no secret
