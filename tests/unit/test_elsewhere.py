"""Servers on another Docker host: where they are reached, what that machine is and does."""

import contextlib
import io
import json
import socket
import stat
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tests.unit.test_targets import shown
from toolkit import machine
from toolkit.catalog import Catalog, root
from toolkit.cli import main
from toolkit.contrast import differences
from toolkit.deployment.evidence import evidence_of
from toolkit.errors import ConfigError, EnvironmentFault, StackError
from toolkit.measured import Run, ServerHost
from toolkit.model import Placement
from toolkit.placement import MOST_BACKING_CPUS, place_apart
from toolkit.plan import make_plan
from toolkit.report.plan import show as show_plan
from toolkit.runtime import reach
from toolkit.runtime.elsewhere import Counters, Sleeper
from toolkit.runtime.engine import ContainerSpec, Engine, clear, own_name
from toolkit.runtime.reach import Pulse, Reach
from toolkit.runtime.tunnel import Tunnel
from toolkit.store import dumps, loads

LOAD = Placement(server_cpus=(), client_cpus=(1,), cpus=0.0, memory=0)
HOST = ServerHost(
    name="big-1",
    address="192.0.2.7",
    system="Linux 6.12",
    cpu_model="A CPU",
    cpus=64,
    memory=2**36,
    cgroup="v2",
    governor="performance",
    load_average=(0.1, 0.2, 0.3),
)


def engine(address: str, *, loopback: bool = False) -> Any:  # noqa: ANN401 - a stand-in
    return SimpleNamespace(address=address, is_loopback=loopback, shares_host_network=loopback)


# where servers are reached


def test_a_server_elsewhere_is_reached_at_the_address_of_its_host() -> None:
    there = Reach.there(engine("tcp://192.0.2.7:2376"), "auto")
    assert (there.address, there.host_network, there.elsewhere) == ("192.0.2.7", True, True)
    assert there.listening(8001, 8000) == ("192.0.2.7", 8001)


def test_an_address_that_is_given_counts_more_than_that_of_the_engine() -> None:
    assert Reach.there(engine("ssh://ops@gate"), "auto", "192.0.2.8").address == "192.0.2.8"
    assert Reach.there(engine("unix:///var/run/other.sock"), "auto", "192.0.2.8").elsewhere


def test_in_a_bridge_a_port_is_published_at_that_address() -> None:
    there = Reach.there(engine("tcp://192.0.2.7:2376"), "bridge")
    assert there.listening(8001, 8000) == ("0.0.0.0", 8000)
    assert there.address == "192.0.2.7"


@pytest.mark.parametrize(
    ("address", "said"),
    [("unix:///elsewhere.sock", "by no network"), ("ssh://nothing.invalid", "no IPv4 address")],
)
def test_where_there_is_no_address_it_has_to_be_said(address: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Reach.there(engine(address), "auto")
    assert "--target-address" in caught.value.hint


def test_a_port_that_somebody_answers_on_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def refusal(_: str, port: int) -> str | None:
        tried.append(port)
        return None if len(tried) < 3 else "refused"

    monkeypatch.setattr(reach, "refusal", refusal)
    there = Reach.there(engine("tcp://192.0.2.7:2376"), "auto")
    assert there.port_of_server() == tried[2]
    assert all(20_000 <= port < 32_768 for port in tried)
    monkeypatch.setattr(reach, "refusal", lambda *_: None)
    with pytest.raises(EnvironmentFault, match=r"port 8000 at 192\.0\.2\.7 is taken"):
        replace(there, wanted=8000).port_of_server()


# whether it is still there


@pytest.fixture
def pulse(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine that refuses connections, or says nothing, and a clock."""
    world = SimpleNamespace(now=0.0, error=ConnectionRefusedError(), asked=0)

    def connect(*_: object, **__: object) -> None:
        world.asked += 1
        raise world.error

    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr("toolkit.runtime.reach.time.monotonic", lambda: world.now)
    return world


def test_a_machine_is_lost_when_it_does_not_even_refuse(pulse: SimpleNamespace) -> None:
    heard = Pulse("192.0.2.7")
    pulse.now = 3.0
    assert heard.lost() is None
    pulse.error = TimeoutError("timed out")
    pulse.now = 6.0
    assert heard.lost() is None  # one may be lost on the way
    pulse.now = 9.0
    assert "192.0.2.7, cannot be reached any more (timed out)" in str(heard.lost())


def test_a_machine_that_never_refused_is_not_missed(pulse: SimpleNamespace) -> None:
    """A firewall drops what comes to such ports."""
    pulse.error = TimeoutError("timed out")
    heard = Pulse("192.0.2.7")
    for now in (10.0, 20.0, 30.0):
        pulse.now = now
        assert heard.lost() is None
    assert pulse.asked == 1


def test_a_machine_is_not_asked_at_every_look(pulse: SimpleNamespace) -> None:
    heard = Pulse("192.0.2.7")
    for tenth in range(60):
        pulse.now = tenth / 10
        heard.lost()
    assert pulse.asked <= 4


# its CPUs


@given(st.sets(st.integers(0, 63), min_size=1), st.floats(0.1, 80))
def test_no_load_is_made_there_so_all_its_cpus_are_the_servers_and_its_services(
    allowed: set[int], cpus: float
) -> None:
    where = place_apart(
        allowed=sorted(allowed),
        siblings={cpu: frozenset({cpu}) for cpu in allowed},
        cpus=cpus,
        memory=1,
        load=LOAD,
    )
    assert where.apart
    assert where.client_cpus == LOAD.client_cpus
    assert 0 < len(where.server_cpus) <= len(allowed)
    assert {*where.server_cpus, *where.backing_cpus} <= allowed
    assert len(where.backing_cpus) <= max(MOST_BACKING_CPUS, len(where.server_cpus))
    if len(allowed) > len(where.server_cpus):
        assert not {*where.server_cpus} & {*where.backing_cpus}


def test_a_host_that_has_fewer_cpus_than_the_server_may_use_is_told() -> None:
    where = place_apart(allowed=[0], siblings={}, cpus=2.0, memory=1, load=LOAD)
    assert (where.server_cpus, where.cpus) == ((0,), 1)
    assert "The target host has 1 CPUs: the server is pinned to 1 instead of 2." in where.notes
    assert "share the server's CPUs" in where.notes[-1]


def test_services_get_no_hyper_thread_of_the_server_while_there_are_others() -> None:
    pairs = {cpu: frozenset({cpu % 2, cpu % 2 + 2}) for cpu in range(4)}
    where = place_apart(allowed=range(4), siblings=pairs, cpus=1.0, memory=1, load=LOAD)
    assert where.server_cpus == (0,)
    assert 2 not in where.backing_cpus


def test_cpus_of_the_same_number_on_two_machines_are_not_shared() -> None:
    where = Placement(server_cpus=(1,), client_cpus=(1,), backing_cpus=(1,), cpus=1.0, memory=1)
    assert (where.server_shares, where.backings_share) == (True, True)
    apart = replace(where, apart=True)
    assert (apart.server_shares, apart.backings_share) == (False, False)


# what they do

STAT = """cpu  30 0 30 100 10 0 0 5 0 0
cpu0 1000 100 400 8000 200 900 900 300 0 0
cpu1 2000 0 500 7000 0 0 0 0 0 0
intr 1 2 3
"""


def test_the_counters_of_the_servers_cpus_are_read_there() -> None:
    """As they are read here: interrupts are neither busy nor idle."""
    reading = Counters(lambda _: STAT + "pswpin 3\npswpout 4\n", (0,)).read(())
    assert reading.server is not None
    assert (reading.server.busy, reading.server.idle, reading.server.steal) == (15, 82, 3)
    assert reading.swapped is None or reading.swapped >= 7


def test_a_cpu_that_is_not_shown_there_has_no_times() -> None:
    assert Counters(lambda _: STAT, (0, 7)).read(()).server is None
    assert Counters(lambda _: "nothing", (0,)).read(()).server is None


def test_a_machine_describes_itself_as_json_wherever_python_runs() -> None:
    import subprocess

    code = Path(machine.__file__).read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["boot"] == machine.boot_id()
    assert found["cpus"] >= len(found["allowed"]) > 0
    assert {*found["siblings"]} == {str(cpu) for cpu in found["allowed"]}
    assert found["memory"] == psutil.virtual_memory().total


# whose containers are whose


def test_what_a_toolkit_on_another_machine_has_started_is_left_alone() -> None:
    removed: list[str] = []

    def container(name: str, owner: str, **labels: str) -> Any:  # noqa: ANN401 - a stand-in
        def remove(**_: object) -> None:
            removed.append(name)

        return SimpleNamespace(labels={"toolkit.owner": owner, **labels}, remove=remove)

    here, there = {"toolkit.machine": machine.machine_id()}, {"toolkit.machine": "another"}
    found = [
        container("dead", "4194305 1", **here),
        container("alive", own_name(), **here),
        container("elsewhere", "4194305 1", **there),
        container("of an older toolkit, dead", "4194305 1"),
        container("of an older toolkit, alive", own_name()),
    ]
    listed = SimpleNamespace(list=lambda **_: found)
    client: Any = SimpleNamespace(info=dict, containers=listed)
    Engine(client).remove_orphans()
    assert removed == ["dead", "of an older toolkit, dead"]


# the way there

SSH = """#!{python}
import os, pathlib, socket, sys
words = sys.argv[1:]
pathlib.Path({log!r}).open("a").write(" ".join(words) + "\\n")
if "docker" in words:
    print({answer!r})
    sys.exit({code})
where = words[words.index("-L") + 1].partition(":")[0]
socket.socket(socket.AF_UNIX).bind(where)
sys.stdin.read()
"""


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a function
    """Put an ``ssh`` first that does as if, and says what it was told."""
    log = tmp_path / "log"

    def write(answer: str, code: int = 0) -> Path:
        file = tmp_path / "ssh"
        text = SSH.format(python=sys.executable, log=str(log), answer=answer, code=code)
        file.write_text(text)
        file.chmod(0o755)
        return log

    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return write


def test_one_connection_leads_to_the_socket_that_docker_has_there(ssh: Any) -> None:  # noqa: ANN401
    log = ssh("unix:///run/user/1000/docker.sock")
    with contextlib.closing(Tunnel.open("ssh://ops@load-1:2222")) as tunnel:
        assert tunnel.address == f"unix://{tunnel.folder}/docker.sock"
        # whoever may use that socket is root there
        assert stat.S_IMODE(tunnel.folder.stat().st_mode) == 0o700
    assert not tunnel.folder.exists()
    asked, led = log.read_text().splitlines()
    assert "-p 2222 -o ClearAllForwardings=yes -- ops@load-1 docker context inspect" in asked
    assert f"-L {tunnel.folder}/docker.sock:/run/user/1000/docker.sock -- ops@load-1 cat" in led
    assert "ServerAliveInterval" in led


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ("", 127, "no Docker engine answers at ssh://load-1: ssh says nothing"),
        ("tcp://192.0.2.9:2375", 0, "the docker command at ssh://load-1 speaks to tcp://192.0.2.9"),
    ],
)
def test_a_host_without_an_engine_of_its_own_is_refused(
    ssh: Any,  # noqa: ANN401 - a function
    answer: str,
    code: int,
    said: str,
) -> None:
    ssh(answer, code)
    with pytest.raises(EnvironmentFault, match=said):
        Tunnel.open("ssh://load-1")


def test_a_connection_that_has_ended_is_made_again_when_something_is_started(
    ssh: Any,  # noqa: ANN401 - a function
) -> None:
    log = ssh("unix:///run/docker.sock")
    with contextlib.closing(Tunnel.open("ssh://load-1")) as tunnel:
        tunnel.lead()
        assert len(log.read_text().splitlines()) == 2
        assert tunnel._process is not None
        tunnel._process.kill()
        tunnel._process.wait()
        tunnel.lead()
        assert len(log.read_text().splitlines()) == 3
        assert (tunnel.folder / "docker.sock").exists()


def test_what_reads_the_counters_is_started_when_it_is_asked_and_again_when_it_has_gone() -> None:
    started: list[str] = []
    gone = SimpleNamespace(now=False)

    def start(spec: ContainerSpec) -> Any:  # noqa: ANN401 - a stand-in
        started.append(spec.cpuset)
        gone.now = False

        def output(_: object) -> str:
            if gone.now:
                raise StackError("no such container")
            return STAT

        return SimpleNamespace(output=output, remove=lambda: None)

    where = replace(LOAD, server_cpus=(0,), backing_cpus=(2, 3), apart=True)
    there: Any = SimpleNamespace(start=start, has_cpuset=True)
    sleeper = Sleeper(there, "base", "run", where)
    assert started == []
    assert sleeper.output(("cat",)) == sleeper.output(("cat",)) == STAT
    gone.now = True
    assert sleeper.output(("cat",)) == STAT
    assert started == ["2,3", "2,3"]


def test_what_could_not_be_removed_is_told() -> None:
    told: list[str] = []

    def gone(_: str) -> int:
        raise EnvironmentFault("no answer")

    there: Any = SimpleNamespace(remove_labelled=gone, hurrying=lambda _: contextlib.nullcontext())
    clear(there, "Target host a", "r1", told.append)
    (text,) = told
    assert text.startswith("Target host a may still have containers of this run: no answer")
    assert "label=toolkit.run=r1" in text


# what is said


def elsewhere(run: Run) -> Run:
    """Give a run as if its servers had been on another machine."""
    runtime = replace(run.runtime, host=HOST, network="between the machines")
    return replace(run, runtime=runtime, placement=replace(run.placement, apart=True))


def test_a_run_says_on_which_machine_its_servers_were(ten_rounds: Run) -> None:
    run = elsewhere(ten_rounds)
    assert loads(dumps(run), "run.json") == run
    text = " ".join(shown(run).split())
    assert "Server host big-1: 64 CPUs, A CPU" in text
    assert "of big-1, load generator on CPU" in text


def test_a_plan_shows_the_commands_as_they_will_be_there(ten_rounds: Run) -> None:
    (stack,) = Catalog(root()).select_stacks(("flask/gunicorn-sync",))
    plan = make_plan(
        stacks=(stack,),
        workloads=Catalog(root()).select_workloads(("list",)),
        rounds=1,
        load=ten_rounds.load,
        baseline="",
        seed=1,
    )
    out = io.StringIO()
    run = elsewhere(ten_rounds)
    console = Console(file=out, width=140)
    show_plan(plan, run.knobs, run.placement, run.runtime, console)
    assert "--bind 192.0.2.7:8000" in out.getvalue()
    assert "of big-1, load generator on CPU" in out.getvalue()


def test_what_is_deployed_names_the_machine_that_served(ten_rounds: Run) -> None:
    stack = ten_rounds.stacks[0].id
    assert "64 CPUs, A CPU" in evidence_of(elsewhere(ten_rounds), stack).machine


def test_runs_of_servers_on_two_machines_are_told_apart(ten_rounds: Run) -> None:
    assert any("A CPU" in item for item in differences(ten_rounds, elsewhere(ten_rounds)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--load-hosts", "ssh://a"), "go with --target or --target-host"),
        (
            ("--target", "http://127.0.0.1:1", "--get", "/", "--target-host", "ssh://a"),
            "--target-host does not go with --target",
        ),
        (("--target-host", "ssh://a", "--runtime", "process"), "a target host runs containers"),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
