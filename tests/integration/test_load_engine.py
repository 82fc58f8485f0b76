"""The real engine on a server that counts: users of every kind, one load process and several."""

import os
import signal
import socket
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from toolkit.errors import LoadError
from toolkit.histogram import LatencyHistogram
from toolkit.host import allowed_cpus
from toolkit.load.calibrate import calibrate
from toolkit.load.engine import LocustEngine
from toolkit.measured import LoadResult
from toolkit.model import Arrivals, Phase, Placement, Workload
from toolkit.ports import Tick
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.process import ProcessService

ServeCheat = Callable[..., AbstractContextManager[ProcessService]]
Load = Callable[..., tuple[list[LoadResult], int]]

KINDS = {
    "requests": """
        from toolkit.client import Request, SocketUser

        class Reader(SocketUser):
            tasks = [Request("GET", "/thing", expect=200)]
    """,
    "scenario": """
        from locust import task
        from toolkit.client import Request, SocketUser

        class Reader(SocketUser):
            @task
            def read(self):
                yield Request("GET", "/thing", expect=200)
    """,
    "greenlet": """
        from locust import task
        from toolkit.client import SocketUser

        class Reader(SocketUser):
            @task
            def read(self):
                assert self.client.get("/thing").json()["number"] == 7
    """,
    "FastHttpUser": """
        from locust import FastHttpUser, task

        class Reader(FastHttpUser):
            @task
            def read(self):
                assert self.client.get("/thing").json()["number"] == 7
    """,
    "HttpUser": """
        from locust import HttpUser, task

        class Reader(HttpUser):
            @task
            def read(self):
                assert self.client.get("/thing").json()["number"] == 7
    """,
}

THRICE = {
    "scenario": """
        from locust import task
        from toolkit.client import Request, SocketUser

        class Reader(SocketUser):
            @task
            def read(self):
                for _ in range(3):
                    yield Request("GET", "/thing", expect=200)
    """,
    "greenlet": """
        from locust import task
        from toolkit.client import SocketUser

        class Reader(SocketUser):
            @task
            def read(self):
                for _ in range(3):
                    self.client.get("/thing")
    """,
    "FastHttpUser": """
        from locust import FastHttpUser, task

        class Reader(FastHttpUser):
            @task
            def read(self):
                for _ in range(3):
                    self.client.get("/thing")
    """,
}


class Watch:
    def __init__(self) -> None:
        self.events: list[str] = []

    def window_opened(self) -> None:
        self.events.append("opened")

    def window_closed(self) -> None:
        self.events.append("closed")

    def ticked(self, tick: Tick) -> None:
        assert tick.errors == 0
        self.events.append(tick.phase)


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    with Guardian() as found:
        yield found


@pytest.fixture
def load(tmp_path: Path, guardian: Guardian, serve_cheat: ServeCheat) -> Load:
    """Make the load of phases; give their results and how many requests the server answered."""

    def make(text: str, phases: list[Phase], processes: int = 1) -> tuple[list[LoadResult], int]:
        cpus = allowed_cpus()
        # as many as there are processes, though the machine may have fewer
        mine = (cpus[::-1] * processes)[:processes]
        where = Placement(server_cpus=cpus[:1], client_cpus=mine, cpus=1.0, memory=2**29)
        path, log = tmp_path / "locustfile.py", tmp_path / "server.log"
        path.write_text(textwrap.dedent(text))
        workload = Workload(name="read", summary="", path=path)
        results = []
        with (
            LocustEngine(8, where, guardian).open(workload) as session,
            serve_cheat("counting", cpus=where.server_cpus, guardian=guardian, log=log) as service,
        ):
            session.aim(service.url)
            for phase in phases:
                watch = Watch()
                results.append(session.run(phase, watch))
                seldom = [event for event in watch.events if event in ("opened", "closed")]
                assert seldom == ["opened", "closed"]
                assert "measuring" in watch.events
        word, count = log.read_text().split()
        assert word == "answered"
        return results, int(count)

    return make


CLOSED = Phase(users=4, duration=0.6, settle=0.2)
OPEN = Phase(users=8, duration=0.6, settle=0.2, rate=100.0, arrivals=Arrivals.CONSTANT)


@pytest.mark.parametrize("kind", KINDS)
def test_users_of_every_kind_are_counted_and_keep_to_the_loop(load: Load, kind: str) -> None:
    """What the toolkit counted, what Locust counted and what the server answered is the same."""
    (closed, opened), answered = load(KINDS[kind], [CLOSED, OPEN])
    client = kind if kind.endswith("User") else "SocketUser"
    for result in (closed, opened):
        assert result.client == client
        assert result.errors == {}
        assert result.seen == result.locust_seen
        assert result.connections == (None if kind == "HttpUser" else 0)
    assert opened.seen == answered
    assert closed.requests > 60
    assert (closed.offered, closed.late, closed.service) == (None, None, None)
    assert opened.offered == pytest.approx(100 * opened.duration, abs=2)
    assert LatencyHistogram.decode(opened.latency).count == opened.offered
    assert opened.kept == pytest.approx(opened.offered, abs=OPEN.users)
    assert opened.carried


@pytest.mark.parametrize("kind", THRICE)
def test_a_rate_is_one_of_tasks_however_many_requests_each_sends(load: Load, kind: str) -> None:
    """Three times the answers must not hide that tasks are missing, nor make up for them."""
    (opened,), answered = load(THRICE[kind], [OPEN])
    assert opened.offered == pytest.approx(100 * opened.duration, abs=2)
    assert opened.kept is not None
    assert opened.kept == pytest.approx(opened.offered, abs=OPEN.users)
    assert opened.requests == pytest.approx(3 * opened.kept, abs=3 * OPEN.users)
    assert LatencyHistogram.decode(opened.service or "").count == opened.offered
    assert opened.errors == {}
    assert opened.seen == opened.locust_seen == answered


THINKING = {
    "scenario": """
        from locust import constant, task
        from toolkit.client import Request, SocketUser

        class Reader(SocketUser):
            wait_time = constant(5)

            @task
            def read(self):
                yield Request("GET", "/thing", expect=200)
    """,
    "greenlet": """
        from locust import constant, task
        from toolkit.client import SocketUser

        class Reader(SocketUser):
            wait_time = constant(5)

            @task
            def read(self):
                self.client.get("/thing")
    """,
    "FastHttpUser": """
        from locust import FastHttpUser, constant, task

        class Reader(FastHttpUser):
            wait_time = constant(5)

            @task
            def read(self):
                self.client.get("/thing")
    """,
}


@pytest.mark.parametrize("kind", THINKING)
def test_users_do_not_think_between_tasks_while_phases_say_when_to_begin(
    load: Load, kind: str
) -> None:
    """Eight that thought for 5 s each could neither fill a closed loop nor keep up with a rate."""
    (closed, opened), _ = load(THINKING[kind], [CLOSED, OPEN])
    assert closed.requests > 60
    assert opened.carried
    assert opened.late == 0


WAITING = {
    "scenario": """
        from locust import constant, task
        from toolkit.client import Request, SocketUser

        class Reader(SocketUser):
            wait_time = constant(0.5)

            @task
            def read(self):
                yield Request("GET", "/thing", expect=200)
    """,
    "greenlet": """
        from locust import constant, task
        from toolkit.client import SocketUser

        class Reader(SocketUser):
            wait_time = constant(0.5)

            @task
            def read(self):
                self.client.get("/thing")
    """,
    "FastHttpUser": """
        from locust import FastHttpUser, constant, task

        class Reader(FastHttpUser):
            wait_time = constant(0.5)

            @task
            def read(self):
                self.client.get("/thing")
    """,
    "HttpUser": """
        from locust import HttpUser, SequentialTaskSet, constant, task

        class Reader(HttpUser):
            wait_time = constant(0.5)

            @task
            class Visit(SequentialTaskSet):
                @task
                def read(self):
                    self.client.get("/thing")

                @task
                def leave(self):
                    self.client.get("/thing")
                    self.interrupt(reschedule=False)
    """,
}
SHAPE = (2, 6, 0, 4)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("kind", WAITING)
def test_a_shape_has_its_users_who_wait_as_their_file_says(
    load: Load, kind: str, processes: int
) -> None:
    """Each of them sends when it comes and then twice a second, whatever the server could do."""
    shaped = Phase(users=max(SHAPE), duration=float(len(SHAPE)), shape=SHAPE)
    (found, closed), _ = load(WAITING[kind], [shaped, CLOSED], processes=processes)
    assert found.errors == {}
    assert found.unanswered == 0
    # twice in each second and once when they come: 2, 4 and 4 do; on a slow machine some send less
    assert sum(SHAPE) < found.requests <= 2 * sum(SHAPE) + 2 + 4 + 4
    assert found.seen == found.locust_seen
    # and the next phase has its users to itself
    assert closed.requests > 60
    assert closed.unanswered == 0


CLASSES = {
    "driven": """
        from pathlib import Path
        from locust import task
        from toolkit.client import Request, SocketUser

        class Reader(SocketUser):
            weight = 3

            @task
            def go(self):
                Path(FOLDER, "Reader").touch()
                yield Request("GET", "/thing", expect=200)

        class Writer(SocketUser):
            @task
            def go(self):
                Path(FOLDER, "Writer").touch()
                yield Request("GET", "/thing", expect=200)
    """,
    "greenlet": """
        from pathlib import Path
        from locust import FastHttpUser, task

        class Reader(FastHttpUser):
            weight = 3

            @task
            def go(self):
                Path(FOLDER, "Reader").touch()
                self.client.get("/thing")

        class Writer(FastHttpUser):
            @task
            def go(self):
                Path(FOLDER, "Writer").touch()
                self.client.get("/thing")
    """,
}


@pytest.mark.parametrize("kind", CLASSES)
def test_in_a_loop_of_few_users_all_classes_send(load: Load, tmp_path: Path, kind: str) -> None:
    """Four of eight that were started class after class: three of one, one of the other."""
    load(f"FOLDER = {str(tmp_path)!r}\n{textwrap.dedent(CLASSES[kind])}", [CLOSED])
    assert {file.name for file in tmp_path.iterdir()} >= {"Reader", "Writer"}


def test_phases_begin_when_all_users_are_ready_for_their_first_task(load: Load) -> None:
    """Users that log in for longer than the first phase lasts."""
    (closed,), _ = load(
        """
        import gevent
        from toolkit.client import Request, SocketUser

        class Reader(SocketUser):
            tasks = [Request("GET", "/thing", expect=200)]

            def on_start(self):
                gevent.sleep(1.5)
                self.client.get("/thing")
        """,
        [CLOSED],
    )
    assert closed.requests > 60
    assert closed.seen == closed.locust_seen


def test_several_load_processes_count_as_one(load: Load) -> None:
    """Locust's workers each record; counts, rates and Locust's own totals add up."""
    (closed, opened), answered = load(KINDS["requests"], [CLOSED, OPEN], processes=2)
    for result in (closed, opened):
        assert result.errors == {}
        assert result.seen == result.locust_seen
    assert opened.seen == answered
    assert closed.requests > 60
    assert closed.throughput == pytest.approx(closed.requests / closed.duration)
    assert (closed.use.processes, opened.use.processes) == (2, 2)
    assert closed.use.cpu <= closed.use.cpu_of_all
    # each of the two has a schedule of its own
    assert opened.offered == pytest.approx(100 * opened.duration, abs=4)
    assert LatencyHistogram.decode(opened.latency).count == opened.offered


class Killing(Watch):
    """Ends a load process when the window begins: at once, or so that it says nothing any more."""

    def __init__(self, how: signal.Signals) -> None:
        super().__init__()
        self.how = how
        self.stopped: psutil.Process | None = None

    def window_opened(self) -> None:
        super().window_opened()
        everybody = psutil.Process().children(recursive=True)
        (master,) = (x for x in everybody if x.ppid() == os.getpid() and _loads(x))
        self.stopped = next(x for x in master.children() if _loads(x))
        self.stopped.send_signal(self.how)

    def ticked(self, tick: Tick) -> None:
        """What goes wrong here is meant to."""


def _loads(process: psutil.Process) -> bool:
    return "toolkit.load.inside" in process.cmdline()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_load_process_makes_no_number(
    tmp_path: Path, guardian: Guardian, serve_cheat: ServeCheat, how: signal.Signals
) -> None:
    """What the others did is half of the load that was meant."""
    cpus = allowed_cpus()
    where = Placement(server_cpus=(), client_cpus=(cpus[-1],) * 2, cpus=1.0, memory=2**29)
    path = tmp_path / "locustfile.py"
    path.write_text(textwrap.dedent(KINDS["requests"]))
    workload, watch = Workload(name="read", summary="", path=path), Killing(how)
    with (
        LocustEngine(8, where, guardian).open(workload) as session,
        serve_cheat("counting", cpus=(), guardian=guardian, log=tmp_path / "log") as service,
    ):
        session.aim(service.url)
        began = time.monotonic()
        with pytest.raises(LoadError, match="1 of 2 load processes") as caught:
            session.run(replace(CLOSED, duration=30.0), watch)
        assert time.monotonic() - began < 29  # it was not waited for the end of the window
    assert socket.gethostname() in str(caught.value)
    assert watch.stopped is not None
    deadline = time.monotonic() + 10
    while _lives(watch.stopped):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("client", ["FastHttpUser", "HttpUser"])
def test_what_locusts_clients_add_can_be_measured(guardian: Guardian, client: str) -> None:
    cpus = allowed_cpus()
    where = Placement(server_cpus=cpus[:1], client_cpus=cpus[-1:], cpus=1.0, memory=2**29)
    found = calibrate(client, [100.0], placement=where, guardian=guardian)
    assert found is not None
    assert found.client == client
    assert found.throughput > 200
    assert found.cpu_per_request > 0
    ((rate, (p50, p99, p999)),) = found.delays
    assert rate == 100.0
    assert 0 < p50 <= p99 <= p999


def test_a_client_that_nobody_knows_is_not_calibrated(guardian: Guardian) -> None:
    where = Placement(server_cpus=(), client_cpus=(), cpus=1.0, memory=2**29)
    assert calibrate("GrpcUser", [100.0], placement=where, guardian=guardian) is None
