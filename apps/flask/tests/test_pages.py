import pytest
import work
from flask import Flask
from flask.testing import FlaskClient
from inventory.extensions import db
from inventory.models import Asset


@pytest.fixture
def laptop(app: Flask) -> None:
    with app.app_context():
        db.session.add(
            Asset(id=42, name="<b>laptop</b>", kind="laptop", site="oslo", value_cents=5)
        )
        db.session.commit()


def test_what_comes_from_data_is_escaped(client: FlaskClient, laptop: None) -> None:
    page = client.get("/assets/asset-00042").text
    assert "&lt;b&gt;laptop&lt;/b&gt;" in page
    assert "<b>" not in page


def test_a_page_stands_in_the_frame_of_its_base(client: FlaskClient) -> None:
    page = client.get("/assets").text
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert "<title>Assets</title>" in page


def test_the_layout_extends_the_base_and_a_page_the_layout(
    client: FlaskClient, laptop: None
) -> None:
    page = client.get("/assets/asset-00042").text
    assert page.index("<!doctype html>") < page.index("<nav>") < page.index("<h1>")


def test_the_heading_is_the_name_of_the_site(client: FlaskClient) -> None:
    assert work.SITE_NAME not in client.get("/assets").text
    assert "Müller &amp; Söhne &lt;Berlin&gt;" in client.get("/assets").text


@pytest.mark.parametrize(("cents", "text"), [(0, "0.00"), (5, "0.05"), (123_456, "1234.56")])
def test_the_money_filter_writes_cents(app: Flask, cents: int, text: str) -> None:
    assert app.jinja_env.from_string("{{ cents | money }}").render(cents=cents) == text


def test_an_unknown_tag_is_answered_by_a_page(client: FlaskClient) -> None:
    answer = client.get("/assets/asset-00001", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_the_style_sheet_of_the_pages_is_served(client: FlaskClient) -> None:
    with client.get("/pages/static/style.css") as answer:
        assert (answer.status_code, answer.mimetype) == (200, "text/css")


def test_the_export_has_a_line_per_asset(client: FlaskClient, laptop: None) -> None:
    lines = client.get("/assets.csv").text.split("\r\n")
    assert lines == ["name,kind,site,value_cents", "<b>laptop</b>,laptop,oslo,5", ""]
