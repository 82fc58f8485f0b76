import browser
import pytest
from conftest import PASSWORD
from flask.testing import FlaskClient


def test_a_form_without_a_token_is_refused(client: FlaskClient, users: None) -> None:
    answer = client.post("/login", data={"name": "grace", "password": PASSWORD})
    assert answer.status_code == 400
    assert "CSRF" in answer.text


def test_a_form_with_the_token_of_another_session_is_refused(
    client: FlaskClient, users: None
) -> None:
    foreign = browser.token(client.application.test_client())
    browser.token(client)
    form = {"name": "grace", "password": PASSWORD, "csrf_token": foreign}
    assert client.post("/login", data=form).status_code == 400


def test_a_form_with_its_token_is_accepted(client: FlaskClient, users: None) -> None:
    assert browser.log_in(client, "grace", PASSWORD).status_code == 302


def test_on_https_a_form_sent_from_another_site_is_refused(
    client: FlaskClient, users: None
) -> None:
    form = {"name": "grace", "password": PASSWORD, "csrf_token": browser.token(client)}
    headers = {"Referer": "https://evil.example/"}
    answer = client.post("/login", data=form, headers=headers, base_url="https://localhost")
    assert answer.status_code == 400


def test_the_json_api_needs_no_token(client: FlaskClient) -> None:
    body = {"name": "x", "kind": "phone", "value_cents": 1}
    assert client.post("/api/assets", json=body).status_code == 201


# what a foreign page can make a browser send: a form's content type, whatever the body says
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/assets", '{"name": "x", "kind": "phone", "value_cents": 1}'),
        ("/api/v1/assets", '{"name": "x", "kind": "phone", "site": "oslo", "value_cents": 1}'),
        ("/session", '{"name": "ada", "password": "correct horse"}'),
        ("/db/assets/1/moves", '{"site": "oslo"}'),
    ],
)
def test_what_needs_no_token_takes_nothing_that_a_foreign_form_can_send(
    client: FlaskClient, users: None, path: str, body: str
) -> None:
    browser.log_in(client, "grace", PASSWORD)
    answer = client.post(path, data=body, content_type="text/plain")
    assert answer.status_code in {400, 415, 422}
