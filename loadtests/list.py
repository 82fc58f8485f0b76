"""GET a small JSON list (20 assets) and check every answer.

Runs with the toolkit or on its own: ``locust -f loadtests/list.py --host http://127.0.0.1:8000``.
"""

import json
from pathlib import Path

from toolkit.client import JsonBody, Request, SocketUser

EXPECTED = json.loads(
    (Path(__file__).parent.parent / "apps" / "shared" / "assets.json").read_bytes()
)
LIST = Request("GET", "/api/assets", name="list", expect=200, check=JsonBody(EXPECTED))


class ListUser(SocketUser):
    """A client that asks for the list again as soon as it has the answer (closed loop)."""

    tasks = [LIST]
