"""POST one body to one path again and again: the workload of ``--post``. A locustfile.

Any answer below 400 is right: a form is often answered with a redirect, which is not followed.
"""

from urllib.parse import unquote

from toolkit.client import Parameters, Request, SocketUser

PARAMETERS = {"path": "/", "body": "", "type": ""}

_VALUES = {name: unquote(value) for name, value in Parameters(PARAMETERS).values().items()}


class PostUser(SocketUser):
    """A client that posts again as soon as it has the answer (closed loop)."""

    tasks = [  # noqa: RUF012 - as Locust has it
        Request(
            "POST",
            _VALUES["path"],
            headers={"Content-Type": _VALUES["type"]},
            body=_VALUES["body"],
        )
    ]
