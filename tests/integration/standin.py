"""A stand-in for a reference app: keeps what of the contract the workloads use, from memory.

``python standin.py PORT [right|wrong]`` serves it on loopback; wrong answers have the right status
and say something else, as those of an app with a bug, a cache or mixed-up requests would.
"""

import asyncio
import json
import random
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

SHARED = Path(__file__).parents[2] / "apps" / "shared"
sys.path.append(str(SHARED))

import work  # type: ignore[import-not-found]  # noqa: E402 - the apps' own

LIST = json.loads((SHARED / "assets.json").read_text())
PAGE = (SHARED / "assets.html").read_bytes()
BLOB = (work.STATIC / "blob.bin").read_bytes()
KINDS = ["laptop", "monitor", "phone", "printer", "server"]
SITES = ["berlin", "lisbon", "nairobi", "osaka", "quito", "riga", "tunis"]


class Asked(NamedTuple):
    """A request."""

    method: str
    path: str
    query: dict[str, str]
    cookie: str
    body: bytes


class Reply(NamedTuple):
    """An answer."""

    status: int
    body: bytes
    kind: str = "application/json"
    cookie: str = ""
    chunks: int = 0


class App:
    """Answers requests, rightly or wrongly."""

    def __init__(self, *, wrong: bool = False) -> None:
        self._wrong = wrong
        self._moves: dict[int, int] = {}
        self._sessions: set[str] = set()

    def answer(self, asked: Asked) -> Reply:
        """Give the answer to a request; 404 where the contract has none."""
        first, _, rest = asked.path[1:].partition("/")
        route = getattr(self, f"_{asked.method.lower()}_{first}", None)
        if route is None:
            return Reply(404, b'{"error": "not found"}')
        reply: Reply = route(asked, rest)
        return reply

    def _json(self, value: object, wrong: object, status: int = 200, cookie: str = "") -> Reply:
        """Spell a value as no framework does; or the wrong one."""
        return Reply(status, _spelt(wrong if self._wrong else value), cookie=cookie)

    def _bytes(self, right: bytes, wrong: bytes, kind: str, chunks: int = 0) -> Reply:
        return Reply(200, wrong if self._wrong else right, kind, chunks=chunks)

    def _get_api(self, asked: Asked, rest: str) -> Reply:
        if rest == "export":
            right, wrong = _exports(int(asked.query["rows"]))
            return self._bytes(right, wrong, "application/json")
        return self._json(LIST, [*LIST[:-1], {**LIST[-1], "insured": 1}])

    def _post_api(self, asked: Asked, _: str) -> Reply:
        asset = json.loads(asked.body)
        made = {**asset, "id": 1_000_000 + random.randrange(10**6), "status": "in stock"}
        return self._json(made, {**made, "value_cents": made["value_cents"] + 1}, 201)

    def _get_assets(self, *_: object) -> Reply:
        return self._bytes(PAGE, PAGE.replace(b"osaka", b"tokyo", 1), "text/html; charset=utf-8")

    def _get_cpu(self, asked: Asked, _: str) -> Reply:
        rounds = int(asked.query["rounds"])
        right = {"rounds": rounds, "checksum": _burn(rounds)}
        return self._json(right, {**right, "checksum": 0})

    def _get_static(self, *_: object) -> Reply:
        return self._bytes(BLOB, BLOB[:-1] + b"\0", "application/octet-stream")

    def _post_upload(self, asked: Asked, _: str) -> Reply:
        size, crc32 = len(asked.body), work.checksum(asked.body)
        return self._json({"bytes": size, "crc32": crc32}, {"bytes": size, "crc32": crc32 ^ 1})

    def _get_stream(self, asked: Asked, _: str) -> Reply:
        chunks = int(asked.query["chunks"])
        right = b"".join(work.chunks(chunks))
        return self._bytes(right, right[:-1024], "text/plain", chunks=chunks)

    def _get_db(self, asked: Asked, rest: str) -> Reply:
        if "ids" in asked.query:
            rows = [_row(int(number)) for number in asked.query["ids"].split(",")]
            return self._json(rows, rows[::-1])
        return self._get_orm(asked, rest)

    def _get_orm(self, _: Asked, rest: str) -> Reply:
        number = int(rest.partition("/")[2])
        return self._json(_row(number), _row(number + 1))

    def _post_db(self, asked: Asked, rest: str) -> Reply:
        number = int(rest.split("/")[1])
        self._moves[number] = moves = self._moves.get(number, 0) + 1
        right = {"id": number, "site": json.loads(asked.body)["site"], "moves": moves}
        return self._json(right, {**right, "site": "nowhere"})

    def _get_upstream(self, asked: Asked, _: str) -> Reply:
        right = {"delay_ms": int(asked.query["delay_ms"]), "token": asked.query["token"]}
        return self._json(right, {**right, "token": "kept"})

    def _post_session(self, asked: Asked, _: str) -> Reply:
        if json.loads(asked.body) != {"name": "ada", "password": "correct horse"}:
            return Reply(401, b"{}")
        session = f"{random.getrandbits(64):x}"
        self._sessions.add(session)
        cookie = f"session={session}; Path=/; HttpOnly; SameSite=Lax"
        return self._json({"user": "ada"}, {"user": "bob"}, cookie=cookie)

    def _get_session(self, asked: Asked, rest: str) -> Reply:
        if asked.cookie.removeprefix("session=") not in self._sessions:
            return Reply(401, b"{}")
        number = int(rest.partition("/")[2])
        return self._json({"user": "ada", "page": number}, {"user": "bob", "page": number})

    def _delete_session(self, asked: Asked, _: str) -> Reply:
        self._sessions.discard(asked.cookie.removeprefix("session="))
        gone = "session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        return Reply(200 if self._wrong else 204, b"", cookie=gone)


def _spelt(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()


@cache
def _exports(rows: int) -> tuple[bytes, bytes]:
    """Give the right bytes and the wrong ones; others wait while they are made."""
    right = work.export(rows)
    return _spelt(right), _spelt(right[:-1])


_burn = cache(work.burn)


def _row(number: int) -> dict[str, Any]:
    """Do what seed.sql does."""
    return {
        "id": number,
        "name": "asset-" + str(number).rjust(5, "0"),
        "kind": KINDS[number % 5],
        "site": SITES[number % 7],
        "value_cents": 1000 + (number * 7919) % 100000,
        "moves": 0,
    }


def read_request(data: bytes) -> tuple[Asked, bytes] | None:
    """Read a request with a length or none, and what follows it; None if it is not whole yet."""
    head, mark, rest = data.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(field.lower().split(": ", 1) for field in lines if mark)
    length = int(headers.get("content-length", 0))
    if not mark or len(rest) < length:
        return None
    method, target, _ = line.split(" ")
    url = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    asked = Asked(method, url.path, query, headers.get("cookie", ""), rest[:length])
    return asked, rest[length:]


class Connection(asyncio.Protocol):
    """Answers requests at once."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (found := read_request(self._read)) is not None:
            asked, self._read = found
            self._transport.write(_encoded(self._app.answer(asked)))


def _encoded(reply: Reply) -> bytes:
    head = f"HTTP/1.1 {reply.status} x\r\nContent-Type: {reply.kind}\r\n"
    if reply.cookie:
        head += f"Set-Cookie: {reply.cookie}\r\n"
    if reply.chunks:
        size = len(reply.body) // reply.chunks + 1
        pieces = [reply.body[at : at + size] for at in range(0, len(reply.body), size)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
        return head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + body
    if reply.status == 204:
        return head.encode() + b"\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(reply.body) + reply.body


async def serve(port: int, app: App) -> None:
    """Serve on loopback until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(app), "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)  # noqa: T201 - whom it was started by waits for it
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), App(wrong=sys.argv[2:] == ["wrong"])))
