"""Routes ``/session``: who is logged in stands in a cookie that Bottle signs."""

from typing import Any

import accounts
import settings
from bottle import Bottle, HTTPError, request, response

from assets_bottle.arguments import body_member
from assets_bottle.decoded import DecodedBody

app = Bottle()

_COOKIE = "session"
_SCOPE: dict[str, Any] = {"path": "/", "httponly": True, "samesite": "lax"}


@app.post("/session", apply=DecodedBody())
def log_in() -> dict[str, str]:
    """Check a password and remember the user."""
    name, password = body_member("name", most=80), body_member("password", most=200)
    if not accounts.check_password(name, password):
        raise HTTPError(401, "name or password is wrong")
    # a string: Bottle signs other values too, but pickles them
    response.set_cookie(_COOKIE, name, secret=settings.SECRET_KEY, **_SCOPE)
    return {"user": name}


@app.get("/session/pages/<page:int>")
def page_of_user(page: int) -> dict[str, str | int]:
    """Give a page that only a user sees."""
    user = request.get_cookie(_COOKIE, secret=settings.SECRET_KEY)
    if not user:
        raise HTTPError(401, "nobody is logged in")
    return {"user": user, "page": page}


@app.delete("/session")
def log_out() -> str:
    """Forget the user."""
    response.delete_cookie(_COOKIE, **_SCOPE)
    response.status = 204
    return ""
