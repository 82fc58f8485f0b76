"""GET 20 random database rows, each read by a statement of its own, one after the other.

Runs with the toolkit or on its own: ``locust -f loadtests/db-multi.py --host http://127.0.0.1:8000``.
"""

from common.database import read_several
from locust import task

from toolkit.client import Parameters, Scenario, SocketUser

PARAMETERS = {"rows": "20"}
NEEDS = ("database",)

ROWS = Parameters(PARAMETERS).count("rows")
if not 1 <= ROWS <= 500:
    raise ValueError("rows is 1 to 500")


class RowsUser(SocketUser):
    """A client that asks for the next rows as soon as it has the answer (closed loop)."""

    @task
    def read(self) -> Scenario:
        """Read random rows, none of them twice."""
        yield read_several(ROWS)
