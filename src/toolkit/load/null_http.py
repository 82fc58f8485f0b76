"""Locustfile of the calibration: HttpUser against a target that answers at once."""

from locust import HttpUser, task


class NullUser(HttpUser):
    """Asks for nothing."""

    @task
    def ask(self) -> None:
        """Send one request."""
        self.client.get("/", name="null")
