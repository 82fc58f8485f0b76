"""Blueprint ``/session``: Flask's own signed cookie, without an extension, as JSON.

``auth`` is how people log in, with Flask-Login; this is what is compared with the other apps.
"""

import accounts
from flask import Blueprint, abort, request, session

blueprint = Blueprint("sessions", __name__, url_prefix="/session")


@blueprint.post("")
def log_in() -> dict[str, str]:
    """Check a password and start a session: the cookie is signed, so nobody can make one up."""
    body = request.get_json()
    name, password = (body.get("name"), body.get("password")) if isinstance(body, dict) else (0, 0)
    if not isinstance(name, str) or not isinstance(password, str):
        abort(422, "name and password: strings are needed")
    if not accounts.check_password(name, password):
        abort(401, "wrong name or password")
    session.clear()
    session["user"] = name
    return {"user": name}


@blueprint.get("/pages/<int:page>")
def show_page(page: int) -> dict[str, str | int]:
    """Give a page to whoever is logged in."""
    if "user" not in session:
        abort(401, "log in first")
    return {"user": session["user"], "page": page}


@blueprint.delete("")
def log_out() -> tuple[str, int]:
    """End the session."""
    session.clear()
    return "", 204
