import json
import logging
from typing import Any

import pytest
from conftest import MakeApp
from flask import Flask
from flask.testing import FlaskClient


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_request_is_a_line_of_json(
    client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    client.get("/healthz?x=1")
    (line,) = _lines(capsys)
    assert (line["message"], line["method"], line["path"], line["status"]) == (
        "request",
        "GET",
        "/healthz",
        200,
    )


def test_the_log_line_and_the_answer_have_the_same_request_id(
    client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = client.get("/healthz")
    assert _lines(capsys)[0]["request_id"] == answer.headers["X-Request-ID"]


def test_each_request_has_an_id_of_its_own(client: FlaskClient) -> None:
    ids = {client.get("/healthz").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3


def test_the_id_that_a_proxy_gave_is_kept(client: FlaskClient) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": "proxy-7"})
    assert answer.headers["X-Request-ID"] == "proxy-7"


@pytest.mark.parametrize("given", ["", "x" * 65, 'a"b', "a b"])
def test_an_id_that_could_harm_the_log_is_replaced(client: FlaskClient, given: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] != given


def test_a_line_break_in_a_message_makes_no_second_line(
    app: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger("inventory.test").warning('x\n{"level": "forged"}')
    assert len(_lines(capsys)) == 1


def test_an_exception_is_logged_with_its_traceback_in_the_line_of_its_request(
    app: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    app.add_url_rule("/fails", view_func=lambda: {}["missing"])
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = app.test_client().get("/fails")
    line = next(line for line in _lines(capsys) if line["level"] == "ERROR")
    assert "KeyError: 'missing'" in line["exception"]
    assert line["request_id"] == answer.headers["X-Request-ID"]


def test_at_the_default_level_of_the_benchmark_no_request_is_logged(
    make_app: MakeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    make_app("benchmark").test_client().get("/healthz")
    assert _lines(capsys) == []
