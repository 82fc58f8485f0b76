"""Real processes; environments are installed once and kept in the user's cache, as in use."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest

from toolkit.runtime import confine
from toolkit.runtime.guardian import Guardian, kill_group
from toolkit.runtime.process import ProcessService
from toolkit.runtime.ready import free_port, wait_until_ready

Toolkit = Callable[..., "subprocess.CompletedProcess[str]"]
ServeCheat = Callable[..., AbstractContextManager[ProcessService]]

CHEAT = Path(__file__).with_name("cheat.py")
PYTHON = str(Path(sys.executable).absolute())


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COLUMNS")}
    return {**kept, **changes}


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Give the folder that commands under test have for their temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def surroundings(temporary: Path) -> dict[str, str]:
    """Give the environment of commands under test; whatever they start knows it by TMPDIR."""
    return environment(TMPDIR=str(temporary))


@pytest.fixture
def toolkit(tmp_path: Path, surroundings: dict[str, str]) -> Toolkit:
    """Run the command in an empty folder."""

    def run(
        *arguments: str, env: Mapping[str, str] | None = None, cwd: Path = tmp_path
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "toolkit", *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**surroundings, **(env or {})},
            timeout=240,
        )

    return run


@pytest.fixture
def running(temporary: Path) -> Callable[[], list[str]]:
    """List the processes and temporary folders that commands of this test have now."""

    def found() -> list[str]:
        processes = [
            f"{process.pid} {' '.join(process.info['cmdline'] or [])[:120]}"
            for process in psutil.process_iter(["cmdline", "environ", "status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and str(temporary) in (process.info["environ"] or {}).get("TMPDIR", "")
        ]
        return processes + [str(folder) for folder in temporary.glob("toolkit-*")]

    return found


@pytest.fixture
def leftovers(running: Callable[[], list[str]]) -> Callable[[], list[str]]:
    """List what is still there after a while."""

    def found() -> list[str]:
        deadline = time.monotonic() + 20
        while (extra := running()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return extra

    return found


@pytest.fixture(scope="session")
def serve_cheat() -> ServeCheat:
    """Give a context that serves ``cheat.py`` with a fault until its end."""

    @contextlib.contextmanager
    def serve(
        fault: str, *, cpus: Sequence[int], guardian: Guardian, log: Path
    ) -> Iterator[ProcessService]:
        port = free_port()
        began = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(PYTHON, "-I", confine.__file__, ",".join(map(str, cpus)) or "-", "-"),
                    *(PYTHON, "-I", str(CHEAT), fault, str(port)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        def death() -> str | None:
            code = process.poll()
            return None if code is None else f"exit code {code}"

        try:
            with guardian.watching_group(process.pid):
                wait_until_ready(
                    port=port, path="/healthz", death=death, log_tail=log.read_text, timeout=20
                )
                url = f"http://127.0.0.1:{port}"
                yield ProcessService(process, log, url, time.monotonic() - began)
        finally:
            kill_group(process.pid, grace=2.0, reap=process.poll)
            process.wait()

    return serve
