"""What the upstream that delays says to a request; its loop is tested in integration."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.delaying import MOST_DELAY, Answer, answer

REST = "Host: a\r\nConnection: keep-alive\r\n\r\n"


def ask(line: str, rest: str = REST) -> Answer:
    return answer(f"{line}\r\n{rest}".encode("latin-1"), {})


def status(found: Answer) -> int:
    return int(found.data.split(b" ")[1])


def body(found: Answer) -> dict[str, object]:
    head, _, content = found.data.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(content)}".encode() in head.split(b"\r\n")
    value = json.loads(content)
    assert isinstance(value, dict)
    return value


def test_the_answer_holds_what_was_asked_for_and_its_delay() -> None:
    found = ask("GET /upstream?delay_ms=20&token=abc HTTP/1.1")
    assert (status(found), found.delay, found.last) == (200, 0.02, False)
    assert body(found) == {"delay_ms": 20, "token": "abc"}


def test_parameters_come_in_any_order_and_a_delay_may_be_nothing() -> None:
    found = ask("GET /upstream?token=abc&delay_ms=0 HTTP/1.1")
    assert (found.delay, body(found)) == (0.0, {"delay_ms": 0, "token": "abc"})
    assert body(ask("GET /upstream?delay_ms=5 HTTP/1.1")) == {"delay_ms": 5, "token": ""}


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_any_token_comes_back(token: str) -> None:
    from urllib.parse import urlencode

    found = ask(f"GET /upstream?{urlencode({'delay_ms': 1, 'token': token})} HTTP/1.1")
    assert body(found) == {"delay_ms": 1, "token": token}


def test_health_is_answered_at_once() -> None:
    found = ask("GET /healthz HTTP/1.1")
    assert (status(found), found.delay, body(found)) == (200, 0.0, {"status": "ok"})


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("GET /upstream?delay_ms=x&token=a HTTP/1.1", 400),
        ("GET /upstream?delay_ms=-1&token=a HTTP/1.1", 400),
        ("GET /upstream?token=a HTTP/1.1", 400),
        ("GET /upstream?delay_ms=1&delay_ms=2&token=a HTTP/1.1", 400),
        (f"GET /upstream?delay_ms={MOST_DELAY + 1}&token=a HTTP/1.1", 400),
        ("GET /upstream?delay_ms=99999999999999999999&token=a HTTP/1.1", 400),
        (f"GET /upstream?{'a=1&' * 20}delay_ms=1 HTTP/1.1", 400),
        ("GET /upstream?delay_ms=1&token=a", 400),
        ("GET /upstream?delay_ms=1&token=a HTTP/2.0", 400),
        ("", 400),
        ("\x16\x03\x01", 400),
        ("GET /elsewhere HTTP/1.1", 404),
        ("POST /upstream?delay_ms=1&token=a HTTP/1.1", 405),
    ],
)
def test_a_bad_request_is_told_so_and_is_the_last(line: str, wanted: int) -> None:
    found = ask(line)
    assert (status(found), found.delay, found.last) == (wanted, 0.0, True)
    assert body(found).keys() == {"error"}
    assert b"Connection: close" in found.data


def test_the_longest_delay_is_one_minute() -> None:
    assert ask(f"GET /upstream?delay_ms={MOST_DELAY}&token=a HTTP/1.1").delay == 60.0


@pytest.mark.parametrize(
    "rest",
    [
        "Content-Length: 3\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
        "no header\r\n\r\n",
        "bad name: 1\r\n\r\n",
    ],
)
def test_a_body_or_what_is_no_header_is_refused(rest: str) -> None:
    assert status(ask("GET /upstream?delay_ms=1&token=a HTTP/1.1", rest)) == 400


@pytest.mark.parametrize(
    ("line", "rest", "last"),
    [
        ("GET /upstream?delay_ms=1&token=a HTTP/1.1", "Connection: Close\r\n\r\n", True),
        ("GET /upstream?delay_ms=1&token=a HTTP/1.1", "Host: close\r\n\r\n", False),
        ("GET /upstream?delay_ms=1&token=a HTTP/1.1", "\r\n", False),
        ("GET /upstream?delay_ms=1&token=a HTTP/1.0", "\r\n", True),
        ("GET /healthz HTTP/1.0", "\r\n", True),
    ],
)
def test_a_connection_ends_when_its_client_says_so(line: str, rest: str, last: bool) -> None:
    found = ask(line, rest)
    assert found.last is last
    assert (b"Connection: close" in found.data) is last


def test_remembered_headers_are_read_as_they_were() -> None:
    known: dict[bytes, bool] = {}
    line = b"GET /upstream?delay_ms=1&token=a HTTP/1.1\r\n"
    for rest, last in ((b"Connection: close\r\n\r\n", True), (b"Host: a\r\n\r\n", False)):
        assert answer(line + rest, known).last is last
        assert answer(line + rest, known).last is last
    assert len(known) == 2


def test_what_is_remembered_is_bounded() -> None:
    known: dict[bytes, bool] = {}
    for number in range(1000):
        answer(b"GET /healthz HTTP/1.1\r\nX: %d\r\n\r\n" % number, known)
    assert len(known) < 1000
