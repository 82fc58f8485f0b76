"""Database and upstream as containers, on the real engine."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from docker.models.containers import Container
from rich.console import Console

import docker
from toolkit.cli.wiring import Session, session
from toolkit.config import Config, RuntimeConfig
from toolkit.errors import EnvironmentFault, StackError
from toolkit.model import Need
from toolkit.progress import Progress
from toolkit.runtime import docker as runtime_module
from toolkit.runtime import images, postgres, recipe
from toolkit.runtime.engine import RUN_LABEL, Engine

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]
QUIET = Progress(Console(quiet=True))
NETWORKS = pytest.mark.parametrize("network", ["host", "bridge"])


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    found = docker.from_env()
    yield found
    found.close()


@contextlib.contextmanager
def opened(run: str, network: str = "auto") -> Iterator[Session]:
    kind = RuntimeConfig(kind="docker", network=network)  # type: ignore[arg-type]
    with session(Config(runtime=kind), run) as parts:
        yield parts


def containers(client: docker.DockerClient, run: str) -> list[Container]:
    label = f"{RUN_LABEL}={run}"
    return client.containers.list(all=True, filters={"label": label}, ignore_removed=True)


def within(seconds: float, claim: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def status_of(made: Container) -> dict[str, str]:
    output = made.exec_run(["cat", "/proc/1/status"]).output
    assert isinstance(output, bytes)
    lines = output.decode().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def get(url: str, path: str) -> object:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        return json.load(response)
    finally:
        connection.close()


@NETWORKS
@pytest.mark.parametrize("need", list(Need))
def test_a_backing_service_is_confined_on_loopback_and_goes(
    need: Need, network: str, client: docker.DockerClient
) -> None:
    run = f"confined-{need}-{network}"
    with opened(run, network) as parts:
        with parts.runtime.backing(need, QUIET) as backing:
            (made,) = containers(client, run)
            host = made.attrs["HostConfig"]
            assert host["ReadonlyRootfs"] is True
            assert host["CapDrop"] == ["ALL"]
            assert host["SecurityOpt"] == ["no-new-privileges"]
            assert made.attrs["Config"]["Healthcheck"]["Test"] == ["NONE"]
            cpus = ",".join(map(str, parts.placement.backing_cpus))
            assert host["CpusetCpus"] == cpus
            assert host["NanoCpus"] == 0
            assert made.attrs["Mounts"] == []
            seen = status_of(made)
            if cpus:
                assert seen["Cpus_allowed_list"] == cpus
            assert int(seen["CapEff"], 16) == 0
            assert seen["NoNewPrivs"] == "1"
            assert "0" not in seen["Uid"].split()
            assert made.exec_run(["touch", "/srv/x"]).exit_code != 0
            for binding in (host.get("PortBindings") or {}).values():
                assert {item["HostIp"] for item in binding} == {"127.0.0.1"}
            assert urlsplit(backing.url).hostname == "127.0.0.1"
            assert backing.death() is None
            used = backing.usage()
            assert used.cpu > 0
            assert used.memory > 2**20
        assert containers(client, run) == []


def test_the_database_answers_its_role_with_the_settings_that_the_facts_name(
    client: docker.DockerClient,
) -> None:
    with opened("answers") as parts, parts.runtime.backing(Need.DATABASE, QUIET) as backing:
        with psycopg.connect(backing.url, autocommit=True) as connection:
            role = "SELECT rolname, rolcreatedb FROM pg_roles WHERE rolname = current_user"
            assert connection.execute(role).fetchone() == ("bench", True)
            connection.execute("CREATE DATABASE another")
            connection.execute("CREATE TABLE here (id integer)")
            rows = connection.execute("SELECT name, current_setting(name) FROM pg_settings")
            settings: dict[str, str] = dict(rows.fetchall())
            version = connection.info.parameter_status("server_version")
        (made,) = containers(client, "answers")
        assert made.exec_run(["stat", "-f", "-c", "%T", settings["data_directory"]]).output == (
            b"tmpfs\n"
        )
        assert backing.facts.need == "database"
        assert f"PostgreSQL {version} (image " in backing.facts.summary
        for named in backing.facts.summary.partition("; ")[2].split(", "):
            name, _, value = named.partition("=")
            assert settings[name] == value
        assert "ready to accept connections" in backing.log_tail()


def test_the_upstream_answers_after_the_delay_and_never_early() -> None:
    with opened("late") as parts, parts.runtime.backing(Need.UPSTREAM, QUIET) as backing:

        def wait(number: int) -> None:
            delay = 20 + number
            began = time.monotonic()
            found = get(backing.url, f"/upstream?delay_ms={delay}&token=t{number}")
            assert time.monotonic() - began >= delay / 1e3
            assert found == {"delay_ms": delay, "token": f"t{number}"}

        with ThreadPoolExecutor(200) as pool:
            list(pool.map(wait, range(200)))
        # as the first process of its container it would not be ended by a signal it does not handle
        made = backing._container  # type: ignore[attr-defined]
        assert made.stop(20) is not None
        assert backing.death() == "exit code 0"
        with pytest.raises(StackError, match="does not run"):
            backing.usage()


@NETWORKS
def test_a_command_and_a_server_reach_database_and_upstream(
    network: str, client: docker.DockerClient
) -> None:
    run = f"reached-{network}"
    with opened(run, network) as parts:
        (stack,) = parts.catalog.select_stacks(("bottle/gunicorn-sync",))
        parts.runtime.prepare(stack, QUIET)
        with (
            parts.runtime.backing(Need.DATABASE, QUIET) as database,
            parts.runtime.backing(Need.UPSTREAM, QUIET) as upstream,
        ):
            environment = {
                "SECRET_KEY": "a key of this test only",
                "DATABASE_URL": database.url_for_servers,
                "UPSTREAM_URL": upstream.url_for_servers,
            }
            assert stack.app.prepare
            for command in stack.app.prepare:
                parts.runtime.run_once(stack, command, environment)
            assert len(containers(client, run)) == 2
            with psycopg.connect(database.url) as connection:
                assert connection.execute("SELECT count(*) FROM asset").fetchone() == (0,)
            with parts.runtime.serve(stack, environment) as service:
                assert get(service.url, "/readyz") == {"status": "ready"}
                assert get(service.url, "/upstream?delay_ms=3&token=x") == {
                    "delay_ms": 3,
                    "token": "x",
                }
    assert containers(client, run) == []


def test_a_command_that_fails_or_does_not_end_shows_its_last_words(
    client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened("once") as parts:
        (stack,) = parts.catalog.select_stacks(("bottle/gunicorn-sync",))
        parts.runtime.prepare(stack, QUIET)
        command = ["python", "-c", "print('last words'); raise SystemExit(3)"]
        with pytest.raises(StackError, match=r"of bottle.*exit code 3") as caught:
            parts.runtime.run_once(stack, command, {})
        assert caught.value.log == "last words"
        monkeypatch.setattr(runtime_module, "ONCE_TIMEOUT", 3.0)
        command = ["python", "-c", "import time; print('waiting'); time.sleep(600)"]
        with pytest.raises(StackError, match="longer than 3 s") as caught:
            parts.runtime.run_once(stack, command, {})
        assert caught.value.log == "waiting"
        assert containers(client, "once") == []


def test_nothing_is_left_of_a_backing_service_after_an_exception(
    client: docker.DockerClient,
) -> None:
    with opened("raising") as parts:
        with pytest.raises(ZeroDivisionError), parts.runtime.backing(Need.UPSTREAM, QUIET):
            assert len(containers(client, "raising")) == 1
            raise ZeroDivisionError
        assert containers(client, "raising") == []


HOLD = """
import sys, time
from rich.console import Console
from toolkit.cli.wiring import session
from toolkit.config import Config, RuntimeConfig
from toolkit.model import Need
from toolkit.progress import Progress

quiet = Progress(Console(quiet=True))
with session(Config(runtime=RuntimeConfig(kind="docker")), sys.argv[1]) as parts:
    with (
        parts.runtime.backing(Need.DATABASE, quiet),
        parts.runtime.backing(Need.UPSTREAM, quiet),
    ):
        print("there", flush=True)
        time.sleep(600)
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_backing_services_when_the_toolkit_is_killed(
    sent: signal.Signals, client: docker.DockerClient
) -> None:
    # of its own: the guardian of the one before looks twice
    run = f"held-{sent.name}"
    tool = subprocess.Popen(
        [sys.executable, "-c", HOLD, run],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert tool.stdout is not None
    assert tool.stdout.readline() == "there\n"
    assert len(containers(client, run)) == 2
    tool.send_signal(sent)
    tool.wait(timeout=60)
    tool.stdout.close()
    assert within(30, lambda: containers(client, run) == [])


def test_a_database_that_does_not_start_shows_its_last_words(
    client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "INITDB", ("--no-such-option",))
    with (
        opened("broken") as parts,
        pytest.raises(EnvironmentFault, match="PostgreSQL cannot be started") as caught,
        parts.runtime.backing(Need.DATABASE, QUIET),
    ):
        pass
    assert "no-such-option" in caught.value.log
    assert containers(client, "broken") == []


class Told(Progress):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
        self.lines: list[str] = []

    def noted(self, message: str) -> None:
        self.lines.append(message)


def test_images_of_backing_services_are_built_once(engine: Engine) -> None:
    with opened("once-built") as parts:
        for need in Need:
            with parts.runtime.backing(need, QUIET):
                pass
        told = Told()
        for need in Need:
            with parts.runtime.backing(need, told):
                pass
    assert not [line for line in told.lines if "Building" in line or "Pulling" in line]


def test_a_changed_recipe_of_the_database_is_built_anew(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The tag says nothing of its content: the label does."""
    tag = f"toolkit-test-postgres:{os.getpid()}"
    monkeypatch.setattr(images, "POSTGRES", "127.0.0.1:1/no-such-image:0")
    monkeypatch.setattr(images, "DEBIAN_POSTGRES", tag)
    with opened("anew") as parts:
        made = recipe.files_of_postgres(parts.catalog)
        entry = tmp_path / "entry"
        entry.write_text("#!/bin/sh\n# another one\n")
        changed = {**made, "docker/postgres-entrypoint.sh": entry}
        built = images.Images(engine, parts.catalog, Config().image)
        try:
            first, told = Told(), Told()
            assert built.of_postgres(first) == tag
            assert built.of_postgres(told) == tag
            assert any("Building" in line for line in first.lines)
            assert told.lines == []
            monkeypatch.setattr(recipe, "files_of_postgres", lambda _: changed)
            assert built.of_postgres(told) == tag
            assert any("Building" in line for line in told.lines)
        finally:
            with contextlib.closing(docker.from_env()) as client:
                client.images.remove(tag, force=True)
