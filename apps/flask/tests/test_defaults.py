import pytest
from conftest import MakeApp
from flask.testing import FlaskClient

ADA = {"name": "ada", "password": "correct horse"}


def _cookie(make_app: MakeApp, configuration: str) -> set[str]:
    client = make_app(configuration).test_client()
    answer = client.post("/session", json=ADA, base_url="https://localhost")
    return {part.strip() for part in answer.headers["Set-Cookie"].split(";")}


@pytest.mark.parametrize("configuration", ["development", "production", "benchmark"])
def test_scripts_and_other_sites_do_not_get_the_cookie(
    make_app: MakeApp, configuration: str
) -> None:
    assert _cookie(make_app, configuration) >= {"HttpOnly", "SameSite=Lax"}


def test_in_production_the_cookie_travels_by_https_only(make_app: MakeApp) -> None:
    assert "Secure" in _cookie(make_app, "production")


def test_in_development_it_travels_by_http_too(make_app: MakeApp) -> None:
    assert "Secure" not in _cookie(make_app, "development")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ],
)
@pytest.mark.parametrize("path", ["/assets", "/api/assets", "/nothing"])
def test_every_answer_has_the_safe_headers(
    client: FlaskClient, path: str, name: str, value: str
) -> None:
    assert client.get(path).headers[name] == value


@pytest.mark.parametrize("path", ["/assets", "/login", "/nothing"])
def test_a_page_may_load_only_what_is_of_this_site(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Accept": "text/html"})
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/login", "/assets"])
def test_a_page_has_nothing_inline_that_its_policy_forbids(client: FlaskClient, path: str) -> None:
    page = client.get(path).text
    assert "<script>" not in page
    assert "<style" not in page
    assert " style=" not in page


def test_a_view_can_have_a_policy_of_its_own(make_app: MakeApp) -> None:
    app = make_app()
    own = {"Content-Security-Policy": "sandbox"}
    app.add_url_rule("/own", view_func=lambda: ("<p>", 200, own))
    assert app.test_client().get("/own").headers["Content-Security-Policy"] == "sandbox"


def test_a_host_that_is_not_trusted_is_refused(make_app: MakeApp) -> None:
    client = make_app(TRUSTED_HOSTS=["inventory.example"]).test_client()
    assert client.get("/assets", base_url="https://evil.example").status_code == 400
