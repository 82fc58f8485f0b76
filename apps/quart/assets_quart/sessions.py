"""Blueprint of those who have logged in; the session is in Quart's signed cookie."""

import accounts
from quart import Blueprint, session
from quart.typing import ResponseReturnValue
from quart.utils import run_sync
from werkzeug.exceptions import Unauthorized, UnprocessableEntity

from assets_quart.parameters import json_body

sessions = Blueprint("sessions", __name__, url_prefix="/session")


@sessions.post("")
async def log_in() -> dict[str, str]:
    """Begin a session.

    Raises:
        Unauthorized: There is no such user, or the password is not theirs.
        UnprocessableEntity: The body is not a name and a password.
    """
    match await json_body():
        case {"name": str(name), "password": str(password)}:
            pass
        case _:
            raise UnprocessableEntity("name, password: strings are needed")
    # the hash takes 40 ms in C
    if not await run_sync(accounts.check_password)(name, password):
        raise Unauthorized("the name or the password is wrong")
    session["user"] = name
    return {"user": name}


@sessions.get("/pages/<int:page>")
async def show_page(page: int) -> dict[str, str | int]:
    """Show a page of the user.

    Raises:
        Unauthorized: Nobody has logged in.
    """
    if "user" not in session:
        raise Unauthorized("log in first")
    return {"user": session["user"], "page": page}


@sessions.delete("")
async def log_out() -> ResponseReturnValue:
    """End the session."""
    session.clear()
    return "", 204
