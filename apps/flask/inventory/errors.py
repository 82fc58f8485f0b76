"""Errors as pages for people and as JSON for programs."""

import logging

import psycopg
import sqlalchemy.exc
from flask import Flask, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, ServiceUnavailable
from werkzeug.wrappers import Response

log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    """Handle every HTTP error, and a database that does not answer as 503.

    An exception that nothing handles reaches ``show`` as a 500 of Flask's making, after Flask has
    logged it: the answer tells nothing of it.
    """
    app.register_error_handler(HTTPException, show)
    app.register_error_handler(psycopg.OperationalError, show_unreachable)
    app.register_error_handler(sqlalchemy.exc.OperationalError, show_unreachable)
    app.register_error_handler(sqlalchemy.exc.TimeoutError, show_unreachable)


def wants_json() -> bool:
    """Tell whether an answer should be JSON: always under /api, else unless HTML is preferred."""
    if request.path.startswith("/api/"):
        return True
    types = request.accept_mimetypes
    return types["text/html"] <= types["application/json"]


def show(error: HTTPException) -> Response:
    """Answer an HTTP error, keeping its headers (``Allow``, ``Retry-After``)."""
    response: Response = error.get_response()  # type: ignore[assignment] # sans-IO in the annotation
    if wants_json():
        # what webargs found wrong with a body, field by field
        problems = getattr(error, "data", {}).get("messages")
        details = {"errors": problems} if problems else {}
        response.data = jsonify(error=error.description, **details).data
        response.content_type = "application/json"
    else:
        response.data = render_template("error.html", error=error)
    return response


def show_unreachable(error: Exception) -> Response:
    """Answer 503 when the database does not answer, or has no connection left."""
    log.error("the database does not answer: %s", error)
    return show(ServiceUnavailable("the database does not answer"))
