"""What browsers are told about every answer."""

from flask import Flask, Response

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not "no-referrer": Flask-WTF compares the referrer with the host on HTTPS
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
_PAGES = (
    "default-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def install(app: Flask) -> None:
    """Add the headers; a view that needs another policy sets its own."""
    app.after_request(_add)


def _add(response: Response) -> Response:
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", _PAGES)
    return response
