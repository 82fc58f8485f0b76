"""Routes of those who have logged in; the session is in an encrypted cookie."""

from typing import Any

import accounts
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from litestar import Controller, Request, delete, get, post
from litestar.exceptions import NotAuthorizedException
from litestar.middleware.session.client_side import CookieBackendConfig
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK
from msgspec import Struct


class Credentials(Struct):
    """The body of a login."""

    name: str
    password: str


class User(Struct):
    """The answer to a login."""

    user: str


class UserPage(Struct):
    """A page of a user."""

    user: str
    page: int


class SessionController(Controller):
    """Log in, look around, log out."""

    path = "/session"

    # the hash takes 40 ms in C
    @post("/", status_code=HTTP_200_OK, sync_to_thread=True)
    def log_in(self, request: Request[Any, Any, Any], data: JSONBody[Credentials]) -> User:
        """Begin a session.

        Raises:
            NotAuthorizedException: There is no such user, or the password is not theirs.
        """
        if not accounts.check_password(data.name, data.password):
            raise NotAuthorizedException("the name or the password is wrong")
        request.set_session({"user": data.name})
        return User(data.name)

    @get("/pages/{page:int}", sync_to_thread=False)
    def show_page(self, request: Request[Any, Any, Any], page: FromPath[int]) -> UserPage:
        """Show a page of the user.

        Raises:
            NotAuthorizedException: Nobody has logged in.
        """
        user = request.session.get("user")
        if user is None:
            raise NotAuthorizedException("log in first")
        return UserPage(user, page)

    @delete("/", sync_to_thread=False)
    def log_out(self, request: Request[Any, Any, Any]) -> None:
        """End the session."""
        request.clear_session()


def cookie_of(secret_key: str) -> CookieBackendConfig:
    """Keep the session in a cookie, encrypted by AES-256 with a key of 32 bytes."""
    key = HKDF(SHA256(), length=32, salt=None, info=b"session cookie").derive(secret_key.encode())
    return CookieBackendConfig(secret=key, key="session", httponly=True, samesite="lax")
