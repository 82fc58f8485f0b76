"""How long does a server take to stop, who loses by it, and how long is a lone worker away?

``.venv/bin/python benchmarks/server_stops.py [--only PART] [--write FILE] [SERVER ...]``

stopping: seconds from SIGTERM to the end of the server when it is idle, when clients keep three
idle connections, and when one has connected and sends nothing; and the requests in flight at
SIGTERM that are answered. replacing: with one worker, ``max_requests`` and one kept idle
connection, the longest wait of another client that sends one request after the other, each on a new
connection. One try each, one server after the other, as processes of this machine; servers that
wait for their ``graceful_timeout`` make it ten minutes. A part replaces its like in the file.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from toolkit.backing import open_backings
from toolkit.catalog import Catalog, root
from toolkit.cli.wiring import session
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
MAX_REQUESTS = 60
MOST_REQUESTS, AFTERWARDS = 250, 10
"""Requests until the worker is replaced, which can take twice its number, and then some more."""
PAUSE = 0.05
"""Seconds between requests: some workers look once a second whether they have served enough."""
DELAY_MS = 1000
SEVERAL_DELAYS_MS = (1000, 1200, 1400, 1600)
"""With two workers: they differ, so that the first to end could take the other's along."""
ONE_AT_A_TIME = ("gunicorn-sync",)
PACKAGES = re.compile(
    "a2wsgi|cheroot|gevent|granian|gunicorn|hypercorn|pyuwsgi|uvicorn.*|uvloop|waitress|werkzeug",
    re.IGNORECASE,
)

Start = Callable[[Stack], AbstractContextManager[Service]]


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
        replaced_after: Requests after which the server's processes were others; None: never.
        longest_wait: Seconds until an answer, with all attempts that it took; at most about
            ``PATIENCE``.
        failed: Attempts without an answer, such as resets.
    """

    stack: str
    replaced_after: int | None
    longest_wait: float
    failed: int


@dataclass(slots=True)
class Stops:
    """The ends of a server; None is what it does not have."""

    stack: str
    idle: Stop | None = None
    kept: Stop | None = None
    silent: Stop | None = None
    in_flight: Stop | None = None
    in_flight_two_workers: Stop | None = None


@contextlib.contextmanager
def starting(knobs: Knobs, console: Console, packages: dict[str, str]) -> Iterator[Start]:
    """Give what starts a fresh server with these knobs and notes the packages it consists of."""
    config = Config(runtime=RuntimeConfig(kind="process"), server=knobs)
    with session(config, "server-stops") as parts, Progress(console) as progress:
        shared = parts.catalog.path / "apps" / "shared"
        with open_backings(
            parts.runtime, [Need.UPSTREAM], shared, progress, knobs=config.server
        ) as backings:

            def start(stack: Stack) -> AbstractContextManager[Service]:
                found = parts.runtime.prepare(stack, progress).packages
                packages.update({k: v for k, v in found.items() if PACKAGES.fullmatch(k)})
                return parts.runtime.serve(stack, backings.environment(stack))

            yield start


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


def wait_for_answer(service: Service, path: str) -> tuple[float, int]:
    """Ask on new connections until there is an answer; give the seconds and failed attempts."""
    failed = 0
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        try:
            with contextlib.closing(connect(service)) as connection:
                ask(connection, path)
            break
        except (OSError, http.client.HTTPException):
            failed += 1
            time.sleep(0.02)
    return time.monotonic() - began, failed


def replace_worker(service: Service, stack: Stack) -> Replacement:
    """Send requests until the worker is replaced while a client keeps an idle connection."""
    before = service.usage().processes
    waits: list[tuple[float, int]] = []
    replaced_after = None
    with keeping(service, stack.app.health, 1):
        while len(waits) < (replaced_after or MOST_REQUESTS) + AFTERWARDS:
            waits.append(wait_for_answer(service, stack.app.health))
            if replaced_after is None and service.usage().processes != before:
                replaced_after = len(waits)
            time.sleep(PAUSE)
    return Replacement(
        stack=stack.id,
        replaced_after=replaced_after,
        longest_wait=round(max(seconds for seconds, _ in waits), 2),
        failed=sum(failed for _, failed in waits),
    )


def measure_stops(start: Start, stack: Stack, row: Stops) -> None:
    """Stop a server with one worker in each situation."""
    path = stack.app.health
    with start(stack) as service:
        row.idle = stop(service)
    if stack.server.keep_alive:
        with start(stack) as service, keeping(service, path, KEPT):
            row.kept = stop(service)
    with start(stack) as service:
        host, _, port = urlsplit(service.url).netloc.partition(":")
        with socket.create_connection((host, int(port))):
            row.silent = stop(service)
    with start(stack) as service:
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


def measure_stopping(
    stacks: Sequence[Stack], console: Console, packages: dict[str, str]
) -> dict[str, Stops]:
    """Stop all servers, with one worker and with two; print and give what was found."""
    rows = {stack.server.name: Stops(stack.id) for stack in stacks}
    with starting(Knobs(), console, packages) as start:
        for stack in stacks:
            measure_stops(start, stack, rows[stack.server.name])
    with starting(Knobs(workers=2), console, packages) as start:
        for stack in stacks:
            if "workers" in stack.server.knobs:
                count = 2 if stack.server.name in ONE_AT_A_TIME else len(SEVERAL_DELAYS_MS)
                with start(stack) as service:
                    stopped = stop_in_flight(service, SEVERAL_DELAYS_MS[:count])
                rows[stack.server.name].in_flight_two_workers = stopped
    table = Table("server", "idle", "kept", "silent", "in flight", "two workers")
    for name, row in rows.items():
        stops = (row.idle, row.kept, row.silent)
        flights = (row.in_flight, row.in_flight_two_workers)
        table.add_row(
            name,
            *("-" if one is None else f"{one.seconds}" for one in stops),
            *("-" if one is None else f"{one.answered} of {one.sent}" for one in flights),
        )
    console.print(table)
    return rows


def measure_replacing(
    stacks: Sequence[Stack], console: Console, packages: dict[str, str]
) -> dict[str, Replacement]:
    """Have the worker of all servers replaced that can do so; print and give what was found."""
    rows = {}
    table = Table("server", "longest wait", "failed", "replaced after")
    with starting(Knobs(max_requests=MAX_REQUESTS), console, packages) as start:
        for stack in stacks:
            if "max_requests" in stack.server.knobs:
                with start(stack) as service:
                    row = replace_worker(service, stack)
                rows[stack.server.name] = row
                found = (row.longest_wait, row.failed, row.replaced_after)
                table.add_row(stack.server.name, *map(str, found))
    console.print(table)
    return rows


PARTS: Mapping[str, Callable[..., Mapping[str, Stops] | Mapping[str, Replacement]]] = {
    "stopping": measure_stopping,
    "replacing": measure_replacing,
}


def main() -> None:
    """Measure the servers, print them, and store them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", metavar="SERVER", help="default: all")
    parser.add_argument("--only", choices=PARTS, help="the part to measure; default: both")
    parser.add_argument("--write", type=Path, help="store the result as JSON")
    arguments = parser.parse_args()
    console, host = Console(), read_host()
    stacks = select_stacks(Catalog(root()), arguments.servers)
    for part in [arguments.only] if arguments.only else PARTS:
        packages: dict[str, str] = {}
        rows = PARTS[part](stacks, console, packages)
        if arguments.write:
            kept = json.loads(arguments.write.read_text()) if arguments.write.exists() else {}
            found = {
                "date": utc_now(),
                "machine": f"{host.cpus} CPUs, {host.cpu_model}, {host.system}",
                "python": host.python,
                "packages": dict(sorted(packages.items())),
                **({"max_requests": MAX_REQUESTS} if part == "replacing" else {}),
                "servers": {name: asdict(row) for name, row in rows.items()},
            }
            document = {**kept, "what": "benchmarks/server_stops.py", part: found}
            arguments.write.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
