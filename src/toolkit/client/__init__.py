"""The HTTP client for locustfiles: ``from toolkit.client import Request, SocketUser``.

It imports Locust, which changes the standard library's sockets: only for processes that make load.
"""

from toolkit.client.http1 import Answer, JsonBody, Request
from toolkit.client.user import Scenario, SocketUser

__all__ = ["Answer", "JsonBody", "Request", "Scenario", "SocketUser"]
