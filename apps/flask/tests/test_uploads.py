from io import BytesIO

import browser
import pytest
import settings
import work
from conftest import PASSWORD
from flask import Flask
from flask.testing import FlaskClient
from inventory.extensions import db
from inventory.models import Asset
from sqlalchemy import func, select
from werkzeug.test import TestResponse

CSV = b"name,kind,site,value_cents\r\nlaptop-1,laptop,oslo,100\r\nphone-1,phone,bergen,200\r\n"


@pytest.fixture
def grace(client: FlaskClient, users: None) -> FlaskClient:
    browser.log_in(client, "grace", PASSWORD)
    return client


def _import(client: FlaskClient, data: bytes, name: str = "assets.csv") -> TestResponse:
    form = {"csrf_token": browser.token(client, "/admin/import"), "file": (BytesIO(data), name)}
    return client.post("/admin/import", data=form)


def _stored(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Asset)) or 0


def test_a_file_of_a_form_is_stored(app: Flask, grace: FlaskClient) -> None:
    assert _import(grace, CSV).status_code == 302
    assert _stored(app) == 2


def test_what_was_imported_is_what_is_exported(grace: FlaskClient) -> None:
    _import(grace, CSV)
    assert grace.get("/assets.csv").data == CSV


def test_a_wrong_line_is_named_and_nothing_is_stored(app: Flask, grace: FlaskClient) -> None:
    answer = _import(grace, CSV + b"desk-1,desk,oslo,1\r\n")
    assert answer.status_code == 422
    assert "line 4" in answer.text
    assert _stored(app) == 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"name\r\nx\r\n",
        CSV + b"x,phone,oslo,much\r\n",
        CSV + b"x,phone,oslo\r\n",
        CSV + b"x,phone,oslo,1,2\r\n",
        CSV + b"x,phone,\xff\xfe,1\r\n",
        CSV + b"x\0,phone,oslo,1\r\n",
    ],
)
def test_what_is_no_such_file_is_refused(app: Flask, grace: FlaskClient, data: bytes) -> None:
    assert _import(grace, data).status_code == 422
    assert _stored(app) == 0


def test_a_file_of_another_kind_is_refused(grace: FlaskClient) -> None:
    assert _import(grace, CSV, "assets.exe").status_code == 400


def test_a_form_without_a_file_is_refused(grace: FlaskClient) -> None:
    form = {"csrf_token": browser.token(grace, "/admin/import")}
    assert grace.post("/admin/import", data=form).status_code == 400


def test_a_form_larger_than_the_limit_is_refused(grace: FlaskClient) -> None:
    assert _import(grace, b"x" * (settings.MOST_BODY + 1)).status_code == 413


def test_a_raw_body_of_exactly_the_limit_is_taken(client: FlaskClient) -> None:
    answer = client.post("/upload", data=b"x" * settings.MOST_BODY)
    assert answer.get_json()["bytes"] == settings.MOST_BODY


def test_a_raw_body_larger_than_the_limit_is_refused(client: FlaskClient) -> None:
    assert client.post("/upload", data=b"x" * (settings.MOST_BODY + 1)).status_code == 413


def test_a_chunked_body_larger_than_the_limit_is_refused(client: FlaskClient) -> None:
    answer = client.post(
        "/upload",
        input_stream=BytesIO(b"x" * (settings.MOST_BODY + 1)),
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413


def test_a_raw_body_is_not_held_as_a_whole(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def checksum(data: bytes, start: int = 0) -> int:
        sizes.append(len(data))
        return start

    monkeypatch.setattr(work, "checksum", checksum)
    client.post("/upload", data=b"x" * 1_000_000)
    assert sum(sizes) == 1_000_000
    assert max(sizes) <= 64 * 1024
