"""GET an HTML page (a table of 20 rows) that the app's template engine makes for every request.

Elements, attributes and text of every answer are checked; white space may differ.

Runs with the toolkit or on its own: ``locust -f loadtests/template.py --host http://127.0.0.1:8000``.
"""

from common.assets import PAGE

from toolkit.client import SocketUser


class PageUser(SocketUser):
    """A client that asks for the page again as soon as it has the answer (closed loop)."""

    tasks = [PAGE]
