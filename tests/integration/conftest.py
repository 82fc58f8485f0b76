"""Real processes; environments are installed once and kept in the user's cache, as in use."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pytest

Toolkit = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COLUMNS")}
    return {**kept, **changes}


@pytest.fixture
def toolkit(tmp_path: Path) -> Toolkit:
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
            env=environment(**(env or {})),
            timeout=240,
        )

    return run


@pytest.fixture
def leftovers() -> Callable[[], list[str]]:
    """List processes of ours and temporary folders that were not there before."""

    def found() -> set[str]:
        processes = {
            f"{process.pid} {' '.join(process.info['cmdline'] or [])[:120]}"
            for process in psutil.process_iter(["cmdline", "status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and any(
                word in " ".join(process.info["cmdline"] or [])
                for word in ("toolkit.load.inside", "toolkit/serve.py", "gunicorn", "uvicorn ")
            )
        }
        folders = {str(folder) for folder in Path("/tmp").glob("toolkit-*")}
        return processes | folders

    before = found()

    def new() -> list[str]:
        deadline = time.monotonic() + 20
        while (extra := found() - before) and time.monotonic() < deadline:
            time.sleep(0.1)
        return sorted(extra)

    return new
