"""What a WSGI server imports."""

import os

import django

from asset_api.handler import HttpHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asset_api.settings")

# get_wsgi_application() with a handler of our own
django.setup(set_prefix=False)
application = HttpHandler()
