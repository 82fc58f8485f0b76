"""Let pages of other origins read the API: those in ``CORS_ORIGINS``, none by default."""

from flask import Flask
from flask_cors import CORS


def install(app: Flask) -> None:
    """Add the headers under ``/api/`` only.

    Without credentials: a foreign page gets what anybody gets, never what the user may see.
    """
    CORS(app, resources={r"/api/.*": {"origins": app.config["CORS_ORIGINS"]}})
