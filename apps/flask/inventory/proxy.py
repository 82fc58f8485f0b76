"""Believe the X-Forwarded-* headers of as many proxies as ``PROXY_HOPS`` says."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix


def install(app: Flask) -> None:
    """Wrap the app in ``ProxyFix``; with no hops the headers are a client's word: ignored."""
    hops = app.config["PROXY_HOPS"]
    if hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign] # as Flask's documentation has it
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops
        )
