"""Whom does a waiting request hold up? Told by who waits at the same time, not by any clock.

An upstream that answers only when it is told to, and a row that somebody has locked, show how many
requests a server has under way at once: all of them where greenlets really give way, as many as
there are threads where those wait, one on a sync worker.
"""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import psycopg
import pytest
from rich.console import Console

from toolkit.backing import Backings, open_backings
from toolkit.cli.wiring import Session, session
from toolkit.config import Config, RuntimeConfig
from toolkit.model import Knobs, Need
from toolkit.ports import Service
from toolkit.progress import Progress

QUIET = Progress(Console(quiet=True))
REQUESTS = 8
ROW = 9001
COOPERATIVE = [
    f"{app}/{server}"
    for app in ("flask", "bottle", "django")
    for server in ("gunicorn-gevent", "gevent-pywsgi")
]
UNDER_WAY = [
    *((stack, REQUESTS) for stack in COOPERATIVE),
    ("flask/gunicorn-gthread", 4),
    ("flask/gunicorn-sync", 1),
]
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = 'trial'"
)


class Gate:
    """An upstream behind which requests gather until it is opened."""

    def __init__(self) -> None:
        self.waiting = 0
        self._lock = threading.Lock()
        self._open = threading.Event()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                gate.pass_through()
                body = b'{"delay_ms": 0, "token": "t"}'
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    def pass_through(self) -> None:
        with self._lock:
            self.waiting += 1
        self._open.wait(60)
        with self._lock:
            self.waiting -= 1

    def open(self) -> None:
        self._open.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        made.open()
        made.server.shutdown()
        made.server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def parts() -> Iterator[Session]:
    config = Config(runtime=RuntimeConfig(kind="process"))
    with session(config, "cooperation") as opened:
        yield opened


@pytest.fixture(scope="module")
def backings(parts: Session) -> Iterator[Backings]:
    shared = parts.catalog.path / "apps" / "shared"
    with open_backings(parts.runtime, [Need.DATABASE], shared, QUIET, knobs=Knobs()) as opened:
        yield opened


@contextlib.contextmanager
def served(parts: Session, backings: Backings, stack_id: str, **more: str) -> Iterator[Service]:
    (stack,) = parts.catalog.select_stacks((stack_id,))
    parts.runtime.prepare(stack, QUIET)
    backings.prepare(stack)
    environment = {**backings.environment(stack), **more}
    with parts.runtime.serve(stack, environment) as service:
        yield service


def ask(service: Service, method: str, path: str, body: str | None = None) -> int:
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=60)
    try:
        headers = {"Content-Type": "application/json"} if body else {}
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


@contextlib.contextmanager
def asking(
    service: Service, method: str, path: str, body: str | None = None
) -> Iterator[list["Future[int]"]]:
    with ThreadPoolExecutor(REQUESTS) as pool:
        yield [pool.submit(ask, service, method, path, body) for _ in range(REQUESTS)]


def reached(count: Callable[[], int], wanted: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if count() == wanted:
            return True
        time.sleep(0.02)
    return False


def is_held_up(service: Service) -> bool:
    """Tell whether a request for nothing gets no answer; a server that is free gives one."""
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=1)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
    except TimeoutError:
        return True
    finally:
        connection.close()
    return False


@pytest.mark.parametrize(("stack", "under_way"), UNDER_WAY)
def test_so_many_requests_wait_for_the_upstream_at_once(
    stack: str, under_way: int, gate: Gate, parts: Session, backings: Backings
) -> None:
    with (
        served(parts, backings, stack, UPSTREAM_URL=gate.url) as service,
        asking(service, "GET", "/upstream?delay_ms=0&token=t") as answers,
    ):
        try:
            assert reached(lambda: gate.waiting, under_way)
            assert is_held_up(service) is (under_way < REQUESTS)
            assert gate.waiting == under_way
        finally:
            gate.open()
        assert [answer.result() for answer in answers] == [200] * REQUESTS


@pytest.mark.parametrize(("stack", "under_way"), UNDER_WAY)
def test_so_many_requests_wait_for_the_database_at_once(
    stack: str, under_way: int, parts: Session, backings: Backings
) -> None:
    url = backings.started[Need.DATABASE].url.rpartition("/")[0]
    with (
        served(parts, backings, stack) as service,
        psycopg.connect(f"{url}/postgres", autocommit=True) as watcher,
        psycopg.connect(f"{url}/trial") as holder,
    ):

        def waiting() -> int:
            row = watcher.execute(WAITING).fetchone()
            assert row is not None
            return int(row[0])

        holder.execute("SELECT * FROM asset WHERE id = %s FOR UPDATE", (ROW,))
        with asking(service, "POST", f"/db/assets/{ROW}/moves", '{"site": "riga"}') as answers:
            try:
                assert reached(waiting, under_way)
                assert is_held_up(service) is (under_way < REQUESTS)
                assert waiting() == under_way
            finally:
                holder.rollback()
            assert [answer.result() for answer in answers] == [200] * REQUESTS
        row = holder.execute("SELECT moves FROM asset WHERE id = %s", (ROW,)).fetchone()
        assert row == (REQUESTS,)
