"""Uvicorn's worker for gunicorn with the settings that it does not take from gunicorn itself."""

from typing import Any

from uvicorn_patient import Protocol
from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):
    """A uvicorn worker that limits its connections and ends before the arbiter kills it."""

    CONFIG_KWARGS = {  # noqa: RUF012 - the name and the type are uvicorn-worker's
        "loop": "uvloop",
        "http": Protocol,
        # no other stack here rewrites the client address; a proxy's headers need trust settings
        "proxy_headers": False,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on as they are
        super().__init__(*args, **kwargs)
        self.config.limit_concurrency = self.cfg.worker_connections
        # time to cancel what is left and to end the app's lifespan
        self.config.timeout_graceful_shutdown = max(1, self.cfg.graceful_timeout - 2)


class ProxiedWorker(Worker):
    """The same where a proxy stands before it: gunicorn's ``forwarded_allow_ips`` are believed."""

    CONFIG_KWARGS = {**Worker.CONFIG_KWARGS, "proxy_headers": True}  # noqa: RUF012 - as above
