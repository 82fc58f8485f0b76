"""What a WSGI server imports."""

from assets_flask_async import create_app

app = create_app()
