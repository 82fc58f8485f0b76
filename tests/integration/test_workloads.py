"""Every workload takes right answers, refuses wrong ones, and runs with Locust alone.

Two stand-ins for an app answer, one rightly, one wrongly (``standin.py``). Each locustfile runs
against both until it has shown what it does; single answers are judged below, without Locust.
"""

import hashlib
import importlib
import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from toolkit.catalog import Catalog, root
from toolkit.errors import ConfigError
from toolkit.runtime.ready import free_port

with pytest.MonkeyPatch.context() as patch:
    # threads and sockets of the tests stay what they are
    patch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    from toolkit.client import Answer, Request, SocketUser

Load = Callable[..., ModuleType]

LOADTESTS = root() / "loadtests"
STANDIN = Path(__file__).with_name("standin.py")
WORKLOADS = {workload.name: workload for workload in Catalog(root()).workloads}
ORDER = [
    ("POST", "log in"),
    ("GET", "page 1"),
    ("GET", "page 2"),
    ("GET", "page 3"),
    ("DELETE", "log out"),
]
SESSION = set(ORDER)
SLOW = {("POST", "slow request"), ("GET", "slow answer")}
POSTED = {"create", "db-write", "upload"}
QUICK = {"slow-client": "clients=3&seconds=100ms"}
"""Parameters with which a test need not wait."""

LIMIT = 50
"""Seconds after which something hangs."""

QUIT = """
import json
import os
import gevent
from locust import events
from toolkit.client.user import recorder

@events.init.add_listener
def quit_when_there_is_enough(environment, **_):
    def watch():
        kinds = set()
        while environment.stats.total.num_requests < 20 or len(kinds) < int(os.environ["KINDS"]):
            gevent.sleep(0.05)
            recorder.flush()
            stats = environment.stats.entries
            kinds = {key for key, entry in stats.items() if entry.num_requests}
        environment.runner.quit()

    def tell(**_):
        stats = environment.stats
        reasons = sorted({str(error.error) for error in stats.errors.values()})
        print("TOLD", json.dumps([stats.total.num_requests, reasons]), flush=True)

    if not environment.parsed_options.worker:
        environment.events.quit.add_listener(tell)
        environment.events.spawning_complete.add_listener(lambda **_: gevent.spawn(watch))
"""


def kinds_of(name: str) -> set[tuple[str, str]]:
    """Give the kinds of requests that a workload may send."""
    if name == "session":
        return SESSION
    if name == "slow-client":
        return SLOW | kinds_of("list")
    if name == "mixed":
        others = WORKLOADS.keys() - {"mixed", "slow-client"}
        return {kind for other in others for kind in kinds_of(other)}
    return {("POST" if name in POSTED else "GET", name)}


def certain_kinds(name: str, app: str) -> set[tuple[str, str]]:
    """Give those of which there must be one."""
    if name == "mixed":
        return set()
    if name == "session" and app == "wrong":
        return {("POST", "log in")}
    return kinds_of(name)


@dataclass(frozen=True)
class Done:
    """What Locust left behind: requests and failures by method and name, and all of them."""

    code: int
    said: str
    counts: dict[tuple[str, str], tuple[int, int]]
    total: int
    reasons: list[str]


def run_locust(
    file: Path | str, url: str, folder: Path, *more: str, kinds: int = 1, chosen: str = ""
) -> Done:
    """Let 20 users run until there are 20 answers, and requests of so many kinds."""
    (folder / "quit.py").write_text(QUIT)
    process = subprocess.run(
        [
            *(sys.executable, "-m", "locust", "-f", f"{file},{folder / 'quit.py'}", "--headless"),
            *("-u", "20", "-r", "100", "-t", f"{LIMIT}s", "--only-summary", "--host", url),
            *("--json-file", str(folder / "out"), *more),
        ],
        cwd=folder,
        env={**os.environ, "TOOLKIT_PARAMETERS": chosen, "KINDS": str(kinds)},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT + 10,
    )
    said = process.stdout + process.stderr
    assert (folder / "out.json").exists(), said
    counts = {
        (entry["method"], entry["name"]): (entry["num_requests"], entry["num_failures"])
        for entry in json.loads((folder / "out.json").read_text())
    }
    (told,) = (line for line in said.splitlines() if line.startswith("TOLD "))
    total, reasons = json.loads(told.removeprefix("TOLD "))
    return Done(process.returncode, said, counts, total, reasons)


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    """Give the URLs of the app that is right and of the one that is wrong."""
    found, processes = {}, []
    try:
        for kind in ("right", "wrong"):
            port = free_port()
            process = subprocess.Popen(
                [sys.executable, str(STANDIN), str(port), kind], stdout=subprocess.PIPE, text=True
            )
            processes.append(process)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            found[kind] = f"http://127.0.0.1:{port}"
        yield found
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def done(
    urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], Done]:
    """Run every workload against both, some at a time."""

    def run(case: tuple[str, str]) -> Done:
        name, kind = case
        folder = tmp_path_factory.mktemp(f"{name}-{kind}")
        kinds = len(certain_kinds(name, kind))
        chosen = QUICK.get(name, "")
        return run_locust(WORKLOADS[name].path, urls[kind], folder, kinds=kinds, chosen=chosen)

    cases = [(name, kind) for kind in urls for name in WORKLOADS]
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(cases, pool.map(run, cases), strict=True))


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_takes_right_answers(done: dict[tuple[str, str], Done], name: str) -> None:
    run = done[name, "right"]
    assert run.code == 0, run.said
    assert certain_kinds(name, "right") <= run.counts.keys() <= kinds_of(name)
    assert all(requests > 0 and not failures for requests, failures in run.counts.values())


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_refuses_wrong_answers(done: dict[tuple[str, str], Done], name: str) -> None:
    run = done[name, "wrong"]
    assert run.code == 1, run.said
    assert certain_kinds(name, "wrong") <= run.counts.keys() <= kinds_of(name)
    assert all(requests == failures > 0 for requests, failures in run.counts.values()), run.said
    assert run.reasons == ["wrong body"]


def test_the_slow_clients_requests_are_not_in_the_total(
    done: dict[tuple[str, str], Done],
) -> None:
    run = done["slow-client", "right"]
    assert run.total == run.counts["GET", "list"][0]


# away from where the locustfile lies


@pytest.mark.parametrize(
    ("where", "processes"),
    [("beside it", 1), ("from the checkout", 1), ("elsewhere", 1), ("elsewhere", 2)],
)
def test_a_locustfile_finds_what_it_shares_from_wherever_it_is_started(
    urls: dict[str, str], tmp_path: Path, where: str, processes: int
) -> None:
    """A copy as an installed toolkit has it."""
    copy = tmp_path / "toolkit" / "_bundled"
    for part in ("loadtests", "apps/shared"):
        shutil.copytree(root() / part, copy / part)
    started = {
        "beside it": (copy / "loadtests", "db-read.py"),
        "from the checkout": (copy, "loadtests/db-read.py"),
        "elsewhere": (tmp_path, str(copy / "loadtests" / "db-read.py")),
    }
    folder, file = started[where]
    more = () if processes == 1 else ("--processes", str(processes))
    run = run_locust(file, urls["right"], folder, *more)
    assert run.code == 0, run.said
    ((kind, (requests, failures)),) = run.counts.items()
    assert (kind, failures) == (("GET", "db-read"), 0)
    assert requests >= 20


# single requests, without Locust's runner


@pytest.fixture(scope="module")
def standin() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])
        yield import_file("standin", STANDIN)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a locustfile as Locust does; what it draws by chance is always the same."""
    monkeypatch.syspath_prepend(str(LOADTESTS))
    random.seed(20261125)

    def load(name: str, chosen: str = "") -> ModuleType:
        monkeypatch.setenv("TOOLKIT_PARAMETERS", chosen)
        module = import_file(f"workload_{name}", WORKLOADS[name].path)
        importlib.import_module("common.database").forget_moves()
        return module

    return load


def import_file(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tasks_of(module: ModuleType) -> list[Any]:
    (user,) = {
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, SocketUser) and not value.abstract
    }
    return list(dict.fromkeys(user.tasks))


def request_of(task: Any) -> Request:  # noqa: ANN401 - a request, or a scenario
    """Give a task's first request."""
    return task if isinstance(task, Request) else next(task(None))


def ask(app: Any, standin: ModuleType, request: Request, cookie: bytes = b"") -> Any:  # noqa: ANN401
    """Have the stand-in answer; its classes are those of a module without a package."""
    asked, rest = standin.read_request(request.encode(b"Host: a.test\r\n", cookie))
    assert rest == b""
    return app.answer(asked)


def judge(request: Request, status: int, body: bytes) -> str | None:
    # bytes of their own: a check that compares identities would be none
    return request.judge(Answer(status, bytes(bytearray(body))))


SINGLE = sorted(WORKLOADS.keys() - {"session", "mixed", "slow-client"})
OWN = ["create", "db-multi", "db-read", "db-write", "orm", "upstream"]
"""Workloads whose requests differ from each other."""


@pytest.mark.parametrize("name", SINGLE)
def test_only_the_right_answer_is_right(load: Load, standin: ModuleType, name: str) -> None:
    """Before and after a right one was seen, for those are remembered."""
    (task,) = tasks_of(load(name))
    right, wrong = standin.App(), standin.App(wrong=True)
    request = request_of(task)
    reply = ask(right, standin, request)
    bodies = {
        *(ask(wrong, standin, request).body, reply.body[:-1], reply.body + b"x", b"x" + reply.body),
        *(b"", b"ok", b"{}", b"[]", b"null", b"\xff", reply.body[: len(reply.body) // 2]),
    }
    # the white space at the end of a page is none of its parts
    bodies.discard(reply.body.rstrip())
    for _ in range(2):
        for body in bodies:
            assert judge(request, reply.status, body) == "wrong body", body[-200:]
        for status in (500, 404, 202, 302):
            said = f"status {status} instead of {reply.status}"
            assert judge(request, status, reply.body) == said
        reply = ask(right, standin, request)
        assert judge(request, reply.status, reply.body) is None


@pytest.mark.parametrize("name", OWN)
def test_an_answer_to_somebody_elses_request_is_wrong(
    load: Load, standin: ModuleType, name: str
) -> None:
    (task,) = tasks_of(load(name))
    app = standin.App()
    requests = [request_of(task) for _ in range(5)]
    replies = [ask(app, standin, request) for request in requests]
    for request, own in zip(requests, replies, strict=True):
        for reply in replies:
            said = judge(request, reply.status, reply.body)
            assert said == (None if reply is own else "wrong body")


@pytest.mark.parametrize("name", sorted(set(SINGLE) - {"static", "stream", "template"}))
def test_white_space_and_the_order_of_keys_are_the_servers_own(
    load: Load, standin: ModuleType, name: str
) -> None:
    (task,) = tasks_of(load(name))
    request = request_of(task)
    reply = ask(standin.App(), standin, request)
    value = json.loads(reply.body)
    if isinstance(value, dict):
        value = dict(reversed(value.items()))
    spelt = json.dumps(value, separators=(",", ":")).encode()
    assert spelt != reply.body
    assert judge(request, reply.status, spelt) is None


def test_every_task_of_the_mix_takes_right_answers_and_refuses_wrong_ones(
    load: Load, standin: ModuleType
) -> None:
    tasks = tasks_of(load("mixed"))
    names = {request_of(task).key for task in tasks}
    assert names == kinds_of("mixed") - (SESSION - {("POST", "log in")})
    for task in tasks:
        request = request_of(task)
        reply = ask(standin.App(), standin, request)
        assert judge(request, reply.status, reply.body) is None
        reply = ask(standin.App(wrong=True), standin, request)
        assert judge(request, reply.status, reply.body) == "wrong body"


@pytest.mark.parametrize("moves", [1, 2, 10**6])
def test_two_moves_of_a_row_with_the_same_number_are_a_lost_update(load: Load, moves: int) -> None:
    load("db-write")
    database = sys.modules["common.database"]
    check = database._is_moved(7000, "riga")
    body = json.dumps({"id": 7000, "site": "riga", "moves": moves}).encode()
    database.forget_moves()
    assert check(body)
    assert not check(body)
    assert database._is_moved(7001, "riga")(body.replace(b"7000", b"7001"))
    assert not database._is_moved(7000, "oslo")(body.replace(b"riga", b"oslo"))
    database.forget_moves()
    assert check(body)


@pytest.mark.parametrize("moves", ["0", "-1", "true", "1.0", '"1"', "null", "[1]"])
def test_moves_are_counted_by_whole_numbers_from_1_on(load: Load, moves: str) -> None:
    load("db-write")
    check = sys.modules["common.database"]._is_moved(7000, "riga")
    assert not check(b'{"id": 7000, "site": "riga", "moves": %b}' % moves.encode())


def test_what_is_expected_is_what_the_contract_says(
    load: Load,
) -> None:
    """The rules that answers are checked by are written down twice."""
    exchanges = tomllib.loads((root() / "apps" / "contract.toml").read_text())["assets"]
    contract = {exchange["name"]: exchange for exchange in exchanges}
    reads = {request.path: request for request in load("db-read").READS}
    row = contract["one row"]
    path = row["request"].removeprefix("GET ")
    assert judge(reads[path], 200, json.dumps(row["json"]).encode()) is None
    chosen = {"work": ("cpu", "rounds=1000"), "stream": ("stream", "chunks=3")}
    requests = {name: request_of(tasks_of(load(*workload))[0]) for name, workload in chosen.items()}
    for name, request in requests.items():
        assert f"GET {request.path}" == contract[name]["request"]
    work = contract["work"]["json"]
    assert judge(requests["work"], 200, json.dumps(work).encode()) is None
    body = b"".join(b"%1023d\n" % number for number in range(3))
    assert hashlib.sha256(body).hexdigest() == contract["stream"]["sha256"]
    assert judge(requests["stream"], 200, body) is None
    file = contract["large"]["json_file"]
    large = request_of(tasks_of(load("large", "rows=41"))[0])
    assert judge(large, 200, (root() / "apps" / file).read_bytes()) is None


@pytest.mark.parametrize(
    ("name", "chosen", "part"),
    [
        ("db-multi", "rows=2", b","),
        ("upstream", "delay=5ms", b"GET /upstream?delay_ms=5&token="),
        ("upstream", "delay=1.5s", b"GET /upstream?delay_ms=1500&token="),
        ("cpu", "rounds=10", b"GET /cpu?rounds=10 "),
        ("large", "rows=7", b"GET /api/export?rows=7 "),
        ("stream", "chunks=3", b"GET /stream?chunks=3 "),
        ("upload", "size=3KiB", b"\r\nContent-Length: 3072\r\n"),
    ],
)
def test_parameters_change_the_request(
    load: Load, standin: ModuleType, name: str, chosen: str, part: bytes
) -> None:
    (default,) = tasks_of(load(name))
    (task,) = tasks_of(load(name, chosen))
    request = request_of(task)
    counts = [each.encode(b"Host: a\r\n").count(part) for each in (request, request_of(default))]
    assert counts == ([1, 19] if name == "db-multi" else [1, 0])
    reply = ask(standin.App(), standin, request)
    assert judge(request, reply.status, reply.body) is None


@pytest.mark.parametrize("name", [name for name in WORKLOADS if WORKLOADS[name].parameters])
def test_a_parameter_that_there_is_not_is_refused(load: Load, name: str) -> None:
    with pytest.raises(ConfigError, match="there is no parameter 'colour'"):
        load(name, "colour=5")


@pytest.mark.parametrize("broken", range(5))
def test_a_session_ends_at_its_first_failure(load: Load, standin: ModuleType, broken: int) -> None:
    (task,) = tasks_of(load("session"))
    app, wrong = standin.App(), standin.App(wrong=True)
    wrong._sessions = app._sessions
    scenario = task(None)
    request: Request = next(scenario)
    cookie = b""
    names = []
    for step in range(broken + 1):
        names.append(request.key)
        reply = ask(wrong if step == broken else app, standin, request, cookie)
        cookie = b"Cookie: %b\r\n" % reply.cookie.partition(";")[0].encode() if not step else cookie
        answer = Answer(reply.status, reply.body)
        error = request.judge(answer)
        assert (error is None) is (step < broken)
        if step == broken:
            with pytest.raises(StopIteration):
                scenario.send(answer.but(str(error)))
        else:
            request = scenario.send(answer)
    assert names == [key for key in ORDER if key in names]


def test_a_page_of_a_session_is_for_those_who_are_logged_in(
    load: Load, standin: ModuleType
) -> None:
    """Without its cookie the third step fails: that cookies are sent is what is tested above."""
    (task,) = tasks_of(load("session"))
    app = standin.App()
    scenario = task(None)
    request: Request = next(scenario)
    reply = ask(app, standin, request)
    request = scenario.send(Answer(reply.status, reply.body))
    reply = ask(app, standin, request)
    assert judge(request, reply.status, reply.body) == "status 401 instead of 200"


def test_every_row_that_is_read_can_be_told_from_its_id(load: Load) -> None:
    for name in ("db-read", "orm"):
        reads = load(name).READS
        assert len({request.path for request in reads}) == 5000
    row = sys.modules["common.database"].row
    rows = [row(number) for number in range(1, 10_001)]
    assert len({json.dumps({**row, "id": 0}) for row in rows}) == 10_000
