"""Refuse what a foreign page makes a logged-in browser send."""

from flask import Flask
from flask_wtf import CSRFProtect

from inventory.views import api, rest, rows, sessions, work


def install(app: Flask) -> None:
    """Ask for a token with every form; the JSON APIs are exempt.

    A foreign page can send a form, but no ``application/json`` and no method but GET and POST
    without asking first (a CORS preflight), which is never granted with credentials; and the
    SameSite cookie stays at home. So an exempt view must take JSON and nothing else for an answer.
    ``/upload`` takes any bytes, but does the same for everybody.
    """
    csrf = CSRFProtect(app)
    for module in (api, rest, rows, sessions, work):
        csrf.exempt(module.blueprint)
