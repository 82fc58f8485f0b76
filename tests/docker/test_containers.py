"""Containers as the toolkit makes them, on the real engine."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import docker.models.containers
import pytest
from rich.console import Console

import docker
from toolkit.backing import Backings
from toolkit.cli.wiring import Session, session
from toolkit.config import Config, RuntimeConfig
from toolkit.errors import EnvironmentFault, StackError
from toolkit.host import read_counters, read_host
from toolkit.load.calibrate import calibrate
from toolkit.load.engine import LocustEngine
from toolkit.measured import Measurement, PhaseResult, Run, Severity
from toolkit.model import LoadSettings, Trial
from toolkit.plan import capacity_phase
from toolkit.ports import Tick
from toolkit.progress import Progress
from toolkit.runtime.engine import RUN_LABEL, Container, ContainerSpec, Engine
from toolkit.store import Store
from toolkit.trial import World, measure
from toolkit.verify import find_violations

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]
QUIET = Progress(Console(quiet=True))


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    found = docker.from_env()
    yield found
    found.close()


BARE = {"SECRET_KEY": "of a test"}
"""What a server needs at least."""


def containers(client: docker.DockerClient) -> list[docker.models.containers.Container]:
    return client.containers.list(all=True, filters={"label": RUN_LABEL}, ignore_removed=True)


@pytest.mark.parametrize("network", ["host", "bridge"])
def test_a_container_keeps_the_contract_is_confined_and_goes(
    network: str, client: docker.DockerClient
) -> None:
    parts: Session
    kind = RuntimeConfig(kind="docker", network=network)  # type: ignore[arg-type]
    with session(Config(runtime=kind), "confined") as parts:
        (stack,) = parts.catalog.select_stacks(("flask/gunicorn-gthread",))
        facts = parts.runtime.prepare(stack, QUIET)
        assert "Flask" in facts.packages
        with parts.runtime.serve(stack, BARE) as service:
            (made,) = client.containers.list(filters={"label": f"{RUN_LABEL}=confined"})
            host, state = made.attrs["HostConfig"], made.attrs["Config"]
            assert state["User"] == "10001:10001"
            assert host["ReadonlyRootfs"] is True
            assert host["CapDrop"] == ["ALL"]
            assert host["SecurityOpt"] == ["no-new-privileges"]
            assert host["Memory"] == host["MemorySwap"] == parts.placement.memory
            cpus = ",".join(map(str, parts.placement.server_cpus))
            assert host["CpusetCpus"] == cpus
            for binding in (host.get("PortBindings") or {}).values():
                assert {item["HostIp"] for item in binding} == {"127.0.0.1"}
            output = made.exec_run(["cat", "/proc/1/status"]).output
            assert isinstance(output, bytes)
            status = output.decode()
            seen = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            assert seen["Cpus_allowed_list"].strip() == cpus
            assert int(seen["CapEff"], 16) == 0
            assert seen["NoNewPrivs"].strip() == "1"
            assert made.exec_run(["touch", "/srv/x"]).exit_code != 0
            assert made.exec_run(["touch", "/tmp/x"]).exit_code == 0
            from toolkit.contract import read_contract, with_what_there_is

            every = read_contract(parts.catalog.path / "apps", "assets")
            exchanges = with_what_there_is(every, lambda need: False)
            assert find_violations(service, exchanges, keep_alive=True) == ()
            first = service.usage()
            assert first.memory > 5 * 2**20
            for _ in range(200):
                assert find_violations(service, exchanges[:1], keep_alive=True) == ()
            used = service.usage()
            assert used.cpu_user > first.cpu_user > 0
            assert used.cpu_system >= first.cpu_system > 0
            assert used.processes is not None
            assert len(used.processes) == 2  # gunicorn's arbiter and its worker
            assert used.processes == first.processes
            assert used.threads is not None
            assert used.threads > 2
            assert used.switches is not None
            assert first.switches is not None
            assert used.switches > first.switches
            # the files of another user's processes are shown to whoever may trace them
            assert used.open_files is None or 0 < used.open_files < 0.5
            assert (used.swapped, used.oom_kills, used.throttled) == (0, 0, 0.0)
    assert containers(client) == []


def test_an_unchanged_image_is_not_built_again(client: docker.DockerClient) -> None:
    with session(Config(runtime=RuntimeConfig(kind="docker")), "again") as parts:
        (stack,) = parts.catalog.select_stacks(("bottle/gunicorn-sync",))
        first = parts.runtime.prepare(stack, QUIET)

        class Listening(Progress):
            def noted(self, message: str) -> None:
                assert "Building" not in message

        assert parts.runtime.prepare(stack, Listening(Console(quiet=True))).image == first.image
    labels = client.images.get(first.image or "").labels
    assert labels["org.opencontainers.image.title"] == "bottle on gunicorn-sync"
    assert labels["toolkit.inputs"]


def test_the_health_check_of_the_image_tells_well_from_ill(client: docker.DockerClient) -> None:
    with session(Config(runtime=RuntimeConfig(kind="docker")), "health") as parts:
        (stack,) = parts.catalog.select_stacks(("flask/gunicorn-sync",))
        image = parts.runtime.prepare(stack, QUIET).image or ""
        config = client.images.get(image).attrs["Config"]
        assert config["Healthcheck"]["Test"] == ["CMD", "python", "/srv/serve.py", "--health"]
        with parts.runtime.serve(stack, BARE):
            (made,) = client.containers.list(filters={"label": f"{RUN_LABEL}=health"})
            assert made.exec_run(["python", "/srv/serve.py", "--health"]).exit_code == 0
            other = made.exec_run(
                ["python", "/srv/serve.py", "--health"], environment={"PORT": "1"}
            )
            assert other.exit_code == 1


def spec(image: str, *command: str, memory: int = 64 * 2**20) -> ContainerSpec:
    return ContainerSpec(
        image=image,
        name=f"toolkit-test-{time.monotonic_ns()}",
        run="faults",
        environment={},
        command=command,
        host_network=True,
        cpus=1.0,
        cpuset="",
        memory=memory,
    )


@pytest.fixture
def image() -> str:
    with session(Config(runtime=RuntimeConfig(kind="docker")), "image") as parts:
        (stack,) = parts.catalog.select_stacks(("bottle/gunicorn-sync",))
        return parts.runtime.prepare(stack, QUIET).image or ""


def ended(container: Container) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        death = container.death()
        if death is not None:
            return death
        time.sleep(0.05)
    raise AssertionError("it still runs")


def test_a_container_that_ends_is_seen_with_its_last_words(engine: Engine, image: str) -> None:
    container = engine.start(spec(image, "python", "-c", "print('last words'); exit(7)"))
    try:
        assert ended(container) == "exit code 7"
        assert container.log_tail() == "last words"
        with pytest.raises(StackError, match="does not run"):
            container.usage()
    finally:
        container.remove()
    container.remove()  # what is gone is no error
    assert container.death() == "the container was removed"


def test_the_address_of_a_container_that_has_ended_is_no_riddle(engine: Engine, image: str) -> None:
    """It loses its address with its end; whoever asks a moment too late must learn of the end."""
    bridged = replace(
        spec(image, "python", "-c", "print('last words'); exit(7)"), host_network=False
    )
    container = engine.start(bridged)
    try:
        assert ended(container) == "exit code 7"
        with pytest.raises(StackError, match="ended before it answered: exit code 7") as raised:
            _ = container.address
        assert raised.value.log == "last words"
    finally:
        container.remove()


def test_a_container_that_exceeds_its_memory_is_told_so(engine: Engine, image: str) -> None:
    container = engine.start(spec(image, "python", "-c", "x = bytearray(200 * 2**20)"))
    try:
        assert "memory" in ended(container)
    finally:
        container.remove()


def test_an_image_that_does_not_exist_and_cannot_be_pulled_names_the_script(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "toolkit", "bench", "--quick", "--runtime", "docker"),
            *("--base-image", "127.0.0.1:1/no-such-base:0"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "scripts/base-image" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bench_in_containers_measures_and_leaves_nothing(
    tmp_path: Path, client: docker.DockerClient
) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "toolkit", "bench", "--runtime", "docker", "--quick"),
            *("--stacks", "flask/gunicorn-gthread", "--workloads", "list", "--duration", "1"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    # 4 is an invalid trial, on a machine that others use as well
    assert done.returncode in (0, 4), done.stdout + done.stderr
    (outcome,) = Store(tmp_path / "results").load().outcomes
    assert isinstance(outcome, Measurement)
    (phase,) = outcome.phases
    assert phase.load.requests > 20
    assert phase.load.errors == {}
    assert 0 < phase.use.cpu < 1.2
    assert phase.use.restarts == 0
    assert containers(client) == []


class Planting(Progress):
    """Does something to the container when its window has been open for a moment."""

    def __init__(self, plant: Callable[[], object]) -> None:
        super().__init__(Console(quiet=True))
        self._plant: Callable[[], object] | None = plant

    def ticked(self, trial: Trial, tick: Tick) -> None:
        if tick.phase == "measuring" and self._plant is not None:
            plant, self._plant = self._plant, None
            plant()


def loaded(parts: Session, observer: Progress, folder: Path, duration: float) -> PhaseResult:
    """Measure the capacity of Flask on gthread in a container, by the real bench."""
    (stack,) = parts.catalog.select_stacks(("flask/gunicorn-gthread",))
    (workload,) = parts.catalog.select_workloads(("list",))
    parts.runtime.prepare(stack, QUIET)
    where = parts.placement
    run = Run(
        id="planted",
        started_at="",
        host=read_host(),
        runtime=parts.runtime.facts,
        placement=where,
        knobs=Config().server,
        load=LoadSettings(users=8, warmup=0.2, duration=duration),
        rounds=1,
        seed=1,
        baseline=stack.id,
        trials=(),
    )
    world = World(
        runtime=parts.runtime,
        load=LocustEngine(8, where, parts.guardian),
        store=Store(folder),
        observer=observer,
        exchanges=lambda app: (),
        backings=Backings(parts.runtime, secret="s"),
        broken=(),
        read_host=partial(read_counters, where.server_cpus, where.client_cpus),
        calibrate=partial(calibrate, placement=where, guardian=parts.guardian),
    )
    trial = Trial(stack=stack.id, workload=workload.name, round=1, position=1)
    phases = [capacity_phase(run.load, 8)]
    outcome = measure(trial, stack, workload, phases, run, world)
    assert isinstance(outcome, Measurement), outcome
    return outcome.phases[0]


def rules_of(phase: PhaseResult) -> dict[str, Severity]:
    return {finding.rule: finding.severity for finding in phase.findings}


def test_a_quota_that_stops_a_server_with_whole_cores_is_found(
    tmp_path: Path, client: docker.DockerClient
) -> None:
    """Somebody has given the running container a fifth of a core."""

    def plant() -> None:
        (made,) = client.containers.list(filters={"label": f"{RUN_LABEL}=quota"})
        made.update(cpu_period=100_000, cpu_quota=20_000)

    with session(Config(runtime=RuntimeConfig(kind="docker")), "quota") as parts:
        phase = loaded(parts, Planting(plant), tmp_path, 1.5)
    assert phase.use.throttled is not None
    assert phase.use.throttled > 0.1
    assert rules_of(phase)["throttled"] is Severity.WARNED


def test_a_fraction_of_a_core_is_meant_to_stop_the_server(tmp_path: Path) -> None:
    half = Config(runtime=RuntimeConfig(kind="docker", cpus=0.5))
    with session(half, "half") as parts:
        phase = loaded(parts, QUIET, tmp_path, 1.0)
    assert phase.use.throttled is not None
    assert phase.use.throttled > 0.1
    assert phase.use.cpu < 0.65
    assert rules_of(phase).keys().isdisjoint({"throttled", "not-saturated"})


def test_a_process_killed_for_want_of_memory_within_the_window_is_found(
    tmp_path: Path, client: docker.DockerClient
) -> None:
    """A process beside the workers takes more than the container may have."""

    def plant() -> None:
        (made,) = client.containers.list(filters={"label": f"{RUN_LABEL}=greedy"})
        made.exec_run(["python", "-c", "x = b'x' * (200 * 2**20)"], detach=True)

    config = Config(runtime=RuntimeConfig(kind="docker", memory="128m"))
    with session(config, "greedy") as parts:
        phase = loaded(parts, Planting(plant), tmp_path, 2.5)
    assert phase.use.oom_kills is not None
    assert phase.use.oom_kills >= 1
    assert rules_of(phase)["oom"] is Severity.INVALID


def test_a_worker_that_is_killed_and_replaced_is_found(
    tmp_path: Path, client: docker.DockerClient
) -> None:
    def plant() -> None:
        (made,) = client.containers.list(filters={"label": f"{RUN_LABEL}=killed"})
        worker = "import os, pathlib, signal\n" + KILL_THE_WORKER
        made.exec_run(["python", "-c", worker], detach=True)

    with session(Config(runtime=RuntimeConfig(kind="docker")), "killed") as parts:
        phase = loaded(parts, Planting(plant), tmp_path, 2.5)
    assert rules_of(phase)["restarts"] is Severity.INVALID


KILL_THE_WORKER = """
for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
    pid, rest = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
    if int(rest[1]) == 1 and pid != os.getpid():
        os.kill(pid, signal.SIGKILL)
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_tool_killed_in_the_middle_leaves_no_container(
    sent: signal.Signals, tmp_path: Path, client: docker.DockerClient
) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "toolkit", "bench", "--runtime", "docker", "--rounds", "50"),
            *("--stacks", "flask/gunicorn-gthread", "--workloads", "list", "--duration", "1"),
            *("--users", "4", "--rates", "none"),
        ],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 180
    while not _trials(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    while not containers(client) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert containers(client)
    process.send_signal(sent)
    process.wait(timeout=60)
    deadline = time.monotonic() + 30
    while containers(client) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert containers(client) == []


def _trials(folder: Path) -> int:
    files = list(folder.glob("results/runs/*/run.json"))
    return len(json.loads(files[0].read_text())["outcomes"]) if files else 0


def test_an_engine_elsewhere_is_refused() -> None:
    from toolkit.runtime.reach import Reach

    class Elsewhere(Engine):
        address = "tcp://192.0.2.1:2375"

    with pytest.raises(EnvironmentFault, match="another machine") as caught:
        Reach.here(Elsewhere(docker.from_env()), "auto")
    assert "--target-host" in caught.value.hint


def test_what_a_dead_toolkit_left_is_removed_by_the_next_and_what_is_in_use_is_not(
    engine: Engine, image: str, client: docker.DockerClient
) -> None:
    orphan = client.containers.create(
        image, ["true"], labels={RUN_LABEL: "dead", "toolkit.owner": "4194305 1"}
    )
    mine = engine.start(spec(image, "sleep", "60"))
    try:
        engine.remove_orphans()
        left = [item.id for item in containers(client)]
        assert orphan.id not in left
        assert len(left) == 1
    finally:
        mine.remove()


def test_an_interrupt_while_the_engine_makes_a_container_leaves_none(
    monkeypatch: pytest.MonkeyPatch, client: docker.DockerClient
) -> None:
    """The request is carried out, its answer never arrives."""
    create = docker.models.containers.ContainerCollection.create

    def interrupted(*arguments: object, **options: object) -> object:
        create(*arguments, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    config = Config(runtime=RuntimeConfig(kind="docker"))
    with pytest.raises(KeyboardInterrupt), session(config, "interrupted") as parts:
        (stack,) = parts.catalog.select_stacks(("bottle/gunicorn-sync",))
        parts.runtime.prepare(stack, QUIET)
        monkeypatch.setattr(docker.models.containers.ContainerCollection, "create", interrupted)
        with parts.runtime.serve(stack, BARE):
            pass
    assert containers(client) == []
