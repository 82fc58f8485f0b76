"""``toolkit bench --target``: a server that runs already is loaded, and goes on afterwards."""

import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from toolkit.errors import LoadError
from toolkit.load import joined
from toolkit.load.engine import LocustEngine
from toolkit.load.protocol import AGAIN_VARIABLE, MASTER_VARIABLE
from toolkit.model import Placement, Workload
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.ready import free_port

Toolkit = Callable[..., Any]
CAP = 150.0


class Counting(http.server.BaseHTTPRequestHandler):
    """Answers, and keeps when."""

    protocol_version = "HTTP/1.1"
    times: list[float]

    def do_GET(self) -> None:
        self.times.append(time.monotonic())
        body = b"here" if self.path == "/" else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def target() -> Iterator[tuple[str, list[float]]]:
    times: list[float] = []
    handler = type("Handler", (Counting,), {"times": times})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", times
        server.shutdown()


def most_within(times: list[float], seconds: float) -> int:
    """Count the most that came within any stretch of so many seconds."""
    most = first = 0
    for last, at in enumerate(times):
        while times[first] < at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_a_server_that_runs_is_loaded_no_faster_than_is_said(
    toolkit: Toolkit, target: tuple[str, list[float]]
) -> None:
    url, times = target
    done = toolkit(
        *("bench", "--target", url, "--get", "/", "--most-rate", f"{CAP:g}", "--rounds", "1"),
        *("--duration", "0.8", "--warmup", "0.2", "--most-users", "8", "--rates", "none", "--json"),
    )
    # on a machine that others use as well a trial may be invalid, which is no failure of this test
    assert done.returncode in (0, 4), done.stderr
    assert "Traceback" not in done.stderr
    (workload,) = json.loads(done.stdout)["workloads"]
    (row,) = workload["rows"]
    assert row["stack"].endswith("/as-it-stands")
    assert 0 < row["throughput"]["value"] <= 1.1 * CAP
    assert row["cpu_per_request"] is None
    # what was saved up for a twentieth of a second may come at once, and answers are late sometimes
    assert most_within(sorted(times), 1.0) <= 1.25 * CAP
    assert urllib.request.urlopen(url, timeout=5).read() == b"here"


def test_what_users_do_first_is_held_back_too(
    toolkit: Toolkit, target: tuple[str, list[float]], tmp_path: Path
) -> None:
    url, times = target
    (tmp_path / "load.py").write_text(
        "from toolkit.client import Request, SocketUser\n"
        "class Visitor(SocketUser):\n"
        "    tasks = [Request('GET', '/')]\n"
        "    def on_start(self):\n"
        "        self.client.get('/')\n"
    )
    done = toolkit(
        *("bench", "--target", url, "--locustfile", "load.py", "--most-rate", "20", "--quick"),
        *("--users", "500", "--json"),
    )
    assert done.returncode in (0, 4), done.stderr
    assert "Traceback" not in done.stderr
    (workload,) = json.loads(done.stdout)["workloads"]
    assert workload["rows"][0]["users"] == 40
    assert most_within(sorted(times), 1.0) <= 2 * 20


def test_a_server_that_is_not_there_is_said_in_a_line(toolkit: Toolkit) -> None:
    done = toolkit("bench", "--target", "http://127.0.0.1:1", "--get", "/", "--quick")
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    assert "Connection refused" in done.stderr


def test_a_path_that_is_not_there_is_not_measured(
    toolkit: Toolkit, target: tuple[str, list[float]]
) -> None:
    done = toolkit("bench", "--target", target[0], "--get", "/nothing", "--quick")
    assert done.returncode == 4
    assert "404" in done.stderr
    assert "--health" in done.stderr


@pytest.fixture
def waiting() -> Iterator[Callable[[int], None]]:
    """Start load processes that wait for a master on a port, and for the next one after it."""
    started: list[subprocess.Popen[bytes]] = []

    def start(port: int) -> None:
        variables = {MASTER_VARIABLE: f"127.0.0.1:{port}", AGAIN_VARIABLE: "1"}
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "toolkit.load.remote"],
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_load_processes_that_somebody_else_starts_make_the_load_of_all_trials(
    toolkit: Toolkit, target: tuple[str, list[float]], waiting: Callable[[int], None]
) -> None:
    port = free_port()
    for _ in range(2):
        waiting(port)
    done = toolkit(
        *("bench", "--target", target[0], "--get", "/", "--most-rate", "100", "--rounds", "2"),
        *("--duration", "0.8", "--warmup", "0.2", "--users", "4", "--rates", "none", "--json"),
        *("--load-join", "2", "--load-port", str(port)),
    )
    assert done.returncode in (0, 4), done.stderr
    read = json.loads(done.stdout)
    assert read["trials"]["measured"] == 2, done.stderr
    assert 0 < read["workloads"][0]["rows"][0]["throughput"]["value"] <= 110


def test_load_processes_that_do_not_come_are_said(
    target: tuple[str, list[float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joined, "_PATIENCE", 2)
    fleet = joined.JoinedFleet(1, "127.0.0.1", free_port())
    (tmp_path / "load.py").write_text(
        "from toolkit.client import Request, SocketUser\n"
        "class Visitor(SocketUser):\n"
        "    tasks = [Request('GET', '/')]\n"
    )
    workload = Workload(name="load", summary="", path=tmp_path / "load.py")
    where = Placement(server_cpus=(), client_cpus=(), cpus=0.0, memory=0)
    with (
        Guardian() as guardian,
        LocustEngine(1, where, guardian, fleet=fleet).open(workload) as session,
        pytest.raises(LoadError) as caught,
    ):
        session.aim(target[0])
    assert "Gave up waiting for workers" in caught.value.log
