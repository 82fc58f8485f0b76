"""What an ASGI server imports."""

from assets_fastapi.main import app

__all__ = ["app"]
