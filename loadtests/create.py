"""POST a small JSON body, another one each time, and get the created asset back (201).

Every answer is checked: a server that gives the answer to somebody else's request is found out.

Runs with the toolkit or on its own: ``locust -f loadtests/create.py --host http://127.0.0.1:8000``.
"""

from common.assets import create
from locust import task

from toolkit.client import Scenario, SocketUser


class CreateUser(SocketUser):
    """A client that creates the next asset as soon as it has the answer (closed loop)."""

    @task
    def create_asset(self) -> Scenario:
        """Create one asset."""
        yield create()
