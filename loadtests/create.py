"""POST a small JSON body and get the created asset back (201); every answer is checked.

Runs with the toolkit or on its own: ``locust -f loadtests/create.py --host http://127.0.0.1:8000``.
"""

import json

from locust import FastHttpUser, constant, task

NEW = {"name": "laptop-021", "kind": "laptop", "value_cents": 129900}
BODY = json.dumps(NEW)
HEADERS = {"Content-Type": "application/json"}


def is_expected(body: bytes) -> bool:
    """Tell whether the answer is the asset sent, with a seven-digit id and its status."""
    try:
        answer = json.loads(body)
    except ValueError:
        return False
    return (
        isinstance(answer, dict)
        and 1_000_000 <= answer.pop("id", 0) < 2_000_000
        and answer == {**NEW, "status": "in stock"}
    )


class CreateUser(FastHttpUser):
    """A client that creates the next asset as soon as it has the answer (closed loop)."""

    wait_time = constant(0)

    @task
    def create_asset(self) -> None:
        """Create one asset."""
        with self.client.post(
            "/api/assets", name="create", data=BODY, headers=HEADERS, catch_response=True
        ) as response:
            if response.status_code != 201:
                response.failure(f"status {response.status_code} instead of 201")
            elif not is_expected(response.content):
                response.failure("wrong body")
