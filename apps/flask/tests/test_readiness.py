import pytest
import settings
from conftest import MakeApp
from flask.testing import FlaskClient

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def cut_off(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Have an app whose database does not answer."""
    with monkeypatch.context() as patch:
        patch.setattr(settings, "DATABASE_URL", NOWHERE)
        patch.setattr(settings, "DATABASE_TIMEOUT", 0.2)
        client = make_app("production", DATABASE_URL=NOWHERE).test_client()
        client.get("/readyz")  # makes the pool while the settings say so
    return client


@pytest.fixture
def without(make_app: MakeApp) -> FlaskClient:
    """Have an app that was given no database and no upstream."""
    return make_app("production", DATABASE_URL="", UPSTREAM_URL="").test_client()


def test_with_a_database_that_answers_the_app_is_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ready"})


def test_with_a_database_that_does_not_answer_it_is_not(cut_off: FlaskClient) -> None:
    answer = cut_off.get("/readyz")
    assert (answer.status_code, answer.get_json()) == (503, {"status": "not ready"})


def test_the_reason_is_logged(cut_off: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    cut_off.get("/readyz")
    assert "not ready: " in capsys.readouterr().err


def test_a_database_that_does_not_answer_does_not_make_the_process_ill(
    cut_off: FlaskClient,
) -> None:
    assert cut_off.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/db/assets/1", "/orm/assets/1", "/api/v1/assets"])
def test_what_needs_the_database_answers_503_meanwhile(cut_off: FlaskClient, path: str) -> None:
    answer = cut_off.get(path)
    assert (answer.status_code, answer.mimetype) == (503, "application/json")
    assert "127.0.0.1" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/db/assets/1", "/orm/assets/1", "/upstream", "/login", "/api/v1/assets", "/assets.csv"],
)
def test_without_a_database_or_an_upstream_what_needs_them_answers_503(
    without: FlaskClient, path: str
) -> None:
    assert without.get(path).status_code == 503


@pytest.mark.parametrize("path", ["/readyz", "/assets", "/api/assets", "/cpu?rounds=1"])
def test_without_them_everything_else_works(without: FlaskClient, path: str) -> None:
    assert without.get(path).status_code == 200


def test_an_upstream_that_fails_is_a_bad_gateway(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "UPSTREAM_URL", "http://127.0.0.1:1")
    answer = make_app(UPSTREAM_URL="http://127.0.0.1:1").test_client().get("/upstream")
    assert (answer.status_code, answer.mimetype) == (502, "application/json")
