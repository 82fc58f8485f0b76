"""An app of the user's own in containers: its packages, what it writes, an image as it is."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import docker
from toolkit.measured import Measurement
from toolkit.store import Store

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

FLASKR = Path(__file__).parents[1] / "fixtures" / "apps" / "flaskr"
BRIEF = (
    *("--rounds", "1", "--rates", "none", "--duration", "0.4", "--warmup", "0.1", "--users", "2"),
)


def bench(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "toolkit", "bench", *arguments, *BRIEF],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def measurement(folder: Path) -> Measurement:
    (item,) = Store(folder / "results").load().outcomes
    assert isinstance(item, Measurement), item
    assert item.phases[0].load.requests > 5
    assert item.phases[0].load.errors == {}
    return item


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    found = docker.from_env()
    yield found
    found.close()


def test_the_tutorials_app_writes_its_database_into_memory(tmp_path: Path) -> None:
    done = bench(
        tmp_path,
        *(str(FLASKR), "--runtime", "docker", "--servers", "gunicorn-gthread"),
        *("--before", "flask --app flaskr init-db", "--post", "/create=title=A&body=b"),
    )
    # on a machine that others use as well a trial may be invalid, which is no failure of this test
    assert done.returncode in (0, 4), done.stderr
    assert measurement(tmp_path).trial.stack == "flaskr/gunicorn-gthread"


def test_an_image_is_measured_as_it_is_and_may_stand_beside_an_app(
    tmp_path: Path, client: docker.DockerClient
) -> None:
    (tmp_path / "hello.py").write_text(
        "from flask import Flask\n\napp = Flask(__name__)\napp.get('/')(lambda: 'hello')\n"
    )
    (tmp_path / "requirements.txt").write_text((FLASKR / "requirements.txt").read_text())
    made = ("hello:app", "--runtime", "docker", "--servers", "gunicorn-sync", "--get", "/")
    done = bench(tmp_path, *made)
    assert done.returncode in (0, 4), done.stderr
    run = Store(tmp_path / "results").load()
    image = run.stacks[0].image
    assert image is not None
    client.images.get(image).tag("toolkit-test/hello", "1")
    try:
        done = bench(tmp_path, "--image", "toolkit-test/hello:1", "--get", "/")
        assert done.returncode in (0, 4), done.stderr
        assert measurement(tmp_path).trial.stack == "toolkit-test-hello-1/as-it-is"
        beside_another_image(tmp_path)
    finally:
        client.images.remove("toolkit-test/hello:1", noprune=True)


ASKING = """
import os, urllib.request
from flask import Flask

app = Flask(__name__)


@app.get("/")
def ask():
    with urllib.request.urlopen(os.environ["BESIDE"], timeout=5) as answer:
        return answer.read()
"""
BESIDE = """
[app.environment]
BESIDE = "http://{beside}/etc/hostname"

[services.beside]
image = "toolkit-test/hello:1"
port = 9000
command = "python -m http.server 9000 --directory /"
ready = '''python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:9000/')"'''
"""


def beside_another_image(folder: Path) -> None:
    """See that an app reaches a service that is an image, and that nothing is left of it."""
    (folder / "asking.py").write_text(ASKING)
    (folder / "toolkit.toml").write_text(BESIDE)
    done = bench(
        folder, "asking:app", "--runtime", "docker", "--servers", "gunicorn-gthread", "--get", "/"
    )
    assert done.returncode in (0, 4), done.stderr
    found = measurement(folder)
    assert found.phases[0].backings["beside"].memory_peak > 2**20
