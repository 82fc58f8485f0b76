"""An upstream that answers after the time it is told to: what a slow service is to an app.

Started with ``python delaying.py HOST PORT``. It uses the standard library only and imports nothing
of the toolkit: it is copied into an image on its own.

``GET /upstream?delay_ms=20&token=abc`` is answered with ``{"delay_ms": 20, "token": "abc"}`` when
20 ms have passed since it was read, never earlier; ``GET /healthz`` at once. A delay of more than
60 s and whatever else is no such request gets an error and the end of its connection. Requests come
one after the other on a connection: the next one before the answer is such an error too.

One process, one thread: what waits costs a place in a heap. It wakes up for every answer that is
due, so that an idle one is late by what the kernel's timer is (about 0.06 ms); the timeout of epoll
would be a millisecond's. Where there is no epoll, answers may be that late.
"""

import contextlib
import gc
import heapq
import itertools
import json
import math
import re
import resource
import select
import signal
import socket
import sys
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from types import FrameType
from urllib.parse import parse_qs

MOST_DELAY = 60_000
"""Milliseconds."""

_MOST_HEAD = 16_384
_MOST_KNOWN = 256
"""Sets of headers that are remembered: clients send the same ones each time."""

_END = b"\r\n\r\n"
_USUAL = re.compile(rb"GET /upstream\?delay_ms=([0-9]{1,5})&token=([\w.~-]*) HTTP/1\.1")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Refused(Exception):
    """A request that is not answered as it hoped."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent, when, and whether the connection ends with it.

    Attributes:
        delay: Seconds from the reading of the request.
    """

    data: bytes
    delay: float = 0.0
    last: bool = False


def answer(head: bytes, known: dict[bytes, bool]) -> Answer:
    """Answer the head of a request, from its first byte to its empty line.

    Args:
        head: The bytes.
        known: Headers seen before, and whether they end the connection; is added to.
    """
    line, _, rest = head.partition(b"\r\n")
    try:
        last = known.get(rest)
        if last is None:
            last = _read_headers(rest)
            if len(known) < _MOST_KNOWN:
                known[rest] = last
        usual = _USUAL.fullmatch(line)
        if usual is not None:
            delay = int(usual[1])
            body = b'{"delay_ms": %d, "token": "%b"}' % (delay, usual[2])
        else:
            delay, body, old = _read_line(line)
            last = last or old
    except Refused as refused:
        return refusal(refused)
    if delay > MOST_DELAY:
        return refusal(Refused(HTTPStatus.BAD_REQUEST, f"delay_ms is at most {MOST_DELAY}"))
    return Answer(_message(HTTPStatus.OK, body, last=last), delay / 1e3, last)


def refusal(refused: Refused) -> Answer:
    """Tell the client why, and that this was all."""
    body = json.dumps({"error": str(refused)}).encode()
    return Answer(_message(refused.status, body, last=True), 0.0, last=True)


def _message(status: HTTPStatus, body: bytes, *, last: bool) -> bytes:
    allow = b"Allow: GET\r\n" if status is HTTPStatus.METHOD_NOT_ALLOWED else b""
    close = b"Connection: close\r\n" if last else b""
    return (
        b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b%b\r\n%b"
        % (status.value, status.phrase.encode(), len(body), allow, close, body)
    )


def _read_headers(rest: bytes) -> bool:
    """Tell whether these headers end the connection; refuse a body."""
    last = False
    for line in rest.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n"):
        name, colon, value = line.partition(":")
        if line and (not colon or not _NAME.fullmatch(name)):
            raise Refused(HTTPStatus.BAD_REQUEST, "this is no header")
        name, value = name.lower(), value.strip().lower()
        if name == "transfer-encoding" or (name == "content-length" and value != "0"):
            raise Refused(HTTPStatus.BAD_REQUEST, "a body has no meaning here")
        last = last or (name == "connection" and "close" in value)
    return last


def _read_line(line: bytes) -> tuple[int, bytes, bool]:
    """Read the first line of any request: delay, body of the answer, whether it is the last."""
    parts = line.decode("latin-1").split(" ")
    if len(parts) != 3 or parts[2] not in {"HTTP/1.1", "HTTP/1.0"}:
        raise Refused(HTTPStatus.BAD_REQUEST, "this is no request of HTTP/1.1")
    method, target, version = parts
    path, _, query = target.partition("?")
    if path not in {"/upstream", "/healthz"}:
        raise Refused(HTTPStatus.NOT_FOUND, "there are /upstream and /healthz")
    if method != "GET":
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "only GET is answered")
    old = version == "HTTP/1.0"
    if path == "/healthz":
        return 0, b'{"status": "ok"}', old
    try:
        values = parse_qs(query, keep_blank_values=True, max_num_fields=8)
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, "this query cannot be read") from None
    ((delay, *more), (token, *others)) = (values.get(name, [""]) for name in ("delay_ms", "token"))
    if more or others or not re.fullmatch("[0-9]{1,9}", delay):
        raise Refused(
            HTTPStatus.BAD_REQUEST, "delay_ms and token are given once, delay_ms in digits"
        )
    return int(delay), json.dumps({"delay_ms": int(delay), "token": token}).encode(), old


class Upstream:
    """The loop of one process: a listening socket, connections, and answers that wait."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._poll = select.epoll() if hasattr(select, "epoll") else select.poll()
        self._connections: dict[int, socket.socket] = {}
        self._partial: dict[int, bytes] = {}
        self._known: dict[bytes, bool] = {}
        # when it is due, a number that no two have, where it goes, and what
        self._waiting: list[tuple[float, int, socket.socket, Answer]] = []
        self._busy: set[int] = set()
        self._numbers = itertools.count()

    def serve(self) -> None:
        """Answer until the process is ended."""
        self._listener.setblocking(False)
        listening = self._listener.fileno()
        self._poll.register(listening, select.POLLIN)
        waiting = self._waiting
        while True:
            for number, _ in self._poll.poll(self._wait()):
                if number == listening:
                    self._accept()
                else:
                    self._read(self._connections[number])
            now = monotonic() if waiting else 0.0
            while waiting and waiting[0][0] <= now:
                _, _, connection, due = heapq.heappop(waiting)
                # -1: it was closed meanwhile
                if (number := connection.fileno()) != -1:
                    self._busy.discard(number)
                    self._send(connection, due)

    def _wait(self) -> float | None:
        """Wait until an answer is due or something comes; give the timeout of the poll."""
        if not self._waiting:
            return None
        left = max(self._waiting[0][0] - monotonic(), 0.0)
        if not hasattr(self._poll, "fileno"):
            return math.ceil(left * 1e3)
        # select() waits to the microsecond, and one descriptor stands for all of them
        if left > 0:
            select.select((self._poll.fileno(),), (), (), left)
        return 0

    def _accept(self) -> None:
        # until there is none, or no descriptor is free for one: then with what comes next
        with contextlib.suppress(OSError):
            while True:
                try:
                    connection, _ = self._listener.accept()
                except ConnectionAbortedError:
                    continue
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connections[connection.fileno()] = connection
                self._poll.register(connection.fileno(), select.POLLIN)

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(_MOST_HEAD)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        came = monotonic()
        number = connection.fileno()
        if self._partial:
            data = self._partial.pop(number, b"") + data
        end = data.find(_END)
        if number in self._busy or (end != -1 and end != len(data) - len(_END)):
            refused = Refused(HTTPStatus.BAD_REQUEST, "one request after the other, without a body")
            self._send(connection, refusal(refused))
        elif end != -1:
            result = answer(data, self._known)
            if result.delay > 0:
                self._busy.add(number)
                due = (came + result.delay, next(self._numbers), connection, result)
                heapq.heappush(self._waiting, due)
            else:
                self._send(connection, result)
        elif len(data) < _MOST_HEAD:
            self._partial[number] = data
        else:
            large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._send(connection, refusal(Refused(large, "the head of the request is too long")))

    def _send(self, connection: socket.socket, due: Answer) -> None:
        try:
            sent = connection.send(due.data)
        except OSError:
            sent = 0
        # an answer fits into the buffer of whoever reads the ones before
        if due.last or sent < len(due.data):
            self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        number = connection.fileno()
        self._poll.unregister(number)
        self._partial.pop(number, None)
        self._busy.discard(number)
        self._connections.pop(number).close()


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def main(arguments: list[str]) -> None:
    """Serve on a host and port until SIGTERM."""
    # the first process of a container is not ended by a signal that it does not handle
    signal.signal(signal.SIGTERM, _end)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # nothing here makes cycles, and a collection would make an answer late
    gc.disable()
    host, port = arguments
    with socket.create_server((host, int(port)), backlog=4096) as listener:
        Upstream(listener).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
