"""How long does a server take to stop, who loses by it, and how long is a lone worker away?

``.venv/bin/python benchmarks/server_stops.py [--write FILE] [SERVER ...]``: seconds from SIGTERM to
the end of the server when it is idle, when clients keep three idle connections, and when one has
connected and sends nothing; the requests in flight at SIGTERM that are answered; and, with one
worker, ``max_requests`` and one kept idle connection, the longest wait of another client that sends
one request after the other, each on a new connection. One try each, one server after the other, as
processes of this machine; servers that wait for their ``graceful_timeout`` make it ten minutes.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from toolkit.backing import Backings, open_backings
from toolkit.catalog import Catalog, root
from toolkit.cli.wiring import Session, session
from toolkit.config import Config, RuntimeConfig
from toolkit.host import read_host
from toolkit.model import Interface, Knobs, Need, Stack
from toolkit.ports import Service
from toolkit.progress import Progress
from toolkit.store import utc_now

APPS = {Interface.WSGI: "bottle", Interface.ASGI: "fastapi"}
PATIENCE = 40.0
"""Seconds after which a server that has not ended, or not answered, is given up."""
SETTLED = 0.5
"""Seconds after which a server has accepted a connection and has its request in flight."""
KEPT = 3
MAX_REQUESTS, REQUESTS = 60, 100
DELAY_MS = 1000
SEVERAL_DELAYS_MS = (1000, 1200, 1400, 1600)
"""With two workers: they differ, so that the first to end could take the other's along."""
ONE_AT_A_TIME = ("gunicorn-sync",)
PACKAGES = tuple(
    "a2wsgi cheroot gevent granian gunicorn hypercorn pyuwsgi uvicorn uvicorn-worker uvloop "
    "waitress Werkzeug".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The end of a server after SIGTERM.

    Attributes:
        seconds: That it took; None: more than ``PATIENCE``.
        end: Its exit code or the signal that ended it.
        sent: Requests in flight ...
        answered: ... and those of them with a good answer.
    """

    seconds: float | None
    end: str | None
    sent: int = 0
    answered: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """What another client has of it that the only worker is replaced.

    Attributes:
        replaced: Whether it was: the server's processes are others than before.
        longest_wait: Seconds until an answer, with all attempts that it took; at most about
            ``PATIENCE``.
        failed: Attempts without an answer, such as resets.
    """

    replaced: bool
    longest_wait: float
    failed: int


@dataclass(slots=True)
class Row:
    """What was found of a server; None is what it does not have."""

    stack: str
    idle: Stop | None = None
    kept: Stop | None = None
    silent: Stop | None = None
    in_flight: Stop | None = None
    in_flight_two_workers: Stop | None = None
    replacement: Replacement | None = None


@dataclass
class Bench:
    """Starts servers with one set of knobs."""

    parts: Session
    backings: Backings
    progress: Progress
    packages: dict[str, str] = field(default_factory=dict)

    def serve(self, stack: Stack) -> AbstractContextManager[Service]:
        """Start a fresh server."""
        made_of = self.parts.runtime.prepare(stack, self.progress).packages
        self.packages |= {name: made_of[name] for name in PACKAGES if name in made_of}
        return self.parts.runtime.serve(stack, self.backings.environment(stack))


@contextlib.contextmanager
def bench(knobs: Knobs, console: Console) -> Iterator[Bench]:
    """Open the process runtime with these knobs, and the upstream that delays."""
    config = Config(runtime=RuntimeConfig(kind="process"), server=knobs)
    with session(config, "server-stops") as parts, Progress(console) as progress:
        shared = parts.catalog.path / "apps" / "shared"
        with open_backings(parts.runtime, [Need.UPSTREAM], shared, progress) as backings:
            yield Bench(parts, backings, progress)


def ask(connection: http.client.HTTPConnection, path: str) -> None:
    """Send a request and read its answer."""
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    if response.status != http.client.OK:
        raise http.client.HTTPException(f"status {response.status}")


def connect(service: Service) -> http.client.HTTPConnection:
    """Give a connection, which opens with its first request."""
    return http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=PATIENCE)


@contextlib.contextmanager
def keeping(service: Service, path: str, count: int) -> Iterator[None]:
    """Keep idle connections, after a request on each."""
    with contextlib.ExitStack() as opened:
        for _ in range(count):
            connection = opened.enter_context(contextlib.closing(connect(service)))
            ask(connection, path)
        yield


def stop(service: Service) -> Stop:
    """Send SIGTERM to the first process of the server and wait for its end."""
    time.sleep(SETTLED)
    # the runtime starts each server as the leader of a session
    leader = os.getsid((service.usage().processes or ())[0][0])
    began = time.monotonic()
    os.kill(leader, signal.SIGTERM)
    while (end := service.death()) is None:
        if time.monotonic() - began > PATIENCE:
            return Stop(seconds=None, end=None)
        time.sleep(0.01)
    return Stop(seconds=round(time.monotonic() - began, 2), end=end)


def stop_in_flight(service: Service, delays_ms: Sequence[int]) -> Stop:
    """Stop a server while requests wait for the upstream, and count their answers."""
    answered: list[int] = []

    def wait(delay_ms: int) -> None:
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            contextlib.closing(connect(service)) as connection,
        ):
            ask(connection, f"/upstream?delay_ms={delay_ms}&token=t")
            answered.append(delay_ms)

    clients = [threading.Thread(target=wait, args=(delay,), daemon=True) for delay in delays_ms]
    for client in clients:
        client.start()
    stopped = stop(service)
    for client in clients:
        client.join(PATIENCE)
    return Stop(
        seconds=stopped.seconds, end=stopped.end, sent=len(delays_ms), answered=len(answered)
    )


def replace_worker(service: Service, path: str) -> Replacement:
    """Send more requests than a worker serves while a client keeps an idle connection."""
    before = service.usage().processes
    longest, failed = 0.0, 0
    with keeping(service, path, 1):
        for _ in range(REQUESTS):
            began = time.monotonic()
            while True:
                try:
                    with contextlib.closing(connect(service)) as connection:
                        ask(connection, path)
                    break
                except (OSError, http.client.HTTPException):
                    failed += 1
                if time.monotonic() - began > PATIENCE:
                    break
                time.sleep(0.02)
            longest = max(longest, time.monotonic() - began)
    replaced = service.usage().processes != before
    return Replacement(replaced=replaced, longest_wait=round(longest, 2), failed=failed)


def measure_stops(bench: Bench, stack: Stack, row: Row) -> None:
    """Stop a server with one worker in each situation."""
    path = stack.app.health
    with bench.serve(stack) as service:
        row.idle = stop(service)
    if stack.server.keep_alive:
        with bench.serve(stack) as service, keeping(service, path, KEPT):
            row.kept = stop(service)
    with bench.serve(stack) as service:
        address = urlsplit(service.url)
        with socket.create_connection((str(address.hostname), int(address.port or 80))):
            row.silent = stop(service)
    with bench.serve(stack) as service:
        row.in_flight = stop_in_flight(service, [DELAY_MS])


def select_stacks(catalog: Catalog, names: Sequence[str]) -> tuple[Stack, ...]:
    """Give each server with the app it is measured with."""
    fitting = {stack.id for stack in catalog.stacks}
    ids = []
    for server in catalog.servers:
        usual = f"{APPS[server.interfaces[0]]}/{server.name}"
        if server.name in names or not names:
            # flask-dev serves nothing but Flask
            ids.append(usual if usual in fitting else f"flask/{server.name}")
    return catalog.select_stacks(ids)


def measure(stacks: Sequence[Stack], console: Console) -> tuple[dict[str, Row], dict[str, str]]:
    """Measure all servers; give their rows and the versions of their packages."""
    rows = {stack.server.name: Row(stack.id) for stack in stacks}
    with bench(Knobs(), console) as plain:
        for stack in stacks:
            measure_stops(plain, stack, rows[stack.server.name])
    with bench(Knobs(workers=2), console) as double:
        for stack in stacks:
            if "workers" in stack.server.knobs:
                count = 2 if stack.server.name in ONE_AT_A_TIME else len(SEVERAL_DELAYS_MS)
                with double.serve(stack) as service:
                    stopped = stop_in_flight(service, SEVERAL_DELAYS_MS[:count])
                rows[stack.server.name].in_flight_two_workers = stopped
    with bench(Knobs(max_requests=MAX_REQUESTS), console) as replacing:
        for stack in stacks:
            if "max_requests" in stack.server.knobs:
                with replacing.serve(stack) as service:
                    found = replace_worker(service, stack.app.health)
                rows[stack.server.name].replacement = found
    return rows, dict(sorted(plain.packages.items()))


def table_of(rows: dict[str, Row]) -> Table:
    """Lay the rows out for the terminal."""
    table = Table("server", "idle", "kept", "silent", "in flight", "two workers", "longest wait")
    for name, row in rows.items():
        stops = (row.idle, row.kept, row.silent)
        flights = (row.in_flight, row.in_flight_two_workers)
        table.add_row(
            name,
            *("-" if one is None else f"{one.seconds}" for one in stops),
            *("-" if one is None else f"{one.answered} of {one.sent}" for one in flights),
            "-" if row.replacement is None else f"{row.replacement.longest_wait}",
        )
    return table


def main() -> None:
    """Measure the servers and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", metavar="SERVER", help="default: all")
    parser.add_argument("--write", type=Path, help="store the result as JSON")
    arguments = parser.parse_args()
    console = Console()
    rows, packages = measure(select_stacks(Catalog(root()), arguments.servers), console)
    console.print(table_of(rows))
    if arguments.write:
        host = read_host()
        document = {
            "what": "benchmarks/server_stops.py",
            "date": utc_now(),
            "machine": f"{host.cpus} CPUs, {host.cpu_model}, {host.system}",
            "python": host.python,
            "packages": packages,
            "kept_connections": KEPT,
            "max_requests": MAX_REQUESTS,
            "servers": {name: asdict(row) for name, row in rows.items()},
        }
        arguments.write.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
