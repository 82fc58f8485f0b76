"""Who logged in, who failed to and who imported what: listens to signals, knows no view."""

import logging

from flask import Flask
from flask_login import user_logged_in, user_logged_out

from inventory.models import User
from inventory.signals import assets_imported, login_failed

log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    """Write a log line for each such event of this app."""
    user_logged_in.connect(_logged_in, app)
    user_logged_out.connect(_logged_out, app)
    login_failed.connect(_failed, app)
    assets_imported.connect(_imported, app)


def _logged_in(sender: Flask, user: User, **_: object) -> None:
    log.info("logged in", extra={"fields": {"user": user.name}})


def _logged_out(sender: Flask, user: User, **_: object) -> None:
    log.info("logged out", extra={"fields": {"user": user.name}})


def _failed(sender: Flask, name: str, **_: object) -> None:
    log.warning("login failed", extra={"fields": {"user": name}})


def _imported(sender: Flask, user: User, count: int, **_: object) -> None:
    log.info("assets imported", extra={"fields": {"user": user.name, "count": count}})
