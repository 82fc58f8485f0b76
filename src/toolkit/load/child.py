"""Start Locust in a process of its own and talk to it, see ``protocol``. Does not import Locust."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import toolkit.runtime.confine
from toolkit import parameters
from toolkit.errors import LoadError
from toolkit.load.portable import with_parameters
from toolkit.load.protocol import EVENTS_VARIABLE, LOAD_VARIABLE, decode, encode
from toolkit.model import Workload
from toolkit.parameters import Parameters
from toolkit.runtime.guardian import Guardian, kill_group

_SILENCE_LIMIT = 30.0
"""Locust ticks several times a second; after this long without a word it is taken for dead."""

_LOG_BYTES = 4000

_GOODBYE_LIMIT = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Master:
    """Where Locust's master waits for workers on other hosts.

    Attributes:
        workers: How many it waits for ...
        patience: ... and for how many seconds.
    """

    address: str
    port: int
    workers: int
    patience: int


class Child:
    """A Locust process that runs."""

    def __init__(self, process: "subprocess.Popen[bytes]", events_fd: int, log: Path) -> None:
        self._process = process
        self._fd = events_fd
        self._log = log
        self._buffer = b""

    def messages(self, patience: float = 0.0) -> Iterator[dict[str, Any]]:
        """Give the messages as they come, until the process closes its end.

        Args:
            patience: Seconds that it may be silent besides those after which it is taken for dead.

        Raises:
            LoadError: It says nothing any more.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._fd, selectors.EVENT_READ)
            while True:
                line, found, rest = self._buffer.partition(b"\n")
                if found:
                    self._buffer = rest
                    yield decode(line)
                    continue
                limit = _SILENCE_LIMIT + patience
                if not selector.select(timeout=limit):
                    raise self.failure(f"Locust said nothing for {limit:g} s")
                chunk = os.read(self._fd, 65_536)
                if not chunk:
                    return
                self._buffer += chunk

    def send(self, message: dict[str, Any]) -> None:
        """Tell it something.

        Raises:
            LoadError: It has ended.
        """
        assert self._process.stdin is not None  # noqa: S101 - for the type checker: a pipe was asked for
        try:
            self._process.stdin.write(encode(message))
            self._process.stdin.flush()
        except OSError as error:
            raise self.failure("Locust ended early") from error

    def failure(self, message: str) -> LoadError:
        """Make an error that carries the last lines of its log."""
        with contextlib.suppress(OSError):
            log = self._log.read_bytes()[-_LOG_BYTES:].decode("utf-8", "replace").strip()
            return LoadError(message, hint="`locust -f` runs the workload by itself.", log=log)
        return LoadError(message)


@contextlib.contextmanager
def started(
    module: str,
    workload: Workload,
    *,
    users: int,
    cpus: Sequence[int],
    guardian: Guardian,
    processes: int = 1,
    spawn_rate: float | None = None,
    master: Master | None = None,
) -> Iterator[Child]:
    """Start a module of this package that becomes Locust, and end it with this context.

    Args:
        module: Which.
        workload: Whose locustfile it loads.
        users: How many it starts.
        cpus: CPUs it is pinned to; empty if it is not.
        guardian: Told what to end should this process be killed.
        processes: Load processes, Locust's ``--processes``.
        spawn_rate: Users/s that are started at most, for what they do first; None: all at once.
        master: Where it waits for workers on other hosts, None: it makes the load itself.
    """
    with (
        tempfile.TemporaryDirectory(prefix="toolkit-load-") as name,
        guardian.watching_folder(name),
    ):
        folder = Path(name)
        log = folder / "locust.log"
        # absolute, for it starts in another folder
        python = str(Path(sys.executable).absolute())
        confined = ["-I", toolkit.runtime.confine.__file__, ",".join(map(str, cpus)) or "-", "-"]
        reading, writing = os.pipe()
        try:
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [python, *confined, python, "-m", module],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(writing,),
                    env=_environment(
                        _sent(workload, folder) if master else workload,
                        users,
                        processes,
                        writing,
                        spawn_rate or users,
                        master,
                    ),
                    cwd=folder,
                    start_new_session=True,
                )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        try:
            with guardian.watching_group(process.pid):
                yield Child(process, reading, log)
        finally:
            if master is not None:
                _say_goodbye(process)
            # its result is in; nothing it could still say is wanted
            kill_group(process.pid, grace=0, reap=process.poll)
            process.communicate()
            os.close(reading)


def _say_goodbye(process: "subprocess.Popen[bytes]") -> None:
    """Let a master tell its workers that it ends, so that they wait for the next one."""
    assert process.stdin is not None  # noqa: S101 - for the type checker: a pipe was asked for
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        process.stdin.close()
        process.wait(_GOODBYE_LIMIT)


def _sent(workload: Workload, folder: Path) -> Workload:
    """Write the locustfile as it is sent to other hosts; its name is what Locust knows it by.

    Raises:
        LoadError: It cannot be read, or is no Python.
    """
    query = Parameters(workload.parameters, "").query()
    file = folder / workload.path.name
    try:
        text = workload.path.read_text(encoding="utf-8")
        file.write_text(with_parameters(text, query), encoding="utf-8")
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        raise LoadError(f"{workload.path.name} cannot be sent to other hosts: {error}") from error
    return replace(workload, path=file)


def environment_of(workload: Workload) -> dict[str, str]:
    """Give the environment in which a locustfile is loaded: its parameters, nothing of Locust's."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    return {**ours, parameters.VARIABLE: Parameters(workload.parameters, "").query()}


def _environment(
    workload: Workload,
    users: int,
    processes: int,
    events_fd: int,
    spawn_rate: float,
    master: Master | None,
) -> dict[str, str]:
    arguments = [
        *("--locustfile", str(workload.path)),
        "--headless",
        *("--users", str(users)),
        *("--spawn-rate", f"{min(spawn_rate, users):g}"),
        "--only-summary",
    ]
    if master is not None:
        arguments += [
            *("--master", "--master-bind-host", master.address),
            *("--master-bind-port", str(master.port)),
            *("--expect-workers", str(master.workers)),
            *("--expect-workers-max-wait", str(master.patience)),
        ]
    elif processes > 1:
        arguments += ["--processes", str(processes)]
    return {
        **environment_of(workload),
        LOAD_VARIABLE: json.dumps({"arguments": arguments}),
        EVENTS_VARIABLE: str(events_fd),
    }
