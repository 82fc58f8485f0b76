"""Constant load on a deployment with the fate of every request; slow and lingering clients.

Imported by deployment_proofs. An open loop: requests are sent when they are due, whatever became of
those before, so a server that is away for a second misses a second's requests. No client here
repeats a request: what a proxy has to repeat shows as an answer, what it may not as a loss.
"""

import asyncio
import contextlib
import random
import select
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, pairwise

from toolkit.wire.http1 import Answer, AnswerReader, ProtocolError, Request

PATIENCE = 45.0
"""Seconds after which an answer is given up: more than any time limit of a deployment."""

_PIECES = 20
_READ = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a deployment or one of its servers is reached, and under what name."""

    host: str
    port: int
    name: str = "localhost"

    @property
    def line(self) -> bytes:
        """The header ``Host``."""
        return f"Host: {self.name}\r\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Requests of one kind.

    Attributes:
        name: For the report.
        rate: Per second.
        requests: Sent in turn.
        over: Seconds that the sending of one takes; 0: at once.
    """

    name: str
    rate: float
    requests: tuple[Request, ...]
    over: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of a request.

    Attributes:
        kind: Name of its kind.
        due: When it was to be sent, seconds from the begin of the load.
        seconds: From then to its answer or its loss.
        reused: Whether its connection had carried another before.
        lost: Why there was no right answer; empty: there was one.
    """

    kind: str
    due: float
    seconds: float
    reused: bool
    lost: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The fates of all requests of a scenario.

    Attributes:
        sent: Requests ...
        right: ... and those that were answered right.
        lost: Those that were not, by reason.
        lost_kinds: The same, by kind of request.
        gap: Longest time between two right answers, seconds.
        median: Of the times to a right answer to a quick request, seconds.
        p99: Of the same.
        longest: Of the same.
        slowest: Longest time to a right answer of any kind, seconds.
    """

    sent: int
    right: int
    lost: dict[str, int]
    lost_kinds: dict[str, int]
    gap: float
    median: float
    p99: float
    longest: float
    slowest: float


def create(number: int) -> Request:
    """Give a request with a small body; its answer has the body's content."""
    body = {"name": f"laptop-{number:03}", "kind": "laptop", "value_cents": 129_900 + number}
    wanted = f'"name":"{body["name"]}"'.encode()
    return Request(
        "POST", "/api/assets", json=body, expect=201, check=lambda got: wanted in _dense(got)
    )


def upload(size: int) -> Request:
    """Give a request with a larger body; its answer has the checksum."""
    body = random.Random(size).randbytes(size)
    wanted = f'"crc32":{zlib.crc32(body)}'.encode()
    return Request(
        "POST",
        "/upload",
        headers={"Content-Type": "application/octet-stream"},
        body=body,
        expect=200,
        check=lambda got: wanted in _dense(got),
    )


def wait(delay_ms: int, token: int) -> Request:
    """Give a request that waits for another service."""
    wanted = f'"token":"t{token}"'.encode()
    path = f"/upstream?delay_ms={delay_ms}&token=t{token}"
    return Request("GET", path, expect=200, check=lambda got: wanted in _dense(got))


def listed() -> Request:
    """Give the cheapest request that has some content."""
    return Request("GET", "/api/assets", expect=200, check=lambda got: got.count(b'"id"') == 20)


def login() -> Request:
    """Give a POST that takes tens of milliseconds, for the hash of the password."""
    user = {"name": "ada", "password": "correct horse"}
    return Request(
        "POST", "/session", json=user, expect=200, check=lambda got: b'"user":"ada"' in _dense(got)
    )


def mixture(*, slow: float = 3.0) -> tuple[Kind, ...]:
    """Give the constant load: 50 requests/s, a third of them POST, some in flight at any moment.

    Args:
        slow: Requests/s that wait 0.3 to 1 s for another service.
    """
    return (
        Kind(name="GET list", rate=30.0, requests=(listed(),)),
        Kind(name="POST create", rate=10.0, requests=tuple(create(n) for n in range(1, 8))),
        Kind(name="POST 20 kB", rate=5.0, requests=(upload(20_000),)),
        Kind(name="POST login", rate=1.0, requests=(login(),)),
        Kind(name="POST sent over 0.5 s", rate=1.0, requests=(upload(8_000),), over=0.5),
        Kind(
            name="GET 0.3-1 s",
            rate=slow,
            requests=tuple(wait(ms, token) for token, ms in enumerate((300, 700, 500, 1000))),
        ),
    )


def _dense(body: bytes) -> bytes:
    return body.replace(b": ", b":").replace(b", ", b",")


@dataclass(slots=True)
class Connection:
    """A connection that a request is sent on.

    Attributes:
        reader: What comes ...
        writer: ... and where it goes.
        answers: Makes answers of it.
        reused: Whether it has carried a request.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answers: AnswerReader = field(default_factory=AnswerReader)
    reused: bool = False

    @classmethod
    async def open(cls, address: Address) -> "Connection":
        """Connect.

        Raises:
            OSError: Nobody accepts.
        """
        return cls(*await asyncio.open_connection(address.host, address.port))

    @property
    def closed(self) -> bool:
        """Whether the other side has ended it, or sent what nobody asked for."""
        if self.reader.at_eof() or self.writer.is_closing():
            return True
        # the kernel knows before this loop has come round to it
        waiting = select.poll()
        waiting.register(self.writer.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(waiting.poll(0))

    async def ask(self, data: bytes, over: float = 0.0, pieces: int = _PIECES) -> Answer:
        """Send an encoded request and give its answer.

        Args:
            data: The request.
            over: Seconds that sending it takes.
            pieces: That it is sent in.

        Raises:
            ProtocolError: What came is no answer, or not all of one.
            OSError: The connection broke.
        """
        self.answers.expect()
        if over:
            await self._trickle(data, over, pieces)
        else:
            self.writer.write(data)
            await self.writer.drain()
        while True:
            received = await self.reader.read(_READ)
            answer = self.answers.feed(received) if received else self.answers.end()
            if answer is not None:
                self.reused = True
                return answer

    async def _trickle(self, data: bytes, over: float, pieces: int) -> None:
        size = -(-len(data) // pieces)
        for start in range(0, len(data), size):
            self.writer.write(data[start : start + size])
            await self.writer.drain()
            await asyncio.sleep(over / pieces)

    def close(self) -> None:
        """Close it at once."""
        self.writer.close()


class Load:
    """Requests at constant rates: half of them on new connections, half on kept ones.

    Args:
        address: Where they go.
        kinds: What is sent.
        keeps: Whether every second request goes on a kept connection.
    """

    def __init__(self, address: Address, kinds: Sequence[Kind], *, keeps: bool = True) -> None:
        self.address = address
        self._kinds = kinds
        self._keeps = keeps
        self._kept: deque[Connection] = deque()
        self._began = 0.0
        self.fates: list[Fate] = []

    async def run(self, over: asyncio.Event) -> None:
        """Send requests until told to stop, then wait for the answers that are still to come."""
        self._began = time.monotonic()
        under_way: set[asyncio.Task[None]] = set()
        for number, (due, kind, request) in enumerate(self._schedule()):
            pause = self._began + due - time.monotonic()
            if pause > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), pause)
            if over.is_set():
                break
            kept = self._keeps and number % 2 == 0
            task = asyncio.create_task(self._send(due, kind, request, kept=kept))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            await asyncio.wait(under_way)
        for connection in self._kept:
            connection.close()

    def _schedule(self) -> Iterator[tuple[float, Kind, Request]]:
        """Give what is due when, for ever: each kind at its rate, not all at the same moment."""
        chance = random.Random(20261126)
        turns = {kind.name: cycle(kind.requests) for kind in self._kinds}
        due = {kind.name: chance.random() / kind.rate for kind in self._kinds}
        while True:
            kind = min(self._kinds, key=lambda one: due[one.name])
            yield due[kind.name], kind, next(turns[kind.name])
            due[kind.name] += chance.uniform(0.5, 1.5) / kind.rate

    async def _send(self, due: float, kind: Kind, request: Request, *, kept: bool) -> None:
        connection = self._take() if kept else None
        reused, lost = connection is not None, ""
        try:
            async with asyncio.timeout(PATIENCE):
                if connection is None:
                    connection = await Connection.open(self.address)
                data = request.encode(self.address.line)
                answer = await connection.ask(data, kind.over)
            lost = request.judge(answer) or ""
        except TimeoutError:
            lost = f"no answer within {PATIENCE:g} s"
        except (ProtocolError, OSError) as error:
            lost = _reason(error)
        seconds = time.monotonic() - self._began - due
        self.fates.append(Fate(kind=kind.name, due=due, seconds=seconds, reused=reused, lost=lost))
        if connection is not None:
            if kept and not lost and connection.answers.keep_alive:
                self._kept.append(connection)
            else:
                connection.close()

    def _take(self) -> Connection | None:
        """Take the kept connection that has been idle longest, unless it is seen to be closed."""
        while self._kept:
            connection = self._kept.popleft()
            if not connection.closed:
                return connection
            connection.close()
        return None


def _reason(error: ProtocolError | OSError) -> str:
    """Say in few words how a request was lost; without numbers and addresses, to be counted."""
    match error:
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionResetError() | BrokenPipeError():
            return "connection reset"
        case ProtocolError():
            return str(error)
        case _:
            return type(error).__name__


def tally(fates: Sequence[Fate], quick: Sequence[str] = ("GET list", "POST create")) -> Tally:
    """Count fates; times are those of quick requests, which nothing but the server delays.

    Raises:
        ValueError: Nothing was answered.
    """
    right = [fate for fate in fates if not fate.lost]
    times = sorted(fate.seconds for fate in right if fate.kind in quick)
    ends = sorted(fate.due + fate.seconds for fate in right)
    if not times:
        raise ValueError(f"nothing was answered: {Counter(fate.lost for fate in fates)}")
    return Tally(
        sent=len(fates),
        right=len(right),
        lost=dict(Counter(_described(fate) for fate in fates if fate.lost)),
        lost_kinds=dict(Counter(fate.kind for fate in fates if fate.lost)),
        gap=round(max((b - a for a, b in pairwise(ends)), default=0.0), 3),
        median=round(times[len(times) // 2], 4),
        p99=round(times[min(len(times) - 1, int(len(times) * 0.99))], 4),
        longest=round(times[-1], 3),
        slowest=round(max(fate.seconds for fate in right), 3),
    )


def _described(fate: Fate) -> str:
    return f"{fate.lost}, on a kept connection" if fate.reused else fate.lost


def during(load: Load, action: Callable[[], None], *, before: float, after: float) -> list[Fate]:
    """Do something while the load goes on; give the fates of all its requests.

    Args:
        load: What goes on.
        action: What is done, in another thread.
        before: Seconds of load before it ...
        after: ... and after it.
    """

    async def both() -> None:
        over = asyncio.Event()
        running = asyncio.create_task(load.run(over))
        try:
            await asyncio.sleep(before)
            await asyncio.to_thread(action)
            await asyncio.sleep(after)
        finally:
            over.set()
            await running

    asyncio.run(both())
    return load.fates


@dataclass(slots=True)
class Slow:
    """Clients that send a request in small pieces, again and again.

    Attributes:
        answered: Requests that were answered right ...
        lost: ... and what happened to the others.
    """

    answered: int = 0
    lost: Counter[str] = field(default_factory=Counter)

    async def run(self, address: Address, count: int, over: asyncio.Event) -> None:
        """Let so many of them go on until told to stop, then drop what they have open."""
        clients = [asyncio.create_task(self._send(address)) for _ in range(count)]
        await over.wait()
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _send(self, address: Address) -> None:
        request = upload(200)
        data = request.encode(address.line)
        while True:
            connection = None
            try:
                connection = await Connection.open(address)
                # about 6 s for headers and body; each piece is well within any limit of silence
                answer = await connection.ask(data, over=6.0, pieces=30)
                wrong = request.judge(answer)
            except (ProtocolError, OSError) as error:
                wrong = _reason(error)
                await asyncio.sleep(0.2)
            finally:
                if connection is not None:
                    connection.close()
            if wrong:
                self.lost[wrong] += 1
            else:
                self.answered += 1


def beside_slow(
    load: Load, address: Address, count: int, seconds: float
) -> tuple[list[Fate], Slow]:
    """Send the load beside so many slow clients; give its fates, and what became of theirs."""
    slow = Slow()

    async def both() -> None:
        over, trickled = asyncio.Event(), asyncio.Event()
        slowly = asyncio.create_task(slow.run(address, count, trickled))
        await asyncio.sleep(1.0)
        running = asyncio.create_task(load.run(over))
        await asyncio.sleep(seconds)
        over.set()
        await running
        trickled.set()
        await slowly

    asyncio.run(both())
    return load.fates, slow


def beside_lingering(address: Address, count: int, asked: int) -> float:
    """Have clients read an answer and not close; give the longest wait of the others in seconds.

    Args:
        address: Where.
        count: Of lingering clients, one after the other.
        asked: Requests afterwards, on new connections.
    """
    request = listed()
    data = request.encode(address.line)
    last = data.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)

    async def ask() -> float:
        waits = []
        lingering = []
        for _ in range(count):
            lingering.append(await Connection.open(address))
            await lingering[-1].ask(last)
        for _ in range(asked):
            began = time.monotonic()
            async with asyncio.timeout(PATIENCE):
                connection = await Connection.open(address)
                await connection.ask(last)
            connection.close()
            waits.append(time.monotonic() - began)
        for connection in lingering:
            connection.close()
        return max(waits)

    return asyncio.run(ask())
