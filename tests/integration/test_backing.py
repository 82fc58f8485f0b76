"""Database and upstream as local processes: real ones, started by the runtime as a bench does."""

import contextlib
import http.client
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
from rich.console import Console

from toolkit import delaying
from toolkit.cli.wiring import Session, session
from toolkit.config import Config, RuntimeConfig
from toolkit.errors import EnvironmentFault, StackError
from toolkit.model import Need
from toolkit.ports import Backing
from toolkit.progress import Progress
from toolkit.runtime import cluster, process
from toolkit.runtime.ready import free_port

QUIET = Progress(Console(quiet=True))
PYTHON = str(Path(sys.executable).absolute())


def missing() -> str | None:
    try:
        cluster.find_binaries()
    except EnvironmentFault as fault:
        return str(fault)
    return None


REASON = missing()
needs_postgres = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture
def parts() -> Iterator[Session]:
    with session(Config(runtime=RuntimeConfig(kind="process")), "backing") as opened:
        yield opened


def folder_of(pids: set[int]) -> Path:
    """Give the folder of a database by the command of its first process."""
    commands = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):  # some live for a moment only
            commands.append(psutil.Process(pid).cmdline())
    (data,) = (Path(command[2]) for command in commands if command[1:2] == ["-D"])
    assert data.name == "data"
    assert data.is_dir()
    return data.parent


def pids_of(backing: Backing) -> set[int]:
    processes = backing.usage().processes
    assert processes is not None
    return {pid for pid, _ in processes}


def within(seconds: float, claim: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def gone(pids: set[int]) -> bool:
    return not any(
        psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        for pid in pids
    )


@needs_postgres
def test_the_database_answers_its_role_with_the_settings_that_the_facts_name(
    parts: Session,
) -> None:
    with parts.runtime.backing(Need.DATABASE, QUIET) as backing:
        assert backing.url == backing.url_for_servers
        assert urlsplit(backing.url).hostname == "127.0.0.1"
        with psycopg.connect(backing.url, autocommit=True) as connection:
            role = connection.execute(
                "SELECT rolname, rolcreatedb, rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
            assert role == ("bench", True, False)
            connection.execute("CREATE DATABASE another")
            connection.execute("CREATE TABLE here (id integer)")
            rows = connection.execute("SELECT name, current_setting(name) FROM pg_settings")
            settings: dict[str, str] = dict(rows.fetchall())
            version = connection.info.parameter_status("server_version")
        assert backing.facts.need == "database"
        assert f"PostgreSQL {version} " in backing.facts.summary
        for named in backing.facts.summary.partition("; ")[2].split(", "):
            name, _, value = named.partition("=")
            assert settings[name] == value
        assert (settings["fsync"], settings["jit"]) == ("off", "off")
        assert settings["listen_addresses"] == "127.0.0.1"
        socket_file = f".s.PGSQL.{urlsplit(backing.url).port}"
        assert socket_file not in Path("/proc/net/unix").read_text()
        assert "ready to accept connections" in backing.log_tail()
        assert backing.death() is None


@needs_postgres
def test_the_superuser_of_the_database_does_not_get_in(parts: Session) -> None:
    """Whoever else is on this machine could have it run programs."""
    with parts.runtime.backing(Need.DATABASE, QUIET) as backing:
        url = backing.url.replace("bench@", "postgres@")
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
            psycopg.connect(url)


@pytest.mark.parametrize("need", [pytest.param(Need.DATABASE, marks=needs_postgres), Need.UPSTREAM])
def test_every_process_of_a_backing_service_is_pinned_and_unprivileged(
    parts: Session, need: Need
) -> None:
    with parts.runtime.backing(need, QUIET) as backing:
        seen = 0
        for pid in pids_of(backing):
            # PostgreSQL's workers come and go by themselves (autovacuum, parallel queries).
            with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
                allowed, user = os.sched_getaffinity(pid), psutil.Process(pid).uids().effective
                seen += 1
                if parts.placement.backing_cpus:
                    assert allowed == set(parts.placement.backing_cpus)
                if need is Need.DATABASE:
                    assert user != 0
        assert seen > 1 if need is Need.DATABASE else seen == 1


@needs_postgres
def test_the_use_of_the_database_grows_with_its_work_and_holds_that_of_ended_connections(
    parts: Session,
) -> None:
    with parts.runtime.backing(Need.DATABASE, QUIET) as backing:
        before = backing.usage()
        with psycopg.connect(backing.url) as connection:
            connection.execute("SELECT count(*) FROM generate_series(1, 3000000)")
            during = backing.usage()
            pid = connection.info.backend_pid
            assert pid in pids_of(backing)
        assert within(10, lambda: pid not in pids_of(backing))
        after = backing.usage()
        assert before.cpu < during.cpu <= after.cpu
        assert after.memory > 5 * 2**20


@needs_postgres
@pytest.mark.parametrize("ending", ["normal", "exception", "with a connection open"])
def test_nothing_is_left_of_the_database_when_its_context_is_left(
    parts: Session, ending: str
) -> None:
    with contextlib.ExitStack() as stack:
        with (
            contextlib.suppress(ZeroDivisionError),
            parts.runtime.backing(Need.DATABASE, QUIET) as it,
        ):
            pids = pids_of(it)
            folder = folder_of(pids)
            if ending == "with a connection open":
                stack.enter_context(contextlib.closing(psycopg.connect(it.url)))
            if ending == "exception":
                raise ZeroDivisionError
        assert gone(pids)
        assert not folder.exists()


HOLD = """
import os, sys, time
from rich.console import Console
from toolkit.cli.wiring import session
from toolkit.config import Config, RuntimeConfig
from toolkit.model import Need
from toolkit.progress import Progress
import psycopg

quiet = Progress(Console(quiet=True))
with session(Config(runtime=RuntimeConfig(kind="process")), "killed") as parts:
    with (
        parts.runtime.backing(Need.DATABASE, quiet) as database,
        parts.runtime.backing(Need.UPSTREAM, quiet) as upstream,
    ):
        busy = psycopg.connect(database.url)
        busy.execute("SELECT 1")
        print(*(pid for it in (database, upstream) for pid, _ in it.usage().processes), flush=True)
        time.sleep(600)
"""


@needs_postgres
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_backing_services_when_the_toolkit_is_killed(
    sent: signal.Signals, surroundings: dict[str, str], leftovers: Callable[[], list[str]]
) -> None:
    tool = subprocess.Popen(
        [PYTHON, "-c", HOLD],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=surroundings,
    )
    assert tool.stdout is not None
    pids = set(map(int, tool.stdout.readline().split()))
    assert len(pids) > 3
    folder = folder_of(pids)
    tool.send_signal(sent)
    tool.wait(timeout=30)
    assert leftovers() == []
    assert within(20, lambda: gone(pids))
    assert within(20, lambda: not folder.exists())


@needs_postgres
def test_a_database_that_has_ended_is_seen(parts: Session) -> None:
    with parts.runtime.backing(Need.DATABASE, QUIET) as backing:
        pids = pids_of(backing)
        leader = min(pids, key=lambda pid: psutil.Process(pid).create_time())
        # what ends it at once; killed outright it would leave a segment of shared memory
        os.kill(leader, signal.SIGQUIT)
        assert within(10, lambda: backing.death() is not None)
        assert str(backing.death()).startswith("exit code")
        with pytest.raises(StackError, match="the database does not run any more"):
            backing.usage()
    assert within(10, lambda: gone(pids))


def test_without_binaries_the_fault_says_what_to_do(
    parts: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(cluster.find_binaries, "__defaults__", (tmp_path,))
    with (
        pytest.raises(EnvironmentFault, match="PostgreSQL is not installed") as caught,
        parts.runtime.backing(Need.DATABASE, QUIET),
    ):
        pass
    assert "install postgresql" in caught.value.hint


@pytest.mark.parametrize("broken", ["initdb", "postgres"])
def test_a_database_that_does_not_start_shows_its_last_words_and_leaves_nothing(
    parts: Session,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    broken: str,
) -> None:
    # not below the tests' own folder, which the user of the database cannot enter
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        data = folder / "data"
        data.mkdir()
        monkeypatch.setattr(cluster.folders_for_data, "__defaults__", (data,))
        monkeypatch.setattr(cluster, "_ROOM", 0)
        scripts = {
            "initdb": 'shift; mkdir "$1"; touch "$1/pg_hba.conf"',
            "postgres": '[ "$1" != --single ] || exit 0',
        }
        scripts[broken] += '\necho "the disk is on fire"; exit 3'
        for binary, script in scripts.items():
            (folder / binary).write_text(f"#!/bin/sh\n{script}\n")
            (folder / binary).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        with (
            pytest.raises(EnvironmentFault, match="exit code 3") as caught,
            parts.runtime.backing(Need.DATABASE, QUIET),
        ):
            pass
        assert caught.value.log == "the disk is on fire"
        assert list(data.iterdir()) == []


# the upstream


def test_the_upstream_answers_after_the_delay(parts: Session) -> None:
    with parts.runtime.backing(Need.UPSTREAM, QUIET) as backing:
        assert backing.url == backing.url_for_servers
        assert backing.facts.need == "upstream"
        connection = http.client.HTTPConnection(urlsplit(backing.url).netloc, timeout=10)
        for delay in (0, 1, 5, 20, 7):
            began = time.monotonic()
            connection.request("GET", f"/upstream?delay_ms={delay}&token=t{delay}")
            response = connection.getresponse()
            assert json.load(response) == {"delay_ms": delay, "token": f"t{delay}"}
            assert time.monotonic() - began >= delay / 1e3
        connection.close()
        assert backing.usage().memory > 2**20
        pids = pids_of(backing)
    assert gone(pids)


@pytest.fixture
def upstream() -> Iterator[tuple[str, int]]:
    """Give the address of the program itself, run by its path."""
    port = free_port()
    started = subprocess.Popen([PYTHON, "-I", delaying.__file__, "127.0.0.1", str(port)])
    address = ("127.0.0.1", port)

    def answers() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=5):
            return True
        return False

    try:
        assert within(20, answers)
        yield address
    finally:
        started.terminate()
        # SIGTERM is an orderly end: the first process of a container must handle it
        assert started.wait(timeout=10) == 0


def ask(delay: int, token: str = "a", more: str = "") -> bytes:
    return (
        f"GET /upstream?delay_ms={delay}&token={token} HTTP/1.1\r\nHost: a\r\n{more}\r\n".encode()
    )


def answer_of(connection: socket.socket) -> tuple[int, dict[str, object]]:
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.status, json.loads(response.read())


@pytest.mark.parametrize("count", [200, 2000])
def test_many_connections_at_once_get_their_own_answer_never_early(
    upstream: tuple[str, int], count: int
) -> None:
    """All wait at once, the longest first, so that the order of the answers is another one."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count + 100:
        pytest.skip(f"this process may have {hard} open files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 100), hard))
    delays = [50 + (count - number) * 400 // count for number in range(count)]
    connections: list[socket.socket] = []
    sent: list[float] = []
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for number in range(count):
            connection = stack.enter_context(socket.create_connection(upstream, timeout=30))
            selector.register(connection, selectors.EVENT_READ, number)
            connections.append(connection)
        for number, connection in enumerate(connections):
            sent.append(time.monotonic())
            connection.sendall(ask(delays[number], f"t{number}"))
        left = set(range(count))
        while left:
            events = selector.select(timeout=30)
            came = time.monotonic()
            assert events, f"{len(left)} of {count} got no answer"
            for key, _ in events:
                number = key.data
                assert came - sent[number] >= delays[number] / 1e3
                wanted = {"delay_ms": delays[number], "token": f"t{number}"}
                assert answer_of(connections[number]) == (200, wanted)
                selector.unregister(connections[number])
                left.remove(number)


def test_a_request_may_come_in_pieces_on_a_connection_that_stays(
    upstream: tuple[str, int],
) -> None:
    with socket.create_connection(upstream, timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for token in ("first", "second"):
            request = ask(1, token)
            for cut in (0, 3, 30, len(request) - 2):
                following = min(x for x in (3, 30, len(request) - 2, len(request)) if x > cut)
                connection.sendall(request[cut:following])
                time.sleep(0.01)
            assert answer_of(connection) == (200, {"delay_ms": 1, "token": token})


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (ask(70_000), 400),
        (ask(1, more="Content-Length: 3\r\n") + b"abc", 400),
        (ask(1) + ask(1), 400),
        (b"GET /upstream?" + b"a" * 70_000, 431),
    ],
)
def test_a_bad_request_ends_its_connection_and_no_other(
    upstream: tuple[str, int], data: bytes, status: int
) -> None:
    with (
        socket.create_connection(upstream, timeout=10) as other,
        socket.create_connection(upstream, timeout=10) as connection,
    ):
        other.sendall(ask(30))
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        if status == 400:
            assert answer_of(connection)[0] == status
            assert connection.recv(1) == b""
        assert answer_of(other)[0] == 200


def test_a_request_before_the_answer_ends_the_connection(upstream: tuple[str, int]) -> None:
    with socket.create_connection(upstream, timeout=10) as connection:
        connection.sendall(ask(60_000))
        time.sleep(0.05)
        connection.sendall(ask(1))
        assert answer_of(connection)[0] == 400
        assert connection.recv(1) == b""


def test_clients_that_leave_while_they_wait_harm_nobody(upstream: tuple[str, int]) -> None:
    for _ in range(50):
        with socket.create_connection(upstream, timeout=10) as connection:
            connection.sendall(ask(20))
    with socket.create_connection(upstream, timeout=10) as connection:
        connection.sendall(ask(40, "still"))
        assert answer_of(connection) == (200, {"delay_ms": 40, "token": "still"})


# commands and servers beside them


@pytest.fixture
def bottle(parts: Session) -> Session:
    """Have the environment of an app with tables."""
    (stack,) = parts.catalog.select_stacks(("bottle/gunicorn-sync",))
    parts.runtime.prepare(stack, QUIET)
    return parts


@needs_postgres
def test_a_command_of_the_app_and_its_server_reach_database_and_upstream(bottle: Session) -> None:
    (stack,) = bottle.catalog.select_stacks(("bottle/gunicorn-sync",))
    runtime = bottle.runtime
    with (
        runtime.backing(Need.DATABASE, QUIET) as database,
        runtime.backing(Need.UPSTREAM, QUIET) as upstream,
    ):
        environment = {
            "SECRET_KEY": "a key of this test only",
            "DATABASE_URL": database.url_for_servers,
            "UPSTREAM_URL": upstream.url_for_servers,
        }
        assert stack.app.prepare
        for command in stack.app.prepare:
            runtime.run_once(stack, command, environment)
        with psycopg.connect(database.url) as connection:
            assert connection.execute("SELECT count(*) FROM asset").fetchone() == (0,)
        with runtime.serve(stack, environment) as service:
            for path in ("/readyz", "/upstream?delay_ms=3&token=x"):
                client = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=10)
                client.request("GET", path)
                assert client.getresponse().status == 200
                client.close()


def test_a_command_runs_confined_in_the_environment_of_the_stack(
    bottle: Session, tmp_path: Path
) -> None:
    (stack,) = bottle.catalog.select_stacks(("bottle/gunicorn-sync",))
    seen = tmp_path / "seen.json"
    code = (
        "import json, os, sys, resource; import bottle, assets; json.dump({"
        "'cpus': sorted(os.sched_getaffinity(0)), 'extra': os.environ['EXTRA'],"
        "'memory': resource.getrlimit(resource.RLIMIT_DATA)[0], 'folder': os.getcwd(),"
        f"'names': sorted(os.environ)}}, open({str(seen)!r}, 'w'))"
    )
    bottle.runtime.run_once(stack, ["python", "-c", code], {"EXTRA": "here"})
    found = json.loads(seen.read_text())
    if bottle.placement.server_cpus:
        assert found["cpus"] == list(bottle.placement.server_cpus)
    assert found["memory"] == bottle.placement.memory
    assert found["extra"] == "here"
    assert found["folder"] == str(stack.app.path)
    assert "PYTEST_CURRENT_TEST" not in found["names"]


def test_a_command_that_fails_shows_its_last_words(bottle: Session) -> None:
    (stack,) = bottle.catalog.select_stacks(("bottle/gunicorn-sync",))
    command = ["python", "-c", "print('last words'); raise SystemExit(3)"]
    with pytest.raises(StackError, match=r"of bottle.*exit code 3") as caught:
        bottle.runtime.run_once(stack, command, {})
    assert caught.value.log == "last words"


def test_a_command_that_does_not_end_is_ended_with_its_last_words(
    bottle: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stack,) = bottle.catalog.select_stacks(("bottle/gunicorn-sync",))
    monkeypatch.setattr(process, "ONCE_TIMEOUT", 2.0)
    command = ["python", "-u", "-c", "import time; print('waiting'); time.sleep(600)"]
    with pytest.raises(StackError, match="longer than 2 s") as caught:
        bottle.runtime.run_once(stack, command, {})
    assert caught.value.log == "waiting"


def test_a_command_that_is_not_there_is_named(bottle: Session) -> None:
    (stack,) = bottle.catalog.select_stacks(("bottle/gunicorn-sync",))
    with pytest.raises(StackError, match="`no-such-command --now` of bottle"):
        bottle.runtime.run_once(stack, ["no-such-command", "--now"], {})
