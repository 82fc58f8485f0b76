import pytest
from conftest import MakeApp
from flask import Flask
from flask.testing import FlaskClient

ADA = {"name": "ada", "password": "correct horse"}


@pytest.fixture
def cookie(client: FlaskClient) -> str:
    client.post("/session", json=ADA)
    found = client.get_cookie("session")
    assert found is not None
    return found.value


def _page(app: Flask, cookie: str) -> int:
    client = app.test_client()
    client.set_cookie("session", cookie)
    return client.get("/session/pages/1").status_code


def test_a_signed_cookie_is_a_session(app: Flask, cookie: str) -> None:
    assert _page(app, cookie) == 200


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_cookie_of_which_any_part_was_changed_is_not(app: Flask, cookie: str, part: int) -> None:
    parts = cookie.split(".")
    parts[part] = ("A" if parts[part][0] != "A" else "B") + parts[part][1:]
    assert _page(app, ".".join(parts)) == 401


def test_a_cookie_signed_with_another_key_is_not(make_app: MakeApp, cookie: str) -> None:
    assert _page(make_app(SECRET_KEY="another"), cookie) == 401


def test_a_session_outlives_a_change_of_the_key(make_app: MakeApp, app: Flask, cookie: str) -> None:
    fallbacks = [app.config["SECRET_KEY"]]
    assert _page(make_app(SECRET_KEY="new", SECRET_KEY_FALLBACKS=fallbacks), cookie) == 200


@pytest.mark.parametrize("body", [[], {}, {"name": "ada"}, {"name": "ada", "password": 1}])
def test_what_is_no_login_is_refused(client: FlaskClient, body: object) -> None:
    assert client.post("/session", json=body).status_code == 422
