"""Blueprint ``/session``: who is logged in stands in Flask's signed cookie."""

import accounts
from flask import Blueprint, session
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Unauthorized

from assets_flask_async.arguments import body_member

blueprint = Blueprint("sessions", __name__, url_prefix="/session")


@blueprint.post("")
async def log_in() -> dict[str, str]:
    """Check a password and remember the user."""
    name, password = body_member("name", most=80), body_member("password", most=200)
    # in this very thread: it is this request's own, another would not set anybody free
    if not accounts.check_password(name, password):
        raise Unauthorized("name or password is wrong")
    session["user"] = name
    return {"user": name}


@blueprint.get("/pages/<int:page>")
async def page_of_user(page: int) -> dict[str, str | int]:
    """Give a page that only a user sees."""
    if "user" not in session:
        raise Unauthorized("nobody is logged in")
    return {"user": session["user"], "page": page}


@blueprint.delete("")
async def log_out() -> ResponseReturnValue:
    """Forget the user."""
    session.clear()
    return "", 204
