"""The HTTP client for locustfiles: ``from toolkit.client import Request, SocketUser``.

It imports Locust, which changes the standard library's sockets: only for processes that make load.
"""

from toolkit.client.user import Scenario, SocketUser
from toolkit.wire.http1 import Answer, JsonBody, Request

__all__ = ["Answer", "JsonBody", "Request", "Scenario", "SocketUser"]
