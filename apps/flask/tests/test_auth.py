import browser
import pytest
from conftest import PASSWORD
from flask import Flask
from flask.testing import FlaskClient
from inventory.extensions import db
from inventory.models import User
from inventory.views.auth import local
from sqlalchemy import select


def test_a_password_is_stored_as_a_salted_hash() -> None:
    one, other = User(name="grace"), User(name="alan")
    for user in (one, other):
        user.set_password(PASSWORD)
        assert user.password_hash.startswith("scrypt:")
        assert PASSWORD not in user.password_hash
    assert one.password_hash != other.password_hash


def test_a_right_password_logs_in(client: FlaskClient, users: None) -> None:
    assert browser.log_in(client, "grace", PASSWORD).location == "/account"
    assert "<h1>grace</h1>" in client.get("/account").text


@pytest.mark.parametrize(("name", "password"), [("grace", "wrong"), ("nobody", PASSWORD)])
def test_a_wrong_name_or_password_does_not_log_in(
    client: FlaskClient, users: None, name: str, password: str
) -> None:
    assert browser.log_in(client, name, password).status_code == 401
    assert client.get("/account").status_code != 200


def test_nobody_logs_in_with_the_password_that_stands_for_unknown_names(
    client: FlaskClient, users: None
) -> None:
    assert browser.log_in(client, "nobody", "").status_code == 400


def test_a_name_that_cannot_be_stored_is_nobodys(client: FlaskClient, users: None) -> None:
    assert browser.log_in(client, "grace\0", PASSWORD).status_code == 400


def test_logging_out_ends_the_session(client: FlaskClient, users: None) -> None:
    browser.log_in(client, "grace", PASSWORD)
    client.post("/logout", data={"csrf_token": browser.token(client, "/account")})
    assert client.get("/account").status_code != 200


def test_a_link_cannot_log_out(client: FlaskClient, users: None) -> None:
    browser.log_in(client, "grace", PASSWORD)
    assert client.get("/logout").status_code == 405


def test_a_page_for_users_sends_others_to_the_form(client: FlaskClient) -> None:
    answer = client.get("/account", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.location) == (302, "/login?next=/account")


def test_a_program_gets_401_instead_of_a_form(client: FlaskClient) -> None:
    answer = client.get("/account", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.mimetype) == (401, "application/json")


def test_after_logging_in_users_are_where_they_wanted_to_be(
    client: FlaskClient, users: None
) -> None:
    answer = browser.log_in(client, "grace", PASSWORD, "/login?next=/admin/import")
    assert answer.location == "/admin/import"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "///evil.example",
        "",
        None,
    ],
)
def test_a_login_never_sends_users_to_another_site(target: str | None) -> None:
    assert local(target) is None


def test_a_login_keeps_a_path_with_its_query() -> None:
    assert local("/assets?page=2") == "/assets?page=2"


def test_pages_of_administrators_are_closed_to_users(client: FlaskClient, users: None) -> None:
    browser.log_in(client, "alan", PASSWORD)
    assert client.get("/admin/import").status_code == 403


def test_pages_of_administrators_are_open_to_them(client: FlaskClient, users: None) -> None:
    browser.log_in(client, "grace", PASSWORD)
    assert client.get("/admin/import").status_code == 200


def test_a_user_who_was_deleted_is_logged_out(app: Flask, client: FlaskClient, users: None) -> None:
    browser.log_in(client, "alan", PASSWORD)
    with app.app_context():
        db.session.delete(db.session.scalars(select(User).filter_by(name="alan")).one())
        db.session.commit()
    assert client.get("/account").status_code != 200
