"""Prometheus metrics that are right with several workers.

With ``PROMETHEUS_MULTIPROC_DIR`` each process keeps its numbers in files of that folder, and
whichever process answers ``/metrics`` adds all of them up. The folder belongs on a tmpfs, and has
to be emptied when the server starts: ``docs/reference-app.md`` says what the server does for it.
All metrics have labels, so that importing this module opens no file.
"""

import os
import time

from flask import Blueprint, Flask, Response, g, request
from flask.signals import request_finished, request_started, request_tearing_down
from flask_login import user_logged_in
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from inventory.signals import login_failed

REQUESTS = Counter("http_requests", "Answered requests", ["method", "route", "status"])
SECONDS = Histogram("http_request_seconds", "From start to response", ["method", "route"])
RUNNING = Gauge(
    "http_requests_running", "Requests under way", ["method"], multiprocess_mode="livesum"
)
LOGINS = Counter("logins", "Attempts to log in", ["outcome"])

blueprint = Blueprint("metrics", __name__)


def install(app: Flask) -> None:
    """Count by listening to Flask's signals, and serve the numbers."""
    request_started.connect(_start, app)
    request_finished.connect(_finish, app)
    request_tearing_down.connect(_leave, app)
    user_logged_in.connect(_login, app)
    login_failed.connect(_failed_login, app)
    app.register_blueprint(blueprint)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Give the numbers of all processes; for the scraper only, the proxy keeps others off."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _start(sender: Flask, **_: object) -> None:
    g.metrics_started = time.perf_counter()
    RUNNING.labels(request.method).inc()


def _finish(sender: Flask, response: Response, **_: object) -> None:
    # the rule and not the path: what clients make up must not make time series
    route = request.url_rule.rule if request.url_rule else "(none)"
    REQUESTS.labels(request.method, route, response.status_code).inc()
    SECONDS.labels(request.method, route).observe(time.perf_counter() - g.metrics_started)


def _leave(sender: Flask, **_: object) -> None:
    if g.pop("metrics_started", None) is not None:
        RUNNING.labels(request.method).dec()


def _login(sender: Flask, **_: object) -> None:
    LOGINS.labels("ok").inc()


def _failed_login(sender: Flask, **_: object) -> None:
    LOGINS.labels("failed").inc()
