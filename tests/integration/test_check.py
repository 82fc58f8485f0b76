"""``toolkit check`` on a project of a user's own: real processes, real git, planted faults."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from toolkit.changes import Verdict
from toolkit.check_store import load_check
from toolkit.checked import Bursts, Check, CheckSettings, Metric, Side
from toolkit.host import allowed_cpus
from toolkit.judgement import assess
from toolkit.load.duel import GET_FILE, LocustDuels
from toolkit.model import Placement, Workload
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.ready import free_port, wait_until_ready

Toolkit = Callable[..., "subprocess.CompletedProcess[str]"]

APP = '''\
"""A user's own app, on what Python brings: ``python app.py HOST PORT``."""

import os
import sys
import time
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

PAUSE = 0.0
STATUS = "200 OK"
ITEMS = b"some thirty characters of text"


def app(environ, start_response):
    began = time.monotonic()
    path = environ["PATH_INFO"]
    items = path == "/items"
    time.sleep(PAUSE)
    if "--tell" in sys.argv:
        os.write(1, f"{path} {began} {time.monotonic()}\\n".encode())
    start_response(STATUS if items else "200 OK", [("Content-Length", str(len(ITEMS)))])
    return [ITEMS]


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


host, port = sys.argv[1:3]
make_server(host, int(port), app, Server, Quiet).serve_forever()
'''
FAST_USER = """
    from locust import FastHttpUser, constant, task

    class Reader(FastHttpUser):
        wait_time = constant(60)  # left out: the bursts say when a task begins

        @task
        def read(self):
            self.client.get("/items")
"""
HTTP_USER = """
    from locust import HttpUser, task

    class Reader(HttpUser):
        def on_start(self):
            self.client.get("/login")

        @task
        def read(self):
            assert self.client.get("/items").text.startswith("some")
"""
SETTINGS = """
    [tool.toolkit.runtime]
    kind = "process"

    [tool.toolkit.check]
    command = "python app.py {host} {port}"
    seconds = 0.5
    confirm = false
"""


two_cpus = pytest.mark.skipif(len(allowed_cpus()) < 2, reason="one CPU can tell nothing")


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    with Guardian() as found:
        yield found


# the bursts of the real engine


@dataclass
class Served:
    """A server of the app that tells what it was asked.

    Attributes:
        url: Where it answers.
    """

    url: str
    log: Path

    def asked(self) -> list[tuple[str, float, float]]:
        """Give path, begin and end of each request but those for its health, by begin."""
        rows = [line.split() for line in self.log.read_text().splitlines()]
        found = [(path, float(began), float(ended)) for path, began, ended in rows]
        return sorted((row for row in found if row[0] != "/"), key=lambda row: row[1])


@contextlib.contextmanager
def serving(folder: Path, name: str, text: str = APP) -> Iterator[Served]:
    file, log, port = folder / f"{name}.py", folder / f"{name}.log", free_port()
    file.write_text(text)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(file), "127.0.0.1", str(port), "--tell"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_ready(
            port=port, path="/", death=lambda: None, log_tail=log.read_text, timeout=20
        )
        yield Served(f"http://127.0.0.1:{port}", log)
    finally:
        process.kill()
        process.wait()


WORKLOADS = {
    "SocketUser": (GET_FILE.read_text(), {"path": "/items"}),
    "FastHttpUser": (FAST_USER, {}),
    "HttpUser": (HTTP_USER, {}),
}


@pytest.mark.parametrize("client", WORKLOADS)
def test_two_servers_take_turns_whatever_client_asks_them(
    client: str, tmp_path: Path, guardian: Guardian
) -> None:
    """What the servers say they were asked is what the generator counted, side by side."""
    text, parameters = WORKLOADS[client]
    path = tmp_path / "locustfile.py"
    path.write_text(textwrap.dedent(text))
    workload = Workload(name="read", summary="", path=path, parameters=parameters)
    cpus = allowed_cpus()
    where = Placement(server_cpus=cpus[:1], client_cpus=cpus[-1:], cpus=1.0, memory=2**29)
    settings = CheckSettings(users=3, warmup_requests=20, burst=0.01, burst_requests=5)
    ticks: list[object] = []
    longer = APP.replace("PAUSE = 0.0", "PAUSE = 0.002")
    with (
        LocustDuels(settings, where, guardian).open(workload) as session,
        serving(tmp_path, "base", longer) as base,
        serving(tmp_path, "candidate", longer) as candidate,
    ):
        servers = {Side.BASE: base, Side.CANDIDATE: candidate}
        session.aim({side: server.url for side, server in servers.items()})
        session.warm_up(1, ticks.append)
        before = {side: len(server.asked()) for side, server in servers.items()}
        load = session.bursts(2, 0.6, ticks.append)
        after = {side: len(server.asked()) for side, server in servers.items()}
        rated = session.at_rate(3, 0.6, 100.0, ticks.append)
    assert load.client == client
    assert ticks
    for side, server in servers.items():
        assert before[side] >= 20
        assert counted(load, side) == after[side] - before[side] >= 10
        assert counted(rated, side) == len(server.asked()) - after[side] >= 1
        assert load.of(side).errors == rated.of(side).errors == {}
        assert load.of(side).bursts == load.base.bursts
    assert_turns(servers)


def counted(load: Bursts, side: Side) -> int:
    """Count the answers that one side gave."""
    (endpoint,) = load.of(side).endpoints.values()
    assert load.of(side).endpoints.keys() == {"GET /items"}
    assert endpoint.length == len("some thirty characters of text")
    assert load.of(side).tasks == endpoint.answered
    return endpoint.answered


def assert_turns(servers: dict[Side, Served]) -> None:
    """Nobody is asked while requests of the other side are under way."""
    rows = [
        (began, ended, side)
        for side, server in servers.items()
        for path, began, ended in server.asked()
        if path == "/items"  # users log in when they come, which is no load
    ]
    rows.sort()
    turns = 0
    latest = dict.fromkeys(Side, 0.0)
    for (_, ended, side), (began, _, other) in pairwise(rows):
        latest[side] = max(latest[side], ended)
        if other is not side:
            turns += 1
            assert began > latest[side]
    assert turns > 4


# the command


class Project:
    """A user's project, in a part of a repository."""

    def __init__(self, folder: Path) -> None:
        self.top = folder
        self.folder = folder / "services" / "shop"
        self.folder.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch", "main")
        (self.folder / "app.py").write_text(APP)
        (self.folder / "pyproject.toml").write_text(textwrap.dedent(SETTINGS))
        (self.folder / "lacking.txt").write_text("")
        (self.folder / "fast.py").write_text(textwrap.dedent(FAST_USER))
        (self.folder / "browser.py").write_text(textwrap.dedent(HTTP_USER))
        self.commit()
        self._git("tag", "base")

    def _git(self, *arguments: str) -> str:
        settings = ("-c", "user.name=A", "-c", "user.email=a@localhost")
        command = ["git", *settings, *arguments]
        return subprocess.run(
            command, cwd=self.top, check=True, capture_output=True, text=True
        ).stdout.strip()

    def plant(self, old: str, new: str) -> None:
        """Change the app, which must have the old text."""
        file = self.folder / "app.py"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def commit(self) -> None:
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", "a change")

    @property
    def head(self) -> str:
        return self._git("rev-parse", "HEAD")

    @property
    def worktrees(self) -> int:
        return len(self._git("worktree", "list").splitlines())

    def stored(self) -> Check:
        (file,) = self.folder.glob("results/checks/*/check.json")
        return load_check(file)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "repository")


@two_cpus
def test_a_sleep_that_is_not_committed_yet_is_a_regression_of_the_throughput(
    toolkit: Toolkit, project: Project, leftovers: Callable[[], list[str]]
) -> None:
    """20 ms in a view that takes one or two: gross enough for any machine."""
    project.plant("PAUSE = 0.0", "PAUSE = 0.02")
    done = toolkit(
        *("check", "--base", "base", "--get", "/items", "--metric", "throughput"),
        *("--output", "json", "--output", "junit=out/report.xml"),
        cwd=project.folder,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    check = project.stored()
    assert check.base.label == f"base ({project.head[:9]})"
    assert check.base.identity == project.head
    assert check.candidate.label == f"working tree ({project.head[:9]} and changes)"
    assert check.candidate.identity.startswith(f"{project.head}+")
    assert check.workloads == ("GET /items",)
    assert len(check.series(1)) >= 6
    for pair in check.series(1):
        duel = pair.duels["GET /items"]
        for side in Side:
            sample = duel.of(side)
            assert sample.endpoints.keys() == {"GET /items"}
            assert sample.answered >= 40
            assert sample.failed == 0
            assert sample.cpu > 0
            assert sample.memory > 2**20
        assert duel.base.bursts == duel.candidate.bursts
    (change,) = [item for item in assess(check).changes if item.metric is Metric.THROUGHPUT]
    assert change.verdict is Verdict.REGRESSION
    assert change.ratio.value < 0.8
    # programs read standard output, people the other one
    report = json.loads(done.stdout)
    assert report["verdict"] == "regression"
    assert report["check"]["id"] == check.id
    assert "REGRESSION" in done.stderr
    suite = ET.parse(project.folder / "out" / "report.xml").getroot()
    assert list(suite.iter("failure"))
    assert leftovers() == []
    assert project.worktrees == 1


@two_cpus
def test_a_candidate_that_answers_with_errors_is_invalid_and_no_regression(
    toolkit: Toolkit, project: Project, leftovers: Callable[[], list[str]]
) -> None:
    """Though it is much slower as well. By a locustfile without a word of the toolkit."""
    project.plant('STATUS = "200 OK"', 'STATUS = "503 Not now"')
    project.plant("PAUSE = 0.0", "PAUSE = 0.02")
    project.commit()
    done = toolkit(
        *("check", "--base", "base", "--candidate", "main", "--locustfile", "fast.py"),
        cwd=project.folder,
    )
    assert done.returncode == 4, done.stderr
    assert "invalid" in done.stdout.lower()
    check = project.stored()
    assert check.workloads == ("fast",)
    assert len(check.pairs) == 3
    assert check.series(1) == ()
    for pair in check.pairs:
        duel = pair.duels["fast"]
        assert (duel.base.failed, duel.candidate.answered) == (0, 0)
        assert any("candidate" in finding.message for finding in duel.findings)
    assert leftovers() == []
    assert project.worktrees == 1


@two_cpus
def test_a_project_can_be_compared_with_itself_each_side_with_data_of_its_own(
    toolkit: Toolkit, project: Project, tmp_path: Path, leftovers: Callable[[], list[str]]
) -> None:
    """Neither runs in the folder that is worked in, and no value of a variable is kept."""
    project.plant(
        "host, port =",
        'open(os.environ["DATA"], "a").write(os.getcwd() + "\\n")\nhost, port =',
    )
    done = toolkit(
        *("check", "--aa", "--get", "/items", "--env", f"DATA={tmp_path}/data-{{side}}"),
        *("--max-pairs", "6"),
        cwd=project.folder,
    )
    assert done.returncode in (0, 4), done.stderr
    assert "packages at hand" in done.stderr
    check = project.stored()
    assert check.against_itself
    assert check.base.identity == check.candidate.identity
    folders = [
        {*(tmp_path / f"data-{side}").read_text().splitlines()} for side in ("base", "candidate")
    ]
    assert [len(found) for found in folders] == [1, 1]
    assert folders[0] != folders[1]
    assert str(project.folder) not in folders[0] | folders[1]
    assert "--env DATA" in check.again
    (file,) = project.folder.glob("results/checks/*/check.json")
    assert "data-" not in file.read_text()
    assert leftovers() == []


@two_cpus
def test_a_task_that_raises_makes_a_check_invalid_as_well(
    toolkit: Toolkit, project: Project
) -> None:
    """The status is right and the answer is as long; only the locustfile's assertion tells."""
    project.plant('b"some thirty', 'b"also thirty')
    done = toolkit("check", "--base", "base", "--locustfile", "browser.py", cwd=project.folder)
    assert done.returncode == 4, done.stderr
    for pair in project.stored().pairs:
        assert any("AssertionError" in text for text in pair.duels["browser"].candidate.errors)
        assert not pair.duels["browser"].base.errors


@two_cpus
def test_a_candidate_that_does_not_start_is_named_and_its_log_is_quoted(
    toolkit: Toolkit, project: Project, leftovers: Callable[[], list[str]]
) -> None:
    project.plant("import sys\n", "import sys\nprint('no such table: items')\nsys.exit(3)\n")
    done = toolkit("check", "--base", "base", "--get", "/items", cwd=project.folder)
    assert done.returncode == 4, done.stderr
    assert "error: the candidate (working tree" in done.stderr
    assert "exit code 3" in done.stderr
    assert "  | no such table: items" in done.stderr
    assert "the base (" not in done.stderr
    assert done.stdout == ""
    assert leftovers() == []
    assert project.worktrees == 1


@two_cpus
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_however_a_check_ends_nothing_is_left_but_its_pairs(
    sent: signal.Signals,
    project: Project,
    toolkit: Toolkit,
    surroundings: dict[str, str],
    running: Callable[[], list[str]],
    leftovers: Callable[[], list[str]],
) -> None:
    """In the middle of a measurement, after the first stored pair."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "toolkit", "check", "--aa"),
            *("--locustfile", "browser.py", "--seconds", "5"),
        ],
        cwd=project.folder,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    # looked at once: a moment later the pair may be over
    while not (is_stored(project.folder) and at_work(running())):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(sent)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == (-9 if sent is signal.SIGKILL else 130)
    assert "Traceback" not in errors
    assert out == ""
    assert leftovers() == []
    check = project.stored()
    assert check.finished_at is None
    assert len(check.pairs) >= 1
    assert project.worktrees == 1
    (file,) = project.folder.glob("results/checks/*/check.json")
    shown = toolkit("check", "--from", str(file), cwd=project.folder)
    assert shown.returncode in (0, 4)
    assert "Traceback" not in shown.stderr


def is_stored(folder: Path) -> bool:
    return any(folder.glob("results/checks/*/check.json"))


def at_work(running: Sequence[str]) -> bool:
    """Tell whether both servers and a load generator are there."""
    servers = sum("app.py" in item for item in running)
    return servers >= 2 and any("load.bursts" in item for item in running)


@two_cpus
@pytest.mark.parametrize(
    ("arguments", "code", "said", "hint"),
    [
        (("--base", "no-such-branch", "--get", "/"), 2, "git knows no 'no-such-branch'", "shallow"),
        (("--base", "base", "--stack", "flask/gunicorn-sync"), 2, "no folder apps/", "Dockerfile"),
        (("--base", "base", "--get", "/", "--command", ""), 2, "is not known", "--command"),
        (("--aa", "--stack", "flask/*"), 2, "fits several stacks", "Name one of"),
        (
            ("--base", "base", "--get", "/", "--command", "python 'app.py"),
            2,
            "no closing quotation",
            "--command",
        ),
        (
            ("--base", "base", "--get", "/", "--command", "no-such-program {port} {x}"),
            4,
            "no-such-program: No such file",
            "",
        ),
        (("--aa", "--base-requirements", "x.txt"), 2, "requirements are compared on a stack", ""),
        (
            ("--base", "base", "--candidate", "main", "--get", "/"),
            2,
            "base and candidate are the same: base (",
            "--aa",
        ),
        (
            ("--base", "base", "--get", "/", "--install", "--no-index -r lacking.txt"),
            4,
            "the candidate (working tree",
            "",
        ),
    ],
)
def test_what_cannot_be_compared_gets_one_clear_line_and_leaves_nothing(
    toolkit: Toolkit,
    project: Project,
    leftovers: Callable[[], list[str]],
    arguments: tuple[str, ...],
    code: int,
    said: str,
    hint: str,
) -> None:
    project.plant("PAUSE = 0.0", "PAUSE = 0.001")
    (project.folder / "lacking.txt").write_text("no-such-package\n")
    done = toolkit("check", *arguments, cwd=project.folder)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert not is_stored(project.folder)
    assert leftovers() == []
    assert project.worktrees == 1


@two_cpus
def test_a_project_in_no_repository_is_told_so(toolkit: Toolkit, tmp_path: Path) -> None:
    nowhere = {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent), "PATH": os.environ["PATH"]}
    done = toolkit("check", "--base", "main", "--get", "/", "--runtime", "process", env=nowhere)
    assert done.returncode == 2
    assert "not a git repository" in done.stderr
