"""The reference apps in their images: another Python, a read-only root, another PostgreSQL."""

import subprocess
import sys

import pytest

from toolkit.catalog import Catalog, root
from toolkit.runtime.engine import Engine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]

STACKS = (
    "flask/*",
    "fastapi/*",
    *(f"{app}/gunicorn-gthread" for app in ("flask-async", "bottle", "django")),
    "litestar/uvicorn",
    "quart/hypercorn",
    "quart/gunicorn-asgi",
)
"""Every server, and every app; all pairs are built by `toolkit verify --all` by hand."""


def test_every_server_and_every_app_keep_the_contract_in_containers(engine: Engine) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "toolkit", "verify", "--all", "--runtime", "docker", *STACKS],
        capture_output=True,
        text=True,
        timeout=2300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = Catalog(root())
    chosen = found.select_stacks(STACKS)
    assert {stack.server.name for stack in chosen} == {server.name for server in found.servers}
    assert {stack.app.name for stack in chosen} == {app.name for app in found.apps}
    assert "not checked" not in done.stdout
    for stack in chosen:
        assert f"{stack.id:30} ok" in done.stdout
    assert "Quart 0.23 (Python 3.13) waits for http.disconnect" in done.stdout
