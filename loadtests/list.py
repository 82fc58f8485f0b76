"""GET a small JSON list (20 assets) and check every answer, byte for byte.

Runs with the toolkit or on its own: ``locust -f loadtests/list.py --host http://127.0.0.1:8000``.
"""

import json
from pathlib import Path

from locust import FastHttpUser, constant, task

EXPECTED = json.loads(
    (Path(__file__).parent.parent / "apps" / "shared" / "assets.json").read_bytes()
)
verified: set[bytes] = set()
"""Bodies whose JSON value was compared once; frameworks differ in white space and key order."""


def is_expected(body: bytes) -> bool:
    """Tell whether the body holds the expected list."""
    if body not in verified:
        try:
            if json.loads(body) != EXPECTED:
                return False
        except ValueError:
            return False
        verified.add(body)
    return True


class ListUser(FastHttpUser):
    """A client that asks for the list again as soon as it has the answer (closed loop)."""

    wait_time = constant(0)

    @task
    def list_assets(self) -> None:
        """Ask for the list."""
        with self.client.get("/api/assets", name="list", catch_response=True) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code} instead of 200")
            elif not is_expected(response.content):
                response.failure("wrong body")
