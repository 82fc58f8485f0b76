"""Blueprint for those who operate the app."""

from flask import Blueprint

ops = Blueprint("ops", __name__)


@ops.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer while the process serves; asks nothing else, so a slow database cannot kill it."""
    return {"status": "ok"}
