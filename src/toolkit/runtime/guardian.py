"""Clean up after the tool even when it is killed outright.

A small process in a session of its own reads from a pipe what the tool has started. When the pipe
closes, the tool has ended in whatever way, and the guardian removes what is still there. After an
orderly end there is nothing left for it to do.

Lines on the pipe: ``group PGID START SIGNAL GRACE`` (a process group and the start time of its
leader, so that a reused number is never hit; the signal that ends it and the seconds after which
it is killed), ``folder PATH``, ``containers RUN [ENGINE]`` (all that carry the label of that run,
on the engine in use or another), each with ``-`` in front to take it back.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from toolkit.runtime.engine import Engine

_GRACE = 2.0
_IN_FLIGHT = 1.0
"""Seconds after which an engine has carried out what a killed tool last asked for."""


class Guardian:
    """The tool's end of the pipe."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        # a session of its own: Ctrl-C in the terminal must not reach it
        self._process = subprocess.Popen(
            [sys.executable, "-m", "toolkit.runtime.guardian"],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None  # noqa: S101 - for the type checker: set in __enter__
        assert self._process.stdin is not None  # noqa: S101 - likewise
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        # one that waits for an engine that is away goes on by itself
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=60)

    @contextlib.contextmanager
    def watching_group(
        self, leader: int, *, polite: signal.Signals = signal.SIGTERM, grace: float = _GRACE
    ) -> Iterator[None]:
        """Have the process group of a leader killed if the tool ends inside this context."""
        started = psutil.Process(leader).create_time()
        with self._watching(f"group {leader} {started} {polite:d} {grace}"):
            yield

    @contextlib.contextmanager
    def watching_folder(self, path: str) -> Iterator[None]:
        """Have a temporary folder removed if the tool ends inside this context."""
        with self._watching(f"folder {path}"):
            yield

    @contextlib.contextmanager
    def watching_containers(self, run: str, engine: str = "") -> Iterator[None]:
        """Have the containers labelled with a run removed unless this context ends well.

        Args:
            run: The label.
            engine: Another one than the engine in use, see ``Engine.connect``.

        A request that was interrupted may still make one, when nobody here knows it.
        """
        charge = f"containers {run} {engine}".rstrip()
        self._tell(charge)
        yield
        self._tell(f"-{charge}")

    @contextlib.contextmanager
    def connected(self, run: str, name: str) -> Iterator["Engine"]:
        """Connect to an engine by name, where the containers of a run are then watched.

        Args:
            run: Their label.
            name: See ``Engine.connect``.

        Raises:
            EnvironmentFault: No engine answers.
        """
        from toolkit.runtime.engine import Engine  # noqa: PLC0415 - the SDK is heavy

        with contextlib.ExitStack() as opened:
            engine = opened.enter_context(contextlib.closing(Engine.connect(name)))
            if engine.folder is not None:
                opened.enter_context(self.watching_folder(str(engine.folder)))
            opened.enter_context(self.watching_containers(run, name))
            yield engine

    @contextlib.contextmanager
    def _watching(self, charge: str) -> Iterator[None]:
        self._tell(charge)
        try:
            yield
        finally:
            self._tell(f"-{charge}")

    def _tell(self, line: str) -> None:
        assert self._process is not None  # noqa: S101 - used inside the context only
        assert self._process.stdin is not None  # noqa: S101 - likewise
        with contextlib.suppress(BrokenPipeError):
            print(line, file=self._process.stdin, flush=True)


def read_charges(lines: IO[str]) -> list[str]:
    """Read the pipe to its end and give what is still charged, latest first."""
    charges: list[str] = []
    for raw in lines:
        line = raw.rstrip("\n")
        if line.startswith("-"):
            with contextlib.suppress(ValueError):
                charges.remove(line[1:])
        else:
            charges.append(line)
    return charges[::-1]


def kill_group(
    leader: int,
    *,
    started: float | None = None,
    polite: signal.Signals = signal.SIGTERM,
    grace: float = _GRACE,
    reap: Callable[[], object] = lambda: None,
) -> None:
    """End a process group: politely, then not; do nothing if it is gone.

    What the leader has started in groups of their own (as PostgreSQL does) is killed with it.

    Args:
        leader: Its number, which is the pid of the process that leads it.
        started: Start time of the leader; the group is left alone if another one leads it now.
        polite: The signal that asks it to end.
        grace: Seconds between that and SIGKILL.
        reap: Called while waiting; a parent waits for its child here, or it stays a zombie.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        now = psutil.Process(leader).create_time()
        if started is not None and abs(now - started) > 1:
            return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, polite)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline:
            reap()
            os.killpg(leader, 0)
            time.sleep(0.02)
        family: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(leader).children(recursive=True)
        os.killpg(leader, signal.SIGKILL)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def _carry_out(charge: str) -> None:
    kind, _, rest = charge.partition(" ")
    if kind == "group":
        leader, started, polite, grace = rest.split()
        kill_group(
            int(leader),
            started=float(started),
            polite=signal.Signals(int(polite)),
            grace=float(grace),
        )
    elif kind == "folder":
        shutil.rmtree(rest, ignore_errors=True)
    elif kind == "containers":
        from toolkit.runtime.engine import remove_containers  # noqa: PLC0415 - the SDK is heavy

        run, _, engine = rest.partition(" ")
        if remove_containers(run, engine):
            time.sleep(_IN_FLIGHT)
            remove_containers(run, engine)


def main() -> None:
    """Wait for the tool to end, then remove what it left."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    for charge in read_charges(sys.stdin):
        _carry_out(charge)


if __name__ == "__main__":
    main()
