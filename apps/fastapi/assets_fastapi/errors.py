"""Errors as JSON, as FastAPI spells them, where it leaves something to say."""

from collections import defaultdict

from fastapi import FastAPI, HTTPException, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts


def add_error_handlers(app: FastAPI) -> None:
    """Install the handlers; the app must have all of its routes."""
    allow = _allow_headers(app)

    @app.exception_handler(status.HTTP_405_METHOD_NOT_ALLOWED)
    async def method_not_allowed(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if (endpoint := request.scope["endpoint"]) in allow:
            headers["Allow"] = allow[endpoint]
        return JSONResponse({"detail": error.detail}, error.status_code, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
        # FastAPI's own sends the input back too: a password, or what JSON cannot hold (a NaN, half
        # of a surrogate pair), which ends in a 500
        detail = [{key: item[key] for key in ("type", "loc", "msg")} for item in error.errors()]
        return JSONResponse({"detail": detail}, status.HTTP_422_UNPROCESSABLE_CONTENT)

    @app.exception_handler(Exception)
    async def internal_error(request: Request, error: Exception) -> JSONResponse:
        # the server logs it: Starlette raises it again
        return JSONResponse(
            {"detail": "Internal Server Error"}, status.HTTP_500_INTERNAL_SERVER_ERROR
        )


def _allow_headers(app: FastAPI) -> dict[object, str]:
    """Give the ``Allow`` header for the path of each endpoint.

    FastAPI's own names the methods of the path's first route only.
    """
    routes = [route for route in iter_route_contexts(app.routes) if route.methods]
    methods: dict[str | None, set[str]] = defaultdict(set)
    for route in routes:
        methods[route.path] |= route.methods or set()
    return {route.endpoint: ", ".join(sorted(methods[route.path])) for route in routes}
