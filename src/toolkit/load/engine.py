"""Start Locust for a trial, follow it, read what it recorded. Does not import Locust."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cattrs

import toolkit.runtime.confine
from toolkit import parameters
from toolkit.errors import LoadError
from toolkit.load.protocol import EVENTS_VARIABLE, LOAD_VARIABLE, decode, encode
from toolkit.measured import LoadResult
from toolkit.model import Phase, Placement, Workload
from toolkit.parameters import Parameters
from toolkit.ports import LoadWatch, Tick
from toolkit.runtime.guardian import Guardian, kill_group

_SILENCE_LIMIT = 30.0
"""Locust ticks several times a second; after this long without a word it is taken for dead."""

_LOG_BYTES = 4000
_CONVERTER = cattrs.Converter()


class LocustEngine:
    """Runs each trial's load in a fresh Locust process, pinned to the client's CPUs.

    Args:
        users: Users that are started; a phase lets as many of them work as it says.
        placement: Names the client's CPUs; with several, Locust makes load with as many processes.
        guardian: Told what to end should this process be killed.
    """

    def __init__(self, users: int, placement: Placement, guardian: Guardian) -> None:
        self._users = users
        self._cpus = placement.client_cpus
        self._guardian = guardian

    @contextlib.contextmanager
    def open(self, workload: Workload) -> Iterator["LocustSession"]:
        """See ``ports.LoadEngine``."""
        with (
            tempfile.TemporaryDirectory(prefix="toolkit-load-") as folder,
            self._guardian.watching_folder(folder),
            self._started(workload, Path(folder)) as session,
        ):
            yield session

    @contextlib.contextmanager
    def _started(self, workload: Workload, folder: Path) -> Iterator["LocustSession"]:
        log = folder / "locust.log"
        reading, writing = os.pipe()
        try:
            with log.open("wb") as output:
                process = subprocess.Popen(
                    self._command(),
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(writing,),
                    env=self._environment(workload, writing),
                    cwd=folder,
                    start_new_session=True,
                )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        try:
            with self._guardian.watching_group(process.pid):
                yield LocustSession(process, reading, log)
        finally:
            # its result is in; nothing it could still say is wanted
            kill_group(process.pid, grace=0, reap=process.poll)
            process.communicate()
            os.close(reading)

    def _command(self) -> list[str]:
        # absolute, for it starts in another folder
        python = str(Path(sys.executable).absolute())
        confined = ["-I", toolkit.runtime.confine.__file__, ",".join(map(str, self._cpus)) or "-"]
        return [python, *confined, "-", python, "-m", "toolkit.load.inside"]

    def _environment(self, workload: Workload, events_fd: int) -> dict[str, str]:
        processes = len(self._cpus)
        arguments = [
            *("--locustfile", str(workload.path)),
            "--headless",
            *("--users", str(self._users)),
            *("--spawn-rate", str(self._users)),
            "--only-summary",
        ]
        if processes > 1:
            arguments += ["--processes", str(processes)]
        ours = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
        return {
            **ours,
            parameters.VARIABLE: Parameters(workload.parameters, "").query(),
            LOAD_VARIABLE: json.dumps({"arguments": arguments}),
            EVENTS_VARIABLE: str(events_fd),
        }


class LocustSession:
    """A Locust process that waits for its target."""

    def __init__(self, process: "subprocess.Popen[bytes]", events_fd: int, log: Path) -> None:
        self._process = process
        self._fd = events_fd
        self._log = log
        self._buffer = b""

    def aim(self, url: str) -> None:
        """See ``ports.LoadSession``."""
        for message in self._messages():
            match message["event"]:
                case "ready":
                    self._send({"url": url})
                case "started":
                    return
                case unknown:
                    raise self._failure(f"Locust's process said {unknown!r}")
        raise self._failure("Locust ended before its users were there")

    def run(self, phase: Phase, watch: LoadWatch) -> LoadResult:
        """See ``ports.LoadSession``."""
        self._send({"phase": asdict(phase)})
        for message in self._messages():
            match message["event"]:
                case "opened":
                    watch.window_opened()
                case "tick":
                    watch.ticked(_CONVERTER.structure(message, Tick))
                case "closed":
                    watch.window_closed()
                    self._send({"go_on": True})
                case "result":
                    return _CONVERTER.structure(message, LoadResult)
                case unknown:
                    raise self._failure(f"Locust's process said {unknown!r}")
        raise self._failure("Locust ended without a result")

    def _messages(self) -> Iterator[dict[str, Any]]:
        """Give the messages as they come, until the process closes its end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._fd, selectors.EVENT_READ)
            while True:
                line, found, rest = self._buffer.partition(b"\n")
                if found:
                    self._buffer = rest
                    yield decode(line)
                    continue
                if not selector.select(timeout=_SILENCE_LIMIT):
                    raise self._failure(f"Locust said nothing for {_SILENCE_LIMIT:g} s")
                chunk = os.read(self._fd, 65_536)
                if not chunk:
                    return
                self._buffer += chunk

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - for the type checker: a pipe was asked for
        try:
            self._process.stdin.write(encode(message))
            self._process.stdin.flush()
        except OSError as error:
            raise self._failure("Locust ended early") from error

    def _failure(self, message: str) -> LoadError:
        with contextlib.suppress(OSError):
            log = self._log.read_bytes()[-_LOG_BYTES:].decode("utf-8", "replace").strip()
            return LoadError(message, hint="`locust -f` runs the workload by itself.", log=log)
        return LoadError(message)
