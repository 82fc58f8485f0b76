"""GET an answer of 100 KiB that the app makes in 100 pieces and sends one after the other.

Runs with the toolkit or on its own: ``locust -f loadtests/stream.py --host http://127.0.0.1:8000``.
"""

from common.payloads import stream

from toolkit.client import Parameters, SocketUser

PARAMETERS = {"chunks": "100"}


class StreamUser(SocketUser):
    """A client that asks for the stream again as soon as it has its end (closed loop)."""

    tasks = [stream(Parameters(PARAMETERS).count("chunks"))]
