"""Folders that gunicorn writes to: read-only roots, and a heartbeat that a disk can stop."""

from collections.abc import Mapping

import pytest

from toolkit.lint.facts import (
    NONE,
    Container,
    Deployment,
    Fact,
    Image,
    Platform,
    Server,
    ServerKind,
    Unit,
    Where,
)
from toolkit.lint.finding import Finding, Measured, Severity
from toolkit.lint.rules import container

ERROR, WARNING = Severity.ERROR, Severity.WARNING
COMMAND, COMPOSE = Where("Dockerfile", 9), Where("compose.yaml", 5)
CHECKS = {rule.name: check for rule, check in container.RULES}


def unit(
    *,
    heartbeat: str | None = "/dev/shm",
    control: Fact[bool] | None = None,
    version: str | None = None,
    read_only: bool = True,
    tmpfs: tuple[str, ...] = (),
    volumes: tuple[str, ...] = (),
    env: Mapping[str, Fact[str]] = NONE,
    platform: Platform = Platform.COMPOSE,
    kind: ServerKind = ServerKind.GUNICORN,
) -> Unit:
    folder = Fact("", COMMAND, "gunicorn") if heartbeat == "" else None
    if heartbeat:
        folder = Fact(heartbeat, COMMAND)
    return Unit(
        name="service web",
        container=Container(
            platform=platform,
            name="web",
            where=COMPOSE,
            read_only=Fact(read_only, COMPOSE),
            writable=tuple(Fact(path, COMPOSE) for path in (*tmpfs, *volumes)),
            memory_folders=tuple(Fact(path, COMPOSE) for path in tmpfs),
            env=env,
        ),
        image=Image(path="Dockerfile", where=Where("Dockerfile", 1), workdir="/app"),
        server=Server(
            kind=kind,
            where=COMMAND,
            heartbeat_folder=folder,
            control_socket=control,
            version=Fact(version, Where("requirements.txt", 2)) if version else None,
        ),
    )


def found(rule: str, given: Unit) -> list[tuple[Severity, Where]]:
    said = list(CHECKS[rule](Deployment(units=(given,)), Measured()))
    return [(item.severity, item.where) for item in said if isinstance(item, Finding)]


def variable(name: str, value: str) -> Mapping[str, Fact[str]]:
    return {name: Fact(value, COMPOSE)}


DEFAULT = Fact(True, COMMAND, "gunicorn")


# read-only-root: the heartbeat


@pytest.mark.parametrize("heartbeat", ["", "/tmp", "/var/run/gunicorn"])
def test_without_a_folder_to_write_to_gunicorn_does_not_start(heartbeat: str) -> None:
    assert found("read-only-root", unit(heartbeat=heartbeat)) == [(ERROR, COMPOSE)]


@pytest.mark.parametrize(
    "given",
    [
        unit(heartbeat="/dev/shm"),
        unit(heartbeat="", tmpfs=("/tmp",)),
        unit(heartbeat="", tmpfs=("/tmp/",)),
        unit(heartbeat="", tmpfs=("/var/tmp",)),
        unit(heartbeat="", volumes=("/app",)),
        unit(heartbeat="", volumes=("/scratch",), env=variable("TMPDIR", "/scratch/tmp")),
        unit(heartbeat="/run/gunicorn", tmpfs=("/run",)),
        unit(heartbeat="", read_only=False),
        unit(heartbeat=None),
        unit(heartbeat="", kind=ServerKind.UVICORN),
    ],
    ids=str,
)
def test_a_heartbeat_that_can_be_written_is_right(given: Unit) -> None:
    assert found("read-only-root", given) == []


def test_a_folder_is_not_within_one_whose_name_it_only_begins_with() -> None:
    given = unit(heartbeat="/tmpfiles", tmpfs=("/tmp",))
    assert found("read-only-root", given) == [(ERROR, COMPOSE)]


# read-only-root: the control socket


@pytest.mark.parametrize("version", [None, "25.1.0", "27.0.1", "26.0rc1"])
def test_a_control_socket_that_nobody_asked_for_logs_errors(version: str | None) -> None:
    given = unit(control=DEFAULT, version=version)
    assert found("read-only-root", given) == [(WARNING, COMMAND)]


@pytest.mark.parametrize("version", ["25.0.3", "23.0.0", "20.1"])
def test_older_versions_have_no_control_socket(version: str) -> None:
    assert found("read-only-root", unit(control=DEFAULT, version=version)) == []


@pytest.mark.parametrize(
    "given",
    [
        unit(control=None),
        unit(control=Fact(False, COMMAND)),
        unit(control=Fact(True, COMMAND)),
        unit(control=DEFAULT, tmpfs=("/tmp",), env=variable("HOME", "/tmp")),
        unit(control=DEFAULT, tmpfs=("/tmp",), env=variable("XDG_RUNTIME_DIR", "/tmp")),
        unit(control=DEFAULT, tmpfs=("/home/app",)),
        unit(control=DEFAULT, read_only=False),
    ],
    ids=["unknown", "off", "chosen path", "HOME", "XDG_RUNTIME_DIR", "home folder", "writable"],
)
def test_a_control_socket_that_can_be_made_or_is_off_is_right(given: Unit) -> None:
    assert found("read-only-root", given) == []


# heartbeat-in-memory


@pytest.mark.parametrize("heartbeat", ["", "/tmp", "/app/run"])
@pytest.mark.parametrize("platform", [Platform.DOCKER, Platform.COMPOSE, Platform.KUBERNETES])
def test_a_heartbeat_on_the_containers_disk_is_a_warning(
    heartbeat: str, platform: Platform
) -> None:
    given = unit(heartbeat=heartbeat, read_only=False, platform=platform)
    assert found("heartbeat-in-memory", given) == [(WARNING, COMMAND)]


@pytest.mark.parametrize(
    "given",
    [
        unit(heartbeat="/dev/shm", read_only=False),
        unit(heartbeat="/dev/shm/gunicorn", read_only=False),
        unit(heartbeat="", read_only=False, tmpfs=("/tmp",)),
        unit(heartbeat="", read_only=False, env=variable("TMPDIR", "/dev/shm")),
        unit(heartbeat=None, read_only=False),
        unit(heartbeat="", read_only=False, platform=Platform.SYSTEMD),
        unit(heartbeat="", read_only=False, kind=ServerKind.WAITRESS),
    ],
    ids=["shm", "in shm", "tmpfs", "TMPDIR", "unknown", "systemd", "waitress"],
)
def test_a_heartbeat_in_memory_is_right(given: Unit) -> None:
    assert found("heartbeat-in-memory", given) == []


def test_a_volume_on_a_disk_is_not_memory() -> None:
    given = unit(heartbeat="", volumes=("/tmp",))
    assert found("heartbeat-in-memory", given) == [(WARNING, COMMAND)]


def test_a_heartbeat_that_cannot_be_written_at_all_is_told_once() -> None:
    assert found("heartbeat-in-memory", unit(heartbeat="")) == []
