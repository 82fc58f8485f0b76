"""The load of benchmarks/deployment_proofs.py sees what is lost, and nothing else."""

import asyncio
import importlib.util
import json
import sys
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).parents[2]

Answering = Callable[[int, bytes, asyncio.StreamWriter], Awaitable[bool]]
"""Given the number of a request of its connection, and its body: whether the connection goes on."""


def imported() -> ModuleType:
    file = CHECKOUT / "benchmarks" / "deployment_load.py"
    spec = importlib.util.spec_from_file_location("deployment_load", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["deployment_load"] = module
    spec.loader.exec_module(module)
    return module


deployment_load = imported()


def framed(status: str, body: bytes, *, more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


LIST = framed("200 OK", json.dumps([{"id": number} for number in range(20)]).encode())


@contextmanager
def serving(answering: Answering) -> Iterator[int]:
    """A server whose every answer is the test's; gives its port."""
    loop = asyncio.new_event_loop()
    started: list[int] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (
                        int(line[15:])
                        for line in head.split(b"\r\n")
                        if b"content-length" in line.lower()
                    ),
                    0,
                )
                number += 1
                if not await answering(number, await reader.readexactly(length), writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def start() -> None:
        server = await asyncio.start_server(converse, "127.0.0.1", 0)
        started.append(server.sockets[0].getsockname()[1])

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield started[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
        loop.close()


def fates_of(port: int, *, keeps: bool = True, count: int = 60) -> list[object]:
    """What becomes of about so many requests for the list."""
    address = deployment_load.Address(host="127.0.0.1", port=port)
    kind = deployment_load.Kind(name="GET list", rate=200.0, requests=(deployment_load.listed(),))
    load = deployment_load.Load(address, [kind], keeps=keeps)
    enough = threading.Event()

    def wait() -> None:
        while len(load.fates) < count:
            assert not enough.wait(0.02)

    found: list[object] = deployment_load.during(load, wait, before=0.0, after=0.0)
    return found


async def well(number: int, body: bytes, writer: asyncio.StreamWriter) -> bool:
    writer.write(LIST)
    return True


def test_nothing_is_lost_where_all_answers_are_right() -> None:
    with serving(well) as port:
        tally = deployment_load.tally(fates_of(port))
    assert tally.sent == tally.right >= 60
    assert tally.lost == {}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "the connection was closed before an answer"),
        (LIST[:-5], "the connection was closed within the body"),
        (framed("502 Bad Gateway", b""), "status 502 instead of 200"),
        (framed("200 OK", b"[]"), "wrong body"),
    ],
)
def test_an_answer_that_is_not_right_is_a_loss_with_its_reason(answer: bytes, reason: str) -> None:
    served = iter(range(10_000))

    async def sometimes(number: int, body: bytes, writer: asyncio.StreamWriter) -> bool:
        bad = next(served) % 10 == 9
        writer.write(answer if bad else LIST)
        return not bad

    with serving(sometimes) as port:
        tally = deployment_load.tally(fates_of(port, keeps=False))
    assert tally.lost == {reason: tally.sent - tally.right}
    assert abs(tally.sent / 10 - tally.lost[reason]) <= 1


def test_a_kept_connection_that_ends_under_a_request_is_told_from_a_new_one() -> None:
    async def twice(number: int, body: bytes, writer: asyncio.StreamWriter) -> bool:
        if number < 3:
            writer.write(LIST)
        return number < 3

    with serving(twice) as port:
        tally = deployment_load.tally(fates_of(port))
    assert set(tally.lost) == {"the connection was closed before an answer, on a kept connection"}


def test_a_refused_connection_is_a_loss_and_an_announced_close_is_none() -> None:
    async def last(number: int, body: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(LIST.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        return False

    with serving(last) as port:
        tally = deployment_load.tally(fates_of(port))
    assert tally.lost == {}
    assert {fate.lost for fate in fates_of(port, count=5)} == {"connection refused"}  # type: ignore[attr-defined]


def test_half_of_the_requests_go_on_kept_connections_and_are_sent_when_due() -> None:
    with serving(well) as port:
        fates = fates_of(port, count=100)
    reused = sum(fate.reused for fate in fates)  # type: ignore[attr-defined]
    assert len(fates) / 2 - 10 <= reused <= len(fates) / 2
    dues = sorted(fate.due for fate in fates)  # type: ignore[attr-defined]
    assert dues[-1] == pytest.approx(len(fates) / 200, rel=0.15)


def test_the_body_of_an_upload_comes_whole_however_slowly_it_is_sent() -> None:
    seen = []

    async def take(number: int, body: bytes, writer: asyncio.StreamWriter) -> bool:
        seen.append(len(body))
        writer.write(framed("200 OK", b'{"bytes": 8000, "crc32": %d}' % zlib.crc32(body)))
        return True

    async def send(port: int) -> str | None:
        address = deployment_load.Address(host="127.0.0.1", port=port)
        connection = await deployment_load.Connection.open(address)
        request = deployment_load.upload(8_000)
        answer = await connection.ask(request.encode(address.line), over=0.2)
        connection.close()
        wrong: str | None = request.judge(answer)
        return wrong

    with serving(take) as port:
        assert asyncio.run(send(port)) is None
    assert seen == [8_000]
