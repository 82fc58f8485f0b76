"""GET a file of 64 KiB through the framework's usual static files.

Runs with the toolkit or on its own: ``locust -f loadtests/static.py --host http://127.0.0.1:8000``.
"""

from common.payloads import STATIC

from toolkit.client import SocketUser


class FileUser(SocketUser):
    """A client that asks for the file again as soon as it has the answer (closed loop)."""

    tasks = [STATIC]
