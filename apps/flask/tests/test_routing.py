import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient


def test_an_int_converter_lets_no_text_reach_the_view(client: FlaskClient) -> None:
    assert client.get("/api/assets/seven").status_code == 404


def test_an_int_converter_gives_the_view_a_number(client: FlaskClient) -> None:
    assert client.get("/api/assets/7").get_json()["id"] == 7


@pytest.mark.parametrize(("path", "number"), [("asset-00042", 42), ("asset-1000000", 1_000_000)])
def test_the_tag_converter_gives_a_view_the_number_of_a_tag(
    app: Flask, path: str, number: int
) -> None:
    endpoint, values = app.url_map.bind("localhost").match(f"/assets/{path}")
    assert (endpoint, values) == ("pages.show_asset", {"number": number})


def test_the_tag_converter_refuses_what_is_no_tag(client: FlaskClient) -> None:
    assert client.get("/assets/laptop-00042").status_code == 404


def test_a_url_is_built_from_the_name_of_a_view_and_its_values(app: Flask) -> None:
    with app.test_request_context():
        assert url_for("pages.show_asset", number=42) == "/assets/asset-00042"


def test_a_url_can_be_built_with_the_host_of_the_request(app: Flask) -> None:
    with app.test_request_context(base_url="https://inventory.example"):
        built = url_for("api.get_asset", number=7, _external=True)
    assert built == "https://inventory.example/api/assets/7"


def test_a_wrong_method_is_told_which_are_right(client: FlaskClient) -> None:
    answer = client.delete("/api/assets")
    assert (answer.status_code, set(answer.allow)) == (405, {"GET", "HEAD", "OPTIONS", "POST"})
