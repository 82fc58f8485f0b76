"""POST a small JSON body, another one each time, and get the created asset back (201).

Every answer is checked: a server that gives the answer to somebody else's request is found out.

Runs with the toolkit or on its own: ``locust -f loadtests/create.py --host http://127.0.0.1:8000``.
"""

import itertools
import json
from collections.abc import Callable

from locust import task

from toolkit.client import Request, Scenario, SocketUser

numbers = itertools.count()


def is_created(asset: dict[str, object]) -> Callable[[bytes], bool]:
    """Make a check for the answer: the asset sent, with a seven-digit id and its status."""

    def check(body: bytes) -> bool:
        try:
            answer = json.loads(body)
        except ValueError:
            return False
        return (
            isinstance(answer, dict)
            and 1_000_000 <= answer.pop("id", 0) < 2_000_000
            and answer == {**asset, "status": "in stock"}
        )

    return check


class CreateUser(SocketUser):
    """A client that creates the next asset as soon as it has the answer (closed loop)."""

    @task
    def create_asset(self) -> Scenario:
        """Create one asset."""
        # seven digits, so that all requests have the same length
        value = 1_000_000 + next(numbers) % 1_000_000
        asset = {"name": "laptop-021", "kind": "laptop", "value_cents": value}
        yield Request(
            "POST", "/api/assets", name="create", json=asset, expect=201, check=is_created(asset)
        )
