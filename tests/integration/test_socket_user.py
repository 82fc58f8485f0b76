"""Bare Locust with our users: what it shows is what the server has got.

Locust runs in processes of its own, as it is used: ``locust -f locustfile.py --headless``. Two ways
make the numbers certain: users that send so many requests and then stop, after which the CSV files
must hold exactly these; and users that are stopped in the middle of it, where the server may have
got a request more from each than was answered.
"""

import csv
import json
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent

import pytest

import toolkit.load

LOADTESTS = Path(__file__).parents[2] / "loadtests"
NULL = Path(toolkit.load.__file__).with_name("null.py")


LIMIT = 50
"""Seconds after which something hangs."""

PRELUDE = """
import gevent
import locust.stats
from locust import events

locust.stats.CSV_STATS_INTERVAL_SEC = 0.1

@events.init.add_listener
def quit_when_all_have_stopped(environment, **_):
    def watch():
        while environment.runner.user_count:
            gevent.sleep(0.02)
        environment.runner.quit()

    events.spawning_complete.add_listener(lambda **_: gevent.spawn(watch))
"""


class CountingServer(ThreadingHTTPServer):
    """Counts the requests it got by method and path; answers with the status that the path says."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: Counter[tuple[str, str]] = Counter()
        self.cookies: list[str | None] = []
        self.lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed leaves in the middle of a request."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, CountingServer)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with server.lock:
            server.got[self.command, self.path] += 1
            server.cookies.append(self.headers.get("Cookie"))
        status = int(found[0]) if (found := re.findall(r"\d{3}", self.path)) else 200
        self.send_response(status)
        if self.path == "/login":
            self.send_header("Set-Cookie", "session=s; Path=/")
        self.send_header("Content-Length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"ok")

    do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Done:
    """What Locust left behind."""

    code: int
    said: str
    stats: dict[tuple[str, str], tuple[int, int]]
    failures: dict[tuple[str, str, str], int]
    exceptions: int
    json: dict[tuple[str, str], int]

    @property
    def total(self) -> tuple[int, int]:
        return self.stats["", "Aggregated"]


Locust = Callable[..., Done]


@pytest.fixture
def server() -> Iterator[CountingServer]:
    with CountingServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def null() -> Iterator[str]:
    """The target that answers everything with ``ok``."""
    from toolkit.runtime.ready import free_port

    port = free_port()
    command = [sys.executable, str(NULL), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield f"http://127.0.0.1:{port}"
        process.kill()


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture
def locust(tmp_path: Path, server: CountingServer) -> Locust:
    def run(
        locustfile: str | Path,
        *,
        users: int = 3,
        seconds: int = LIMIT,
        host: str | None = None,
        more: tuple[str, ...] = (),
    ) -> Done:
        if isinstance(locustfile, str):
            (tmp_path / "locustfile.py").write_text(PRELUDE + dedent(locustfile))
            locustfile = tmp_path / "locustfile.py"
        url = f"http://127.0.0.1:{server.server_port}" if host is None else host
        process = subprocess.run(
            [
                *(sys.executable, "-m", "locust", "-f", str(locustfile), "--headless"),
                *("-u", str(users), "-r", "100", "-t", f"{seconds}s", "--host", url),
                *("--csv", "out", "--json-file", "out", "--only-summary", *more),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        said = process.stdout + process.stderr
        assert (tmp_path / "out.json").exists(), said
        return Done(
            code=process.returncode,
            said=said,
            stats={
                (row["Type"], row["Name"]): (int(row["Request Count"]), int(row["Failure Count"]))
                for row in rows(tmp_path / "out_stats.csv")
            },
            failures={
                (row["Method"], row["Name"], row["Error"]): int(row["Occurrences"])
                for row in rows(tmp_path / "out_failures.csv")
            },
            exceptions=sum(int(row["Count"]) for row in rows(tmp_path / "out_exceptions.csv")),
            json={
                (entry["method"], entry["name"]): entry["num_requests"]
                for entry in json.loads((tmp_path / "out.json").read_text())
            },
        )

    return run


QUIT_AFTER_50 = """
from toolkit.client.user import recorder

@events.init.add_listener
def quit_after_50(environment, **_):
    def watch():
        while recorder.answered + recorder.failed < 50:
            gevent.sleep(0.01)
        environment.runner.quit()

    gevent.spawn(watch)
"""
ENDLESS = """
    from toolkit.client import Request, SocketUser

    class Endless(SocketUser):
        tasks = [Request("GET", "/", name="home", expect=200)]
    """


@pytest.mark.parametrize("processes", [1, 2])
def test_the_totals_are_what_the_server_got_up_to_the_last_moment(
    locust: Locust, server: CountingServer, processes: int
) -> None:
    """With the counts of several processes added up; but for one request of each user."""
    more = ("--processes", "2") if processes > 1 else ()
    done = locust(ENDLESS, users=4, seconds=2, more=more)
    assert done.code == 0, done.said
    got = server.got["GET", "/"]
    assert got > 10
    assert got - 4 <= done.total[0] <= got
    assert done.total == done.stats["GET", "home"]
    assert done.json == {("GET", "home"): done.total[0]}
    assert done.failures == {}


def test_a_listener_sees_every_request_and_nothing_is_counted_twice(
    locust: Locust, server: CountingServer
) -> None:
    done = locust(
        """
        from locust import events
        from locust.exception import StopUser
        from toolkit.client import Request, SocketUser

        heard = []

        @events.request.add_listener
        def hear(request_type, name, response_time, response_length, exception, **_):
            heard.append((request_type, name, response_length, str(exception), response_time > 0))

        @events.quitting.add_listener
        def tell(**_):
            for what in sorted(set(heard)):
                print("HEARD", heard.count(what), *what)

        class User(SocketUser):
            def go(self):
                for _ in range(20):
                    yield Request("GET", "/a", name="a")
                yield Request("GET", "/500", name="b")
                raise StopUser

            tasks = [go]
        """,
        users=3,
    )
    assert server.got == {("GET", "/a"): 60, ("GET", "/500"): 3}
    assert "HEARD 60 GET a 2 None True\n" in done.said
    assert "HEARD 3 GET b 2 status 500 True\n" in done.said
    assert done.said.count("HEARD") == 2
    assert done.stats["GET", "a"] == (60, 0)
    assert done.stats["GET", "b"] == (3, 3)
    assert done.total == (63, 3)


def test_failures_are_listed_with_their_reasons_and_numbers_and_fail_the_run(
    locust: Locust, server: CountingServer
) -> None:
    done = locust(
        """
        from locust.exception import StopUser
        from toolkit.client import Request, SocketUser

        class User(SocketUser):
            def go(self):
                for _ in range(5):
                    yield Request("GET", "/a", expect=200)
                for _ in range(3):
                    yield Request("POST", "/503", name="busy", body=b"x")
                    yield Request("GET", "/a", expect=204)
                yield Request("GET", "/a", name="check", check=lambda body: body == b"no")
                yield Request("GET", "/a", name="raises", check=lambda body: body["x"])
                raise StopUser

            tasks = [go]
        """,
        users=2,
    )
    assert done.code == 1
    assert {key: count for key, count in done.failures.items() if key[1] != "raises"} == {
        ("POST", "busy", "status 503"): 6,
        ("GET", "/a", "status 200 instead of 204"): 6,
        ("GET", "check", "wrong body"): 2,
    }
    raised = [key[2] for key in done.failures if key[1] == "raises"]
    assert [reason.split(":")[0] for reason in raised] == ["the check raised TypeError"]
    assert done.stats["GET", "/a"] == (16, 6)
    assert done.total == (26, 16)
    assert sum(server.got.values()) == 26


def test_a_server_that_is_not_there_is_a_failure_and_does_not_hang(locust: Locust) -> None:
    from toolkit.runtime.ready import free_port

    done = locust(
        """
        from locust.exception import StopUser
        from toolkit.client import Request, SocketUser

        class User(SocketUser):
            tasks = [Request("GET", "/")]
            ended = 0

            def wait_time(self):
                self.ended += 1
                if self.ended == 5:
                    raise StopUser
                return 0.01
        """,
        host=f"http://127.0.0.1:{free_port()}",
    )
    assert done.code == 1
    assert done.failures == {("GET", "/", "Connection refused"): 15}
    assert done.total == (15, 15)


KINDS = {
    "request": 'Request("GET", "/a", expect=200)',
    "scenario": "scenario",
    "function": "function",
}
MANY = """
    from locust.exception import StopUser
    from toolkit.client import Request, SocketUser

    def scenario(user):
        answer = yield Request("GET", "/b", expect=200)
        assert answer.text == "ok" and answer.error is None
        yield Request("DELETE", "/b")

    def function(user):
        assert user.client.get("/c", expect=200).status == 200
        assert user.client.post("/c", json={}).error is None
        assert user.client.head("/c", name="c").body == b""
        assert user.client.get("/404").error == "status 404"

    class User(SocketUser):
        tasks = [KINDS]
        ended = 0

        def wait_time(self):
            self.ended += 1
            if self.ended == 40:
                raise StopUser
            return 0
    """


@pytest.mark.parametrize(
    "kinds",
    [("request",), ("scenario",), ("function",), ("request", "scenario"), tuple(KINDS)],
    ids=" ".join,
)
def test_every_kind_of_task_works_alone_and_beside_the_others(
    locust: Locust, server: CountingServer, kinds: tuple[str, ...]
) -> None:
    """Each user does 40 tasks; what they are the server tells."""
    done = locust(MANY.replace("KINDS", ", ".join(KINDS[kind] for kind in kinds)), users=2)
    tasks = {
        "request": server.got["GET", "/a"],
        "scenario": server.got["GET", "/b"],
        "function": server.got["GET", "/c"],
    }
    assert sum(tasks.values()) == 80, done.said
    assert {kind for kind, count in tasks.items() if count} == set(kinds)
    assert server.got["DELETE", "/b"] == tasks["scenario"]
    for method in ("POST", "HEAD"):
        assert server.got[method, "/c"] == tasks["function"]
    assert server.got["GET", "/404"] == tasks["function"]
    assert done.total == (sum(server.got.values()), tasks["function"])
    assert done.exceptions == 0


def test_tasks_come_as_often_as_their_weights_say(locust: Locust, server: CountingServer) -> None:
    """Of 1,000 draws each share is within 10 % of the whole (six sigma)."""
    done = locust(
        """
        from locust import task
        from locust.exception import StopUser
        from toolkit.client import Request, SocketUser

        class User(SocketUser):
            ended = 0
            tasks = {Request("GET", "/a"): 3, Request("GET", "/b"): 1}

            @task(4)
            def often(self):
                yield Request("GET", "/c")

            def wait_time(self):
                self.ended += 1
                if self.ended == 500:
                    raise StopUser
                return 0
        """,
        users=2,
    )
    assert done.total == (1000, 0)
    for path, share in (("/a", 3 / 8), ("/b", 1 / 8), ("/c", 4 / 8)):
        assert server.got["GET", path] / 1000 == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize("kinds", ["Request('GET', '/')", "scenario", "function"])
def test_users_wait_between_their_tasks_as_long_as_they_say(
    locust: Locust, server: CountingServer, kinds: str
) -> None:
    """A user that waits for an hour after its first task has none after it."""
    done = locust(
        f"""
        from toolkit.client import Request, SocketUser

        def scenario(user):
            yield Request("GET", "/")

        def function(user):
            user.client.get("/")

        waiting = []

        class User(SocketUser):
            tasks = [{kinds}]

            def wait_time(self):
                waiting.append(self)
                if len(waiting) == 5:
                    gevent.spawn_later(0.3, self.environment.runner.quit)
                return 3600
        """,
        users=5,
    )
    assert done.code == 0, done.said
    assert server.got == {("GET", "/"): 5}
    assert done.total == (5, 0)


FAULTY = """
    from locust.exception import StopUser
    from toolkit.client import Request, SocketUser

    OK = Request("GET", "/")

    class User(SocketUser):
        rounds = 0

        def fault(self):
            self.rounds += 1
            if self.rounds > 3:
                raise StopUser
            FAULT

        tasks = [fault]
    """


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        ("yield OK; 1 / 0", 1),
        ("1 / 0; yield OK", 0),
        ("yield OK; yield 'no request'", 1),
        ("yield None", 0),
        ("yield OK; self.client.get('/')", 1),
        ("self.client.get('/'); 1 / 0", 1),
        ("self.client.get('no path')", 0),
    ],
)
def test_an_exception_in_a_task_is_reported_and_the_user_goes_on(
    locust: Locust, server: CountingServer, fault: str, sent: int
) -> None:
    """Each of two users does it three times."""
    done = locust(FAULTY.replace("FAULT", fault), users=2)
    assert done.exceptions == 6, done.said
    assert done.code == 1
    assert server.got == Counter({("GET", "/"): 6 * sent} if sent else {})
    assert done.total == (6 * sent, 0)


@pytest.mark.parametrize("fault", ["yield OK; 1 / 0", "1 / 0; yield OK", "yield OK; return"])
def test_in_a_closed_loop_of_fewer_a_user_that_fails_or_stops_leaves_its_place_to_another(
    locust: Locust, server: CountingServer, fault: str
) -> None:
    """With the pace of the toolkit, which lets two of five run."""
    paced = """
        from toolkit.client.pace import Pace
        from toolkit.client.user import course, recorder

        course.pace = Pace(recorder)
        course.pace.close_loop(2)
        events.test_stop.add_listener(lambda **_: print("RUNNING", course.pace.running))
    """
    done = locust(dedent(paced) + dedent(FAULTY.replace("FAULT", fault)), users=5)
    rounds = 5 * 3
    assert done.exceptions == (0 if "return" in fault else rounds), done.said
    assert server.got["GET", "/"] == (0 if fault.startswith("1") else rounds)
    assert "RUNNING 0\n" in done.said


def test_a_wait_time_that_raises_is_reported_and_does_not_hang(
    locust: Locust, server: CountingServer
) -> None:
    done = locust(
        """
        from locust.exception import StopUser
        from toolkit.client import Request, SocketUser

        class User(SocketUser):
            waits = 0
            tasks = [Request("GET", "/")]

            def wait_time(self):
                self.waits += 1
                if self.waits == 2:
                    raise StopUser
                if self.waits == 1:
                    raise ValueError("no time")
                return 0
        """,
        users=1,
    )
    assert "ValueError: no time" in done.said
    assert (done.total, done.exceptions) == ((1, 0), 1)


def test_a_scenario_with_nothing_to_ask_does_not_keep_others_from_it(
    locust: Locust, server: CountingServer
) -> None:
    done = locust(
        """
        from locust.exception import StopUser
        from toolkit.client import Request, SocketUser

        class Idle(SocketUser):
            rounds = 0
            fixed_count = 1

            def nothing(self):
                self.rounds += 1
                if self.rounds == 5000:
                    raise StopUser
                if self.rounds < 0:
                    yield

            tasks = [nothing]

            def on_stop(self):
                print("ROUNDS", self.rounds)

        class Other(SocketUser):
            fixed_count = 1

            def something(self):
                for _ in range(20):
                    yield Request("GET", "/")
                raise StopUser

            tasks = [something]
        """,
        users=2,
    )
    assert done.total == (20, 0)
    assert "ROUNDS 5000\n" in done.said
    assert (done.code, done.exceptions) == (0, 0), done.said


def test_a_user_logs_in_works_and_logs_out_with_one_connection_and_its_cookies(
    locust: Locust, server: CountingServer
) -> None:
    done = locust(
        """
        from locust.exception import StopUser
        from toolkit.client import Request, SocketUser

        class User(SocketUser):
            def on_start(self):
                self.client.post("/login", body="name")

            def work(self):
                yield Request("GET", "/work")
                raise StopUser

            tasks = [work]

            def on_stop(self):
                assert self.client.cookie("session") == "s"
                self.client.get("/logout")
                print("OPENED", self.client.opened)
        """,
        users=1,
    )
    assert done.total == (3, 0), done.said
    assert server.cookies == [None, "session=s", "session=s"]
    assert "OPENED 1\n" in done.said


@pytest.mark.parametrize("stop_timeout", ["0", "10"])
def test_users_that_are_stopped_log_out_however_they_are_stopped(
    locust: Locust, server: CountingServer, stop_timeout: str
) -> None:
    """In the middle of their work, or after a task."""
    text = ENDLESS + "\n        def on_stop(self):\n            self.client.get('/logout')\n"
    done = locust(dedent(text) + QUIT_AFTER_50, users=3, more=("--stop-timeout", stop_timeout))
    assert server.got["GET", "/logout"] == 3, done.said
    lost = server.got["GET", "/"] - done.stats["GET", "home"][0]
    assert lost <= (3 if stop_timeout == "0" else 0)
    assert done.stats["GET", "/logout"] == (3, 0)


@pytest.mark.parametrize("host", ["ftp://a.test", "http://a.test:port", "a.test"])
def test_a_host_that_is_none_ends_the_run_at_once_with_an_error(locust: Locust, host: str) -> None:
    done = locust(ENDLESS, host=host)
    assert done.code == 1
    assert "--host http://127.0.0.1:8000" in done.said
    assert done.total == (0, 0)


@pytest.mark.parametrize(("name", "method"), [("list", "GET"), ("create", "POST")])
def test_a_workload_runs_with_bare_locust_and_finds_wrong_answers(
    locust: Locust, null: str, tmp_path: Path, name: str, method: str
) -> None:
    """The target answers ``ok`` to all: no list, and 200 is not 201."""
    (tmp_path / "quit.py").write_text(PRELUDE + QUIT_AFTER_50)
    files = f"{LOADTESTS / name}.py,{tmp_path / 'quit.py'}"
    done = locust(Path(files), host=null)
    assert done.code == 1
    assert done.total[0] == done.total[1] > 0
    wrong = {"list": "wrong body", "create": "status 200 instead of 201"}
    assert {key: count for key, count in done.failures.items() if count} == {
        (method, name, wrong[name]): done.total[0]
    }
    assert done.exceptions == 0
