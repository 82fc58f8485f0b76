"""One ssh connection that leads to the Docker engine of a host, by the user's own ``ssh``.

The Docker SDK would make a connection for each request, a second of CPU time of both machines in
the middle of what is measured, and wait without end for a host that was cut off. Here one carries
them all, and ends by itself when nothing has been heard for some seconds.
"""

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from toolkit.errors import EnvironmentFault

_CONNECT = 10
"""Seconds within which a host answers."""

_OPTIONS = (
    # nobody is there to be asked when the toolkit was killed, and what it left is removed
    "BatchMode=yes",
    # a connection that others share would not end with this one, nor by its own clock
    "ControlPath=none",
    f"ConnectTimeout={_CONNECT}",
    "ServerAliveInterval=2",
    "ServerAliveCountMax=2",
    "StreamLocalBindUnlink=yes",
)
_WHERE = ("docker", "context", "inspect", "--format", "'{{.Endpoints.docker.Host}}'")
"""Asks the ``docker`` command there for its engine's socket; the other side has a shell."""

_STAY = "cat"
"""What the other side does: nothing, until this side's end of the pipe is closed, or gone."""

_DEADLINE = 2.0 * _CONNECT
_PATIENCE = 2.0
_LOOK = 0.02


class Tunnel:
    """A socket here that leads to the engine there, until it is closed or this process ends.

    Attributes:
        folder: Where the socket is; nobody else may enter it.
    """

    def __init__(self, url: str, there: str, folder: Path) -> None:
        self._url = url
        self._there = there
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = folder

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect to ``ssh://user@host:port``, as ``ssh`` itself would.

        Raises:
            EnvironmentFault: The host cannot be reached, or has no engine.
        """
        if shutil.which("ssh") is None:
            raise EnvironmentFault(f"there is no ssh, which {url} takes")
        there = _ask(url)
        if not there.startswith("unix://"):
            raise EnvironmentFault(
                f"the docker command at {url} speaks to {there or 'nothing'}",
                hint="Name that engine itself, or have that command use a socket there.",
            )
        with contextlib.ExitStack() as opened:
            folder = Path(tempfile.mkdtemp(prefix="toolkit-ssh-"))
            tunnel = cls(url, there.removeprefix("unix://"), folder)
            opened.callback(tunnel.close)
            tunnel.lead()
            opened.pop_all()
        return tunnel

    @property
    def address(self) -> str:
        """Where the engine answers on this machine."""
        return f"unix://{self.folder}/docker.sock"

    def lead(self) -> None:
        """Connect, or connect again if the connection has ended: a host may have been away.

        Raises:
            EnvironmentFault: The host cannot be reached.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self._end()
        socket, said = self.folder / "docker.sock", self.folder / "said"
        socket.unlink(missing_ok=True)
        with _without_interrupts(), said.open("wb") as log:
            self._process = subprocess.Popen(
                [*_command(self._url, "-L", f"{socket}:{self._there}"), _STAY],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        deadline = time.monotonic() + _DEADLINE
        while not socket.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise _unreachable(self._url, said.read_text(encoding="utf-8", errors="replace"))
            time.sleep(_LOOK)

    def close(self) -> None:
        """End the connection."""
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None  # noqa: S101 - for the type checker: a pipe
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _ask(url: str) -> str:
    """Ask where the engine of a host is."""
    try:
        done = subprocess.run(
            [*_command(url, "-o", "ClearAllForwardings=yes"), *_WHERE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_DEADLINE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _unreachable(url, f"no answer within {_DEADLINE:g} s") from None
    if done.returncode != 0:
        raise _unreachable(url, done.stderr)
    return done.stdout.strip()


def _command(url: str, *more: str) -> list[str]:
    parts = urlsplit(url)
    user = f"{parts.username}@" if parts.username else ""
    port = ("-p", str(parts.port)) if parts.port else ()
    options = (part for option in _OPTIONS for part in ("-o", option))
    return ["ssh", "-T", *options, *port, *more, "--", f"{user}{parts.hostname}"]


def _unreachable(url: str, said: str) -> EnvironmentFault:
    lines = [line for line in said.strip().splitlines() if line.strip()]
    return EnvironmentFault(
        f"no Docker engine answers at {url}: {lines[-1] if lines else 'ssh says nothing'}",
        hint=f"`docker --host {url} info` says more.",
    )


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start processes that Ctrl-C does not end: what it has interrupted is cleaned up by them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
