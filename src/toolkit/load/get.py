"""GET one path again and again: the workload of ``--get``. A locustfile.

The answer must be the one that is usual: any status below 400.
"""

from urllib.parse import unquote

from toolkit.client import Parameters, Request, SocketUser

PARAMETERS = {"path": "/"}

PATH = unquote(Parameters(PARAMETERS).values()["path"])


class GetUser(SocketUser):
    """A client that asks again as soon as it has the answer (closed loop)."""

    tasks = [Request("GET", PATH)]  # noqa: RUF012 - as Locust has it
