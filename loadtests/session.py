"""Log in (a password hash of 40 ms), GET 3 pages with the session's cookie, log out: 5 requests.

Runs with the toolkit or on its own: ``locust -f loadtests/session.py --host http://127.0.0.1:8000``.
"""

from common.session import visit

from toolkit.client import SocketUser


class Visitor(SocketUser):
    """A client that begins the next session as soon as one has ended (closed loop)."""

    tasks = [visit]
