"""HTTP/1.1 as a load generator needs it: requests encoded once, answers read by a C parser. No I/O.

The parser is llhttp, through httptools. What it cannot know (which request an answer belongs to)
is decided here: answers to HEAD have no body, interim answers (1xx) are skipped, an answer without
a length ends with the connection (RFC 9112, section 6.3), and bytes after an answer that nobody
asked for make the connection unusable.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MOST_HEAD = 64 * 1024
"""Bytes of status line and headers, interim answers included, from which an answer is refused."""

MOST_BODY = 64 * 1024 * 1024
"""Bytes from which a body is refused: a load generator must not die of one answer."""

MOST_KNOWN = 1024
"""Headers that are remembered; a server that says new ones each time is parsed each time."""

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
_OURS = frozenset({"content-length", "transfer-encoding", "connection"})

Check = Callable[[bytes], bool]


class ProtocolError(Exception):
    """What came is not an answer to the request."""


class ClosedError(ProtocolError):
    """The connection ended before the answer did."""


class Request:
    """A request, encoded once and sent as often as one likes.

    Args:
        method: Such as GET; upper case.
        path: Path and query; what a URL may not hold is percent-encoded.
        name: Under which it is counted (default: the path).
        headers: Besides Host, Content-Length and Transfer-Encoding, which are added.
        body: Bytes, text (UTF-8), or an iterable of bytes, which is sent chunked.
        json: Sent as the body, with its content type.
        expect: The status, or the statuses, that are right (default: any below 400).
        check: Given the body, tells whether it is right.
        redirects: How many redirects within the same origin are followed; they count as one
            request.

    Raises:
        ValueError: A method, path or header that HTTP does not allow.
    """

    __slots__ = (
        "__name__",
        "_encoded",
        "_head",
        "_headers",
        "_host",
        "_tail",
        "check",
        "expect",
        "key",
        "method",
        "path",
        "plain_status",
        "redirects",
        "statuses",
        "to_head",
    )

    def __init__(
        self,
        method: str,
        path: str,
        *,
        name: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | Iterable[bytes] | None = None,
        json: object = None,
        expect: int | Collection[int] | None = None,
        check: Check | None = None,
        redirects: int = 0,
    ) -> None:
        if not method or not _TOKEN.issuperset(method) or method == "CONNECT":
            raise ValueError(f"{method!r} is not a method that can be sent")
        if not path.startswith("/"):
            raise ValueError(f"the path {path!r} does not begin with /")
        self._headers = dict(headers or {})
        _require_headers(self._headers)
        fields = dict(self._headers)
        given = {field.lower() for field in fields}
        if json is not None:
            if body is not None:
                raise ValueError("give a body or json, not both")
            body = _json(json)
            if "content-type" not in given:
                fields["Content-Type"] = "application/json"
        payload, length = _framed(body, method)
        fields.update(length)
        lines = "".join(f"{field}: {value}\r\n" for field, value in fields.items())
        target = quote(path, safe="/?&=:@!$'()*+,;%~-._[]")
        self.method = method
        self.path = path
        self.key = (method, name if name is not None else path)
        self.__name__ = self.key[1]
        self.expect = expect if isinstance(expect, int) else None
        self.statuses = None if expect is None or isinstance(expect, int) else frozenset(expect)
        self.check = check
        # an answer with this status is right without another look
        self.plain_status = self.expect if check is None else None
        self.to_head = method == "HEAD"
        self.redirects = redirects
        self._head = f"{method} {target} HTTP/1.1\r\n".encode("ascii")
        self._tail = lines.encode("latin-1") + b"\r\n" + payload
        self._host: bytes | None = b"" if "host" in given else None
        self._encoded = self._head + self._tail

    @property
    def idempotent(self) -> bool:
        """Whether sending it twice does what sending it once does (RFC 9110, 9.2.2)."""
        return self.method in _IDEMPOTENT

    def encode(self, host: bytes, cookies: bytes = b"") -> bytes:
        """Give the bytes to send.

        Args:
            host: The line ``Host: ...`` with its end, used unless the request has its own.
            cookies: The line ``Cookie: ...`` with its end, or nothing.
        """
        if self._host is host and not cookies:
            return self._encoded
        if self._host == b"" and not cookies:
            return self._encoded
        if self._host == b"":
            return self._head + cookies + self._tail
        if not cookies:
            self._host = host
            self._encoded = self._head + host + self._tail
            return self._encoded
        return self._head + host + cookies + self._tail

    def redirected(self, path: str, status: int) -> "Request":
        """Give the request that follows a redirect to another path.

        By RFC 9110, 15.4: 303 asks with GET, as do 301 and 302 after POST, without the body and
        what is said about it; 307 and 308 repeat the request.
        """
        change = status == 303 or (status in (301, 302) and self.method == "POST")
        method = "GET" if change and self.method != "HEAD" else self.method
        fields = {
            field: value
            for field, value in self._headers.items()
            if not (change and field.lower().startswith("content-"))
        }
        follower = Request(method, path, headers=fields, check=self.check)
        follower.key, follower.__name__ = self.key, self.__name__
        follower.expect, follower.statuses = self.expect, self.statuses
        follower.plain_status = self.plain_status
        follower.redirects = self.redirects - 1
        if not change:
            follower._tail, follower._encoded = self._tail, follower._head + self._tail
        return follower

    def judge(self, answer: "Answer") -> str | None:
        """Say what is wrong with an answer, None if nothing is."""
        status = answer.status
        if self.expect is not None:
            if status != self.expect:
                return f"status {status} instead of {self.expect}"
        elif self.statuses is not None:
            if status not in self.statuses:
                wanted = " or ".join(map(str, sorted(self.statuses)))
                return f"status {status} instead of {wanted}"
        elif status >= 400:
            return f"status {status}"
        if self.check is None:
            return None
        try:
            return None if self.check(answer.body) else "wrong body"
        except Exception as error:  # noqa: BLE001 - a locustfile's code may raise anything; it failed
            return f"the check raised {type(error).__name__}: {error}"


class Answer:
    """What came back. Several requests may be given the same one: it does not change.

    Attributes:
        status: 0 where nothing came.
        body: Without chunking; not decompressed.
        error: What is wrong with it, None if nothing is.
    """

    __slots__ = ("_head", "body", "error", "status")

    def __init__(
        self, status: int, body: bytes, head: bytes = b"", *, error: str | None = None
    ) -> None:
        self.status = status
        self.body = body
        self.error = error
        self._head = head

    def but(self, error: str) -> "Answer":
        """Give the same, with what is wrong with it."""
        return Answer(self.status, self.body, self._head, error=error)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names in lower case, in order of arrival; parsed anew at each access."""
        return _headers_of(self._head)

    def header(self, name: str) -> str | None:
        """Give the first header of this name, in any case."""
        wanted = name.lower()
        return next((value for field, value in self.headers if field == wanted), None)

    def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        """Decode the body.

        Raises:
            ValueError: It is not JSON.
        """
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as UTF-8; what is not is replaced."""
        return self.body.decode("utf-8", "replace")


class Head:
    """What the headers of an answer say about what follows them.

    Attributes:
        length: Of the body.
        keep_alive: Whether the connection serves for another request.
        sets_cookies: Whether there is a Set-Cookie.
    """

    __slots__ = ("keep_alive", "length", "sets_cookies", "status")

    def __init__(self, status: int, length: int, *, keep_alive: bool, sets_cookies: bool) -> None:
        self.status = status
        self.length = length
        self.keep_alive = keep_alive
        self.sets_cookies = sets_cookies


class AnswerReader:
    """Reads the answers of one connection, one at a time.

    A server says the same headers again and again, but for a date that changes once a second. So
    those of an answer that came in one piece, with a Content-Length, are remembered byte for byte
    with what the parser made of them; the same bytes mean the same, and are not parsed again. Nor
    is an answer made anew that is the same as the one before.

    Attributes:
        fresh: Whether it is ready for an answer to anything but HEAD.
        keep_alive: Whether the connection serves for another request, after an answer ...
        sets_cookies: ... and whether the answer sets cookies.
    """

    __slots__ = (
        "_begun",
        "_complete",
        "_feed",
        "_head",
        "_headed",
        "_known",
        "_last",
        "_last_data",
        "_parser",
        "_parts",
        "_size",
        "_status",
        "_to_head",
        "_used_up",
        "fresh",
        "keep_alive",
        "sets_cookies",
    )

    def __init__(self, known: dict[bytes, Head] | None = None) -> None:
        self._known = {} if known is None else known
        self.keep_alive = self.sets_cookies = False
        self._last, self._last_data = Answer(0, b""), b""
        self._new_parser()
        self._reset(to_head=False)

    def _new_parser(self) -> None:
        self._parser = HttpResponseParser(self)
        self._feed = self._parser.feed_data
        self._used_up = False

    def _reset(self, *, to_head: bool) -> None:
        if self._used_up:
            self._new_parser()
        self._to_head = to_head
        self._begun = self._complete = self._headed = False
        self._head = b""
        self._parts: list[bytes] = []
        self._size = 0
        self.fresh = not to_head

    def expect(self, *, to_head: bool = False) -> None:
        """Make ready for the next answer.

        Args:
            to_head: Whether it answers HEAD, so that its length announces no body.
        """
        if to_head or not self.fresh:
            self._reset(to_head=to_head)

    def feed(self, data: bytes) -> Answer | None:
        """Take what was received; give the answer when it is complete.

        Raises:
            ProtocolError: It is no answer, or more than one.
        """
        if self.fresh:
            if data == self._last_data:
                return self._last
            start = data.find(b"\r\n\r\n") + 4
            head = self._known.get(data[:start])
            if head is not None and len(data) == start + head.length:
                self.keep_alive = head.keep_alive
                self.sets_cookies = head.sets_cookies
                self._last, self._last_data = Answer(head.status, data[start:], data), data
                return self._last
        return self._parse(data)

    def _parse(self, data: bytes) -> Answer | None:
        whole = self.fresh
        self.fresh = False
        self._last_data = b""
        if not self._headed:
            self._head = self._head + data if self._head else data
        try:
            self._feed(data)
        except HttpParserUpgrade:
            raise ProtocolError("the server switched protocols unasked") from None
        except HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, ProtocolError):
                raise cause from None
            if self._complete:
                raise ProtocolError("unexpected bytes after the answer") from None
            raise ProtocolError(f"not an HTTP answer: {error}") from None
        if len(self._head) > MOST_HEAD and (
            not self._headed or self._head.find(b"\r\n\r\n") > MOST_HEAD
        ):
            raise ProtocolError(f"headers of more than {MOST_HEAD} bytes")
        return self._answer(whole=whole) if self._complete else None

    def _answer(self, *, whole: bool) -> Answer:
        answer = Answer(self._status, b"".join(self._parts), self._head)
        headers = dict(answer.headers)
        self.sets_cookies = "set-cookie" in headers
        if self._to_head and not self.keep_alive and self._parser.get_http_version() == "1.1":
            # the parser would wait for the end of the connection where no length is announced
            self.keep_alive = "close" not in headers.get("connection", "").lower()
        if whole and "content-length" in headers and len(self._known) < MOST_KNOWN:
            start = self._head.find(b"\r\n\r\n") + 4
            if len(self._head) == start + len(answer.body):
                self._known[self._head[:start]] = Head(
                    self._status,
                    len(answer.body),
                    keep_alive=self.keep_alive,
                    sets_cookies=self.sets_cookies,
                )
        return answer

    def end(self) -> Answer:
        """Take the end of the connection, which ends an answer without a length.

        Raises:
            ClosedError: There was no answer, or the connection ended in the middle of it.
        """
        if not self._begun:
            raise ClosedError("the connection was closed before an answer")
        if not self._headed:
            raise ClosedError("the connection was closed within the headers")
        headers = dict(_headers_of(self._head))
        if "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower():
            raise ClosedError("the connection was closed within the body")
        self.keep_alive = False
        self.sets_cookies = "set-cookie" in headers
        return Answer(self._parser.get_status_code(), b"".join(self._parts), self._head)

    @property
    def begun(self) -> bool:
        """Whether anything of the answer has come."""
        return self._begun

    def on_message_begin(self) -> None:
        """See httptools, as for the following."""
        if self._complete:
            raise ProtocolError("unexpected bytes after the answer")
        self._begun = True

    def on_headers_complete(self) -> None:
        """Take the end of the headers."""
        self._headed = True
        if self._to_head and self._parser.get_status_code() >= 200:
            # the parser waits for the body that the length announces: it cannot go on
            self._used_up = True
            self._finish()

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        if self._complete:
            raise ProtocolError("a body in the answer to HEAD")
        self._parts.append(part)
        self._size += len(part)
        if self._size > MOST_BODY:
            raise ProtocolError(f"a body of more than {MOST_BODY} bytes")

    def on_chunk_header(self) -> None:
        """Take the begin of a chunk, the last and empty one too."""
        if self._complete:
            raise ProtocolError("a body in the answer to HEAD")

    def on_message_complete(self) -> None:
        """Take the end of an answer, or of an interim one."""
        if self._complete:
            return
        status = self._parser.get_status_code()
        if status == 101:
            raise ProtocolError("the server switched protocols unasked")
        if status < 200:
            if self._parts:
                raise ProtocolError(f"a body in an answer with status {status}")
            self._headed = False
            return
        self._finish()

    def _finish(self) -> None:
        # the parser knows both only until it turns to the next answer
        self._status = self._parser.get_status_code()
        self.keep_alive = self._parser.should_keep_alive()
        self._complete = True


class _Headers:
    """Collects the headers of the last message that is begun."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self._last = False

    def on_message_begin(self) -> None:
        if not self._last:
            self.found = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._last:
            self.found.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self._last = self.parser.get_status_code() >= 200

    @property
    def parser(self) -> HttpResponseParser:
        return self._parser

    def read(self, data: bytes) -> list[tuple[str, str]]:
        self._parser = HttpResponseParser(self)
        # what follows the headers was judged when it came
        with suppress(HttpParserError, HttpParserUpgrade):
            self._parser.feed_data(data)
        return self.found


def _headers_of(head: bytes) -> list[tuple[str, str]]:
    return _Headers().read(head)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _require_headers(fields: Mapping[str, str]) -> None:
    for field, value in fields.items():
        if not field or not _TOKEN.issuperset(field) or {"\r", "\n", "\0"} & set(value):
            raise ValueError(f"{field!r}: {value!r} is not a header")
        if field.lower() in _OURS:
            raise ValueError(f"the header {field!r} is the client's own business")


def _framed(
    body: bytes | str | Iterable[bytes] | None, method: str
) -> tuple[bytes, dict[str, str]]:
    """Give the body as it is sent, and the header that tells its length."""
    if body is None:
        return b"", {"Content-Length": "0"} if method in ("POST", "PUT", "PATCH") else {}
    if isinstance(body, str):
        body = body.encode()
    if isinstance(body, bytes | bytearray | memoryview):
        payload = bytes(body)
        return payload, {"Content-Length": str(len(payload))}
    chunks = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in body if chunk]
    return b"".join((*chunks, b"0\r\n\r\n")), {"Transfer-Encoding": "chunked"}
