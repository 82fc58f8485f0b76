"""The contract against a real HTTP server on loopback that misbehaves as told."""

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from toolkit.backing import Backings
from toolkit.contract import Exchange
from toolkit.errors import StackError
from toolkit.measured import Usage
from toolkit.model import App, Broken, Interface, Server, Stack
from toolkit.verify import (
    START,
    Verdict,
    Violation,
    find_violations,
    judge,
    require_contract,
    verify,
)

STACK = Stack(
    app=App(
        name="a",
        summary="",
        interface=Interface.WSGI,
        target="x:y",
        health="/",
        contract="assets",
        path=Path(),
    ),
    server=Server(
        name="s", summary="", interfaces=(Interface.WSGI,), keep_alive=True, argv=(), path=Path()
    ),
)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    closing_after: ClassVar[int] = 10**9
    answered: ClassVar[int] = 0
    bodies: ClassVar[list[bytes]] = []
    cookies: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self._answer(200, b"ok")

    def do_POST(self) -> None:
        if int(self.headers.get("Content-Length", 0)) > 2**21:
            self._answer(413, b"no", close=True)
            return
        self.bodies.append(self._body())
        self._answer(200, b"ok")

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, body: bytes, *, close: bool = False) -> None:
        type(self).answered += 1
        self.cookies.append(self.headers.get("Cookie"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/in":
            self.send_header("Set-Cookie", "session=abc; Path=/")
        if self.path == "/out":
            self.send_header("Set-Cookie", "session=; Max-Age=0; Path=/")
        if close or self.answered % self.closing_after == 0:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


class Served:
    """A service of the port's shape."""

    start_seconds = 0.0

    def __init__(self, url: str) -> None:
        self.url = url
        self.oom_kills: int | None = None
        self.gone = False

    def usage(self) -> Usage:
        if self.gone:
            raise StackError("the server is gone")
        return Usage(at=0, cpu_user=0, cpu_system=0, memory=1, oom_kills=self.oom_kills)

    def stop(self) -> float | None:
        return None

    def death(self) -> str | None:
        return None

    def log_tail(self) -> str:
        return "last words"


@pytest.fixture
def handler() -> type[Handler]:
    return type("Own", (Handler,), {"bodies": [], "cookies": []})


@pytest.fixture
def service(handler: type[Handler]) -> Iterator[Served]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def exchange(path: str = "/", **changes: Any) -> Exchange:  # noqa: ANN401 - fields of Exchange
    values: dict[str, Any] = {"name": "x", "method": "GET", "path": path, "statuses": (200,)}
    return Exchange(**{**values, **changes})


def test_a_server_that_closes_what_it_should_keep_is_found(
    service: Served, handler: type[Handler]
) -> None:
    handler.closing_after = 16
    (wrong,) = find_violations(service, [exchange(repeat=20)], keep_alive=True)
    assert "closes the connection after answer 16" in str(wrong)
    handler.answered = 0
    assert find_violations(service, [exchange(repeat=20)], keep_alive=False) == ()
    handler.answered = 0
    assert find_violations(service, [exchange(repeat=20, may_close=True)], keep_alive=True) == ()
    handler.answered = 0
    assert find_violations(service, [exchange(repeat=16)], keep_alive=True) == ()


def test_a_wrong_answer_late_on_a_connection_is_found_with_its_number(
    service: Served, handler: type[Handler]
) -> None:
    do_get = handler.do_GET

    def failing(self: Handler) -> None:
        self._answer(500, b"") if self.answered == 6 else do_get(self)

    handler.do_GET = failing  # type: ignore[method-assign]
    (wrong,) = find_violations(service, [exchange(repeat=10)], keep_alive=True)
    assert "answer 7 on one connection: status 500" in str(wrong)


def test_what_fails_only_when_many_ask_at_once_is_found(
    service: Served, handler: type[Handler]
) -> None:
    """A server that gives way to nobody: of those that come while it is busy it refuses all."""
    busy = threading.Lock()
    together = threading.Barrier(6)

    def only_one(self: Handler) -> None:
        together.wait(20)
        free = busy.acquire(blocking=False)
        together.wait(20)
        self._answer(200 if free else 500, b"")
        if free:
            busy.release()

    handler.do_GET = only_one  # type: ignore[method-assign]
    (wrong,) = find_violations(service, [exchange(at_once=6)], keep_alive=True)
    assert "on 5 of 6 connections at once: status 500" in str(wrong)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_arrives_as_it_is(service: Served, handler: type[Handler], *, chunked: bool) -> None:
    body = bytes(range(256)) * 1000
    sent = exchange(method="POST", body=body, chunked=chunked)
    assert find_violations(service, [sent], keep_alive=True) == ()
    assert handler.bodies == [body]


def test_a_refusal_before_the_body_was_sent_is_read(service: Served) -> None:
    large = exchange(method="POST", body=b"x" * 3 * 2**20, statuses=(413,))
    assert find_violations(service, [large], keep_alive=True) == ()


def test_exchanges_of_a_session_share_their_cookies_and_others_have_none(
    service: Served, handler: type[Handler]
) -> None:
    paths = [("/in", "a"), ("/", "a"), ("/", None), ("/", "b"), ("/out", "a"), ("/", "a")]
    sent = [exchange(path, session=session) for path, session in paths]
    assert find_violations(service, sent, keep_alive=True) == ()
    assert handler.cookies == [None, "session=abc", None, None, "session=abc", None]


def test_no_answer_at_all_is_a_violation() -> None:
    (wrong,) = find_violations(Served("http://127.0.0.1:1"), [exchange()], keep_alive=True)
    assert "no answer: ConnectionRefusedError" in str(wrong)


BROKEN = Broken(stack="a/*", exchange="x*", reason="r", evidence="e")
WRONG = Violation(exchange="x", problem="status 500")


def test_what_is_listed_as_broken_is_known_and_no_failure() -> None:
    verdict = judge(STACK, [exchange()], [WRONG], [BROKEN])
    assert verdict.kept
    assert verdict.known == ((WRONG, BROKEN),)


def test_the_second_copy_of_a_stack_is_judged_as_the_first() -> None:
    """``bench --aa`` compares a stack with itself."""
    verdict = judge(replace(STACK, copy=2), [exchange()], [WRONG], [BROKEN])
    assert verdict.known == ((WRONG, BROKEN),)
    exact = replace(BROKEN, stack="a/s")
    assert judge(replace(STACK, copy=2), [exchange()], [WRONG], [exact]).wrong == ()


def test_what_is_not_listed_for_this_stack_is_wrong() -> None:
    for entry in (
        Broken(stack="b/*", exchange="*", reason="r", evidence="e"),
        Broken(stack="a/*", exchange="y", reason="r", evidence="e", sometimes=True),
    ):
        verdict = judge(STACK, [exchange()], [WRONG], [entry])
        assert verdict.wrong == (WRONG,)
        assert not verdict.kept


def test_what_is_listed_and_works_is_a_failure_of_the_list() -> None:
    verdict = judge(STACK, [exchange()], [], [BROKEN])
    assert verdict.healed == (BROKEN,)
    assert not verdict.kept


def test_what_was_not_checked_or_fails_only_sometimes_has_not_healed() -> None:
    sometimes = Broken(stack="a/*", exchange="x", reason="r", evidence="e", sometimes=True)
    assert judge(STACK, [], [], [BROKEN]).kept
    assert judge(STACK, [exchange()], [], [sometimes]).kept


def test_a_stack_that_is_listed_as_not_starting_is_known_and_heals_when_it_starts() -> None:
    entry = Broken(stack="a/s", exchange=START, reason="r", evidence="e")
    dead = Violation(exchange=START, problem="the server ended")
    assert judge(STACK, [exchange()], [dead], [entry]).kept
    assert judge(STACK, [exchange()], [], [entry]).healed == (entry,)
    # of a server that did not start nothing else is known
    assert judge(STACK, [exchange()], [dead], [entry, BROKEN]).healed == ()


def test_only_a_stack_that_keeps_its_contract_or_is_excused_is_let_through(
    service: Served,
) -> None:
    good, bad = exchange(), exchange(statuses=(201,))
    require_contract(service, STACK, [good], ())
    require_contract(service, STACK, [bad], (BROKEN,))
    with pytest.raises(StackError, match=r"breaks the contract: x: status 200.*1 more") as caught:
        require_contract(service, STACK, [bad, bad], ())
    assert "last words" in caught.value.log


def test_what_was_killed_for_want_of_memory_is_not_called_a_broken_contract(
    service: Served,
) -> None:
    service.oom_kills = 2
    require_contract(service, STACK, [exchange()], ())
    with pytest.raises(StackError, match=r"^2 of its processes killed for want of mem") as caught:
        require_contract(service, STACK, [exchange(statuses=(201,))], ())
    assert "--memory" in caught.value.hint
    assert "status 200" in caught.value.log
    assert "last words" in caught.value.log
    service.gone = True
    with pytest.raises(StackError, match="breaks the contract"):
        require_contract(service, STACK, [exchange(statuses=(201,))], ())


class Serving:
    """A runtime, as far as ``verify`` needs one, whose server is there already, and then gone."""

    def __init__(self, service: Served) -> None:
        self._service = service

    def prepare(self, stack: Stack, observer: object) -> None: ...

    @contextlib.contextmanager
    def serve(self, stack: Stack, environment: Mapping[str, str]) -> Iterator[Served]:
        yield self._service
        self._service.log_tail = lambda: "gone"  # type: ignore[method-assign]


def verdict_on(
    service: Served, exchanges: Sequence[Exchange], broken: Sequence[Broken] = ()
) -> Verdict:
    runtime: Any = Serving(service)
    observer: Any = None
    return verify(STACK, exchanges, broken, runtime, Backings(runtime, secret=""), observer)


def test_what_a_server_printed_last_is_shown_below_what_it_does_wrong(
    service: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    from toolkit.cli.verify import _show

    verdict = verdict_on(service, [exchange(), exchange(name="y", statuses=(201,))])
    assert [item.exchange for item in verdict.wrong] == ["y"]
    _show(STACK.id, verdict, 2, 2)
    first, *more = capsys.readouterr().out.splitlines()
    assert "BROKEN, y: status 200" in first
    assert more == ["  | last words"]


def test_the_log_of_a_server_that_does_as_it_should_or_as_is_listed_is_left_alone(
    service: Served,
) -> None:
    for bad, broken in ((exchange(), ()), (exchange(statuses=(201,)), (BROKEN,))):
        verdict = verdict_on(service, [bad], broken)
        assert verdict.kept
        assert not verdict.log
