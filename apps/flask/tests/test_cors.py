import pytest
from conftest import MakeApp
from flask.testing import FlaskClient

ORIGIN = {"Origin": "https://console.example"}


def test_a_page_of_a_known_origin_may_read_the_api(client: FlaskClient) -> None:
    answer = client.get("/api/assets", headers=ORIGIN)
    assert answer.access_control_allow_origin == "https://console.example"


def test_a_page_of_another_origin_may_not(client: FlaskClient) -> None:
    answer = client.get("/api/assets", headers={"Origin": "https://evil.example"})
    assert answer.access_control_allow_origin is None


def test_no_origin_may_unless_it_is_configured(make_app: MakeApp) -> None:
    client = make_app("production").test_client()
    assert client.get("/api/assets", headers=ORIGIN).access_control_allow_origin is None


@pytest.mark.parametrize("path", ["/session/pages/1", "/account", "/assets", "/metrics"])
def test_nothing_but_the_api_may_be_read_from_elsewhere(client: FlaskClient, path: str) -> None:
    assert client.get(path, headers=ORIGIN).access_control_allow_origin is None


def test_a_preflight_is_answered(client: FlaskClient) -> None:
    asked = {**ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = client.options("/api/assets", headers=asked)
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


def test_cookies_are_never_granted(client: FlaskClient) -> None:
    answer = client.get("/api/assets", headers=ORIGIN)
    assert "Access-Control-Allow-Credentials" not in answer.headers
