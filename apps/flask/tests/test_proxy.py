from conftest import MakeApp
from flask import Flask, request

FORWARDED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "inventory.example",
}


def _seen(app: Flask, headers: dict[str, str]) -> list[object]:
    seen: list[object] = []
    app.add_url_rule(
        "/seen", view_func=lambda: seen.extend([request.remote_addr, request.host_url]) or "seen"
    )
    app.test_client().get("/seen", headers=headers)
    return seen


def test_by_default_a_client_cannot_lie_about_its_address(app: Flask) -> None:
    assert _seen(app, FORWARDED) == ["127.0.0.1", "http://localhost/"]


def test_behind_a_proxy_its_word_is_taken(make_app: MakeApp) -> None:
    seen = _seen(make_app(PROXY_HOPS=1), FORWARDED)
    assert seen == ["203.0.113.7", "https://inventory.example/"]


def test_what_a_client_put_before_the_proxys_word_is_not(make_app: MakeApp) -> None:
    headers = {**FORWARDED, "X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    assert _seen(make_app(PROXY_HOPS=1), headers)[0] == "203.0.113.7"
