"""What is rendered is free of findings: of hadolint's, and of the toolkit's own lint."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.made_up_deployments import (
    BY_SERVER,
    files_of,
    own_app,
    place,
)
from toolkit.deployment.assembling import Project
from toolkit.deployment.writing import write
from toolkit.lint.finding import Measured
from toolkit.lint.gather import gather
from toolkit.lint.ignoring import heed_comments
from toolkit.lint.rules import judge
from toolkit.reading import Files

HADOLINT = Path(sys.executable).with_name("hadolint")
RECOGNISED = [name for name in BY_SERVER if name not in ("waitress", "gevent-pywsgi", "flask-dev")]
"""Of the others a launcher of the toolkit's own is the server, which lint does not look into."""


def hadolint(dockerfile: Path) -> str:
    done = subprocess.run(
        [HADOLINT, "--no-color", dockerfile],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", BY_SERVER)
def test_hadolint_finds_nothing_in_a_dockerfile(name: str, tmp_path: Path) -> None:
    write(files_of(BY_SERVER[name]), tmp_path)
    assert hadolint(tmp_path / "Dockerfile") == ""


def test_hadolint_finds_nothing_in_that_of_an_own_app(tmp_path: Path) -> None:
    stack = own_app(tmp_path / "laid", wheels_only=False)
    project = Project(folder=tmp_path, target="shop:app", shim=stack.app.path / "toolkit_app.py")
    where = place(tmp_path / "deploy", index_url="https://packages.example.com/simple")
    write(files_of(stack, None, where, project=project), tmp_path / "deploy")
    assert hadolint(tmp_path / "deploy" / "Dockerfile") == ""


def test_hadolint_finds_what_is_wrong(tmp_path: Path) -> None:
    """Its silence above is worth something."""
    (tmp_path / "Dockerfile").write_text("FROM debian\nRUN cd /srv\nCMD gunicorn app\n")
    assert "DL3025" in hadolint(tmp_path / "Dockerfile")


@pytest.mark.parametrize("name", RECOGNISED)
def test_lint_knows_the_server_and_finds_nothing(name: str, tmp_path: Path) -> None:
    write(files_of(BY_SERVER[name]), tmp_path)
    files = Files.of(tmp_path)
    deployment = gather(files)
    assert [unit.server for unit in deployment.units if unit.server is not None]
    assert not deployment.unread
    found, ignored = heed_comments(judge(deployment, Measured()).findings, files)
    assert [f"{item.rule} {item.message}" for item in found] == []
    # what a comment asks silence for, with its reason, is this and no more
    expected = ["connection-budget"] if name == "gunicorn-gevent" else []
    assert [item.rule for item in ignored] == expected
