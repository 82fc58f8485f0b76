"""Local process trees: their user, their input, and that nobody of them stays."""

import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from toolkit.errors import StackError
from toolkit.runtime.confined import PYTHON, Command, basic_environment, confined, run_to_end
from toolkit.runtime.guardian import Guardian, _carry_out, read_charges


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    with Guardian() as opened:
        yield opened


def command(folder: Path, *argv: str, **changes: object) -> Command:
    values = {"environment": basic_environment(), **changes}
    return Command(argv=argv, folder=folder, **values)  # type: ignore[arg-type]


def wait_for(file: Path) -> str:
    deadline = time.monotonic() + 20
    while not (file.exists() and file.read_text().endswith("\n")):
        assert time.monotonic() < deadline, f"{file.name} was not written"
        time.sleep(0.02)
    return file.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_a_command_becomes_another_user_without_any_group_of_this_one(
    guardian: Guardian, tmp_path: Path
) -> None:
    # a shell: that user may not be able to read this Python
    wanted = command(tmp_path, "sh", "-c", "id -u; id -G", user=(65534, 65534))
    run_to_end(wanted, guardian, timeout=20)
    assert wanted.log.read_text() == "65534\n65534\n"


def test_a_command_reads_its_input_or_nothing(guardian: Guardian, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_text("some text")
    wanted = command(tmp_path, "cat", input=given)
    run_to_end(wanted, guardian, timeout=20)
    assert wanted.log.read_text() == "some text"
    run_to_end(command(tmp_path, "cat"), guardian, timeout=20)
    assert wanted.log.read_text() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="pins on Linux only")
def test_a_command_is_pinned_and_limited(guardian: Guardian, tmp_path: Path) -> None:
    cpu = min(os.sched_getaffinity(0))
    code = (
        "import json, os, resource; print(json.dumps([sorted(os.sched_getaffinity(0)), "
        "resource.getrlimit(resource.RLIMIT_DATA)[0]]))"
    )
    wanted = command(tmp_path, PYTHON, "-I", "-c", code, cpus=(cpu,), memory=2**30)
    run_to_end(wanted, guardian, timeout=20)
    assert json.loads(wanted.log.read_text()) == [[cpu], 2**30]


@pytest.mark.skipif(sys.platform != "linux", reason="limits data on Linux only")
def test_threads_that_touch_little_fit_into_the_limit(guardian: Guardian, tmp_path: Path) -> None:
    """As in a container: with stacks of 8 MiB, 64 threads alone would fill 512 MiB."""
    code = (
        "import threading; end = threading.Event(); "
        "threads = [threading.Thread(target=end.wait, daemon=True) for _ in range(100)]; "
        "[thread.start() for thread in threads]; end.set(); print('all')"
    )
    wanted = command(tmp_path, PYTHON, "-I", "-c", code, memory=2**29)
    run_to_end(wanted, guardian, timeout=20)
    assert wanted.log.read_text() == "all\n"


def test_a_command_that_is_killed_is_told_so(guardian: Guardian, tmp_path: Path) -> None:
    with pytest.raises(StackError, match="killed by signal 9"):
        run_to_end(command(tmp_path, "sh", "-c", "kill -9 $$"), guardian, timeout=20)


STUBBORN = """
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(
    [sys.executable, "-I", "-c", "import time; time.sleep(600)"], start_new_session=True
)
pathlib.Path("pids").write_text(f"{os.getpid()} {child.pid}\\n")
time.sleep(600)
"""


def test_what_has_left_the_group_is_killed_with_a_leader_that_does_not_end(
    guardian: Guardian, tmp_path: Path
) -> None:
    with confined(command(tmp_path, PYTHON, "-I", "-c", STUBBORN, patience=0.2), guardian) as (
        process,
        tree,
    ):
        leader, child = map(int, wait_for(tmp_path / "pids").split())
        assert leader == process.pid
        assert os.getpgid(child) != leader
        assert tree.death() is None
    assert tree.death() == "killed by signal 9"
    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


POLITE = """
import pathlib, signal, time
def end(number, frame):
    print(signal.Signals(number).name, flush=True)
    raise SystemExit(0)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, end)
pathlib.Path("ready").write_text("yes\\n")
time.sleep(600)
"""


class Listening(Guardian):
    """Remembers what the guardian was told."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def _tell(self, line: str) -> None:
        self.lines.append(line)
        super()._tell(line)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("who", ["the tool", "the guardian"])
def test_a_command_is_asked_to_end_by_its_own_signal(
    tmp_path: Path, sent: signal.Signals, who: str
) -> None:
    wanted = command(tmp_path, PYTHON, "-I", "-c", POLITE, polite=sent, patience=20.0)
    with Listening() as guardian, confined(wanted, guardian) as (process, _):
        wait_for(tmp_path / "ready")
        if who == "the guardian":
            # what it does when the pipe has closed
            (charge,) = read_charges(io.StringIO("\n".join(guardian.lines)))
            guardians = threading.Thread(target=_carry_out, args=(charge,))
            guardians.start()
            assert process.wait(timeout=20) == 0
            guardians.join()
    assert wanted.log.read_text().strip() == sent.name
