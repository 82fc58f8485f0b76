"""How errors are answered: JSON, whatever the route answers otherwise."""

from http import HTTPStatus
from typing import Any

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

EXPECTED: set[int | type[Exception]] = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    UnicodeDecodeError,
}
"""Errors that are an answer and not a fault of the app: no stack trace is logged for them."""


class BadGatewayException(HTTPException):
    """The service behind this one fails."""

    status_code = HTTPStatus.BAD_GATEWAY


def http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    """Answer with what is wrong, and for a body or parameter with its place (``extra``)."""
    content: dict[str, Any] = {"error": error.detail}
    if error.extra:
        content["extra"] = error.extra
    return Response(
        content,
        status_code=error.status_code,
        headers=error.headers,
        media_type=MediaType.JSON,
    )


def not_utf8(
    request: Request[Any, Any, Any], error: UnicodeDecodeError
) -> Response[dict[str, str]]:
    """Answer to a body that is not in UTF-8; Litestar would take it for an error of the server."""
    status = HTTPStatus.BAD_REQUEST
    content = {"error": "the body is not in UTF-8"}
    return Response(content, status_code=status, media_type=MediaType.JSON)


def server_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str]]:
    """Answer without internals; they are in the log."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return Response({"error": status.phrase}, status_code=status, media_type=MediaType.JSON)


exception_handlers: ExceptionHandlersMap = {
    HTTPException: http_error,
    UnicodeDecodeError: not_utf8,
    HTTPStatus.INTERNAL_SERVER_ERROR: server_error,
}
