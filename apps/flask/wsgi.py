"""What a WSGI server imports."""

from assets_flask import create_app

app = create_app()
