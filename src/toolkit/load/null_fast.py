"""Locustfile of the calibration: FastHttpUser against a target that answers at once."""

from locust import FastHttpUser, task


class NullUser(FastHttpUser):
    """Asks for nothing."""

    @task
    def ask(self) -> None:
        """Send one request."""
        self.client.get("/", name="null")
