"""GET a large JSON list: 6,600 assets, about 1 MiB.

Runs with the toolkit or on its own: ``locust -f loadtests/large.py --host http://127.0.0.1:8000``.
"""

from common.assets import export

from toolkit.client import Parameters, SocketUser

PARAMETERS = {"rows": "6600"}


class ExportUser(SocketUser):
    """A client that asks for the list again as soon as it has the answer (closed loop)."""

    tasks = [export(Parameters(PARAMETERS).count("rows"))]
