"""What a WSGI server imports."""

from assets_bottle import create_app

app = create_app()
