"""GET and POST several paths, each as often as the others: those of ``toolkit tune``. A locustfile.

What comes next is drawn, so that users do not stay in step with each other.
"""

import json
from urllib.parse import unquote

from toolkit.client import Parameters, Request, SocketUser
from toolkit.load.page import Page

PARAMETERS = {"requests": "[]"}


def _request(said: dict[str, str]) -> Request:
    if "body" not in said:
        return Page("GET", said["path"])
    # any answer below 400 is right, as by itself: a form is often answered with a redirect
    return Request("POST", said["path"], headers={"Content-Type": said["type"]}, body=said["body"])


class MixedUser(SocketUser):
    """A client that sends the next one as soon as it has the answer (closed loop)."""

    tasks = [  # noqa: RUF012 - as Locust has it
        *map(_request, json.loads(unquote(Parameters(PARAMETERS).values()["requests"])))
    ]
