"""Locustfile of the calibration: our client against a target that answers at once."""

from toolkit.client import Request, SocketUser


class NullUser(SocketUser):
    """Asks for nothing."""

    tasks = [Request("GET", "/", name="null", expect=200)]  # noqa: RUF012 - as Locust has it
