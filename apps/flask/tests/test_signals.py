import json
from io import BytesIO

import browser
import pytest
from conftest import PASSWORD
from flask import Flask
from flask.testing import FlaskClient
from flask_login import user_logged_in, user_logged_out
from inventory.signals import assets_imported, login_failed


def test_logging_in_and_out_is_signalled(app: Flask, client: FlaskClient, users: None) -> None:
    seen = []
    with (
        user_logged_in.connected_to(lambda s, user: seen.append(("in", user.name)), app),
        user_logged_out.connected_to(lambda s, user: seen.append(("out", user.name)), app),
    ):
        browser.log_in(client, "grace", PASSWORD)
        client.post("/logout", data={"csrf_token": browser.token(client, "/account")})
    assert seen == [("in", "grace"), ("out", "grace")]


def test_a_failed_login_is_signalled(app: Flask, client: FlaskClient, users: None) -> None:
    seen = []
    with login_failed.connected_to(lambda s, name: seen.append(name), app):
        browser.log_in(client, "grace", "wrong")
    assert seen == ["grace"]


def test_an_import_is_signalled_with_its_size(app: Flask, client: FlaskClient, users: None) -> None:
    seen = []
    browser.log_in(client, "grace", PASSWORD)
    data = b"name,kind,site,value_cents\nx,phone,oslo,1\n"
    form = {
        "csrf_token": browser.token(client, "/admin/import"),
        "file": (BytesIO(data), "a.csv"),
    }
    with assets_imported.connected_to(lambda s, user, count: seen.append((user.name, count)), app):
        client.post("/admin/import", data=form)
    assert seen == [("grace", 1)]


def test_a_signal_of_one_app_does_not_reach_another(
    app: Flask, client: FlaskClient, users: None
) -> None:
    seen = []
    with login_failed.connected_to(lambda s, name: seen.append(name), Flask("another")):
        browser.log_in(client, "grace", "wrong")
    assert seen == []


def test_the_audit_writes_a_line_for_a_login_and_for_a_failed_one(
    client: FlaskClient, users: None, capsys: pytest.CaptureFixture[str]
) -> None:
    browser.log_in(client, "grace", "wrong")
    browser.log_in(client, "grace", PASSWORD)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    audit = [(x["message"], x["user"]) for x in lines if x["logger"] == "inventory.audit"]
    assert audit == [("login failed", "grace"), ("logged in", "grace")]
