"""The assets API in Flask."""

from assets import AssetStore
from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from assets_flask.api import create_api
from assets_flask.ops import ops


def create_app() -> Flask:
    """Build the application with a store of its own."""
    app = Flask(__name__)
    app.register_blueprint(create_api(AssetStore()))
    app.register_blueprint(ops)
    app.register_error_handler(HTTPException, _as_json)
    return app


def _as_json(error: HTTPException) -> ResponseReturnValue:
    return jsonify(error=error.description), error.code or 500
