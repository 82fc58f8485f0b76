import browser
import pytest
from conftest import PASSWORD
from flask.testing import FlaskClient

NEW = {"name": "laptop-1", "kind": "laptop", "site": "oslo", "value_cents": 100}


@pytest.fixture
def alan(client: FlaskClient, users: None) -> FlaskClient:
    browser.log_in(client, "alan", PASSWORD)
    return client


def test_a_created_asset_can_be_read_where_the_answer_says(alan: FlaskClient) -> None:
    created = alan.post("/api/v1/assets", json=NEW)
    assert created.status_code == 201
    assert alan.get(created.location).get_json() == {**NEW, "id": created.json["id"], "moves": 0}


def test_new_ids_start_above_those_of_the_seed(alan: FlaskClient) -> None:
    assert alan.post("/api/v1/assets", json=NEW).json["id"] >= 1_000_000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 81),
        ("name", "x\0"),
        ("kind", "desk"),
        ("site", 7),
        ("value_cents", -1),
        ("value_cents", 1.5),
        ("value_cents", 2**31),
        ("id", 1),
        ("colour", "red"),
    ],
)
def test_a_wrong_field_is_refused_and_named(alan: FlaskClient, field: str, value: object) -> None:
    answer = alan.post("/api/v1/assets", json={**NEW, field: value})
    assert answer.status_code == 422
    assert field in answer.get_json()["errors"]["json"]


def test_an_asset_can_be_replaced(alan: FlaskClient) -> None:
    path = alan.post("/api/v1/assets", json=NEW).location
    alan.put(path, json={**NEW, "site": "bergen"})
    assert alan.get(path).get_json()["site"] == "bergen"


def test_an_asset_can_be_removed(alan: FlaskClient) -> None:
    path = alan.post("/api/v1/assets", json=NEW).location
    assert alan.delete(path).status_code == 204
    assert alan.get(path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_users_may_write(client: FlaskClient, method: str) -> None:
    path = "/api/v1/assets" if method == "POST" else "/api/v1/assets/1"
    answer = client.open(path, method=method, json=NEW)
    assert (answer.status_code, answer.mimetype) == (401, "application/json")


def test_a_list_is_given_by_page(alan: FlaskClient) -> None:
    for number in range(3):
        alan.post("/api/v1/assets", json={**NEW, "name": f"laptop-{number}"})
    answer = alan.get("/api/v1/assets?page=2&page_size=2")
    assert [asset["name"] for asset in answer.get_json()] == ["laptop-2"]
    assert '"total": 3' in answer.headers["X-Pagination"]


def test_a_list_can_be_narrowed(alan: FlaskClient) -> None:
    alan.post("/api/v1/assets", json=NEW)
    alan.post("/api/v1/assets", json={**NEW, "kind": "phone"})
    assert [a["kind"] for a in alan.get("/api/v1/assets?kind=phone").get_json()] == ["phone"]


def test_a_list_cannot_be_narrowed_to_a_kind_that_does_not_exist(client: FlaskClient) -> None:
    assert client.get("/api/v1/assets?kind=desk").status_code == 422


def test_the_api_describes_itself(client: FlaskClient) -> None:
    paths = client.get("/api/openapi.json").get_json()["paths"]
    assert set(paths["/api/v1/assets"]) >= {"get", "post"}
    assert set(paths["/api/v1/assets/{number}"]) >= {"get", "put", "delete"}
