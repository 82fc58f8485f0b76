"""GET one path again and again: the workload of ``--get``. A locustfile."""

from urllib.parse import unquote

from toolkit.client import Parameters, SocketUser
from toolkit.load.page import Page

PARAMETERS = {"path": "/"}

PATH = unquote(Parameters(PARAMETERS).values()["path"])


class GetUser(SocketUser):
    """A client that asks again as soon as it has the answer (closed loop)."""

    tasks = [Page("GET", PATH)]  # noqa: RUF012 - as Locust has it
