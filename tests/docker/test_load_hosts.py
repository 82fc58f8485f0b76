"""Load that other hosts make: two Docker daemons in namespaces of their own act as them."""

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from tests.docker.hosts import (
    HERE,
    Commands,
    DockerHost,
    Started,
    commands,
    docker_hosts,
    failure_of,
    possible,
    restart,
    until,
)
from toolkit.catalog import Catalog, root
from toolkit.config import ImageConfig
from toolkit.errors import EnvironmentFault
from toolkit.measured import Measurement, Run
from toolkit.progress import Progress
from toolkit.runtime.engine import Engine
from toolkit.runtime.images import Images
from toolkit.runtime.ready import free_port
from toolkit.store import Store

RATE = 200
LONG = ("--duration", "40", "--users", "8")

pytestmark = pytest.mark.skipif(
    bool(possible()) and os.environ.get("CI") != "true", reason=possible() or "-"
)


class Counting(http.server.BaseHTTPRequestHandler):
    """Answers, and counts who asked."""

    protocol_version = "HTTP/1.1"
    askers: dict[str, int]

    def do_GET(self) -> None:
        who = self.client_address[0]
        self.askers[who] = self.askers.get(who, 0) + 1
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"here")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def hosts(engine: Engine) -> Iterator[list[DockerHost]]:
    """Two hosts that have the image of a load process: they reach no package index to build it."""
    image = Images(engine, Catalog(root()), ImageConfig()).of_load(Progress(Console(quiet=True)))
    base = engine.image_id(image)
    assert base is not None
    with docker_hosts("toolkit-a", "toolkit-b") as found:
        for host in found:
            host.give(image)
            for name in ("python:3.13-slim", "toolkit-base:trixie-python3.13"):
                if engine.has_image(name):
                    host.give(name)
        yield found


@pytest.fixture
def target(hosts: list[DockerHost]) -> Iterator[tuple[str, dict[str, int]]]:
    askers: dict[str, int] = {}
    handler = type("Handler", (Counting,), {"askers": askers})
    with http.server.ThreadingHTTPServer((HERE, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{HERE}:{server.server_port}", askers
        server.shutdown()


@pytest.fixture
def bench(
    hosts: list[DockerHost], target: tuple[str, dict[str, int]], tmp_path: Path
) -> Iterator[Commands]:
    """Load the target from both hosts."""
    with commands(tmp_path) as start:

        def bench(*more: str) -> Started:
            return start(
                *("bench", "--target", target[0], "--get", "/"),
                *("--yes-this-is-mine", "--most-rate", f"{RATE}", "--rounds", "1"),
                *("--rates", "none", "--warmup", "0.3", "--load-address", HERE),
                *("--load-hosts", ",".join(host.url for host in hosts), "--load-workers", "1"),
                *more,
            )

        yield bench


def stored(tmp_path: Path) -> Run:
    return Store(tmp_path / "results").load()


def loading(hosts: list[DockerHost], askers: dict[str, int]) -> None:
    """Wait until both hosts make load."""
    until(lambda: len(askers) > len(hosts) and min(askers.values()) > 0, 60)


def at_rest(askers: dict[str, int]) -> bool:
    """Tell whether nobody asks for a second."""
    before = sum(askers.values())
    time.sleep(1)
    return sum(askers.values()) == before


def test_two_hosts_make_one_load_and_every_request_is_counted_once(
    bench: Commands,
    hosts: list[DockerHost],
    target: tuple[str, dict[str, int]],
    tmp_path: Path,
) -> None:
    process = bench("--duration", "1.5", "--users", "8", "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode in (0, 4), err
    (workload,) = json.loads(out)["workloads"]
    assert 0 < workload["rows"][0]["throughput"]["value"] <= 1.1 * RATE
    run = stored(tmp_path)
    assert [(host.workers, host.name) for host in run.load_hosts] == [
        (1, run.load_hosts[0].name),
        (1, f"{run.load_hosts[0].name}-2"),
    ]
    (measured,) = run.outcomes
    assert isinstance(measured, Measurement)
    (phase,) = measured.phases
    assert phase.load.use.processes == 2
    assert sum(worker.requests for worker in phase.load.workers) == phase.load.requests
    assert len({worker.name for worker in phase.load.workers}) == 2
    assert phase.load.errors == {}
    assert phase.load.seen == phase.load.locust_seen
    # the check of the path before the load comes from here
    from_hosts = {who: count for who, count in target[1].items() if who != HERE}
    assert len(from_hosts) == 2
    assert sum(from_hosts.values()) == phase.load.seen
    assert [host.left() for host in hosts] == [[], []]


def test_a_host_that_is_cut_off_makes_no_number_and_leaves_nothing(
    bench: Commands,
    hosts: list[DockerHost],
    target: tuple[str, dict[str, int]],
    tmp_path: Path,
) -> None:
    process = bench(*LONG)
    loading(hosts, target[1])
    hosts[1].cut_off()
    began = time.monotonic()
    try:
        _, err = process.communicate(timeout=60)
        took = time.monotonic() - began
    finally:
        hosts[1].connect()
    assert process.returncode == 4, err
    lost = failure_of(tmp_path)
    assert "1 of 2 load processes said nothing for 5 s, on " in lost.message
    assert "-2-1: what the others did is not the load" in lost.message
    assert took < 15
    assert [host.left() for host in hosts] == [[], []]


def test_a_daemon_that_is_killed_makes_no_number_and_its_load_ends(
    bench: Commands,
    hosts: list[DockerHost],
    target: tuple[str, dict[str, int]],
    tmp_path: Path,
) -> None:
    process = bench(*LONG)
    loading(hosts, target[1])
    hosts[0].kill()
    began = time.monotonic()
    _, err = process.communicate(timeout=60)
    took = time.monotonic() - began
    try:
        assert process.returncode == 4, err
        assert "is gone: " in failure_of(tmp_path).message
        assert took < 15
        assert "may still have containers of this run" in err
        # what it has started ends with the master, though nobody could tell the daemon
        until(lambda: at_rest(target[1]), 20)
        assert hosts[1].left() == []
    finally:
        restart(hosts[0])
    # and what is left there of it goes with the next load
    assert bench("--duration", "0.5", "--users", "2", "--quiet").wait(timeout=120) in (0, 4)
    assert hosts[0].left() == []


def test_nothing_is_left_on_any_host_when_the_tool_is_killed(
    bench: Commands, hosts: list[DockerHost], target: tuple[str, dict[str, int]]
) -> None:
    process = bench(*LONG)
    loading(hosts, target[1])
    process.kill()
    until(lambda: not any(host.left() for host in hosts), 30)


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve ssh on loopback; give the host's URL, and variables with which ssh trusts it."""
    server = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if server is None and os.environ.get("CI") != "true":
        pytest.skip("there is no sshd")
    assert server is not None
    port = free_port()
    for key in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / key)]
        subprocess.run(command, check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    (tmp_path / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host\n"
        f"AuthorizedKeysFile {tmp_path}/user.pub\nPasswordAuthentication no\n"
        "PermitRootLogin prohibit-password\nStrictModes no\nUsePAM no\nPidFile none\n"
    )
    public = " ".join((tmp_path / "host.pub").read_text().split()[:2])
    (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {public}\n")
    (tmp_path / "ssh_config").write_text(
        f"IdentityFile {tmp_path}/user\nIdentitiesOnly yes\nStrictHostKeyChecking yes\n"
        f"UserKnownHostsFile {tmp_path}/known\n"
    )
    programs = tmp_path / "bin"
    programs.mkdir()
    wrapper = programs / "ssh"
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {tmp_path}/ssh_config "$@"\n')
    wrapper.chmod(0o755)
    daemon = subprocess.Popen(
        [server, "-D", "-f", str(tmp_path / "sshd_config")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: answers(port), 20)
        path = f"{programs}:{os.environ['PATH']}"
        yield f"ssh://root@127.0.0.1:{port}", {**os.environ, "PATH": path}
    finally:
        daemon.terminate()
        daemon.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("by", ["ssh", "context"])
def test_a_host_is_reached_as_the_docker_command_would(
    by: str,
    ssh: tuple[str, dict[str, str]],
    target: tuple[str, dict[str, int]],
    engine: Engine,
    tmp_path: Path,
) -> None:
    """By the user's own ssh, or by a context, which names such a host as well."""
    url, variables = ssh
    if by == "context":
        (tmp_path / "docker").mkdir()
        (tmp_path / "docker" / "config.json").write_text("{}")
        variables = {**variables, "DOCKER_CONFIG": str(tmp_path / "docker")}
        command = ["docker", "context", "create", "load-host", "--docker", f"host={url}"]
        subprocess.run(command, env=variables, check=True, capture_output=True)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "toolkit", "bench", "--target", target[0], "--get", "/"),
            *("--yes-this-is-mine", "--most-rate", f"{RATE}", "--quick", "--users", "4"),
            *("--load-hosts", url if by == "ssh" else "load-host", "--load-workers", "1"),
            *("--json", "--quiet"),
        ],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode in (0, 4), done.stderr
    (workload,) = json.loads(done.stdout)["workloads"]
    assert workload["rows"][0]["throughput"]["value"] > 0
    (host,) = stored(tmp_path).load_hosts
    assert host.name == ("127-0-0-1" if by == "ssh" else "load-host")


def test_an_ssh_host_that_says_nothing_any_more_is_missed(
    ssh: tuple[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, variables = ssh
    monkeypatch.setenv("PATH", variables["PATH"])
    with contextlib.closing(Engine.connect(url)) as found:
        folder = found.folder
        assert folder is not None
        found.hurry(2)
        found.require()
        silent = [
            process
            for process in psutil.process_iter(["name", "cmdline"])
            if process.info["name"].startswith("sshd") and "root" in str(process.info["cmdline"])
        ]
        for process in silent:
            process.suspend()
        began = time.monotonic()
        try:
            with pytest.raises(EnvironmentFault, match="does not answer"):
                found.require()
            assert time.monotonic() - began < 10
        finally:
            for process in silent:
                process.resume()
    assert not folder.exists()


def test_a_host_that_is_not_there_is_said_at_once(bench: Commands) -> None:
    process = bench("--load-hosts", "unix:///nowhere.sock")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "no Docker engine answers at unix:///nowhere.sock" in err
