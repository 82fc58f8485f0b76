"""GET a small JSON list (20 assets) and check every answer.

Runs with the toolkit or on its own: ``locust -f loadtests/list.py --host http://127.0.0.1:8000``.
"""

from common.assets import LIST

from toolkit.client import SocketUser


class ListUser(SocketUser):
    """A client that asks for the list again as soon as it has the answer (closed loop)."""

    tasks = [LIST]
