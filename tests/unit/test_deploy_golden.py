"""Golden files: `UPDATE_GOLDEN=1 scripts/test tests/unit/test_deploy_golden.py` writes them."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

import toolkit
from tests.unit.made_up_deployments import TEMPLATES
from toolkit.catalog import root
from toolkit.cli.deploying import Asked, deployed
from toolkit.config import Config
from toolkit.deployment.rendering import Written

GOLDEN = Path(__file__).parent.parent / "golden"
RUN = "results/reference/servers"


def files(stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Written]:
    monkeypatch.setattr(toolkit, "__version__", "1.2.3")
    how = f"toolkit deploy --from {RUN} --stack {stack}"
    config = Config()
    config = replace(config, deploy=replace(config.deploy, targets=(), output="deploy-out"))
    return deployed(config, tmp_path, Asked(run=str(root() / RUN), stack=stack, how=how))


def golden(name: str, text: str) -> None:
    # moves with every upgrade of the locks, and says nothing here
    lock = (TEMPLATES / "uv" / "requirements.txt").read_text()
    version = next(line for line in lock.splitlines() if line.startswith("uv=="))
    text = text.replace(version.removeprefix("uv==").rstrip(" \\"), "UV")
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize(
    "name", ["README.md", "DERIVATION.md", "Dockerfile", "server/gunicorn.conf.py"]
)
def test_a_deployment_of_the_reference_run_reads_like_this(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = files("flask/gunicorn-gthread", tmp_path, monkeypatch)[name]
    golden(f"deploy_{name.rpartition('/')[2]}", written.content.decode())


def test_a_configuration_of_uwsgi_reads_like_this(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = files("flask/uwsgi", tmp_path, monkeypatch)["server/uwsgi.ini"]
    golden("deploy_uwsgi.ini", written.content.decode())
