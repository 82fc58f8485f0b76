"""What an ASGI server imports."""

from assets_litestar import create_app

app = create_app()
