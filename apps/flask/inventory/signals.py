"""Signals of this app. Who sends one does not know who listens; Flask and Flask-Login have more."""

from flask.signals import Namespace

_signals = Namespace()

login_failed = _signals.signal("login-failed")
"""Sent with ``name`` when somebody gave a wrong password."""

assets_imported = _signals.signal("assets-imported")
"""Sent with ``user`` and ``count`` when a file of assets was stored."""
