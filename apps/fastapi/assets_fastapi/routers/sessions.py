"""``/session``: log in, pages of the user, log out."""

from typing import Annotated, Any

import accounts
import settings
from fastapi import APIRouter, Depends, HTTPException, Request, status
from fastapi.routing import APIRoute
from starlette.middleware.sessions import SessionMiddleware
from starlette.types import Receive, Scope, Send

from assets_fastapi.models import Credentials, Page, User

SESSION_SECONDS = 12 * 60 * 60


class SessionRoute(APIRoute):
    """A route whose requests have a session; the others do not pay for the middleware."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - of FastAPI's route
        super().__init__(*args, **kwargs)
        self._with_session = SessionMiddleware(
            super().handle,
            secret_key=settings.SECRET_KEY,
            session_cookie="session",
            max_age=SESSION_SECONDS,
            same_site="lax",
            https_only=False,  # there is no TLS between the load generator and the server
        )

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request with its session."""
        await self._with_session(scope, receive, send)


router = APIRouter(prefix="/session", route_class=SessionRoute)


async def current_user(request: Request) -> str:
    """Tell who is logged in.

    Raises:
        HTTPException: Nobody is (401).
    """
    user: str | None = request.session.get("user")
    if user is None:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Not logged in")
    return user


# def, not async def: hashing a password takes long, so it belongs in the thread pool
@router.post("", max_body_size=settings.MOST_BODY)
def log_in(credentials: Credentials, request: Request) -> User:
    """Begin a session."""
    if not accounts.check_password(credentials.name, credentials.password):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Wrong name or password")
    request.session["user"] = credentials.name
    return User(user=credentials.name)


@router.get("/pages/{page}")
async def read_page(page: int, user: Annotated[str, Depends(current_user)]) -> Page:
    """Give a page to a user."""
    return Page(user=user, page=page)


@router.delete("", status_code=status.HTTP_204_NO_CONTENT)
async def log_out(request: Request) -> None:
    """End the session."""
    request.session.clear()
