"""The target swarm: what its files say, and that they are valid."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.made_up_deployments import (
    DEFAULTS,
    STACKS,
    evidence,
    files_of,
    numbers_of,
    own_app,
    place,
    settings_of,
    text_of,
)
from toolkit.deployment.assembling import Project
from toolkit.deployment.rendering import Written
from toolkit.deployment.writing import write
from toolkit.lint.finding import Measured
from toolkit.lint.gather import gather
from toolkit.lint.rules import judge
from toolkit.model import Production, Stack
from toolkit.reading import Files
from toolkit.units import parse_size

FLASK = STACKS["flask/gunicorn-gthread"]
NUMBERS = numbers_of(FLASK, evidence(stack=FLASK.id, knobs={**DEFAULTS, "workers": 2}))


def swarm(stack: Stack = FLASK, *, database: bool = True, **changes: object) -> dict[str, Written]:
    return files_of(
        stack,
        where=place(targets=("swarm",), database=database),
        **{"numbers": numbers_of(stack), **changes},  # type: ignore[arg-type]
    )


def services(files: dict[str, Written]) -> dict[str, Mapping[str, Any]]:
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text_of(files, "swarm/stack.yaml"))
    found: dict[str, Mapping[str, Any]] = yaml.safe_load(text)["services"]
    return found


def seconds(text: str) -> int:
    assert text.endswith("s"), text
    return int(text.removesuffix("s"))


def test_a_new_replica_is_healthy_before_an_old_one_goes_and_a_bad_one_is_taken_back() -> None:
    update = services(swarm(numbers=NUMBERS))["app"]["deploy"]["update_config"]
    assert (update["order"], update["parallelism"]) == ("start-first", 1)
    assert update["failure_action"] == "rollback"
    # the image's check: every 10 s, three of them
    assert seconds(update["monitor"]) >= NUMBERS.start_period + 30


def test_a_database_is_never_there_twice() -> None:
    deploy = services(swarm())["database"]["deploy"]
    assert (deploy["replicas"], deploy["update_config"]["order"]) == (1, "stop-first")
    assert deploy["placement"]["constraints"] == ["node.labels.database == true"]


def test_limits_are_those_derived() -> None:
    resources = services(swarm(numbers=NUMBERS))["app"]["deploy"]["resources"]
    limits, sure = resources["limits"], resources["reservations"]
    assert parse_size(limits["memory"]) == NUMBERS.memory_limit
    assert parse_size(sure["memory"]) == NUMBERS.memory_request
    assert (float(limits["cpus"]), limits["pids"]) == (NUMBERS.cpus, NUMBERS.pids_limit)
    grace = services(swarm(numbers=NUMBERS))["app"]["stop_grace_period"]
    assert seconds(grace) > NUMBERS.graceful_timeout


def test_only_nginx_is_reached_from_outside() -> None:
    found = services(swarm())
    assert [name for name, service in found.items() if "ports" in service] == ["nginx"]
    # the address of the client is lost on the way through the swarm's own balancing
    assert found["nginx"]["ports"][0]["mode"] == "host"


def test_every_service_is_contained() -> None:
    for name, service in services(swarm()).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        assert {"memory", "pids"} <= service["deploy"]["resources"]["limits"].keys(), name


def test_secrets_are_the_swarms_and_the_app_alone_can_read_its_own() -> None:
    files = swarm()
    secrets = yaml.safe_load(text_of(files, "swarm/stack.yaml"))["secrets"]
    assert set(secrets) == {"database_password", "secret_key"}
    assert all(secret["external"] is True for secret in secrets.values())
    for secret in services(files)["app"]["secrets"]:
        assert (secret["uid"], secret["mode"]) == ("10001", 0o400)


def test_nginx_asks_each_replica_by_its_own_address() -> None:
    files = swarm()
    assert services(files)["app"]["deploy"]["endpoint_mode"] == "dnsrr"
    replicas = text_of(files, "swarm/nginx/replicas.conf")
    assert re.search(r"^server app:8000 resolve", replicas, re.MULTILINE)
    # less than the 2 s that the swarm waits after it took the address away
    assert "valid=1s" in replicas


def test_nginx_is_given_every_file_that_it_includes() -> None:
    files = swarm()
    targets = {item["target"] for item in services(files)["nginx"]["configs"]}
    texts = [files[name].content.decode() for name in files if name.startswith("swarm/nginx/")]
    included = {
        path for text in texts for path in re.findall(r"include (/etc/nginx/deploy/[^;*]*);", text)
    }
    assert included < targets
    assert "/etc/nginx/deploy/listen/http.conf" in targets
    # of no folder of the app: that is on no machine but the one that builds
    assert "/srv/static" not in "".join(texts)


def test_without_a_database_nothing_is_prepared() -> None:
    files = swarm(database=False)
    for name in ("stack.yaml", "deploy"):
        text = text_of(files, f"swarm/{name}")
        for word in ("database", "DATABASE", "prepare", "postgres"):
            assert word not in text


def test_arguments_of_a_preparation_stay_what_they_are(tmp_path: Path) -> None:
    steps = (("python", "-c", "print('it is', \"done\")"), ("flask", "db", "upgrade"))
    stack = own_app(tmp_path / "laid", prepare=steps)
    home = tmp_path / "home"
    home.mkdir()
    own = Project(folder=home, target="shop:app", shim=stack.app.path / "toolkit_app.py")
    where = place(home / "deploy", targets=("swarm",), database=True)
    script = text_of(files_of(stack, where=where, project=own), "swarm/deploy")
    calls = "\n".join(line for line in script.splitlines() if line.startswith("prepare '"))
    show = f'prepare() {{ for word in "$@"; do printf \'%s\\0\' "$word"; done; }}\n{calls}\n'
    done = subprocess.run(["sh", "-c", show], capture_output=True, text=True, check=True)
    assert done.stdout.split("\0")[:-1] == [word for step in steps for word in step]


def run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


VARIANTS: dict[str, Callable[[], dict[str, Written]]] = {
    "flask": swarm,
    "without a database": lambda: swarm(database=False),
    "without keep-alive": lambda: swarm(STACKS["flask/uwsgi"]),
    "ASGI": lambda: swarm(STACKS["fastapi/uvicorn"]),
    "without secrets": lambda: swarm(
        replace(FLASK, app=replace(FLASK.app, production=Production())), database=False
    ),
}


def test_files_are_those_of_the_compose_specification_and_scripts_are_clean(tmp_path: Path) -> None:
    stacks, scripts = [], []
    for number, made in enumerate(VARIANTS.values()):
        files = made()
        stacks.append(str(tmp_path / f"{number}.yaml"))
        Path(stacks[-1]).write_bytes(files["swarm/stack.yaml"].content)
        scripts.append(str(tmp_path / f"{number}.sh"))
        Path(scripts[-1]).write_bytes(files["swarm/deploy"].content)
        assert files["swarm/deploy"].executable
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", *stacks)
    run("shellcheck", *scripts)


def reads_stacks() -> bool:
    """Whether the docker command is here and of a version that can read a stack by itself."""
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(
        ["docker", "stack", "config", "--help"], capture_output=True, check=False
    )
    return asked.returncode == 0 and b"interpolation" in asked.stdout


@pytest.mark.skipif(not reads_stacks(), reason="no docker stack config, which came with 23.0")
@pytest.mark.parametrize("variant", VARIANTS)
def test_docker_itself_takes_the_file(variant: str, tmp_path: Path) -> None:
    """The schema of the specification allows what a swarm does not."""
    write(VARIANTS[variant](), tmp_path)
    done = subprocess.run(
        ["docker", "stack", "config", "--compose-file", str(tmp_path / "swarm" / "stack.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Ignoring" not in done.stderr
    assert json.dumps(yaml.safe_load(done.stdout)["services"]["app"]["deploy"]["replicas"]) == "2"


@pytest.mark.parametrize("name", ["flask/gunicorn-gthread", "flask/uwsgi", "fastapi/uvicorn"])
def test_lint_finds_nothing(name: str, tmp_path: Path) -> None:
    stack = STACKS[name]
    numbers = numbers_of(stack, evidence(stack=name, knobs=settings_of(stack.server)))
    write(swarm(stack, numbers=numbers), tmp_path)
    gathered = gather(Files.of(tmp_path))
    assert gathered.unread == ()
    assert any(unit.server for unit in gathered.units)
    measured = Measured(worker_memory=numbers.worker_memory or None, slowest_request=10.0)
    assert [f"{found.where} {found.rule}" for found in judge(gathered, measured).findings] == []
