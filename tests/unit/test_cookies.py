"""A user gives back the cookies that the server has set, and an origin knows what is its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.wire.cookies import Cookies
from toolkit.wire.http1 import Answer
from toolkit.wire.origin import Origin


def setting(*lines: str) -> Answer:
    fields = "".join(f"Set-Cookie: {line}\r\n" for line in lines)
    head = f"HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n"
    return Answer(200, b"", head.encode("latin-1"))


def jar(*lines: str, path: str = "/", origin: str = "http://127.0.0.1:8000") -> Cookies:
    cookies = Cookies(origin)
    cookies.take(setting(*lines), path)
    return cookies


def test_before_anything_is_set_there_is_nothing_to_send() -> None:
    cookies = Cookies("http://127.0.0.1:8000")
    assert not cookies
    assert cookies.line("/") == b""
    assert cookies.value("a") is None


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:8000", "http://localhost", "http://a.test:80", "http://[::1]:8000"]
)
def test_what_is_set_is_sent_back_and_can_be_looked_up(origin: str) -> None:
    cookies = jar("session=abc; Path=/; HttpOnly; SameSite=Lax", origin=origin)
    assert cookies
    assert cookies.line("/any?q=1") == b"Cookie: session=abc\r\n"
    assert cookies.value("session") == "abc"


def test_several_cookies_go_in_one_line() -> None:
    cookies = jar("a=1", "b=2; Path=/")
    line = cookies.line("/")
    assert line.startswith(b"Cookie: ")
    assert sorted(line[8:-2].split(b"; ")) == [b"a=1", b"b=2"]


def test_the_last_value_of_a_cookie_counts() -> None:
    cookies = jar("a=1")
    cookies.take(setting("a=2"), "/")
    assert cookies.line("/") == b"Cookie: a=2\r\n"


@pytest.mark.parametrize(
    ("path", "sent"), [("/shop", True), ("/shop/cart?x", True), ("/", False), ("/shopping", False)]
)
def test_a_cookie_goes_only_to_its_path(path: str, sent: bool) -> None:
    assert bool(jar("a=1; Path=/shop", path="/shop/in").line(path)) is sent


@pytest.mark.parametrize(
    "attribute", ["Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"]
)
def test_a_cookie_is_deleted_by_setting_it_in_the_past(attribute: str) -> None:
    cookies = jar("a=1", "b=2")
    cookies.take(setting(f"a=; {attribute}"), "/")
    assert cookies.line("/") == b"Cookie: b=2\r\n"
    assert cookies.value("a") is None


def test_an_expired_cookie_is_neither_sent_nor_found(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    cookies = jar("a=1; Max-Age=60")
    assert cookies.value("a") == "1"
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    assert cookies.value("a") is None
    assert cookies.line("/") == b""


@pytest.mark.parametrize(("scheme", "sent"), [("http", False), ("https", True)])
def test_a_secure_cookie_goes_over_tls_only(scheme: str, sent: bool) -> None:
    cookies = jar("a=1; Secure", origin=f"{scheme}://a.test")
    assert bool(cookies.line("/")) is sent


def test_a_cookie_for_another_domain_is_not_kept() -> None:
    assert not jar("a=1; Domain=other.test", origin="http://a.test")


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=255)), max_size=4))
def test_whatever_a_server_sets_the_next_request_keeps_its_form(lines: list[str]) -> None:
    line = jar(*lines).line("/")
    assert line == b"" or (line.startswith(b"Cookie: ") and line.endswith(b"\r\n"))
    assert line.count(b"\r") == line.count(b"\n") == bool(line)


# the origin


@pytest.mark.parametrize(
    ("url", "host", "name", "port"),
    [
        ("http://a.test", b"Host: a.test\r\n", "a.test", 80),
        ("https://a.test", b"Host: a.test\r\n", "a.test", 443),
        ("http://A.test:8000/x?y", b"Host: A.test:8000\r\n", "a.test", 8000),
        ("http://user:word@a.test:8000", b"Host: a.test:8000\r\n", "a.test", 8000),
        ("http://[::1]:8000", b"Host: [::1]:8000\r\n", "::1", 8000),
    ],
)
def test_an_origin_is_a_host_and_a_port(url: str, host: bytes, name: str, port: int) -> None:
    origin = Origin(url)
    assert (origin.host_line, origin.name, origin.port) == (host, name, port)


@pytest.mark.parametrize(
    "url",
    ["", "a.test", "ftp://a.test", "http://", "http://:80", "http://a.test:x", "http://ü.test"],
)
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|Port|ascii"):
        Origin(url)


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("/b", "/b"),
        ("/b?q=1#part", "/b?q=1"),
        ("b", "/a/b"),
        ("../b", "/b"),
        ("?q", "/a/x?q"),
        ("http://a.test:80/b", "/b"),
        ("http://A.TEST/b", "/b"),
        ("http://a.test", "/"),
        ("//a.test/b", "/b"),
        ("http://a.test:8000/b", None),
        ("https://a.test/b", None),
        ("//b.test/b", None),
        ("http://a.test.evil/b", None),
        ("http://[/b", None),
        ("mailto:a@a.test", None),
    ],
)
def test_a_reference_is_followed_within_the_origin_only(reference: str, path: str | None) -> None:
    assert Origin("http://a.test").path_of(reference, "/a/x") == path


def test_an_address_that_does_not_work_is_avoided_once_however_many_found_out() -> None:
    origin = Origin("http://a.test")
    first, second = (2, ("127.0.0.1", 80)), (2, ("127.0.0.2", 80))
    origin._addresses = [first, second]
    for _ in range(3):
        origin.avoid(first)
        assert (origin.address, origin.others) == (second, 1)
