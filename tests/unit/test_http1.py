"""Requests are encoded and answers read without any I/O."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.wire import http1
from toolkit.wire.http1 import (
    Answer,
    AnswerReader,
    ClosedError,
    ProtocolError,
    Request,
)

HOST = b"Host: a.test:8000\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GOOD = b"HTTP/1.1 201 Created\r\nServer: x\r\nContent-Length: 4\r\n\r\ngood"


def read(*parts: bytes, to_head: bool = False) -> tuple[AnswerReader, Answer | None]:
    reader = AnswerReader()
    reader.expect(to_head=to_head)
    answer = None
    for part in parts:
        assert answer is None
        answer = reader.feed(part)
    return reader, answer


def answer_of(*parts: bytes, to_head: bool = False) -> Answer:
    _, answer = read(*parts, to_head=to_head)
    assert answer is not None
    return answer


# requests


def test_a_get_is_its_line_the_host_and_nothing_else() -> None:
    assert Request("GET", "/list?a=1").encode(HOST) == (
        b"GET /list?a=1 HTTP/1.1\r\nHost: a.test:8000\r\n\r\n"
    )


def test_headers_and_body_follow_the_host_with_the_bodys_length() -> None:
    request = Request("POST", "/", headers={"X-A": "b"}, body="grün")
    assert request.encode(HOST) == (
        b"POST / HTTP/1.1\r\nHost: a.test:8000\r\nX-A: b\r\nContent-Length: 5\r\n\r\ngr\xc3\xbcn"
    )


@pytest.mark.parametrize("field", ["Host", "host"])
def test_a_host_of_its_own_replaces_that_of_the_origin(field: str) -> None:
    request = Request("GET", "/", headers={field: "other.test"})
    for cookies in (b"", b"Cookie: a=b\r\n"):
        encoded = request.encode(HOST, cookies)
        assert encoded.lower().count(b"host:") == 1
        assert b"other.test" in encoded
        assert cookies in encoded


def test_cookies_of_one_user_are_not_sent_by_another() -> None:
    """Users share requests, which remember what they were encoded to."""
    request = Request("GET", "/")
    plain = request.encode(HOST)
    assert b"Cookie: a=b\r\n" in request.encode(HOST, b"Cookie: a=b\r\n")
    assert request.encode(HOST) == plain


def test_a_request_may_go_to_several_origins() -> None:
    request = Request("GET", "/")
    hosts = [b"Host: %d.test\r\n" % number for number in (1, 2, 1)]
    assert [host in request.encode(host) for host in hosts] == [True] * 3


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_method_that_means_a_body_announces_that_there_is_none(method: str) -> None:
    assert b"\r\nContent-Length: 0\r\n" in Request(method, "/").encode(HOST)


def test_json_is_sent_with_its_type_unless_another_is_given() -> None:
    encoded = Request("POST", "/", json={"a": [1, None]}).encode(HOST)
    assert encoded.endswith(b"Content-Length: 14\r\n\r\n" + b'{"a":[1,null]}')
    assert b"\r\nContent-Type: application/json\r\n" in encoded
    other = Request("POST", "/", json=1, headers={"content-type": "a/b"}).encode(HOST)
    assert b"application/json" not in other


def test_an_iterable_is_sent_in_chunks_and_its_empty_parts_do_not_end_it() -> None:
    request = Request("PUT", "/", body=(part for part in (b"a" * 16, b"", b"bc")))
    assert request.encode(HOST).partition(b"\r\n\r\n")[2] == (
        b"10\r\n" + b"a" * 16 + b"\r\n2\r\nbc\r\n0\r\n\r\n"
    )
    assert b"Transfer-Encoding: chunked\r\n" in request.encode(HOST)
    assert b"Content-Length" not in request.encode(HOST)


def test_the_length_of_a_body_counts_bytes_not_items() -> None:
    encoded = Request("POST", "/", body=memoryview(array("I", [1, 2]))).encode(HOST)
    assert b"Content-Length: 8\r\n" in encoded


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/a b", "/a%20b"),
        ("/ü?q=ü", "/%C3%BC?q=%C3%BC"),
        ("/%41?x=%20", "/%41?x=%20"),
        ("/a\r\nX: y", "/a%0D%0AX:%20y"),
        ("/a#b", "/a%23b"),
        ("/?a=1&b=[2]", "/?a=1&b=[2]"),
    ],
)
def test_what_a_url_may_not_hold_is_percent_encoded(path: str, target: str) -> None:
    assert Request("GET", path).encode(HOST).split(b"\r\n")[0] == f"GET {target} HTTP/1.1".encode()


@given(st.text(st.characters(codec="utf-8")))
def test_no_path_can_change_the_form_of_a_request(path: str) -> None:
    encoded = Request("GET", "/" + path).encode(HOST)
    line, rest = encoded.split(b"\r\n", 1)
    assert len(line.split(b" ")) == 3
    assert line.isascii()
    assert rest == HOST + b"\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nY: b"},
        {"X": "a\nY: b"},
        {"X": "a\rb"},
        {"X": "a\0"},
        {"X\r\nY": "b"},
        {"X Y": "b"},
        {"X:": "b"},
        {"": "b"},
        {"X": "€"},
        {"Content-Length": "3"},
        {"transfer-encoding": "chunked"},
        {"Connection": "close"},
        {"X": "a\r\nY: b", "x": "fine"},
    ],
)
def test_what_is_no_header_or_not_the_callers_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"header|latin-1"):
        Request("GET", "/", headers=headers)


@pytest.mark.parametrize("method", ["", "GET /", "G\r\n", "GÄT", "CONNECT"])
def test_what_is_no_method_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match="method"):
        Request(method, "/")


@pytest.mark.parametrize("path", ["", "list", "http://a.test/", "?a", "*"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="does not begin with /"):
        Request("GET", path)


def test_a_body_and_json_together_are_refused() -> None:
    with pytest.raises(ValueError, match="not both"):
        Request("POST", "/", body=b"a", json=1)


def test_a_request_is_counted_by_its_method_and_name_or_path() -> None:
    assert Request("GET", "/a?b").key == ("GET", "/a?b")
    assert Request("PUT", "/a?b", name="a").key == ("PUT", "a")
    assert Request("PUT", "/a?b", name="").key == ("PUT", "")


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "POST", "PATCH", "QUERY"]
)
def test_only_what_rfc_9110_calls_idempotent_may_be_repeated(method: str) -> None:
    assert Request(method, "/").idempotent is (method not in {"POST", "PATCH", "QUERY"})


# judging


@pytest.mark.parametrize(
    ("expect", "status", "error"),
    [
        (None, 200, None),
        (None, 399, None),
        (None, 400, "status 400"),
        (None, 503, "status 503"),
        (201, 201, None),
        (201, 200, "status 200 instead of 201"),
        (404, 404, None),
        ((200, 204), 204, None),
        ([204, 200], 404, "status 404 instead of 200 or 204"),
        ((), 200, "status 200 instead of "),
    ],
)
def test_a_status_is_right_if_it_is_expected_or_below_400(
    expect: int | list[int] | None, status: int, error: str | None
) -> None:
    assert Request("GET", "/", expect=expect).judge(Answer(status, b"")) == error


def test_a_body_is_right_if_the_check_says_so_and_the_status_comes_first() -> None:
    request = Request("GET", "/", expect=200, check=lambda body: body == b"right")
    assert request.judge(Answer(200, b"right")) is None
    assert request.judge(Answer(200, b"left")) == "wrong body"
    assert request.judge(Answer(500, b"right")) == "status 500 instead of 200"


def test_a_check_that_raises_makes_the_answer_wrong_and_is_named() -> None:
    request = Request("GET", "/", check=lambda body: bool(1 / len(body)))
    error = request.judge(Answer(200, b""))
    assert error == "the check raised ZeroDivisionError: division by zero"


def test_only_a_status_without_a_check_is_right_without_another_look() -> None:
    assert Request("GET", "/", expect=200).plain_status == 200
    assert Request("GET", "/", expect=200, check=bool).plain_status is None
    assert Request("GET", "/", expect=(200,)).plain_status is None
    assert Request("GET", "/").plain_status is None


# redirects


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "GET", "GET"),
        (302, "HEAD", "HEAD"),
        (303, "GET", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (307, "GET", "GET"),
    ],
)
def test_a_redirect_is_followed_with_the_method_of_rfc_9110(
    status: int, method: str, then: str
) -> None:
    body = b"data" if method in ("POST", "PUT") else None
    headers = {"X-Key": "k", **({"Content-Type": "a/b"} if body else {})}
    request = Request(method, "/a", headers=headers, body=body, expect=200, redirects=3)
    encoded = request.redirected("/b", status).encode(HOST)
    assert encoded.startswith(f"{then} /b HTTP/1.1\r\n".encode())
    assert b"X-Key: k\r\n" in encoded
    assert encoded.endswith(b"\r\n\r\ndata") is (body is not None and then == method)
    assert (b"Content-" in encoded) is (body is not None and then == method)


def is_one(body: bytes) -> bool:
    return body == b"1"


@pytest.mark.parametrize("status", [303, 307])
def test_what_follows_a_redirect_is_counted_and_judged_as_the_request(status: int) -> None:
    request = Request("POST", "/a", name="n", expect=(200,), check=is_one, redirects=3)
    follower = request.redirected("/b", status)
    assert (follower.key, follower.path) == (("POST", "n"), "/b")
    assert (follower.expect, follower.statuses) == (None, frozenset({200}))
    assert (follower.check, follower.plain_status) == (request.check, None)
    assert follower.redirects == 2
    assert follower.judge(Answer(200, b"2")) == "wrong body"


@pytest.mark.parametrize("status", [303, 307])
def test_what_follows_a_redirect_keeps_its_own_host(status: int) -> None:
    request = Request("GET", "/a", headers={"Host": "other.test"}, redirects=1)
    encoded = request.redirected("/b", status).encode(HOST)
    assert encoded == b"GET /b HTTP/1.1\r\nHost: other.test\r\n\r\n"


# answers


def test_an_answer_has_status_headers_and_body() -> None:
    answer = answer_of(b"HTTP/1.1 404 No\r\nX-A: b\r\nEmpty:\r\nContent-Length: 2\r\n\r\n{}")
    assert (answer.status, answer.body, answer.text, answer.json()) == (404, b"{}", "{}", {})
    assert answer.headers == [("x-a", "b"), ("empty", ""), ("content-length", "2")]
    assert (answer.header("X-a"), answer.header("y")) == ("b", None)


def test_text_that_is_no_utf_8_is_shown_all_the_same() -> None:
    assert Answer(200, b"a\xff").text == "a\N{REPLACEMENT CHARACTER}"


def test_an_answer_without_a_body_has_a_length_of_0() -> None:
    answer = answer_of(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert (answer.status, answer.body) == (200, b"")


def test_chunks_extensions_and_trailers_make_one_body() -> None:
    answer = answer_of(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"2;x=y\r\nab\r\n1\r\n",
        b"c\r\n0\r\nX-T: t\r\n\r\n",
    )
    assert answer.body == b"abc"
    assert answer.headers == [("transfer-encoding", "chunked")]


@pytest.mark.parametrize("coding", [b"", b"Transfer-Encoding: gzip\r\n"])
def test_an_answer_without_a_length_ends_with_the_connection(coding: bytes) -> None:
    reader, answer = read(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\nab", b"c")
    assert answer is None
    answer = reader.end()
    assert (answer.status, answer.body, reader.keep_alive) == (200, b"abc", False)


@pytest.mark.parametrize("length", [b"", b"Content-Length: 5\r\n"])
def test_an_answer_to_head_has_no_body_whatever_length_it_announces(length: bytes) -> None:
    reader, answer = read(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n", to_head=True)
    assert answer is not None
    assert (answer.status, answer.body, reader.keep_alive) == (200, b"", True)


@pytest.mark.parametrize("version", [b"1.0 200 OK\r\n", b"1.1 200 OK\r\nConnection: Close\r\n"])
def test_an_answer_to_head_can_end_the_connection_too(version: bytes) -> None:
    reader, _ = read(b"HTTP/" + version + b"\r\n", to_head=True)
    assert reader.keep_alive is False


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
@pytest.mark.parametrize("length", [b"", b"Content-Length: 5\r\n"])
def test_204_and_304_have_no_body_and_keep_the_connection(status: bytes, length: bytes) -> None:
    reader, answer = read(b"HTTP/1.1 " + status + b"\r\n" + length + b"\r\n")
    assert answer is not None
    assert (answer.status, answer.body, reader.keep_alive) == (int(status[:3]), b"", True)


@pytest.mark.parametrize("to_head", [False, True])
def test_interim_answers_are_skipped_with_their_headers(to_head: bool) -> None:
    final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"" if to_head else b"ok")
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
    for parts in ((interim + interim + final,), (interim, interim[:30], interim[30:] + final)):
        answer = answer_of(*parts, to_head=to_head)
        assert (answer.status, answer.header("link")) == (200, None)
        assert answer.body == (b"" if to_head else b"ok")


@pytest.mark.parametrize(
    ("said", "keeps"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nconnection: x, Close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n", True),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_the_connection_is_kept_as_version_and_headers_say(said: bytes, keeps: bool) -> None:
    """Also where the headers are known already."""
    known: dict[bytes, http1.Head] = {}
    for _ in range(2):
        reader = AnswerReader(known)
        reader.expect()
        assert reader.feed(said + b"Content-Length: 2\r\n\r\nok") is not None
        assert reader.keep_alive is keeps
    assert len(known) == 1


REFUSED = [
    (OK + b"HTTP", "unexpected bytes after the answer"),
    (OK + OK, "unexpected bytes after the answer"),
    (OK + b"\0", "unexpected bytes after the answer"),
    (OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"x", "unexpected bytes"),
    (b"HTTP/1.1 204 No\r\nContent-Length: 1\r\n\r\nx", "unexpected bytes after the answer"),
    (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "switched protocols"),
    (b"HTTP/1.1 101 Switching\r\n\r\n", "switched protocols"),
    (b"HTTP/1.1 199 x\r\nContent-Length: 1\r\n\r\nx" + OK, "status 199"),
    (b"SSH-2.0-x\r\n", "not an HTTP answer"),
    (b"GET / HTTP/1.1\r\n\r\n", "not an HTTP answer"),
    (b"\x16\x03\x01\x02\x00", "not an HTTP answer"),
    (b"HTTP/1.1 2000 OK\r\n\r\n", "not an HTTP answer"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "not an HTTP answer"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "Content-Length"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", "Encoding"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n", "overflow"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "not an HTTP answer"),
    (b"HTTP/1.1 200 OK\r\nA B: c\r\n\r\n", "not an HTTP answer"),
]


@pytest.mark.parametrize(("data", "said"), REFUSED)
def test_what_is_no_answer_or_more_than_one_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_body_in_the_answer_to_head_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="a body in the answer to HEAD"):
        read(data, to_head=True)


def test_a_second_answer_after_known_headers_is_refused() -> None:
    reader = AnswerReader()
    reader.expect()
    assert reader.feed(OK) is not None
    reader.expect()
    with pytest.raises(ProtocolError, match="unexpected bytes after the answer"):
        reader.feed(OK + OK)


BIG = b"X: " + b"a" * (http1.MOST_HEAD - 3)


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 200 OK\r\n" + BIG,),
        (b"HTTP/1.1 200 OK\r\n" + BIG + b"\r\nContent-Length: 2\r\n\r\nok",),
        (b"HTTP/1.1 200 OK\r\n", BIG, b"\r\nContent-Length: 2\r\n\r\n"),
        (b"HTTP/1.1 200 " + b"a" * http1.MOST_HEAD,),
        (b"HTTP/1.1 103 x\r\n\r\n" * (http1.MOST_HEAD // 18 + 1),),
        (b"HTTP/1.1 103 x\r\n\r\n",) * (http1.MOST_HEAD // 18 + 1),
    ],
)
def test_headers_that_are_too_long_are_refused(parts: Iterable[bytes]) -> None:
    with pytest.raises(ProtocolError, match="headers of more than"):
        read(*parts)


def test_a_long_body_that_comes_with_its_headers_is_not_taken_for_headers() -> None:
    body = b"x" * 2 * http1.MOST_HEAD
    answer = answer_of(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert answer.body == body


@pytest.mark.parametrize(
    "head", [b"Content-Length: 12\r\n\r\n", b"\r\n", b"Transfer-Encoding: chunked\r\n\r\nc\r\n"]
)
def test_a_body_that_is_too_long_is_refused(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "MOST_BODY", 10)
    _, answer = read(b"HTTP/1.1 200 OK\r\n" + head + b"0123456789")
    assert answer is None
    with pytest.raises(ProtocolError, match="a body of more than 10 bytes"):
        read(b"HTTP/1.1 200 OK\r\n" + head, b"0123456789", b"ab")


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"", "before an answer"),
        (b"HTTP/1.1 200 OK\r\nContent", "within the headers"),
        (b"HTTP/1.1 103 x\r\n\r\n", "within the headers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", "within the body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "within the body"),
    ],
)
def test_a_connection_that_ends_before_the_answer_does_is_an_error(data: bytes, where: str) -> None:
    reader, answer = read(*([data] if data else []))
    assert answer is None
    with pytest.raises(ClosedError, match=where):
        reader.end()


def test_whether_an_answer_has_begun_is_known_from_its_first_byte() -> None:
    reader = AnswerReader()
    reader.expect()
    assert not reader.begun
    reader.feed(b"H")
    assert reader.begun


# known headers


def test_headers_are_remembered_whole_and_shared_by_the_connections_of_an_origin() -> None:
    known: dict[bytes, http1.Head] = {}
    for data in (OK, GOOD, OK):
        reader = AnswerReader(known)
        reader.expect()
        answer = reader.feed(data)
        assert answer is not None
        assert data.endswith(answer.body)
    assert set(known) == {OK[:-2], GOOD[:-4]}


@pytest.mark.parametrize("chunk", [1, 40, 1000])
def test_a_known_head_with_a_shorter_or_longer_body_is_not_confused(chunk: int) -> None:
    reader = AnswerReader()
    reader.expect()
    assert reader.feed(OK) is not None
    reader.expect()
    assert reader.feed(OK[:-1]) is None
    answer = reader.feed(b"K")
    assert answer is not None
    assert answer.body == b"oK"
    reader.expect()
    with pytest.raises(ProtocolError, match="unexpected bytes"):
        reader.feed(OK + b"x" * chunk)


def test_the_same_answer_again_is_the_same_and_what_is_wrong_with_one_is_not_with_the_other() -> (
    None
):
    reader = AnswerReader()
    wrong = Request("GET", "/", check=lambda body: body == b"no")
    answers = []
    for data in (OK, OK, OK, GOOD, OK, GOOD, GOOD):
        reader.expect()
        answer = reader.feed(data)
        assert answer is not None
        error = wrong.judge(answer)
        assert error is not None
        assert answer.but(error).error == "wrong body"
        answers.append((answer.body, answer.error))
    assert [body for body, _ in answers] == [
        data.partition(b"\r\n\r\n")[2] for data in (OK, OK, OK, GOOD, OK, GOOD, GOOD)
    ]
    assert {error for _, error in answers} == {None}


def test_known_headers_do_not_answer_head() -> None:
    reader = AnswerReader()
    reader.expect()
    assert reader.feed(OK) is not None
    reader.expect(to_head=True)
    answer = reader.feed(OK[:-2])
    assert answer is not None
    assert answer.body == b""
    reader.expect()
    answer = reader.feed(OK)
    assert answer is not None
    assert answer.body == b"ok"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
)
def test_only_one_answer_with_a_length_is_remembered(data: bytes) -> None:
    known: dict[bytes, http1.Head] = {}
    reader = AnswerReader(known)
    reader.expect()
    answer = reader.feed(data)
    assert answer is not None
    assert answer.body == b"ok"
    assert known == {}


def test_a_server_that_says_new_headers_each_time_does_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http1, "MOST_KNOWN", 3)
    known: dict[bytes, http1.Head] = {}
    reader = AnswerReader(known)
    for number in range(6):
        reader.expect()
        head = b"HTTP/1.1 200 OK\r\nX: %d\r\nContent-Length: 2\r\n\r\n" % number
        assert reader.feed(head + b"ok") is not None
    assert len(known) == 3


def test_an_answer_that_sets_cookies_says_so_known_or_not() -> None:
    sets = OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n")
    reader = AnswerReader()
    said = []
    for data in (OK, sets, OK, sets):
        reader.expect()
        assert reader.feed(data) is not None
        said.append(reader.sets_cookies)
    assert said == [False, True, False, True]


# properties


@dataclass(frozen=True)
class Spoken:
    """An answer as a server says it."""

    status: int
    fields: list[tuple[str, str]]
    chunks: list[bytes]
    chunked: bool
    interim: int
    to_head: bool

    @property
    def body(self) -> bytes:
        return b"" if self.to_head or self.status in (204, 304) else b"".join(self.chunks)

    @property
    def wire(self) -> bytes:
        empty = self.to_head or self.status in (204, 304)
        lines = [f"{name}: {value}\r\n" for name, value in self.fields]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked\r\n")
            parts = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in self.chunks if chunk]
            body = b"".join((*parts, b"0\r\n\r\n"))
        else:
            lines.append(f"Content-Length: {sum(map(len, self.chunks))}\r\n")
            body = b"".join(self.chunks)
        head = f"HTTP/1.1 {self.status} Reason\r\n{''.join(lines)}\r\n".encode()
        return b"HTTP/1.1 103 x\r\nY: z\r\n\r\n" * self.interim + head + (b"" if empty else body)


names = st.text("abcXYZ-", min_size=1, max_size=8).map(lambda name: f"X-{name}")
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
spoken = st.builds(
    Spoken,
    status=st.one_of(st.sampled_from([200, 201, 204, 302, 304, 404, 500]), st.integers(200, 599)),
    fields=st.lists(st.tuples(names, values), max_size=4),
    chunks=st.lists(st.binary(max_size=60), max_size=4),
    chunked=st.booleans(),
    interim=st.integers(0, 2),
    to_head=st.booleans(),
)


def sliced(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    ends = sorted({cut % len(data) for cut in cuts} - {0})
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


@given(st.lists(st.tuples(spoken, st.lists(st.integers(0), max_size=12)), min_size=1, max_size=6))
def test_answers_one_after_the_other_are_read_in_any_slices(
    answers: list[tuple[Spoken, list[int]]],
) -> None:
    reader = AnswerReader()
    for said, cuts in answers:
        reader.expect(to_head=said.to_head)
        *parts, last = sliced(said.wire, cuts)
        assert [reader.feed(part) for part in parts] == [None] * len(parts)
        answer = reader.feed(last)
        assert answer is not None
        assert (answer.status, answer.body) == (said.status, said.body)
        spelt = [(name.lower(), value) for name, value in said.fields]
        assert answer.headers[:-1] == spelt
        assert reader.keep_alive


@given(spoken, st.integers(0))
def test_byte_by_byte_is_the_same_as_at_once(said: Spoken, at: int) -> None:
    whole = answer_of(said.wire, to_head=said.to_head)
    reader, answer = read(*sliced(said.wire, range(len(said.wire))), to_head=said.to_head)
    assert answer is not None
    assert (answer.status, answer.body, answer.headers) == (
        whole.status,
        whole.body,
        whole.headers,
    )
    assert reader.keep_alive


@given(st.lists(spoken, min_size=1, max_size=4), st.integers(0))
def test_known_headers_change_nothing(answers: list[Spoken], again: int) -> None:
    """The same answers a second time, now known, give the same."""
    reader = AnswerReader()
    for _ in range(2):
        for said in answers:
            reader.expect(to_head=said.to_head)
            answer = reader.feed(said.wire)
            assert answer is not None
            assert (answer.status, answer.body) == (said.status, said.body)


def listen(parts: Iterable[bytes], *, to_head: bool) -> None:
    reader = AnswerReader()
    reader.expect(to_head=to_head)
    try:
        for part in parts:
            answer = reader.feed(part)
            if answer is not None:
                assert isinstance(answer.headers, list)
                reader.expect(to_head=to_head)
        reader.end()
    except ProtocolError:
        pass


@given(st.lists(st.binary(max_size=40), max_size=8), st.booleans())
def test_random_bytes_raise_nothing_but_a_protocol_error(parts: list[bytes], to_head: bool) -> None:
    listen(parts, to_head=to_head)
    listen([b"HTTP/1.1 200 OK\r\n", *parts], to_head=to_head)


@given(spoken, st.integers(0), st.binary(max_size=6), st.integers(0, 6), st.booleans())
def test_a_damaged_answer_raises_nothing_but_a_protocol_error(
    said: Spoken, at: int, noise: bytes, length: int, to_head: bool
) -> None:
    at %= len(said.wire)
    wire = said.wire[:at] + noise + said.wire[at + length :]
    listen([wire, said.wire], to_head=to_head)
    listen(sliced(wire, [at]) if wire else [], to_head=to_head)


@given(spoken, st.integers(0))
def test_a_connection_that_ends_anywhere_in_an_answer_gives_none(said: Spoken, at: int) -> None:
    """It has a length or chunks, so its end is known."""
    reader, answer = read(*sliced(said.wire, [at])[:1], to_head=said.to_head)
    if answer is None:
        with pytest.raises(ClosedError):
            reader.end()
