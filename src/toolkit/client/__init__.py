"""The HTTP client for locustfiles: ``from toolkit.client import Request, SocketUser``.

It imports Locust, which changes the standard library's sockets: only for processes that make load.
"""

from toolkit.client.slow import SlowClient
from toolkit.client.user import Scenario, SocketUser
from toolkit.parameters import Parameters
from toolkit.wire.bodies import HtmlBody, JsonBody
from toolkit.wire.http1 import Answer, Request

__all__ = [
    "Answer",
    "HtmlBody",
    "JsonBody",
    "Parameters",
    "Request",
    "Scenario",
    "SlowClient",
    "SocketUser",
]
