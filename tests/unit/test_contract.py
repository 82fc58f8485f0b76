import hashlib
from dataclasses import replace
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from toolkit.catalog import root
from toolkit.contract import (
    Answer,
    Exchange,
    parts_of_page,
    read_contract,
    violations,
    with_what_there_is,
)
from toolkit.errors import ConfigError
from toolkit.model import Need

LIST = Exchange(
    name="list",
    method="GET",
    path="/",
    statuses=(200,),
    content_type="application/json",
    json=[{"id": 1}],
)
CREATE = Exchange(name="create", method="POST", path="/", statuses=(201,), json_has={"name": "n"})
PAGE = replace(
    LIST,
    content_type="text/html; charset=utf-8",
    json=Exchange.__dataclass_fields__["json"].default,
    html=parts_of_page("<h1 class='a'>B &amp; C</h1>"),
)
BARE = Exchange(name="bare", method="GET", path="/", statuses=(200,))
SESSION = "session=x; Path=/; HttpOnly; SameSite=Lax"


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Answer:
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return Answer(status=status, headers=message, body=body)


def json_answer(body: bytes, kind: str = "application/json", status: int = 200) -> Answer:
    return answer(status, body, Content_Type=kind)


HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("exchange", "given", "said"),
    [
        (LIST, json_answer(b'[{"id":1}]'), []),
        (LIST, json_answer(b'[{"id":1}]', "application/json; charset=utf-8"), []),
        (LIST, json_answer(b'[{"id":1}]', status=500), ["status 500 (Internal Server Error)"]),
        (LIST, json_answer(b'[{"id":1}]', "text/html"), ["text/html"]),
        (LIST, answer(200, b'[{"id":1}]'), ["content type none"]),
        (LIST, json_answer(b"[]"), ["another JSON"]),
        (LIST, json_answer(b'[{"id":true}]'), ["another JSON"]),
        (LIST, json_answer(b"oops"), ["not JSON"]),
        (CREATE, answer(201, b'{"name": "n", "id": 5}'), []),
        (CREATE, answer(201, b'{"name": "m"}'), ["'name'"]),
        (CREATE, answer(201, b"[]"), ["not a JSON object"]),
        (PAGE, json_answer(b"<h1  class=a>\n B &#38; C </h1>", HTML), []),
        (PAGE, json_answer(b"<h1 class='a'>B &amp; C</h1>", "text/html"), ["charset none"]),
        (PAGE, json_answer(b"<h1 class='b'>B &amp; C</h1>", HTML), ["part 0"]),
        (PAGE, json_answer(b"<h1 class='a'>B &amp;amp; C</h1>", HTML), ["part 1"]),
        (PAGE, json_answer(b"<h1 class='a'>B &amp; C", HTML), ["2 parts instead of 3"]),
        (replace(BARE, content=b"ab"), answer(200, b"ab"), []),
        (replace(BARE, content=b"ab"), answer(200, b"abc"), ["another body of 3 bytes"]),
        (replace(BARE, sha256=hashlib.sha256(b"ab").hexdigest()), answer(200, b"ab"), []),
        (replace(BARE, sha256=hashlib.sha256(b"ab").hexdigest()), answer(200, b"b"), ["another"]),
        (replace(BARE, allow=frozenset({"GET"})), answer(Allow="get, HEAD"), []),
        (replace(BARE, allow=frozenset({"GET", "POST"})), answer(Allow="GET"), ["lacks POST"]),
        (replace(BARE, allow=frozenset({"GET"})), answer(), ["lacks GET"]),
        (replace(BARE, has_headers={"X-A": "[0-9]+"}), answer(X_A="12"), []),
        (replace(BARE, has_headers={"X-A": "[0-9]+"}), answer(X_A="12a"), ["'12a'"]),
        (replace(BARE, has_headers={"X-A": "[0-9]+"}), answer(), ["missing"]),
        (replace(BARE, cookie="session"), answer(Set_Cookie=SESSION), []),
        (replace(BARE, cookie="session"), answer(), ["not set"]),
        (
            replace(BARE, cookie="session"),
            answer(Set_Cookie="session=x; Path=/a; SameSite=None"),
            ["httponly", "samesite", "path"],
        ),
    ],
)
def test_each_way_to_break_a_contract_is_named(
    exchange: Exchange, given: Answer, said: list[str]
) -> None:
    found = violations(exchange, given)
    assert len(found) == len(said)
    for text, expected in zip(found, said, strict=True):
        assert expected in text


def test_a_misspelt_key_in_a_contract_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "contract.toml").write_text(
        '[[a]]\nname = "x"\nrequest = "GET /"\nstatsu = 200\nstatus = 200\n'
    )
    with pytest.raises(ConfigError, match="statsu"):
        read_contract(tmp_path, "a")


def test_an_unknown_contract_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "contract.toml").write_text("")
    with pytest.raises(ConfigError, match="no contract 'b'"):
        read_contract(tmp_path, "b")


def test_files_and_sizes_in_a_contract_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    (tmp_path / "a.html").write_text("<p>x</p>")
    (tmp_path / "a.bin").write_bytes(b"\0")
    (tmp_path / "contract.toml").write_text(
        '[[a]]\nname = "x"\nrequest = "POST /"\nstatus = 200\nbody_size = 3\njson_file = "a.json"\n'
        'html_file = "a.html"\nbody_file = "a.bin"\nneeds = "database"\nallow = ["GET"]\n'
    )
    (exchange,) = read_contract(tmp_path, "a")
    assert (exchange.body, exchange.json, exchange.content) == (b"xxx", [1], b"\0")
    assert exchange.html == ("<p>", "x", "</p>")
    assert exchange.needs is Need.DATABASE


def test_what_needs_a_service_that_is_not_there_is_left_out() -> None:
    needy = replace(BARE, needs=Need.DATABASE)
    assert with_what_there_is([BARE, needy], lambda need: False) == (BARE,)
    assert with_what_there_is([BARE, needy], lambda need: need is Need.DATABASE) == (BARE, needy)


def test_the_contract_of_the_reference_apps_asks_for_every_kind_of_answer() -> None:
    """A list that somebody shortens by mistake must not make everything green."""
    exchanges = read_contract(root() / "apps", "assets")
    methods: set[Any] = {exchange.method for exchange in exchanges}
    assert methods == {"GET", "HEAD", "OPTIONS", "POST", "DELETE"}
    assert {exchange.needs for exchange in exchanges} == {None, Need.DATABASE, Need.UPSTREAM}
    statuses = {status for exchange in exchanges for status in exchange.statuses}
    assert {200, 201, 204, 400, 401, 404, 405, 413, 415, 422} <= statuses
    assert sum(exchange.chunked for exchange in exchanges) == 2
    assert sum(exchange.at_once > 1 for exchange in exchanges) == 4
    assert any(exchange.repeat > 16 for exchange in exchanges)
