"""GET an answer for which the app asks another service, which takes 20 ms (waiting, no CPU).

Runs with the toolkit or on its own: ``locust -f loadtests/upstream.py --host http://127.0.0.1:8000``.
"""

from common.upstream import call
from locust import task

from toolkit.client import Parameters, Scenario, SocketUser

PARAMETERS = {"delay": "20ms"}
NEEDS = ("upstream",)

DELAY = Parameters(PARAMETERS).seconds("delay")


class UpstreamUser(SocketUser):
    """A client that asks again as soon as it has the answer (closed loop)."""

    @task
    def call_upstream(self) -> Scenario:
        """Have the other service called, with a token of this request's own."""
        yield call(DELAY)
