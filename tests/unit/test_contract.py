from pathlib import Path

import pytest

from toolkit.contract import Answer, Exchange, read_contract, violations
from toolkit.errors import ConfigError

LIST = Exchange(
    name="list",
    method="GET",
    path="/",
    statuses=(200,),
    content_type="application/json",
    json=[{"id": 1}],
)
CREATE = Exchange(name="create", method="POST", path="/", statuses=(201,), json_has={"name": "n"})


@pytest.mark.parametrize(
    ("exchange", "answer", "said"),
    [
        (LIST, Answer(status=200, content_type="application/json", body=b'[{"id":1}]'), []),
        (LIST, Answer(status=500, content_type="application/json", body=b'[{"id":1}]'), ["500"]),
        (LIST, Answer(status=200, content_type="text/html", body=b'[{"id":1}]'), ["text/html"]),
        (LIST, Answer(status=200, content_type="application/json", body=b"[]"), ["another JSON"]),
        (LIST, Answer(status=200, content_type="application/json", body=b"oops"), ["not JSON"]),
        (CREATE, Answer(status=201, content_type="", body=b'{"name": "n", "id": 5}'), []),
        (CREATE, Answer(status=201, content_type="", body=b'{"name": "m"}'), ["'name'"]),
        (CREATE, Answer(status=201, content_type="", body=b"[]"), ["not a JSON object"]),
    ],
)
def test_each_way_to_break_a_contract_is_named(
    exchange: Exchange, answer: Answer, said: list[str]
) -> None:
    found = violations(exchange, answer)
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
