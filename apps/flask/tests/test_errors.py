import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_a_browser_gets_a_page(client: FlaskClient) -> None:
    answer = client.get("/nothing", headers={"Accept": CHROME})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert '<html lang="en">' in answer.text, "the frame of the other pages"
    assert "<h1>Not Found</h1>" in answer.text


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, */*;q=0.1"])
def test_a_program_gets_json(client: FlaskClient, accept: str | None) -> None:
    answer = client.get("/nothing", headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.mimetype) == (404, "application/json")
    assert set(answer.get_json()) == {"error"}


def test_the_api_answers_in_json_even_to_a_browser(client: FlaskClient) -> None:
    answer = client.get("/api/nothing", headers={"Accept": CHROME})
    assert (answer.status_code, answer.mimetype) == (404, "application/json")


def test_an_error_keeps_its_headers(client: FlaskClient) -> None:
    assert "POST" in client.delete("/api/assets").headers["Allow"]


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_an_unhandled_exception_tells_nothing_of_itself(app: Flask, accept: str) -> None:
    app.add_url_rule("/fails", view_func=lambda: {}["a secret"])
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = app.test_client().get("/fails", headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (500, accept)
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_what_an_error_says_is_escaped_in_its_page(app: Flask) -> None:
    app.add_url_rule("/fails", view_func=lambda: abort(400, "<script>"))
    answer = app.test_client().get("/fails", headers={"Accept": "text/html"})
    assert "&lt;script&gt;" in answer.text
    assert "<script>" not in answer.text


def test_a_redirect_to_the_right_spelling_is_not_made_an_error(app: Flask) -> None:
    app.add_url_rule("/folder/", view_func=lambda: "folder")
    assert app.test_client().get("/folder").status_code == 308


@pytest.mark.parametrize("rounds", ["-1", "x", "1.5", "", "1_000", "99999999999999999999999"])
def test_a_number_out_of_bounds_is_refused_and_not_replaced(
    client: FlaskClient, rounds: str
) -> None:
    assert client.get("/cpu", query_string={"rounds": rounds}).status_code == 400


@pytest.mark.parametrize("path", ["/db/assets/99999999999", "/orm/assets/99999999999"])
def test_an_id_that_no_row_can_have_is_unknown(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("ids", ["", "1,", ",".join(["1"] * 501), "-1"])
def test_ids_that_are_none_or_too_many_are_refused(client: FlaskClient, ids: str) -> None:
    assert client.get("/db/assets", query_string={"ids": ids}).status_code == 400


@pytest.mark.parametrize("body", [{"site": ""}, {"site": "x" * 33}, {"site": "\0"}, [], {}])
def test_a_move_to_no_site_is_refused(client: FlaskClient, body: object) -> None:
    assert client.post("/db/assets/1/moves", json=body).status_code == 422
