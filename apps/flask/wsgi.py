"""What a WSGI server and the ``flask`` command import."""

from inventory import create_app

app = create_app()
