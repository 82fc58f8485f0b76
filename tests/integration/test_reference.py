"""The reference apps on all servers, as processes: what the docs say of them holds here."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from toolkit.backing import open_backings
from toolkit.catalog import Catalog, root
from toolkit.cli.wiring import Session, session
from toolkit.config import Config, RuntimeConfig
from toolkit.model import Knobs, Need
from toolkit.progress import Progress
from toolkit.runtime.environments import ensure_environment

CATALOG = Catalog(root())
QUIET = Progress(Console(quiet=True))


@pytest.mark.timeout(2400)
def test_every_stack_keeps_the_contract_or_is_listed_as_broken_upstream() -> None:
    """With a database and an upstream; nothing is left out."""
    done = subprocess.run(
        [sys.executable, "-m", "toolkit", "verify", "--all", "--runtime", "process"],
        capture_output=True,
        text=True,
        timeout=2300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "not checked" not in done.stdout
    for stack in CATALOG.stacks:
        assert f"{stack.id:30} ok" in done.stdout
    assert f"{len(CATALOG.stacks)} stacks: {len(CATALOG.stacks)} as they should be" in done.stdout


@pytest.fixture(scope="module")
def parts() -> Iterator[Session]:
    config = Config(runtime=RuntimeConfig(kind="process"))
    with session(config, "reference") as opened:
        yield opened


@pytest.mark.timeout(900)
def test_the_flask_app_passes_its_own_tests(parts: Session, tmp_path: Path) -> None:
    """In the environment that its image has, with pytest beside it, against PostgreSQL."""
    (stack,) = CATALOG.select_stacks(("flask/gunicorn-sync",))
    python = ensure_environment(stack, Config().image, QUIET) / "bin" / "python"
    subprocess.run(
        [
            *(Path(sys.executable).with_name("uv"), "pip", "install", "--quiet"),
            *("--python", python, "--target", tmp_path, f"pytest=={pytest.__version__}"),
        ],
        check=True,
        timeout=300,
    )
    shared = CATALOG.path / "apps" / "shared"
    with open_backings(parts.runtime, [Need.DATABASE], shared, QUIET, knobs=Knobs()) as backings:
        database = backings.started[Need.DATABASE].url.rpartition("/")[0]
        done = subprocess.run(
            [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
            cwd=stack.app.path,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(map(str, (stack.app.path, shared, tmp_path))),
                "PYTHONDONTWRITEBYTECODE": "1",
                "SECRET_KEY": "of the tests, long enough to be taken",
                "DATABASE_URL": f"{database}/postgres",
            },
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
