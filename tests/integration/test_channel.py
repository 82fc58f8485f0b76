"""A channel against servers that do all that a server may, and what it may not.

The servers are threads with real sockets. Nothing is patched by gevent here: its loop runs while a
test waits for an answer, and the threads run beside it.
"""

import contextlib
import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import gevent
import pytest
from gevent.event import Event

from toolkit.wire.channel import Channel
from toolkit.wire.http1 import Answer, Request
from toolkit.wire.origin import Origin

LIMIT = 20.0
"""Seconds after which something hangs."""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = Request("GET", "/")


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, server: "Server") -> None:
        self.sock = sock
        self._server = server
        self._rest = b""

    def request(self, *, body: bool = True) -> bytes:
        """Read a request, or its headers only; nothing if the client has gone."""
        head = self._until(b"\r\n\r\n")
        if not head:
            return b""
        read = head
        if body and b"Content-Length: " in head:
            read += self._exactly(int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]))
        elif body and b"Transfer-Encoding: chunked" in head:
            read += self._until(b"0\r\n\r\n")
        self._server.requests.append(read)
        return read

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def dribble(self, data: bytes) -> None:
        """Send byte by byte, each in a packet of its own."""
        for at in range(len(data)):
            self.send(data[at : at + 1])
            time.sleep(0.0005)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait_for_end(self) -> None:
        """Take whatever comes until the client closes."""
        while self.sock.recv(65_536):
            pass

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            data = self.sock.recv(65_536)
            if not data:
                return b""
            self._rest += data
        head, _, self._rest = self._rest.partition(mark)
        return head + mark

    def _exactly(self, count: int) -> bytes:
        parts = [self._rest[:count]]
        self._rest = self._rest[count:]
        missing = count - len(parts[0])
        while missing:
            data = self.sock.recv(min(missing, 65_536))
            if not data:
                break
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)


Script = Callable[[Peer, int], None]


class Server:
    """Runs a script for each connection: given its end and its number, from 1 on."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.settimeout(0.05)
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._over = False
        self.port = self._listener.getsockname()[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        self.connections = 0
        self.requests: list[bytes] = []

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._accepting.join()
        self._listener.close()
        for sock in tuple(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self._over:
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            sock.settimeout(LIMIT)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            thread = threading.Thread(target=self._talk, args=(sock, self.connections))
            self._threads.append(thread)
            thread.start()

    def _talk(self, sock: socket.socket, number: int) -> None:
        self._open.add(sock)
        try:
            with contextlib.suppress(OSError):
                if self._tls is not None:
                    self._open.discard(sock)
                    sock = self._tls.wrap_socket(sock, server_side=True)
                    self._open.add(sock)
                self._script(Peer(sock, self), number)
        finally:
            self._open.discard(sock)
            sock.close()


def repeating(*answers: bytes) -> Script:
    """Answer the requests of a connection with these in turn, the last one for ever."""

    def script(peer: Peer, _: int) -> None:
        at = 0
        while peer.request():
            peer.send(answers[min(at, len(answers) - 1)])
            at += 1

    return script


def once(answer: bytes) -> Script:
    """Answer one request, then close."""

    def script(peer: Peer, _: int) -> None:
        peer.request()
        peer.send(answer)

    return script


@contextlib.contextmanager
def connected(url: str, *, timeout: float = LIMIT, verify: bool = True) -> Iterator[Channel]:
    origin = Origin(url, verify=verify)
    origin.resolve()
    with connected_to(origin, timeout=timeout) as channel:
        yield channel


@contextlib.contextmanager
def connected_to(origin: Origin, *, timeout: float = LIMIT) -> Iterator[Channel]:
    channel = Channel(origin, lambda: None, timeout=timeout)
    try:
        yield channel
    finally:
        channel.close()


def fetch(channel: Channel, request: Request = GET) -> Answer:
    """Send a request and wait for its end, which must come once."""
    over = Event()
    ends: list[Answer] = []

    def done() -> None:
        ends.append(channel.answer)
        over.set()

    channel.done = done
    channel.start(request)
    assert over.wait(LIMIT), "the request never ends"
    gevent.sleep(0)
    assert len(ends) == 1
    assert not channel.busy
    assert channel.ended >= channel.begun
    return channel.answer


def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something is so."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline
        gevent.sleep(0.005)


def blocking_until(condition: Callable[[], object]) -> None:
    """Wait, but do not let the loop see anything of it."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HINTS = b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
ANSWERS = [
    ("GET", OK, 200, b"ok"),
    ("GET", CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", 200, b"ok"),
    ("GET", b"HTTP/1.1 100 Continue\r\n\r\n" + HINTS + OK, 200, b"ok"),
    ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 200, b""),
    ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n", 200, b""),
    ("HEAD", HINTS + CHUNKED, 200, b""),
    ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b""),
]


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize(("method", "wire", "status", "body"), ANSWERS)
def test_every_form_of_answer_is_read_and_leaves_the_connection_in_use(
    method: str, wire: bytes, status: int, body: bytes, in_pieces: bool
) -> None:
    """The same twice, as the second may be known; then another one."""

    def script(peer: Peer, _: int) -> None:
        for data in (wire, wire, OK):
            peer.request()
            if in_pieces:
                peer.dribble(data)
            else:
                peer.send(data)
        peer.wait_for_end()

    with Server(script) as server, connected(server.url) as channel:
        for _ in range(2):
            answer = fetch(channel, Request(method, "/", expect=status))
            assert (answer.error, answer.status, answer.body) == (None, status, body)
        assert fetch(channel).body == b"ok"
        assert (channel.opened, server.connections) == (1, 1)


@pytest.mark.parametrize("connection", [b"", b"Connection: close\r\n"])
def test_an_answer_without_a_length_ends_with_its_connection(connection: bytes) -> None:
    wire = b"HTTP/1.1 200 OK\r\n" + connection + b"\r\nall of it"
    with Server(once(wire)) as server, connected(server.url) as channel:
        for number in (1, 2, 3):
            answer = fetch(channel)
            assert (answer.error, answer.body) == (None, b"all of it")
            assert channel.opened == number


def test_a_connection_that_the_server_wants_closed_is_not_used_again() -> None:
    last = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with Server(repeating(last)) as server, connected(server.url) as channel:
        for number in (1, 2, 3):
            assert fetch(channel).error is None
            assert (channel.opened, server.connections) == (number, number)


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        (b"", "closed before an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "closed within the headers"),
        (b"HTTP/1.1 103 Hints\r\n\r\n", "closed within the headers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "closed within the body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "within the body"),
        (OK + b"garbage", "unexpected bytes after the answer"),
        (OK + OK, "unexpected bytes after the answer"),
        (b"220 mail.test ESMTP\r\n", "not an HTTP answer"),
        (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\n\r\n", "switched protocols"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", "headers of more than"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "status 500"),
    ],
)
def test_what_is_no_right_answer_is_an_error_and_the_next_request_starts_anew(
    wire: bytes, error: str
) -> None:
    """No request is repeated for it on a new connection: the server has taken it."""

    def script(peer: Peer, number: int) -> None:
        peer.request()
        peer.send(wire if number == 1 else OK)

    with Server(script) as server, connected(server.url) as channel:
        answer = fetch(channel)
        assert error in (answer.error or "")
        assert len(server.requests) == 1
        assert fetch(channel).error is None
        assert (channel.opened, len(server.requests)) == (2, 2)


@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"])
def test_a_reset_is_an_error(wire: bytes) -> None:
    heard = threading.Event()

    def script(peer: Peer, number: int) -> None:
        peer.request()
        peer.send(wire if number == 1 else OK)
        if number == 1:
            heard.wait(LIMIT)
            peer.reset()

    with Server(script) as server, connected(server.url) as channel:
        gevent.spawn_later(0.05, heard.set)
        assert fetch(channel).error == "Connection reset by peer"
        assert fetch(channel).error is None
        assert len(server.requests) == 2


def test_a_server_that_says_no_more_is_given_up_and_left() -> None:
    """Before an answer, or in its middle."""

    def script(peer: Peer, number: int) -> None:
        peer.request()
        peer.send((b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", OK)[number - 1])
        peer.wait_for_end()

    with Server(script) as server, connected(server.url, timeout=0.2) as channel:
        for _ in range(2):
            answer = fetch(channel)
            assert (answer.status, answer.error) == (0, "no answer within 0.2 s")
            assert channel.ended - channel.begun > 0.2
        channel.timeout = LIMIT
        assert fetch(channel).error is None
        assert channel.opened == 3


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_a_refused_connection_is_an_error_every_time() -> None:
    with connected(f"http://127.0.0.1:{free_port()}") as channel:
        for _ in range(3):
            assert fetch(channel).error == "Connection refused"


# kept connections that are kept no longer


def test_a_connection_closed_while_idle_is_opened_anew_without_an_error() -> None:
    """Even for a POST: it was known before it was sent. And what was sent is not sent again."""

    def script(peer: Peer, _: int) -> None:
        for _ in range(2):
            peer.request()
            peer.send(OK)

    with Server(script) as server, connected(server.url) as channel:
        for number in (1, 2, 3):
            for method in ("POST", "GET"):
                assert fetch(channel, Request(method, "/")).error is None
                assert channel.opened == number
            until(lambda: channel._socket is None)
        gevent.sleep(0.01)
        assert (channel.opened, len(server.requests)) == (3, 6)


def test_bytes_that_nobody_asked_for_are_never_taken_for_the_next_answer() -> None:
    def script(peer: Peer, number: int) -> None:
        for _ in range(2):
            peer.request()
            peer.send(OK)
        if number == 1:
            asked.wait(LIMIT)
            peer.send(OK.replace(b"ok", b"no"))
        peer.wait_for_end()

    asked = threading.Event()
    with Server(script) as server, connected(server.url) as channel:
        for _ in range(2):
            assert fetch(channel).body == b"ok"
        channel.done = lambda: pytest.fail("nothing was under way")
        asked.set()
        until(lambda: channel._socket is None)
        assert fetch(channel).body == b"ok"
        assert channel.opened == 2


def leaving(peer: Peer, number: int) -> None:
    """Answer the first request and go on the second one of the first connection, having read it."""
    peer.request()
    peer.send(OK)
    if number == 1:
        peer.request()
        return
    while peer.request():
        peer.send(OK)


def resetting(peer: Peer, number: int) -> None:
    leaving(peer, number)
    if number == 1:
        peer.reset()


@pytest.mark.parametrize("script", [leaving, resetting])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_an_idempotent_request_that_a_kept_connection_lost_is_repeated_once(
    method: str, script: Script
) -> None:
    request = Request(method, "/again", expect=200)

    def fixed(peer: Peer, number: int) -> None:
        if number == 1:
            script(peer, number)
            return
        peer.request()
        peer.send(OK[:-2] if method == "HEAD" else OK)

    with Server(fixed) as server, connected(server.url) as channel:
        assert fetch(channel).error is None
        assert fetch(channel, request).error is None
        assert (channel.opened, server.connections) == (2, 2)
        assert [b"/again" in seen for seen in server.requests] == [False, True, True]


@pytest.mark.parametrize("script", [leaving, resetting])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_request_that_does_something_is_not_sent_twice(method: str, script: Script) -> None:
    with Server(script) as server, connected(server.url) as channel:
        assert fetch(channel).error is None
        answer = fetch(channel, Request(method, "/do", body=b"it"))
        assert answer.status == 0
        assert answer.error is not None
        assert "closed before an answer" in answer.error or "reset" in answer.error
        assert [b"/do" in seen for seen in server.requests] == [False, True]
        assert fetch(channel).error is None
        assert channel.opened == 2


def test_a_kept_connection_that_ends_each_time_is_an_error_after_one_repetition() -> None:
    def script(peer: Peer, number: int) -> None:
        peer.request()
        if number == 1:
            peer.send(OK)
            peer.request()

    with Server(script) as server, connected(server.url) as channel:
        assert fetch(channel).error is None
        assert "closed before an answer" in (fetch(channel).error or "")
        assert len(server.requests) == 3
        assert channel.opened == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_closed_right_before_the_request_is_sent(method: str) -> None:
    """The loop has not seen the end yet, and the request goes nowhere: only a GET is repeated."""
    left = threading.Event()

    def script(peer: Peer, number: int) -> None:
        peer.request()
        peer.send(OK)
        if number == 1:
            peer.sock.close()
            left.set()

    with Server(script) as server, connected(server.url) as channel:
        assert fetch(channel).error is None
        # the loop runs as long as a greenlet waits, which none does here
        if channel._socket is not None:
            blocking_until(left.is_set)
            time.sleep(0.05)
        repeated = fetch(channel, Request(method, "/do"))
        done = [seen for seen in server.requests if b"/do" in seen]
        assert len(done) == (repeated.error is None)
        assert method == "POST" or repeated.error is None


# large requests


def test_a_large_body_is_sent_in_parts_and_arrives_whole() -> None:
    body = os.urandom(8 * 2**20)

    def script(peer: Peer, _: int) -> None:
        while peer.request(body=False):
            time.sleep(0.05)
            right = peer._exactly(len(body)) == body
            peer.send(OK if right else OK.replace(b"ok", b"no"))

    with Server(script) as server, connected(server.url) as channel:
        for _ in range(2):
            answer = fetch(channel, Request("POST", "/", body=body))
            assert (answer.error, answer.body) == (None, b"ok")
        assert channel.opened == 1


@pytest.mark.parametrize("ends", ["stays", "closes", "resets"])
@pytest.mark.parametrize("kept", [False, True])
def test_an_answer_before_the_end_of_a_large_body_counts(ends: str, kept: bool) -> None:
    """And what is left of the body is not taken for a request: the connection ends."""
    answered = threading.Event()
    full = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"

    def script(peer: Peer, number: int) -> None:
        if kept and number == 1:
            peer.request()
            peer.send(OK)
        if peer.request(body=False).startswith(b"POST"):
            peer.send(full)
            if ends == "stays":
                answered.wait(LIMIT)
            elif ends == "resets":
                time.sleep(0.02)
                peer.reset()
        else:
            peer.send(OK)

    with Server(script) as server, connected(server.url) as channel:
        if kept:
            assert fetch(channel).error is None
        answer = fetch(channel, Request("POST", "/", body=bytes(16 * 2**20)))
        answered.set()
        assert (answer.status, answer.body, answer.error) == (413, b"big", "status 413")
        assert fetch(channel).error is None
        assert channel.opened == 2


@pytest.mark.parametrize("kept", [False, True])
def test_an_early_answer_counts_though_the_end_is_noticed_first_in_writing(kept: bool) -> None:
    """The loop says in no certain order that there is something to read and room to write."""
    gone = threading.Event()

    def script(peer: Peer, number: int) -> None:
        if kept and number == 1:
            peer.request()
            peer.send(OK)
        if peer.request(body=False).startswith(b"POST"):
            peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
            time.sleep(0.02)
            peer.reset()
            gone.set()
        else:
            peer.send(OK)

    with Server(script) as server, connected(server.url) as channel:
        if kept:
            assert fetch(channel).error is None
        over = Event()
        channel.done = over.set
        channel.start(Request("POST", "/", body=bytes(16 * 2**20)))
        blocking_until(gone.is_set)
        assert channel._writing is not None
        channel._on_writable()
        assert over.wait(LIMIT)
        assert (channel.answer.status, channel.answer.error) == (413, "status 413")
        assert fetch(channel).error is None
        assert (channel.opened, len(server.requests)) == (2, 3 if kept else 2)


# cookies and redirects


def test_a_cookie_is_sent_back_with_the_next_request_and_after_a_reconnect() -> None:
    sets = b"HTTP/1.1 200 OK\r\nSet-Cookie: id=7; Path=/\r\nContent-Length: 2\r\n"
    with (
        Server(repeating(sets + b"\r\nok", OK, sets + b"Connection: close\r\n\r\nok")) as server,
        connected(server.url) as channel,
        connected(server.url) as other,
    ):
        for _ in range(4):
            assert fetch(channel).error is None
        assert channel.cookie("id") == "7"
        assert [b"\r\nCookie: id=7\r\n" in seen for seen in server.requests] == [False] + [True] * 3
        assert fetch(other, Request("GET", "/other")).error is None
        assert b"Cookie" not in server.requests[-1]


def redirecting(peer: Peer, number: int) -> None:
    """Redirect /a to /b to /c by the status that the query names; /c is there."""
    while seen := peer.request():
        target = seen.split()[1].decode()
        path, _, status = target.partition("?")
        if path == "/c":
            peer.send(OK)
            continue
        location = {"/a": f"/b?{status}", "/b": f"http://127.0.0.1:{peer.sock.getsockname()[1]}/c"}
        close = "Connection: close\r\n" if path == "/a" else ""
        head = (
            f"HTTP/1.1 {status} x\r\nLocation: {location[path]}\r\n{close}Content-Length: 0\r\n\r\n"
        )
        peer.send(head.encode())
        if close:
            return


def test_a_redirect_is_an_answer_like_any_other_unless_it_is_to_be_followed() -> None:
    with Server(redirecting) as server, connected(server.url) as channel:
        answer = fetch(channel, Request("GET", "/a?302"))
        assert (answer.status, answer.error) == (302, None)
        assert fetch(channel, Request("GET", "/a?302", expect=200)).error is not None
        assert len(server.requests) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_within_the_origin_are_followed_over_closed_and_kept_connections(
    status: int,
) -> None:
    request = Request("POST", f"/a?{status}", body=b"data", expect=200, redirects=5)
    with Server(redirecting) as server, connected(server.url) as channel:
        answer = fetch(channel, request)
        assert (answer.error, answer.body) == (None, b"ok")
        repeats = status in (307, 308)
        assert [seen.split()[0] for seen in server.requests] == [
            b"POST",
            *[b"POST" if repeats else b"GET"] * 2,
        ]
        assert [seen.endswith(b"\r\n\r\ndata") for seen in server.requests] == [
            True,
            repeats,
            repeats,
        ]
        assert channel.opened == 2


def test_a_redirect_elsewhere_is_not_followed() -> None:
    away = b"HTTP/1.1 302 x\r\nLocation: http://example.invalid/\r\nContent-Length: 0\r\n\r\n"
    with Server(repeating(away)) as server, connected(server.url) as channel:
        answer = fetch(channel, Request("GET", "/", expect=200, redirects=5))
        assert answer.error == "status 302 instead of 200"
        assert len(server.requests) == 1


@pytest.mark.parametrize("location", ["/", "", "?x", "//", "http://[", "/\\\t ü"])
def test_a_redirect_loop_ends_and_an_odd_location_harms_nobody(location: str) -> None:
    wire = f"HTTP/1.1 302 x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    with Server(repeating(wire)) as server, connected(server.url) as channel:
        answer = fetch(channel, Request("GET", "/", expect=200, redirects=5))
        assert answer.error is not None
        assert len(server.requests) == (1 if location in {"", "http://["} else 6)


def test_a_kept_connection_that_ends_between_redirect_and_target_is_opened_anew() -> None:
    """Also where it is a first request: its connection has carried one, so it is a kept one."""
    first = b"HTTP/1.1 302 x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"

    def script(peer: Peer, number: int) -> None:
        peer.request()
        peer.send(first if number == 1 else OK)
        if number == 1:
            peer.request()

    with Server(script) as server, connected(server.url) as channel:
        answer = fetch(channel, Request("GET", "/", expect=200, redirects=1))
        assert answer.error is None
        assert channel.opened == 2


# addresses


def test_a_host_whose_first_address_does_not_answer_is_reached_at_the_second() -> None:
    """As localhost is, which is ::1 before it is 127.0.0.1; and it is remembered."""
    with Server(repeating(OK)) as server:
        origin = Origin(f"http://localhost:{server.port}")
        origin._addresses = [
            (socket.AF_INET6, ("::1", server.port, 0, 0)),
            (socket.AF_INET, ("127.0.0.1", server.port)),
        ]
        with connected_to(origin) as channel, connected_to(origin) as other:
            assert fetch(channel, Request("POST", "/")).error is None
            assert fetch(other).error is None
            assert (channel.opened, other.opened) == (2, 1)
        assert server.requests[0].startswith(b"POST / HTTP/1.1\r\nHost: localhost:")


def test_a_host_that_no_address_answers_for_is_refused() -> None:
    port = free_port()
    origin = Origin(f"http://localhost:{port}")
    origin._addresses = [(socket.AF_INET, (f"127.0.0.{last}", port)) for last in (1, 2, 3)]
    with connected_to(origin) as channel:
        for _ in range(2):
            assert fetch(channel).error == "Connection refused"
        assert channel.opened == 6


def test_a_server_that_breaks_is_not_asked_again_at_another_address() -> None:
    """The request may have been carried out."""

    def script(peer: Peer, _: int) -> None:
        peer.request()
        peer.reset()

    with Server(script) as server:
        origin = Origin(server.url)
        origin._addresses = [(socket.AF_INET, ("127.0.0.1", server.port))] * 2
        with connected_to(origin) as channel:
            assert fetch(channel, Request("POST", "/")).error is not None
            assert (channel.opened, len(server.requests)) == (1, 1)


def test_an_ipv6_address_is_a_host() -> None:
    listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    url = f"http://[::1]:{listener.getsockname()[1]}"
    seen = []

    def answer() -> None:
        sock, _ = listener.accept()
        with sock:
            seen.append(sock.recv(65_536))
            sock.sendall(OK)

    thread = threading.Thread(target=answer)
    thread.start()
    with listener, connected(url) as channel:
        assert fetch(channel).body == b"ok"
        thread.join()
    assert f"\r\nHost: {url.removeprefix('http://')}\r\n".encode() in seen[0]


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, with its key in the same file."""
    openssl = shutil.which("openssl")
    assert openssl is not None, "these tests need the openssl command"
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *(
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=test",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
            ),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return both


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_that_nobody_vouches_for_is_an_error(tls: ssl.SSLContext) -> None:
    with Server(repeating(OK), tls) as server, connected(server.url) as channel:
        for number in (1, 2):
            error = fetch(channel).error or ""
            assert error.startswith("TLS: ")
            assert "self-signed certificate" in error
            assert channel.opened == number
        assert server.requests == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_without_verification_requests_go_over_one_tls_connection(
    tls: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    tls.minimum_version = tls.maximum_version = version
    with Server(repeating(OK), tls) as server, connected(server.url, verify=False) as channel:
        for _ in range(5):
            answer = fetch(channel)
            assert (answer.error, answer.body) == (None, b"ok")
        assert (channel.opened, len(server.requests)) == (1, 5)


def test_a_certificate_of_a_known_authority_is_right_for_its_host_only(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Server(repeating(OK), tls) as server:
        with connected(server.url) as channel:
            assert fetch(channel).error is None
        origin = Origin(server.url.replace("127.0.0.1", "localhost"))
        origin._addresses = [(socket.AF_INET, ("127.0.0.1", server.port))]
        with connected_to(origin) as channel:
            assert "certificate" in (fetch(channel).error or "")


def test_large_bodies_go_over_tls_in_both_directions(tls: ssl.SSLContext) -> None:
    """A TLS record holds 16 KiB."""
    body = os.urandom(3 * 2**20)

    def script(peer: Peer, _: int) -> None:
        while seen := peer.request():
            said = seen.partition(b"\r\n\r\n")[2]
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))

    with Server(script, tls) as server, connected(server.url, verify=False) as channel:
        for _ in range(2):
            assert fetch(channel, Request("PUT", "/", body=body)).body == body
        assert channel.opened == 1


def test_over_tls_a_lost_request_is_repeated_and_a_cut_answer_an_error(
    tls: ssl.SSLContext,
) -> None:
    def script(peer: Peer, number: int) -> None:
        peer.request()
        peer.send(OK if number != 3 else OK[:-1])

    with Server(script, tls) as server, connected(server.url, verify=False) as channel:
        assert fetch(channel).error is None
        assert fetch(channel).error is None
        until(lambda: channel._socket is None)
        assert "within the body" in (fetch(channel).error or "")
        assert channel.opened == 3


def test_tls_with_a_server_that_has_none_and_the_reverse_are_errors(tls: ssl.SSLContext) -> None:
    def plain(peer: Peer, _: int) -> None:
        peer.sock.recv(65_536)
        peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with Server(plain) as server, connected(server.url.replace("http", "https")) as channel:
        assert (fetch(channel).error or "").startswith("TLS: ")
    with Server(repeating(OK), tls) as server:
        with connected(server.url.replace("https", "http")) as channel:
            assert fetch(channel).error is not None
        assert server.requests == []


# ends


def test_what_is_cancelled_says_no_more_and_the_channel_can_be_used_again() -> None:
    asked = threading.Event()

    def script(peer: Peer, number: int) -> None:
        peer.request()
        asked.set()
        if number > 1:
            peer.send(OK)
        peer.wait_for_end()

    with Server(script) as server, connected(server.url) as channel:
        ends: list[int] = []
        channel.done = lambda: ends.append(1)
        channel.start(GET)
        until(asked.is_set)
        channel.cancel()
        gevent.sleep(0.05)
        assert ends == []
        assert fetch(channel).error is None


def test_a_request_that_fails_twice_at_a_time_ends_once() -> None:
    """Its connection breaks as its time is over; the next request is not blamed for it."""
    with Server(repeating(OK)) as server, connected(server.url) as channel:
        errors: list[str | None] = []
        over = Event()

        def done() -> None:
            errors.append(channel.answer.error)
            if len(errors) == 1:
                channel.start(GET)
            else:
                over.set()

        channel.done = done
        channel.start(GET)
        channel._fail("reset")
        channel.fail_if_late(channel.begun + 2 * LIMIT)
        assert over.wait(LIMIT)
        gevent.sleep(0.01)
        assert len(errors) == 2
        assert errors[1] is None


def test_an_answer_never_comes_before_its_request() -> None:
    """Answers count from when the loop learned of them, which may have been before."""
    from toolkit.wire import channel as module

    with Server(repeating(OK)) as server, connected(server.url) as channel:
        assert fetch(channel).error is None
        channel.done = lambda: None
        channel.start(GET)
        module._poll.at = channel.begun - 1
        channel._finish(Answer(200, b""))
        assert channel.ended >= channel.begun


def test_many_channels_at_a_time_each_get_their_own_answers() -> None:
    def script(peer: Peer, _: int) -> None:
        while seen := peer.request():
            path = seen.split()[1]
            peer.dribble(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))

    def talk(number: int) -> list[str]:
        with connected(server.url) as channel:
            paths = [f"/{number}/{turn}" for turn in range(3)]
            return [fetch(channel, Request("GET", path)).text for path in paths] + paths

    with Server(script) as server:
        greenlets = [gevent.spawn(talk, number) for number in range(24)]
        gevent.joinall(greenlets, timeout=LIMIT, raise_error=True)
        for greenlet in greenlets:
            assert greenlet.value is not None
            assert greenlet.value[:3] == greenlet.value[3:]
        assert server.connections == 24


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_descriptor_is_left_however_connections_end(tls: ssl.SSLContext) -> None:
    wires = [OK, OK[:-1], b"", b"garbage", OK + OK, b"HTTP/1.1 200 OK\r\n\r\nok"]

    def script(peer: Peer, number: int) -> None:
        peer.request()
        peer.send(wires[number % len(wires)])
        if number % 7 == 0:
            peer.reset()

    def everything(rounds: int) -> None:
        refused = f"http://127.0.0.1:{free_port()}"
        with Server(script) as server, Server(script, tls) as secure:
            for url, count in ((server.url, rounds), (secure.url, rounds // 4), (refused, rounds)):
                with connected(url, verify=False) as channel:
                    for _ in range(count):
                        fetch(channel)
                    assert channel.opened >= count // 2
            with connected(secure.url) as channel:
                for _ in range(rounds // 4):
                    assert (fetch(channel).error or "").startswith("TLS")
            with connected(server.url, timeout=0.0) as channel:
                fetch(channel)

    everything(8)  # the loop's own
    before = descriptors()
    everything(160)
    assert descriptors() <= before
