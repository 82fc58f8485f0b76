"""Errors as JSON: the handlers of the root URLconf, and what a view raises."""

from http import HTTPStatus

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse


class Refusal(Exception):
    """A request that a view does not do; ``JsonView`` answers it with this status and reason."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def error_response(status: HTTPStatus, reason: str = "") -> JsonResponse:
    """Answer with an error, by default in the words of HTTP."""
    return JsonResponse({"error": reason or status.phrase}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer what Django takes for suspicious, a body that is too large among it."""
    if isinstance(exception, RequestDataTooBig):
        return error_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return error_response(HTTPStatus.BAD_REQUEST)


def permission_denied(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer what is forbidden."""
    return error_response(HTTPStatus.FORBIDDEN)


def page_not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer for a path or a row that is not there."""
    return error_response(HTTPStatus.NOT_FOUND)


def server_error(request: HttpRequest) -> JsonResponse:
    """Answer for what nobody caught: Django has logged it, the client is told nothing of it."""
    return error_response(HTTPStatus.INTERNAL_SERVER_ERROR)
