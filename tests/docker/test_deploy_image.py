"""The image of a deployment, built and run as it is meant to be: locked up, clear when it fails."""

import contextlib
import http.client
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker.errors
import docker.models.containers
import pytest

import docker
from tests.unit.made_up_deployments import STACKS, evidence, files_of, numbers_of, place, under
from toolkit.deployment.sizing import Numbers
from toolkit.deployment.writing import write
from toolkit.runtime.images import DEBIAN_BASE, DEFAULT_BASE
from toolkit.runtime.ready import poll
from toolkit.runtime.recipe import find_ca_bundle

# the first build installs packages
pytestmark = [
    pytest.mark.docker,
    pytest.mark.usefixtures("engine"),
    pytest.mark.timeout(900),
]

STACK = STACKS["flask/gunicorn-gthread"]
TAG = "toolkit-test-deployed:dev"
SECRET = "f6d1c0d2a3b4e5968778695a4b3c2d1e0f"
Container = docker.models.containers.Container
Start = Callable[..., contextlib.AbstractContextManager[Container]]


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    found = docker.from_env()
    yield found
    found.close()


@pytest.fixture(scope="module")
def numbers() -> Numbers:
    """Two workers for each CPU, of 60 MiB each."""
    said = evidence(under(memory=120 * 2**20), stack=STACK.id, cpus=2.0)
    return numbers_of(STACK, said, knobs={"workers": 4})


@pytest.fixture(scope="module")
def image(
    client: docker.DockerClient, numbers: Numbers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Build the image of a rendered deployment from whichever base there is."""
    folder = tmp_path_factory.mktemp("deployed")
    try:
        base = client.images.get(DEFAULT_BASE).tags[0]
    except docker.errors.ImageNotFound:
        base = DEBIAN_BASE
    where = place(folder, base=base, ca_bundle=find_ca_bundle(""))
    write(files_of(STACK, None, where, numbers=numbers), folder)
    client.images.build(
        path=str(folder),
        tag=TAG,
        rm=True,
        forcerm=True,
        buildargs={"VERSION": "1.4.2", "REVISION": "abc123"},
    )
    yield TAG
    client.images.remove(TAG, force=True)


@pytest.fixture
def start(client: docker.DockerClient, image: str, tmp_path: Path) -> Start:
    """Start a container as the templates do: read-only, without capabilities, limited."""

    @contextlib.contextmanager
    def started(**changes: Any) -> Iterator[Container]:  # noqa: ANN401 - as Docker has them
        secret = tmp_path / "secret"
        secret.write_text(f"{SECRET}\n")
        environment = {
            "SECRETS": "SECRET_KEY",
            "SECRET_KEY_FILE": "/run/secrets/SECRET_KEY",
            "PROMETHEUS_MULTIPROC_DIR": "/tmp/metrics",
            **changes.pop("environment", {}),
        }
        settings: dict[str, Any] = {
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "tmpfs": {"/tmp": "size=16m,mode=1777"},
            "nano_cpus": 10**9,
            "mem_limit": "512m",
            "pids_limit": 100,
            "sysctls": {"net.core.somaxconn": "2048"},
            "volumes": {str(secret): {"bind": "/run/secrets/SECRET_KEY", "mode": "ro"}},
        }
        container = client.containers.run(
            image, detach=True, environment=environment, **{**settings, **changes}
        )
        try:
            yield container
        finally:
            container.remove(force=True)

    return started


def until(container: Container, look: Callable[[], str | None], wanted: str) -> None:
    """Wait for something of a container."""

    def death() -> str | None:
        container.reload()
        return None if container.status in ("running", "created") else container.status

    def tail() -> str:
        return bytes(container.logs()).decode()

    poll(look, wanted=wanted, death=death, log_tail=tail, timeout=90, interval=0.2)


def until_healthy(container: Container) -> None:
    def look() -> str | None:
        health = container.attrs["State"]["Health"]["Status"]
        return None if health == "healthy" else f"it is {health}"

    until(container, look, "health")


def run_in(container: Container, *command: str) -> tuple[int | None, str]:
    done = container.exec_run([*command])
    assert isinstance(done.output, bytes)
    return done.exit_code, done.output.decode()


def of_python(container: Container, code: str) -> str:
    status, out = run_in(container, "python", "-c", code)
    assert status == 0, out
    return out.strip()


def servers(container: Container) -> list[str]:
    """Give the commands of its processes but for the first."""
    table = container.top(ps_args="-o pid,ppid,args")["Processes"] or []
    first = str(container.attrs["State"]["Pid"])
    return [row[-1] for row in table if row[1] == first]


def address(container: Container) -> str:
    container.reload()
    networks = container.attrs["NetworkSettings"]["Networks"]
    return next(str(item["IPAddress"]) for item in networks.values() if item["IPAddress"])


def ask(container: Container, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address(container), 8000, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


# what is in it


def test_it_says_what_it_is(client: docker.DockerClient, image: str) -> None:
    made = client.images.get(image).attrs["Config"]
    assert made["User"] == "10001:10001"
    assert made["StopSignal"] == "SIGTERM"
    assert made["Entrypoint"] == ["python", "/srv/entrypoint.py"]
    assert made["Cmd"][0] == "gunicorn"
    labels = made["Labels"]
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}version"] == "1.4.2"
    assert labels[f"{prefix}revision"] == "abc123"
    assert labels[f"{prefix}title"] == "flask"
    assert labels[f"{prefix}base.name"]
    # of the package index, and what authority it took to reach it, nothing is left
    assert "INDEX" not in json.dumps(made)


def test_it_has_no_tools_of_the_build_and_compiles_nothing_at_its_start(start: Start) -> None:
    with start() as container:
        tools = ["gcc", "cc", "make", "pip", "pip3", "uv", "curl", "wget", "git"]
        shown = of_python(
            container,
            f"import shutil, importlib.util; print([t for t in {tools} if shutil.which(t)], "
            "importlib.util.find_spec('pip'), importlib.util.find_spec('uv'))",
        )
        assert shown == "[] None None"
        bare = of_python(
            container,
            "import pathlib; print([str(p) for top in ('/srv', '/opt/venv') "
            "for p in pathlib.Path(top).rglob('*.py') "
            "if not list((p.parent / '__pycache__').glob(p.stem + '.*pyc'))][:5])",
        )
        assert bare == "[]"
        status, out = run_in(container, "find", "/srv", "/opt", "-name", "bundle.crt")
        assert (status, out) == (0, "")


# how it runs


def test_locked_up_it_serves_and_says_that_it_is_well(start: Start) -> None:
    """No capabilities, a root that is read-only, a user that is nobody."""
    with start() as container:
        until_healthy(container)
        assert ask(container, "/healthz") == (200, b'{"status":"ok"}\n')
        assert run_in(container, "touch", "/srv/app/x")[0] != 0
        status = dict(
            line.split(":\t", 1)
            for line in run_in(container, "cat", "/proc/1/status")[1].splitlines()
            if ":\t" in line
        )
        assert status["Uid"].split() == ["10001"] * 4
        assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
        assert status["NoNewPrivs"] == "1"
        # the secret is in the environment of the server alone, where exec does not see it
        assert SECRET not in run_in(container, "env")[1]
        assert SECRET not in json.dumps(container.attrs)


@pytest.mark.parametrize(
    ("cpus", "memory", "workers"),
    [(1.0, "512m", 2), (2.0, "512m", 4), (0.25, "512m", 1), (2.0, "160m", 2)],
)
def test_it_has_as_many_workers_as_its_quota_and_its_memory_allow(
    cpus: float, memory: str, workers: int, start: Start
) -> None:
    """Two for each CPU; at 60 MiB each and 30 % in reserve 160 MiB hold two."""
    with start(nano_cpus=int(cpus * 1e9), mem_limit=memory) as container:
        until_healthy(container)

        def look() -> str | None:
            count = len(servers(container))
            return None if count == workers else f"{count} workers"

        until(container, look, f"{workers} workers")
        assert all("gunicorn" in command for command in servers(container))


def test_a_request_in_flight_is_answered_before_it_ends(start: Start) -> None:
    """The signal comes while the app reads a body, of which the rest comes after it."""
    with start() as container:
        until_healthy(container)
        connection = http.client.HTTPConnection(address(container), 8000, timeout=30)
        connection.putrequest("POST", "/upload")
        connection.putheader("Content-Length", "30000")
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        # the app has begun to read when it is asked to go on
        assert connection.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.send(b"x" * 10_000)
        container.kill("SIGTERM")
        for _ in range(20):
            time.sleep(0.1)  # a client that is slow, not a wait for something
            connection.send(b"x" * 1000)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["bytes"]) == (200, 30_000)
        assert container.wait(timeout=40)["StatusCode"] == 0
        connection.close()


# how it fails


def test_without_its_secret_it_ends_with_one_line(start: Start) -> None:
    with start(volumes={}) as container:
        assert container.wait(timeout=60)["StatusCode"] == 78
        assert bytes(container.logs()).decode() == (
            "entrypoint: cannot start: SECRET_KEY_FILE names /run/secrets/SECRET_KEY: "
            "No such file or directory\n"
        )


def test_without_its_database_it_serves_and_is_not_ready(start: Start) -> None:
    """One line says so; a restart would not help, so liveness and health check stay well."""
    database = {"DATABASE_URL": "postgresql://app:wrong@127.0.0.1:5999/app"}
    with start(environment=database) as container:
        until_healthy(container)
        lines = bytes(container.logs()).decode().splitlines()
        said = [line for line in lines if line.startswith("entrypoint:")]
        assert said == [
            "entrypoint: the database at 127.0.0.1:5999 cannot be used yet: Connection refused"
        ]
        assert ask(container, "/healthz")[0] == 200
        assert ask(container, "/readyz") == (503, b'{"status":"not ready"}\n')


def test_a_command_of_its_own_gets_the_secrets_too(
    client: docker.DockerClient, image: str, tmp_path: Path
) -> None:
    """As a migration does; the database's address is put together from a file."""
    secret = tmp_path / "password"
    secret.write_text("p/w@d")
    out = client.containers.run(
        image,
        ["python", "-c", "import os; print(os.environ['URL'])"],
        remove=True,
        environment={
            "SECRETS": "DATABASE_PASSWORD",
            "DATABASE_PASSWORD_FILE": "/run/secrets/password",
            "URL": "postgresql://app:{DATABASE_PASSWORD}@database/app",
        },
        volumes={str(secret): {"bind": "/run/secrets/password", "mode": "ro"}},
    )
    assert out == b"postgresql://app:p%2Fw%40d@database/app\n"
