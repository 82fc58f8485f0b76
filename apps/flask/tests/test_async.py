import inspect

import browser
import pytest
from conftest import PASSWORD, MakeApp
from flask import Flask
from flask.testing import FlaskClient


@pytest.fixture
def grace(app: Flask, client: FlaskClient, users: None) -> FlaskClient:
    browser.log_in(client, "grace", PASSWORD)
    return client


def test_an_async_view_answers(grace: FlaskClient) -> None:
    view = inspect.unwrap(grace.application.view_functions["admin.status"])
    assert inspect.iscoroutinefunction(view)
    answer = grace.get("/admin/status").get_json()
    assert answer == {"database": "ok", "upstream": "not configured"}


def test_an_async_view_calls_the_upstream(grace: FlaskClient, upstream: str) -> None:
    grace.application.config["UPSTREAM_URL"] = upstream
    assert grace.get("/admin/status").get_json()["upstream"] == "ok"


def test_an_async_view_sees_what_fails(grace: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("settings.UPSTREAM_URL", "http://127.0.0.1:1")
    grace.application.config["UPSTREAM_URL"] = "http://127.0.0.1:1"
    assert grace.get("/admin/status").get_json()["upstream"] == "does not answer"


def test_an_async_view_is_guarded_like_any_other(make_app: MakeApp) -> None:
    answer = make_app().test_client().get("/admin/status")
    assert answer.status_code == 401
