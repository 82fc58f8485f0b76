"""Install the features that a configuration names, and nothing of the others."""

from collections.abc import Callable, Mapping

from flask import Flask

from inventory import audit, cors, csrf, headers, logs, metrics, request_id
from inventory.config import Feature
from inventory.views import auth, rest

INSTALL: Mapping[Feature, Callable[[Flask], None]] = {
    Feature.REQUEST_ID: request_id.install,
    Feature.REQUEST_LOG: logs.install,
    Feature.METRICS: metrics.install,
    Feature.SECURITY_HEADERS: headers.install,
    Feature.CORS: cors.install,
    Feature.CSRF: csrf.install,
    Feature.LOGIN: auth.install,
    Feature.AUDIT: audit.install,
    Feature.REST: rest.install,
}


def install(app: Flask) -> None:
    """Install each feature of ``app.config["FEATURES"]``, in the order of their declaration."""
    for feature in Feature:
        if feature in app.config["FEATURES"]:
            INSTALL[feature](app)
