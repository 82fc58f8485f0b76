"""What a browser does: read the token of a form and send it along."""

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


def token(client: FlaskClient, path: str = "/login") -> str:
    found = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get(path).text)
    assert found, f"no token in the form of {path}"
    return found[1]


def log_in(client: FlaskClient, name: str, password: str, path: str = "/login") -> TestResponse:
    form = {"name": name, "password": password, "csrf_token": token(client)}
    return client.post(path, data=form)
