"""Docker hosts for tests: daemons with sockets, data and a network namespace of their own, here."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.measured import Failure
from toolkit.store import Store

HERE = "10.213.0.1"
"""Address of this machine that all hosts reach."""

_DEADLINE = 60.0

Started = subprocess.Popen[str]
Commands = Callable[..., Started]


@dataclass
class DockerHost:
    """A daemon in a namespace, connected to this machine by a wire.

    Attributes:
        name: Of its namespace.
        folder: Where its data lies.
        number: Of its network.
    """

    name: str
    folder: Path
    number: int
    daemon: "subprocess.Popen[bytes]" = field(repr=False)

    @property
    def url(self) -> str:
        """Where its engine answers; a socket is reached over no network, as ssh would be."""
        return f"unix://{self.folder}/docker.sock"

    def docker(self, *arguments: str) -> str:
        """Run the docker command on it."""
        done = subprocess.run(
            ["docker", "--host", self.url, *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    @property
    def address(self) -> str:
        """Where others reach it."""
        return f"10.213.{self.number}.2"

    def give(self, image: str) -> None:
        """Copy an image of the engine in use to it."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            subprocess.run(
                ["docker", "--host", self.url, "load", "--quiet"],
                stdin=saved.stdout,
                stdout=subprocess.DEVNULL,
                check=True,
            )

    def cut_off(self) -> None:
        """Take its network away, at its own end: from here the way there must stay the same."""
        _ip("-netns", self.name, "link", "set", f"tk{self.number}-there", "down")

    def connect(self) -> None:
        """Give it back."""
        _ip("-netns", self.name, "link", "set", f"tk{self.number}-there", "up")
        _lead_out(self.name, self.number)

    def connections(self) -> int:
        """Count the connections of TCP that are open there."""
        command = ["nsenter", f"--net=/run/netns/{self.name}", "ss", "-Htn", "state", "established"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return len(done.stdout.splitlines())

    def left(self) -> list[str]:
        """Name the containers of the toolkit that it still has."""
        return self.docker("ps", "--all", "--filter", "label=toolkit.run", "--quiet").split()

    def kill(self) -> None:
        """Kill the daemon, not its containers."""
        self.daemon.kill()
        self.daemon.wait()


@contextlib.contextmanager
def commands(folder: Path) -> Iterator[Commands]:
    """Give a function that starts the toolkit in a folder; what still runs at the end is killed."""
    started: list[Started] = []

    def start(*arguments: str, by: Sequence[str] = ("-m", "toolkit")) -> Started:
        process = subprocess.Popen(
            [sys.executable, *by, *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.communicate()


def until(condition: Callable[[], Any], seconds: float) -> None:
    """Wait for something to become true.

    Raises:
        AssertionError: It has not, in so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def failure_of(folder: Path) -> Failure:
    """Give the one outcome of the last run in a folder, which has failed."""
    (outcome,) = Store(folder / "results").load().outcomes
    assert isinstance(outcome, Failure)
    return outcome


def possible() -> str:
    """Say why there can be no such hosts here; empty if there can."""
    if os.geteuid() != 0:
        return "network namespaces take root"
    missing = [name for name in ("ip", "nsenter", "dockerd", "docker") if not shutil.which(name)]
    return f"there is no {', '.join(missing)}" if missing else ""


@contextlib.contextmanager
def docker_hosts(*names: str) -> Iterator[list[DockerHost]]:
    """Start hosts; whatever they are made of is gone at the end."""
    with contextlib.ExitStack() as stack:
        _ip("address", "add", f"{HERE}/32", "dev", "lo")
        stack.callback(_ip, "address", "del", f"{HERE}/32", "dev", "lo")
        yield [stack.enter_context(_host(name, number)) for number, name in enumerate(names, 1)]


@contextlib.contextmanager
def _host(name: str, number: int) -> Iterator[DockerHost]:
    ours, theirs = f"tk{number}-here", f"tk{number}-there"
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"toolkit-{name}-")))
        _ip("netns", "add", name)
        stack.callback(_ip, "netns", "del", name)
        _ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
        _ip("address", "add", f"10.213.{number}.1/30", "dev", ours)
        _ip("link", "set", ours, "up")
        inside = ("-netns", name)
        _ip(*inside, "address", "add", f"10.213.{number}.2/30", "dev", theirs)
        _ip(*inside, "link", "set", "lo", "up")
        _ip(*inside, "link", "set", theirs, "up")
        _lead_out(name, number)
        daemon = _start(name, folder)
        stack.callback(_end, name, folder, daemon)
        host = DockerHost(name=name, folder=folder, number=number, daemon=daemon)
        _wait(host)
        yield host


def _lead_out(name: str, number: int) -> None:
    _ip("-netns", name, "route", "add", "default", "via", f"10.213.{number}.1")


def _start(name: str, folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / "dockerd.log").open("wb") as log:
        return subprocess.Popen(
            [
                *("nsenter", f"--net=/run/netns/{name}", "dockerd"),
                *("--host", f"unix://{folder}/docker.sock", "--pidfile", f"{folder}/pid"),
                *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
                # nobody but its host's own network is used, and no rule of this machine touched
                *("--bridge", "none", "--iptables=false", "--ip-masq=false"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def restart(host: DockerHost) -> None:
    """Start the daemon of a host again, as after a loss of power: nothing of before runs."""
    _kill((*_of(host.folder), *_inside(host.name)))
    # which would be gone as well, being in memory elsewhere
    _unmount(host.folder / "exec")
    shutil.rmtree(host.folder / "exec")
    (host.folder / "pid").unlink(missing_ok=True)
    host.daemon = _start(host.name, host.folder)
    _wait(host)


def _wait(host: DockerHost) -> None:
    deadline = time.monotonic() + _DEADLINE
    while True:
        with contextlib.suppress(subprocess.CalledProcessError):
            host.docker("info")
            return
        if time.monotonic() > deadline or host.daemon.poll() is not None:
            raise RuntimeError((host.folder / "dockerd.log").read_text()[-2000:])
        time.sleep(0.2)


def _end(name: str, folder: Path, daemon: "subprocess.Popen[bytes]") -> None:
    """End a daemon, what it has started, and what that has mounted."""
    for pid in (daemon.pid, *_of(folder)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        daemon.wait(15)
    deadline = time.monotonic() + 10
    while (left := _of(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    # and what ran in containers of a daemon that was killed
    _kill((*left, *_inside(name)))
    _unmount(folder)


def _unmount(folder: Path) -> None:
    """Unmount whatever is mounted in a folder."""
    for line in reversed(Path("/proc/mounts").read_text().splitlines()):
        place = line.split()[1]
        if place.startswith(str(folder)):
            subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _inside(name: str) -> list[int]:
    """Give the processes in a network namespace."""
    done = subprocess.run(["ip", "netns", "pids", name], capture_output=True, check=True)
    return [int(pid) for pid in done.stdout.split()]


def _of(folder: Path) -> list[int]:
    """Give the processes whose command names a folder: a daemon's, its containerd's, its shims'."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if str(folder).encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
