"""What an ASGI server imports."""

from assets_quart import create_app

app = create_app()
