"""A server with one fault: ``python cheat.py FAULT PORT``, on loopback.

Stand-alone, one process and one thread (an epoll loop) unless the fault is to have more. Every
fault is a class; what it says of itself is what it does to whoever measures it.
"""

import contextlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass

HEALTH = "/healthz"
THING = {"number": 7, "text": "some thirty characters of text"}
ASSETS = "/api/assets"


@dataclass
class Connection:
    """An accepted connection, with what has come of the request under way."""

    socket: socket.socket
    number: int
    received: bytes = b""


@dataclass
class Reply:
    """An answer: ``length`` is announced instead of the body's, ``last`` ends the connection."""

    value: object
    status: int = 200
    length: int | None = None
    last: bool = False

    def encode(self) -> bytes:
        body = json.dumps(self.value).encode()
        length = len(body) if self.length is None else self.length
        closing = "Connection: close\r\n" if self.last else ""
        head = (
            f"HTTP/1.1 {self.status} Whatever\r\nContent-Type: application/json\r\n"
            f"Content-Length: {length}\r\n{closing}\r\n"
        )
        return head.encode() + body


def burn(seconds: float) -> None:
    """Use CPU time, not wall time: a neighbour on the same core does not make it cheaper."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class Honest:
    """Answers everything rightly; at 0.4 ms of CPU each it is its own bottleneck.

    Attributes:
        began: Monotonic clock of the first request that is no health check, 0 before it.
    """

    cost = 0.0004

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._accepted = 0
        self.began = 0.0

    def started(self) -> None:
        """Do what the fault needs before the first request."""

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        """Answer a request; None never does."""
        burn(self.cost)
        if not body:
            return Reply(THING)
        return Reply({**json.loads(body), "id": 1_000_007, "status": "in stock"}, status=201)

    def run(self, port: int) -> None:
        listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        listener.setblocking(False)
        self._poll.register(listener, select.EPOLLIN)
        self.started()
        while True:
            for number, _ in self._poll.poll():
                if number == listener.fileno():
                    self._accept(listener)
                else:
                    self._receive(self._connections[number])

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            accepted, _ = listener.accept()
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections[accepted.fileno()] = Connection(accepted, self._accepted)
            self._accepted += 1
            self._poll.register(accepted, select.EPOLLIN)

    def _receive(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(65_536)
        except OSError:
            data = b""
        if not data:
            self._end(connection)
            return
        connection.received += data
        head, complete, rest = connection.received.partition(b"\r\n\r\n")
        if not complete or len(rest) < length_of(head):
            return
        connection.received = b""
        reply: Reply | None
        if head.startswith(b"GET /healthz "):
            reply = Reply("ok")
        else:
            self.began = self.began or time.monotonic()
            reply = self.reply(connection, rest)
        if reply is not None:
            with contextlib.suppress(OSError):
                connection.socket.sendall(reply.encode())
            if reply.last:
                self._end(connection)

    def _end(self, connection: Connection) -> None:
        self._poll.unregister(connection.socket)
        del self._connections[connection.socket.fileno()]
        connection.socket.close()


def length_of(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0


class Instant(Honest):
    """Costs nothing to speak of: what is measured on it is the generator and the kernel."""

    cost = 0.0


class Counting(Instant):
    """Says at its end how many requests it has answered."""

    def started(self) -> None:
        self._answered = 0
        signal.signal(signal.SIGTERM, self._tell)

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        self._answered += 1
        return super().reply(connection, body)

    def _tell(self, *_: object) -> None:
        say("answered", self._answered)
        os._exit(0)


class Failing(Instant):
    """Answers 99 of 100 requests with 500, at once."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = 0

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        self._asked += 1
        if self._asked % 100:
            return Reply("no", status=500)
        return super().reply(connection, body)


class Wrong(Instant):
    """Answers 200 with JSON, but less of it than there is."""

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        return Reply({"number": 7})


class Truncating(Instant):
    """Announces the whole body, sends a part and closes."""

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        return Reply(THING, length=10_000, last=True)


class Caching(Instant):
    """Gives every caller what the first one was answered."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: Reply | None = None

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        if self._kept is None:
            self._kept = super().reply(connection, body)
        return self._kept


class Starving(Honest):
    """Answers on the first four connections only; all others wait for ever."""

    def __init__(self) -> None:
        super().__init__()
        self._served: set[int] = set()

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        if len(self._served) < 4:
            self._served.add(connection.number)
        return super().reply(connection, body) if connection.number in self._served else None


class Deserting(Honest):
    """Forgets one of 16 connections 0.3 s after its first request."""

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        if connection.number % 16 == 5 and time.monotonic() - self.began > 0.3:
            return None
        return super().reply(connection, body)


class Closing(Honest):
    """Closes each connection after its answer."""

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        reply = super().reply(connection, body)
        assert reply is not None
        reply.last = True
        return reply


class Leaking(Honest):
    """Keeps 100 KB of each request."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[bytes] = []

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        self._kept.append(b"x" * 100_000)
        return super().reply(connection, body)


class Stalling(Honest):
    """Does nothing at all for 0.4 s of every second."""

    every, lasting = 1.0, 0.4

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        self.freeze()
        return super().reply(connection, body)

    def freeze(self) -> None:
        """Sleep if it is time to, and say from when until when."""
        now = time.monotonic()
        # as if it had begun in the middle of two freezes
        into = (now - self.began + (self.every + self.lasting) / 2) % self.every
        if into < self.lasting:
            time.sleep(self.lasting - into)
            say("frozen", now - into, time.monotonic())


class Freezing(Stalling):
    """Does nothing for 0.4 s in every 4, and needs no time otherwise; says what came when."""

    cost, every = 0.0, 4.0

    def started(self) -> None:
        self._came: list[float] = []
        signal.signal(signal.SIGTERM, self._tell)

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        reply = super().reply(connection, body)
        self._came.append(time.monotonic())
        return reply

    def _tell(self, *_: object) -> None:
        say("came", *self._came)
        os._exit(0)


class Hanging(Honest):
    """Answers nothing any more from 0.4 s after its first request on."""

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        if time.monotonic() - self.began > 0.4:
            return None
        return super().reply(connection, body)


class Dying(Honest):
    """Ends 0.6 s after its first request."""

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        if time.monotonic() - self.began > 0.6:
            sys.stderr.write("I have had enough\n")
            sys.stderr.flush()
            os._exit(3)
        return super().reply(connection, body)


class Warming(Honest):
    """Needs 3 ms for its first requests and gets faster for two seconds."""

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        burn(0.0026 * max(1 - (time.monotonic() - self.began) / 2, 0))
        return super().reply(connection, body)


class Idling(Instant):
    """Waits 5 ms for something with each request, and does nothing else meanwhile."""

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        time.sleep(0.005)
        return super().reply(connection, body)


class Restarting(Honest):
    """Has a worker that ends and is replaced every 0.3 s."""

    def started(self) -> None:
        self._replaced = time.monotonic()
        self._worker = self._fork()

    def reply(self, connection: Connection, body: bytes) -> Reply | None:
        if time.monotonic() - self._replaced > 0.3:
            os.kill(self._worker, signal.SIGKILL)
            os.waitpid(self._worker, 0)
            self._worker = self._fork()
            self._replaced = time.monotonic()
        return super().reply(connection, body)

    def _fork(self) -> int:
        worker = os.fork()
        if worker == 0:
            while True:
                signal.pause()
        return worker


class Hoarding(Honest):
    """May open 300 files and has 290 of them open."""

    def started(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
        while os.open(os.devnull, os.O_RDONLY) < 280:
            pass


def say(word: str, *times: float) -> None:
    sys.stdout.write(" ".join((word, *map(repr, times))) + "\n")
    sys.stdout.flush()


FAULTS: dict[str, type[Honest]] = {
    kind.__name__.lower(): kind
    for kind in (
        *(
            Honest,
            Instant,
            Counting,
            Failing,
            Wrong,
            Truncating,
            Caching,
            Starving,
            Closing,
            Deserting,
            Leaking,
        ),
        *(Stalling, Freezing, Hanging, Dying, Warming, Idling, Restarting, Hoarding),
    )
}

if __name__ == "__main__":
    FAULTS[sys.argv[1]]().run(int(sys.argv[2]))
