"""``toolkit check`` of images, and of a project that is built from its Dockerfile."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker.models.containers import Container
from rich.console import Console

import docker
from toolkit.catalog import Catalog, root
from toolkit.changes import Verdict
from toolkit.check_store import load_check
from toolkit.checked import Check, Metric, Side
from toolkit.config import ImageConfig
from toolkit.judgement import assess
from toolkit.model import Project as ProjectToBuild
from toolkit.progress import Progress
from toolkit.runtime.engine import Engine, own_name
from toolkit.runtime.images import Images
from toolkit.runtime.recipe import digest

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

Build = Callable[[str, str], str]

PORT = 8087
"""Not the usual one."""

APP = """\
import sys, time
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

PAUSE = 0.0
STATUS = "200 OK"
ITEMS = b"some thirty characters of text"

def app(environ, start_response):
    time.sleep(PAUSE)
    status = STATUS if environ["PATH_INFO"] == "/items" else "200 OK"
    start_response(status, [("Content-Length", str(len(ITEMS)))])
    return [ITEMS]

class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass

class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128

make_server("0.0.0.0", int(sys.argv[1]), app, Server, Quiet).serve_forever()
"""
SLOW = APP.replace("PAUSE = 0.0", "PAUSE = 0.02")
BROKEN = SLOW.replace("200 OK", "503 Not now", 1)
ENDING = "print('no such table: items')\nraise SystemExit(3)\n"


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    found = docker.from_env()
    yield found
    found.close()


@pytest.fixture(scope="module")
def recipe(engine: Engine) -> str:
    """Give a Dockerfile on the base that the toolkit's own images have; the app is in /tmp."""
    images = Images(engine, Catalog(root()), ImageConfig())
    base = images._find_base(Progress(Console(quiet=True)))
    return f'FROM {base}\nCOPY app.py /tmp/app.py\nCMD ["python3", "/tmp/app.py", "{PORT}"]\n'


@pytest.fixture
def build(tmp_path: Path, client: docker.DockerClient, recipe: str) -> Iterator[Build]:
    """Build an image of an app; it is removed after the test."""
    built = []

    def make(name: str, text: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "app.py").write_text(text)
        (folder / "Dockerfile").write_text(recipe)
        tag = f"toolkit-test-check:{name}"
        client.images.build(path=str(folder), tag=tag, rm=True)
        built.append(tag)
        return tag

    yield make
    for tag in built:
        client.images.remove(tag, force=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "shop-of-a-test"
    found.mkdir()
    return found


def check(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            *(sys.executable, "-m", "toolkit", "check", *arguments, "--runtime", "docker"),
            *("--get", "/items", "--port", str(PORT), "--seconds", "0.5", "--no-confirm"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def stored(folder: Path) -> Check:
    (file,) = folder.glob("results/checks/*/check.json")
    return load_check(file)


def left(client: docker.DockerClient, *images: str) -> list[Container]:
    """List the containers that are still there of images."""
    return [
        container
        for image in images
        for container in client.containers.list(
            all=True, filters={"ancestor": image}, ignore_removed=True
        )
    ]


def test_two_images_are_compared_and_a_sleep_is_found(
    folder: Path, build: Build, client: docker.DockerClient
) -> None:
    """Where there is no git, and nothing is built: 20 ms in a view that takes one or two."""
    base, candidate = build("base", APP), build("slow", SLOW)
    done = check(
        folder,
        *("--base-image", base, "--candidate-image", candidate, "--metric", "throughput"),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    found = stored(folder)
    assert found.runtime.name == "docker"
    for facts, tag in ((found.base, base), (found.candidate, candidate)):
        assert facts.label == f"image {tag}"
        assert facts.image == facts.identity == client.images.get(tag).id
    (change,) = [item for item in assess(found).changes if item.metric is Metric.THROUGHPUT]
    assert change.verdict is Verdict.REGRESSION
    assert change.ratio.value < 0.8
    for pair in found.series(1):
        for side in Side:
            sample = pair.duels["GET /items"].of(side)
            assert sample.answered >= 40
            assert sample.cpu > 0
            assert sample.memory > 2**20
    assert left(client, base, candidate) == []


def test_a_candidate_image_that_exits_at_once_is_invalid_and_its_log_is_quoted(
    folder: Path, build: Build, client: docker.DockerClient
) -> None:
    base, candidate = build("base", APP), build("ending", ENDING)
    done = check(folder, "--base-image", base, "--candidate-image", candidate)
    assert done.returncode == 4, done.stdout + done.stderr
    assert f"error: the candidate (image {candidate})" in done.stderr
    assert "exit code 3" in done.stderr
    assert "  | no such table: items" in done.stderr
    assert done.stdout == ""
    assert left(client, base, candidate) == []


def test_an_image_that_is_not_to_be_had_is_named(folder: Path, build: Build) -> None:
    done = check(
        folder, "--base-image", build("base", APP), "--candidate-image", "127.0.0.1:1/no-such:0"
    )
    assert done.returncode == 4
    assert "127.0.0.1:1/no-such:0 cannot be pulled" in done.stderr
    assert "Traceback" not in done.stderr


class Project:
    """A project in git with a Dockerfile."""

    def __init__(self, folder: Path, recipe: str) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch", "main")
        (folder / "Dockerfile").write_text(recipe)
        self.commit(APP)
        self.git("tag", "base")

    def git(self, *arguments: str) -> str:
        settings = ("-c", "user.name=A", "-c", "user.email=a@localhost")
        return subprocess.run(
            ["git", *settings, *arguments],
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def commit(self, app: str) -> str:
        (self.folder / "app.py").write_text(app)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def project(folder: Path, recipe: str, client: docker.DockerClient) -> Iterator[Project]:
    yield Project(folder, recipe)
    for side in Side:
        with contextlib.suppress(docker.errors.ImageNotFound):
            name = digest({}, (f"{folder.name} ({side})",))
            client.images.remove(f"toolkit/project:{name}", force=True)


def test_commits_are_built_from_their_own_dockerfile_and_errors_are_no_regression(
    project: Project, client: docker.DockerClient
) -> None:
    """The candidate answers with errors, and much slower as well."""
    base, candidate = project.git("rev-parse", "base"), project.commit(BROKEN)
    done = check(project.folder, "--base", "base", "--candidate", "main")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "invalid" in done.stdout.lower()
    found = stored(project.folder)
    assert (found.base.identity, found.candidate.identity) == (base, candidate)
    assert found.base.image != found.candidate.image
    assert len(found.pairs) == 3
    for pair in found.pairs:
        duel = pair.duels["GET /items"]
        assert (duel.base.failed, duel.candidate.answered) == (0, 0)
        assert duel.base.answered >= 40
    assert left(client, found.base.image or "", found.candidate.image or "") == []
    assert len(project.git("worktree", "list").splitlines()) == 1


def test_a_recipe_that_cannot_be_built_quotes_its_last_output(
    project: Project, client: docker.DockerClient
) -> None:
    with (project.folder / "Dockerfile").open("a") as file:
        file.write("RUN echo there is no compiler && false\n")
    done = check(project.folder, "--base", "base")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "cannot be built" in done.stderr
    assert "there is no compiler" in done.stderr
    # a step that fails leaves its container behind, unless it is told not to
    every = client.containers.list(all=True, ignore_removed=True)
    assert not [item for item in every if "no compiler" in str(item.attrs["Config"]["Cmd"])]
    assert len(project.git("worktree", "list").splitlines()) == 1


def test_a_commit_without_a_dockerfile_is_told_so(project: Project) -> None:
    (project.folder / "Dockerfile").unlink()
    done = check(project.folder, "--base", "base")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "has no Dockerfile" in done.stderr
    assert "--dockerfile" in done.stderr


def test_the_image_of_the_last_check_goes_unless_its_check_still_runs(
    folder: Path,
    recipe: str,
    engine: Engine,
    client: docker.DockerClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / "Dockerfile").write_text(recipe)
    images = Images(engine, Catalog(root()), ImageConfig())
    project = ProjectToBuild(name="shop-of-a-test", folder=folder, dockerfile="Dockerfile")
    observer = Progress(Console(quiet=True))
    own = own_name()
    built = []
    try:
        for text, builder in ((APP, "4194305 1"), (SLOW, own), (BROKEN, own)):
            (folder / "app.py").write_text(text)
            monkeypatch.setattr("toolkit.runtime.images.own_name", lambda name=builder: name)
            built.append(images.of_project(project, observer))
        assert len({*built}) == 3
        assert [engine.has_image(image) for image in built] == [False, True, True]
    finally:
        for image in built:
            with contextlib.suppress(docker.errors.ImageNotFound):
                client.images.remove(image, force=True)
