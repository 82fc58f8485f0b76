"""Servers on another Docker host: a daemon in a network namespace of its own acts as one."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from tests.docker.hosts import (
    HERE,
    Commands,
    DockerHost,
    Started,
    commands,
    docker_hosts,
    failure_of,
    possible,
    restart,
    until,
)
from toolkit.catalog import Catalog, root
from toolkit.cli.wiring import session
from toolkit.config import Config, ImageConfig, RuntimeConfig
from toolkit.measured import Measurement, Run
from toolkit.model import Need
from toolkit.progress import Progress
from toolkit.runtime.engine import Engine
from toolkit.runtime.images import Images
from toolkit.store import Store

STACK = "flask/gunicorn-gthread"
USERS = 8
LONG = ("--workloads", "list", "--duration", "40", "--users", f"{USERS}")

APART = """
import runpy, sys
import toolkit.runtime.elsewhere, toolkit.runtime.engine
toolkit.runtime.elsewhere.boot_id = lambda: "another machine"
toolkit.runtime.engine.find = lambda *_: None
runpy.run_module("toolkit", run_name="__main__")
"""
"""The command, to which that host is no part of this machine, nor are its control groups here."""

pytestmark = pytest.mark.skipif(
    bool(possible()) and os.environ.get("CI") != "true", reason=possible() or "-"
)


@pytest.fixture(scope="module")
def host(engine: Engine) -> Iterator[DockerHost]:
    """A host that has all images: it reaches no package index to build them."""
    quiet, images = Progress(Console(quiet=True)), Images(engine, Catalog(root()), ImageConfig())
    (stack,) = Catalog(root()).select_stacks((STACK,))
    needed = (
        images.of_base(quiet),
        images.of_stack(stack, quiet),
        images.of_postgres(quiet),
    )
    with docker_hosts("toolkit-t") as (found,):
        for image in needed:
            found.give(image)
        yield found


@pytest.fixture
def bench(host: DockerHost, tmp_path: Path) -> Iterator[Commands]:
    with commands(tmp_path) as start:

        def bench(*more: str, **how: Sequence[str]) -> Started:
            return start(
                *("bench", "--stacks", STACK),
                *("--target-host", host.url, "--target-address", host.address),
                *("--rounds", "1", "--rates", "none", "--warmup", "0.3", *more),
                **how,
            )

        yield bench


def stored(tmp_path: Path) -> Run:
    return Store(tmp_path / "results").load()


def under_load(host: DockerHost) -> None:
    """Wait until a server is there, and the users are."""
    until(lambda: host.connections() >= USERS, 60)
    time.sleep(1)


def test_a_server_elsewhere_and_its_database_are_measured_and_gone_afterwards(
    bench: Commands, host: DockerHost, tmp_path: Path
) -> None:
    process = bench("--workloads", "db-read", "--duration", "1", "--users", "4", "--json")
    out, err = process.communicate(timeout=180)
    assert process.returncode in (0, 4), err
    (workload,) = json.loads(out)["workloads"]
    assert workload["rows"][0]["throughput"]["value"] > 0
    assert workload["rows"][0]["error_rate"] == 0
    run = stored(tmp_path)
    assert run.runtime.host is not None
    assert run.runtime.host.address == host.address
    assert f"{host.address}:8000" in run.stacks[0].argv
    (measured,) = run.outcomes
    assert isinstance(measured, Measurement)
    assert measured.phases[0].server is not None
    assert measured.phases[0].server.cpu > 0
    assert host.left() == []


def test_what_else_its_cpus_do_is_read_there(
    bench: Commands, host: DockerHost, tmp_path: Path
) -> None:
    """A CPU of the same number is not the load generator's, and neither is it read here."""
    process = bench(
        *("--workloads", "list", "--duration", "1", "--users", "4", "--quiet"),
        by=("-c", APART),
    )
    _, err = process.communicate(timeout=180)
    assert process.returncode in (0, 4), err
    run = stored(tmp_path)
    assert run.placement.apart
    (measured,) = run.outcomes
    assert isinstance(measured, Measurement)
    (phase,) = measured.phases
    assert phase.server is not None
    assert phase.server.cpu > 0
    assert phase.host.server_idle is not None
    assert phase.host.server_foreign is not None
    assert 0 <= phase.host.server_idle <= 1
    assert host.left() == []


def test_load_is_made_on_a_third_machine(bench: Commands, host: DockerHost, tmp_path: Path) -> None:
    process = bench(
        *("--workloads", "list", "--duration", "1", "--users", "4", "--quiet"),
        *("--load-hosts", "unix:///var/run/docker.sock"),
        *("--load-workers", "1", "--load-address", HERE),
    )
    _, err = process.communicate(timeout=180)
    assert process.returncode in (0, 4), err
    run = stored(tmp_path)
    assert len(run.load_hosts) == 1
    (measured,) = run.outcomes
    assert isinstance(measured, Measurement)
    assert measured.phases[0].load.requests > 0
    assert host.left() == []


def test_no_load_is_made_where_servers_are(bench: Commands, host: DockerHost) -> None:
    process = bench("--load-hosts", host.url, "--load-address", HERE)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "is the target host" in err
    assert host.left() == []


def test_a_host_that_is_cut_off_makes_no_number_and_keeps_nothing(
    bench: Commands, host: DockerHost, tmp_path: Path
) -> None:
    process = bench(*LONG)
    under_load(host)
    host.cut_off()
    began = time.monotonic()
    try:
        _, err = process.communicate(timeout=60)
        took = time.monotonic() - began
    finally:
        host.connect()
    assert process.returncode == 4, err
    assert f"{host.address}, cannot be reached any more" in failure_of(tmp_path).message
    assert "may still have containers" not in err
    assert took < 15
    assert host.left() == []


def test_a_daemon_that_is_killed_makes_no_number_and_the_next_run_removes_what_is_left(
    bench: Commands, host: DockerHost, tmp_path: Path
) -> None:
    process = bench(*LONG)
    under_load(host)
    host.kill()
    began = time.monotonic()
    try:
        _, err = process.communicate(timeout=60)
        took = time.monotonic() - began
        assert process.returncode == 4, err
        assert f"at {host.url} does not answer" in failure_of(tmp_path).message
        assert took < 15
    finally:
        restart(host)
    done = bench("--workloads", "list", "--duration", "0.5", "--users", "2", "--quiet")
    assert done.wait(timeout=120) in (0, 4)
    assert host.left() == []


def test_nothing_is_left_there_when_the_tool_is_killed(bench: Commands, host: DockerHost) -> None:
    process = bench(*LONG)
    under_load(host)
    process.kill()
    until(lambda: not host.left(), 30)


def test_its_database_lets_in_nobody_without_the_password(host: DockerHost) -> None:
    where = RuntimeConfig(target_host=host.url, target_address=host.address)
    quiet = Progress(Console(quiet=True))
    with (
        session(Config(runtime=where), "locked", observer=quiet) as parts,
        parts.runtime.backing(Need.DATABASE, quiet) as database,
    ):
        role, _, place = database.url.partition("@")
        assert database.url == database.url_for_servers
        with pytest.raises(psycopg.OperationalError, match="no password"):
            psycopg.connect(f"{role.rpartition(':')[0]}@{place}", connect_timeout=5)
    assert host.left() == []
