"""A command as a tree of local processes: with its CPUs and limits, watched, gone at the end."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

import toolkit.runtime.confine
from toolkit.errors import StackError
from toolkit.measured import Usage
from toolkit.runtime.guardian import Guardian, kill_group
from toolkit.runtime.proctree import descendants, read_tree

PYTHON = str(Path(sys.executable).absolute())
"""This one; absolute, for what is started with it starts in another folder."""

HAS_PSS = HAS_DATA_LIMIT = sys.platform == "linux"
_LOG_BYTES = 4000
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is run, and within which limits.

    Attributes:
        argv: The command.
        environment: All of its variables.
        folder: Of its own, for what it prints ...
        cwd: ... and where it runs, None: there as well.
        cpus: CPUs it is pinned to; empty if it is not.
        memory: Limit of each process's data in bytes, None for none.
        user: User and group id that it runs as, None: as this process does.
        input: What it reads; None: nothing.
        polite: The signal that ends it ...
        patience: ... and the seconds after which it is killed.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    cwd: Path | None = None
    cpus: Sequence[int] = ()
    memory: int | None = None
    user: tuple[int, int] | None = None
    input: Path | None = None
    polite: signal.Signals = signal.SIGTERM
    patience: float = 1.0

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.folder / "output.log"


class ProcessTree:
    """A process that was started, and all that it has started."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", log: Path, *, name: str = "the server"
    ) -> None:
        self._process = process
        self._log = log
        self._name = name

    def usage(self) -> Usage:
        """See ``ports.Service``; CPU time is exact to 10 ms per process, memory is PSS."""
        at = time.monotonic()
        user = system = 0.0
        memory = 0
        try:
            members = list(_members(psutil.Process(self._process.pid)))
        except psutil.NoSuchProcess:
            raise StackError(f"{self._name} does not run any more", log=self.log_tail()) from None
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

    def death(self) -> str | None:
        """See ``ports.Service``."""
        code = self._process.poll()
        if code is None:
            return None
        return f"killed by signal {-code}" if code < 0 else f"exit code {code}"

    def log_tail(self) -> str:
        """See ``ports.Service``."""
        with contextlib.suppress(OSError):
            return self._log.read_bytes()[-_LOG_BYTES:].decode("utf-8", "replace").strip()
        return ""


@contextlib.contextmanager
def confined(
    command: Command, guardian: Guardian
) -> Iterator["tuple[subprocess.Popen[bytes], ProcessTree]"]:
    """Start a command in a process group of its own, and end the group with this context."""
    argv = [PYTHON, "-I", toolkit.runtime.confine.__file__]
    if command.user is not None:
        argv += ["--user", "{}:{}".format(*command.user)]
    limit = command.memory if HAS_DATA_LIMIT else None
    argv += [",".join(map(str, command.cpus)) or "-", "-" if limit is None else str(limit)]
    with (
        command.log.open("wb") as output,
        (command.input or Path(os.devnull)).open("rb") as given,
    ):
        # a session of its own: Ctrl-C goes to the tool, which then ends the whole group
        process = subprocess.Popen(
            [*argv, *command.argv],
            stdin=given,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(command.environment),
            cwd=command.cwd or command.folder,
            start_new_session=True,
        )
    polite, patience = command.polite, command.patience
    # watched until it is gone: somebody may lose patience while it is told to end
    with guardian.watching_group(process.pid, polite=polite, grace=patience):
        try:
            yield process, ProcessTree(process, command.log)
        finally:
            kill_group(process.pid, polite=polite, grace=patience, reap=process.poll)
            process.wait()


def run_to_end(command: Command, guardian: Guardian, *, timeout: float) -> None:
    """Run a command to its end.

    Raises:
        StackError: It failed or took too long; the error carries its last lines.
    """
    with confined(command, guardian) as (process, tree):
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise StackError(f"it took longer than {timeout:g} s", log=tree.log_tail()) from None
        if code != 0:
            raise StackError(f"it failed: {tree.death()}", log=tree.log_tail())


def basic_environment() -> dict[str, str]:
    """Give the variables of this process that others see: as few as in a container."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


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
    return int(memory.pss if HAS_PSS else memory.uss)
