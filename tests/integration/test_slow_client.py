"""A slow client against real sockets: its requests come in pieces, and it leaves answers waiting.

The servers are threads; gevent's loop runs while a test waits for the client.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

with pytest.MonkeyPatch.context() as patch:
    # threads and sockets of the tests stay what they are
    patch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    from locust.env import Environment
    from locust.exception import StopTest

    from toolkit.client import slow
    from toolkit.client.recorder import Recorder
    from toolkit.client.slow import PIECES, SlowClient
    from toolkit.wire.http1 import Request
    from toolkit.wire.origin import Origin

MANY = b"x" * 2**20
POST = Request("POST", "/", name="slow", body="y" * 300, expect=200, check=b"ok".__eq__)
GET = Request("GET", "/", name="slow", expect=200, check=lambda body: body == MANY)

Serve = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(script: Serve) -> Iterator[str]:
    """Run a script for one connection in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)

        def run() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(20)
                script(sock)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join()


def user_at(url: str) -> Any:  # noqa: ANN401 - as much of a SocketUser as is needed
    origin = Origin(url)
    origin.resolve()
    return SimpleNamespace(origin=origin, environment=SimpleNamespace(process_exit_code=None))


@pytest.fixture(autouse=True)
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    recorder._environment = Environment()
    monkeypatch.setattr(slow, "recorder", recorder)
    return recorder


def counted(recorder: Recorder, method: str) -> tuple[int, int]:
    assert recorder._environment is not None
    entry = recorder._environment.stats.entries["slow", method]
    return entry.num_requests, entry.num_failures


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def test_a_request_comes_in_pieces_head_and_body(recorder: Recorder) -> None:
    pieces: list[bytes] = []

    def script(sock: socket.socket) -> None:
        while not b"".join(pieces).endswith(b"y" * 300):
            pieces.append(sock.recv(65_536))
        sock.sendall(answer(b"ok"))

    with serving(script) as url:
        client = SlowClient(user_at(url))
        done = client.send(POST, sending=0.5)
    assert (done.status, done.body, done.error) == (200, b"ok", None)
    whole = b"".join(pieces)
    assert whole.startswith(b"POST / HTTP/1.1\r\nHost: 127.0.0.1:")
    # some may have come together on a busy machine
    assert 2 < len(pieces) <= PIECES
    assert len(pieces[0]) < whole.index(b"\r\n\r\n")
    assert counted(recorder, "POST") == (1, 0)
    assert (recorder.answered, recorder.failed) == (0, 0)


def test_without_being_slow_a_request_comes_at_once() -> None:
    pieces: list[bytes] = []

    def script(sock: socket.socket) -> None:
        pieces.append(sock.recv(65_536))
        sock.sendall(answer(b"ok"))

    with serving(script) as url:
        assert SlowClient(user_at(url)).send(POST).error is None
    assert pieces[0].endswith(b"\r\n\r\n" + b"y" * 300)


@pytest.mark.parametrize("framing", ["length", "chunks", "the end"])
def test_an_answer_waits_in_the_server_until_it_is_read(recorder: Recorder, framing: str) -> None:
    """What the kernel takes at once of 1 MiB is a part of it."""
    taken: list[int] = []

    def script(sock: socket.socket) -> None:
        sock.recv(65_536)
        data = answer(MANY)
        if framing == "chunks":
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            data = head + b"100000\r\n" + MANY + b"\r\n0\r\n\r\n"
        if framing == "the end":
            data = b"HTTP/1.1 200 OK\r\n\r\n" + MANY
        taken.append(sock.send(data, socket.MSG_DONTWAIT))
        sock.sendall(data[taken[0] :])

    with serving(script) as url:
        done = SlowClient(user_at(url)).send(GET, reading=0.5)
    assert done.error is None
    assert done.body == MANY
    assert taken[0] < len(MANY) / 2
    assert counted(recorder, "GET") == (1, 0)


def refuse(sock: socket.socket) -> None:
    sock.recv(1)
    sock.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")


def hang_up(sock: socket.socket) -> None:
    sock.recv(65_536)


def talk(sock: socket.socket) -> None:
    sock.recv(65_536)
    sock.sendall(b"220 mail ready\r\n")


def cut(sock: socket.socket) -> None:
    sock.recv(65_536)
    sock.sendall(answer(MANY)[:1000])


def lie(sock: socket.socket) -> None:
    sock.recv(65_536)
    sock.sendall(answer(b"no"))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (hang_up, "the connection was closed before an answer"),
        (talk, "not an HTTP answer"),
        (cut, "the connection was closed within the body"),
        (lie, "wrong body"),
    ],
)
def test_what_is_no_right_answer_is_an_error_that_the_phase_learns_of(
    recorder: Recorder, script: Serve, said: str
) -> None:
    with serving(script) as url:
        done = SlowClient(user_at(url)).send(GET)
    assert done.error is not None
    assert done.error.startswith(said)
    assert counted(recorder, "GET") == (1, 1)
    assert recorder.window.raised == {f"slow: {done.error}": 1}


def test_a_server_that_does_not_wait_for_the_request_has_refused_it(recorder: Recorder) -> None:
    with serving(refuse) as url:
        done = SlowClient(user_at(url)).send(POST, sending=0.2)
    assert done.error in (
        "status 408 instead of 200",
        "Broken pipe",
        "Connection reset by peer",
    )
    assert counted(recorder, "POST") == (1, 1)


def test_a_server_that_never_answers_is_given_up(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow, "_LIMIT", 0.1)
    over = threading.Event()

    def script(sock: socket.socket) -> None:
        sock.recv(65_536)
        over.wait(20)

    with serving(script) as url:
        done = SlowClient(user_at(url)).send(GET)
        over.set()
    assert done.error == "no answer within 0.1 s"
    assert counted(recorder, "GET") == (1, 1)


def test_a_server_that_is_not_there_is_an_error(recorder: Recorder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert SlowClient(user_at(url)).send(GET).error == "Connection refused"
    assert counted(recorder, "GET") == (1, 1)


def test_tls_ends_the_test_at_once() -> None:
    user = user_at("https://127.0.0.1:1")
    with pytest.raises(StopTest, match="plain HTTP"):
        SlowClient(user)
    assert user.environment.process_exit_code == 1
