"""Stacks as local processes: for machines without a Docker engine."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

import toolkit.runtime.confine
import toolkit.runtime.probe
import toolkit.serve
from toolkit.config import ImageConfig
from toolkit.errors import StackError
from toolkit.measured import RuntimeFacts, StackFacts, Usage
from toolkit.model import Knobs, Placement, Stack
from toolkit.ports import Observer
from toolkit.runtime.environments import ensure_environment
from toolkit.runtime.guardian import Guardian, kill_group
from toolkit.runtime.proctree import descendants, read_tree
from toolkit.runtime.ready import free_port, wait_until_ready
from toolkit.runtime.settings import argv_of, environment_of

_START_TIMEOUT = 30.0
_STOP_PATIENCE = 5.0
_LOG_BYTES = 4000
_HAS_PSS = _HAS_DATA_LIMIT = sys.platform == "linux"
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
"""Variables of the tool's own environment that a server sees: as few as in a container."""


class ProcessService:
    """A server's process tree that answers."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", log: Path, url: str, start_seconds: float
    ) -> None:
        self._process = process
        self._log = log
        self.url = url
        self.start_seconds = start_seconds

    def usage(self) -> Usage:
        """See ``ports.Service``; CPU time is exact to 10 ms per process, memory is PSS."""
        at = time.monotonic()
        user = system = 0.0
        memory = 0
        try:
            members = list(_members(psutil.Process(self._process.pid)))
        except psutil.NoSuchProcess:
            raise StackError("the server does not run any more", log=self.log_tail()) from None
        for process in members:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                times = process.cpu_times()
                # and those of its children that have ended and been waited for
                user += times.user + times.children_user
                system += times.system + times.children_system
                memory += _memory_of(process)
        tree = read_tree(process.pid for process in members)
        return Usage(
            at=at,
            cpu_user=user,
            cpu_system=system,
            memory=memory,
            processes=None if tree is None else tree.processes,
            threads=None if tree is None else tree.threads,
            open_files=None if tree is None else tree.open_files,
            switches=None if tree is None else tree.switches,
        )

    def stop(self) -> float | None:
        """See ``ports.Service``."""
        began = time.monotonic()
        self._process.terminate()
        try:
            self._process.wait(timeout=_STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            return None
        return time.monotonic() - began

    def death(self) -> str | None:
        """See ``ports.Service``."""
        return _death_of(self._process)

    def log_tail(self) -> str:
        """See ``ports.Service``."""
        return _tail_of(self._log)


class ProcessRuntime:
    """Makes virtual environments and runs the same command in them as the images do.

    Args:
        image: How packages are installed.
        knobs: Settings of every server.
        placement: CPUs and limits of every server.
        reason: Why no container was taken.
        guardian: Told what to end should this process be killed.
        port: Fixed port on loopback, 0 for any.
    """

    def __init__(
        self,
        *,
        image: ImageConfig,
        knobs: Knobs,
        placement: Placement,
        reason: str,
        guardian: Guardian,
        port: int = 0,
    ) -> None:
        self._image = image
        self._knobs = knobs
        self._placement = placement
        self._guardian = guardian
        self._port = port
        self._environments: dict[str, Path] = {}
        self.facts = RuntimeFacts(
            name="process",
            reason=reason,
            network="loopback",
            memory_kind="PSS of the process tree" if _HAS_PSS else "USS of the process tree",
            notes=tuple(_shortfalls(placement)),
        )

    def prepare(self, stack: Stack, observer: Observer) -> StackFacts:
        """See ``ports.Runtime``."""
        folder = ensure_environment(stack, self._image, observer)
        self._environments[stack.id] = folder
        done = subprocess.run(
            [str(folder / "bin" / "python"), toolkit.runtime.probe.__file__],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise StackError(f"the environment of {stack.id} is broken", log=done.stderr.strip())
        made_of = json.loads(done.stdout)
        settings = environment_of(self._knobs, host="127.0.0.1", port=self._port or 8000)
        return StackFacts(
            id=stack.id,
            summary=f"{stack.app.summary}; {stack.server.summary}",
            keep_alive=stack.server.keep_alive,
            argv=argv_of(stack, settings),
            settings=settings,
            python=made_of["python"],
            packages=made_of["packages"],
        )

    @contextlib.contextmanager
    def serve(self, stack: Stack) -> Iterator[ProcessService]:
        """See ``ports.Runtime``."""
        port = free_port(self._port)
        with self._scratch() as scratch:
            log = scratch / "server.log"
            began = time.monotonic()
            with self._started(stack, port, log, scratch) as process:
                wait_until_ready(
                    port=port,
                    path=stack.app.health,
                    death=lambda: _death_of(process),
                    log_tail=lambda: _tail_of(log),
                    timeout=_START_TIMEOUT,
                )
                yield ProcessService(
                    process, log, f"http://127.0.0.1:{port}", time.monotonic() - began
                )

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        with (
            tempfile.TemporaryDirectory(prefix="toolkit-server-") as folder,
            self._guardian.watching_folder(folder),
        ):
            yield Path(folder)

    @contextlib.contextmanager
    def _started(
        self, stack: Stack, port: int, log: Path, scratch: Path
    ) -> Iterator["subprocess.Popen[bytes]"]:
        with log.open("wb") as output:
            # a session of its own: Ctrl-C goes to the tool, which then ends the whole group
            process = subprocess.Popen(
                [
                    # absolute, for it starts in another folder
                    str(Path(sys.executable).absolute()),
                    "-I",
                    toolkit.runtime.confine.__file__,
                    ",".join(map(str, self._placement.server_cpus)) or "-",
                    str(self._placement.memory) if _HAS_DATA_LIMIT else "-",
                    str(self._environments[stack.id] / "bin" / "python"),
                    toolkit.serve.__file__,
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment(stack, port, scratch),
                cwd=scratch,
                start_new_session=True,
            )
        try:
            with self._guardian.watching_group(process.pid):
                yield process
        finally:
            kill_group(process.pid, grace=1.0, reap=process.poll)
            process.wait()

    def _environment(self, stack: Stack, port: int, scratch: Path) -> dict[str, str]:
        binaries = self._environments[stack.id] / "bin"
        return {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            **environment_of(self._knobs, host="127.0.0.1", port=port),
            "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "APP_DIR": str(stack.app.path),
            "SERVER_DIR": str(stack.server.path),
            "TMPDIR": str(scratch),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def _members(root: psutil.Process) -> Iterator[psutil.Process]:
    """Give a process and all that it has started."""
    yield root
    pids = descendants(root.pid)
    if pids is None:
        yield from root.children(recursive=True)
        return
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield psutil.Process(pid)


def _memory_of(process: psutil.Process) -> int:
    """Give the proportional set size, so that pages shared by workers count once."""
    try:
        memory = process.memory_full_info()
    except psutil.AccessDenied:
        return 0
    return int(memory.pss if _HAS_PSS else memory.uss)


def _death_of(process: "subprocess.Popen[bytes]") -> str | None:
    code = process.poll()
    if code is None:
        return None
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _tail_of(log: Path) -> str:
    with contextlib.suppress(OSError):
        return log.read_bytes()[-_LOG_BYTES:].decode("utf-8", "replace").strip()
    return ""


def _shortfalls(placement: Placement) -> Iterator[str]:
    """Say which limits a plain process does not have."""
    if placement.cpus != int(placement.cpus):
        yield f"{placement.cpus:g} CPUs: a process is pinned to whole cores, there is no quota."
    if _HAS_DATA_LIMIT:
        yield "The memory limit applies to each process of a server, not to their sum."
    else:
        yield "There is no memory limit on this platform without Docker."
