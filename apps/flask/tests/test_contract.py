"""The contract of the reference apps, sent through the test client; a server adds what is below."""

import json
import re
import tomllib
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeApp
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

APPS = Path(__file__).parents[2]
EXCHANGES = tomllib.loads((APPS / "contract.toml").read_text(encoding="utf-8"))["assets"]


@pytest.mark.parametrize("configuration", ["benchmark", "production"])
def test_every_exchange_of_the_contract_is_kept(
    make_app: MakeApp, upstream: str, configuration: str
) -> None:
    app = make_app(configuration, UPSTREAM_URL=upstream)
    assert app.test_cli_runner().invoke(args=["seed", "--yes"]).exit_code == 0
    sessions: dict[str, FlaskClient] = {}
    found = []
    for number, exchange in enumerate(EXCHANGES):
        name = exchange.get("session", str(number))
        client = sessions.setdefault(name, app.test_client())
        for _ in range(exchange.get("repeat", 1)):
            answer = _send(client, exchange)
            found += [f"{exchange['name']}: {fault}" for fault in _faults(exchange, answer)]
    assert found == []


@pytest.mark.parametrize(
    ("exchange", "status", "body"),
    [
        ({"request": "GET /", "status": 201}, 200, b""),
        ({"request": "GET /", "status": 200, "json": [1]}, 200, b"[2]"),
        ({"request": "GET /", "status": 200, "json_has": {"a": 1}}, 200, b'{"a": 2}'),
        ({"request": "GET /", "status": 200, "html_file": "shared/assets.html"}, 200, b"<p>"),
        ({"request": "GET /", "status": 200, "allow": ["GET"]}, 200, b""),
        ({"request": "GET /", "status": 200, "cookie": "session"}, 200, b""),
        ({"request": "GET /", "status": 200, "has_headers": {"X": "."}}, 200, b""),
        ({"request": "GET /", "status": 200, "sha256": "00"}, 200, b""),
        ({"request": "GET /", "status": 200, "content_type": "text/css"}, 200, b""),
    ],
)
def test_a_wrong_answer_is_noticed(exchange: dict[str, Any], status: int, body: bytes) -> None:
    from flask import Flask, Response

    app = Flask("wrong")
    app.add_url_rule("/", view_func=lambda: Response(body, status))
    assert _faults(exchange, _send(app.test_client(), exchange)) != []


def _send(client: FlaskClient, exchange: dict[str, Any]) -> TestResponse:
    method, path = exchange["request"].split(" ", 1)
    body = exchange.get("body", "x" * exchange.get("body_size", 0)).encode()
    options: dict[str, Any] = {"data": body}
    if exchange.get("chunked"):
        options = {
            "input_stream": BytesIO(body),
            "environ_overrides": {"wsgi.input_terminated": True},
        }
    headers = exchange.get("headers", {})
    return client.open(
        path, method=method, headers=headers, base_url="https://localhost", **options
    )


def _faults(exchange: dict[str, Any], answer: TestResponse) -> list[str]:
    import hashlib

    statuses = exchange["status"]
    checks = {
        f"status {answer.status}": answer.status_code
        in (statuses if isinstance(statuses, list) else [statuses]),
        f"allow {answer.allow}": set(exchange.get("allow", [])) <= set(answer.allow),
    }
    if "content_type" in exchange:
        wanted, given = exchange["content_type"], answer.content_type
        charset_asked = ";" in wanted
        checks[f"content type {given}"] = (given if charset_asked else answer.mimetype) == wanted
    if "json_file" in exchange:
        exchange = {**exchange, "json": json.loads((APPS / exchange["json_file"]).read_bytes())}
    if "json" in exchange:
        checks[f"json {answer.text[:80]}"] = json.loads(answer.data) == exchange["json"]
    if "json_has" in exchange:
        given = json.loads(answer.data)
        checks[f"json {given}"] = given.items() >= exchange["json_has"].items()
    if "body_file" in exchange:
        checks["body"] = answer.data == (APPS / exchange["body_file"]).read_bytes()
    if "sha256" in exchange:
        checks["sha256"] = hashlib.sha256(answer.data).hexdigest() == exchange["sha256"]
    if "html_file" in exchange:
        expected = (APPS / exchange["html_file"]).read_text(encoding="utf-8")
        checks["html"] = _Events.of(answer.text) == _Events.of(expected)
    for name, pattern in exchange.get("has_headers", {}).items():
        checks[name] = bool(re.fullmatch(pattern, answer.headers.get(name, "")))
    if "cookie" in exchange:
        cookie = answer.headers.get("Set-Cookie", "")
        parts = {part.strip() for part in cookie.split(";")}
        good = parts >= {"HttpOnly", "SameSite=Lax", "Path=/"}
        checks[f"cookie {cookie}"] = good and cookie.startswith(exchange["cookie"] + "=")
    return [what for what, kept in checks.items() if not kept]


class _Events(HTMLParser):
    """The elements, attributes and texts of a page in their order, white space apart."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[Any, ...]] = []

    @classmethod
    def of(cls, page: str) -> list[tuple[Any, ...]]:
        parser = cls()
        parser.feed(page)
        parser.close()
        return parser.events

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.events.append(("start", tag, sorted(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.events.append(("end", tag))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.events.append(("text", " ".join(data.split())))
