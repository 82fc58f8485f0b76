"""The entry point of deployed images: secrets, workers, the database, health, one clear line."""

import http.server
import importlib.util
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.catalog import root
from toolkit.runtime.ready import free_port

FILE = root() / "deploy" / "templates" / "common" / "entrypoint.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("entrypoint", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


entrypoint = _load()


def run(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run it as the container does, with a Python that has no packages."""
    return subprocess.run(
        [sys.executable, "-I", str(FILE), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **environ},
        timeout=60,
    )


SHOW = ("python3", "-c", "import os, sys; print(os.environ['WORKERS'], *sys.argv[1:])")


# the command


def test_it_becomes_the_command_with_the_number_of_workers_in_it() -> None:
    done = run(*SHOW, "--workers", "{workers}", WORKERS="3")
    assert (done.returncode, done.stdout) == (0, "3 --workers 3\n")


def test_the_command_takes_its_place_and_is_no_child() -> None:
    """Signals are for the process with its id."""
    code = "import os; print(os.getpid())"
    process = subprocess.Popen(
        [sys.executable, "-I", str(FILE), "python3", "-c", code], stdout=subprocess.PIPE, text=True
    )
    out, _ = process.communicate(timeout=60)
    assert out == f"{process.pid}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 78, "there is no command to run"),
        (("no-such-program",), 127, "cannot start no-such-program: No such file or directory"),
        (("/",), 127, "cannot start /: Permission denied"),
    ],
)
def test_what_cannot_be_started_is_one_line(
    arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (code, f"entrypoint: {said}\n")


# secrets


def secret_file(folder: Path, text: str = "s3cret\n") -> str:
    file = folder / "secret"
    file.write_text(text)
    return str(file)


def read(environ: dict[str, str]) -> dict[str, str]:
    entrypoint.read_secrets(environ)
    return environ


def test_a_secret_is_read_from_its_file_without_the_editors_line_end(tmp_path: Path) -> None:
    environ = {"SECRETS": "KEY", "KEY_FILE": secret_file(tmp_path, " a b \r\n")}
    assert read(environ)["KEY"] == " a b "


def test_a_secret_that_is_set_needs_no_file() -> None:
    assert read({"SECRETS": "KEY", "KEY": "given", "KEY_FILE": "/nowhere"})["KEY"] == "given"


def test_without_secrets_nothing_is_changed() -> None:
    environ = {"GREETING": "hello {KEY} {}"}
    assert read(dict(environ)) == environ


@given(st.text(min_size=1).filter(lambda text: text == text.rstrip("\r\n")))
def test_any_secret_is_quoted_into_a_url(secret: str) -> None:
    """Whatever is in it, the address comes out as it went in, and so does the password."""
    environ = read(
        {"SECRETS": "PASSWORD", "PASSWORD": secret, "URL": "postgresql://app:{PASSWORD}@db:5/app"}
    )
    parts = urlsplit(environ["URL"])
    assert (parts.hostname, parts.port, parts.path) == ("db", 5, "/app")
    assert unquote(parts.password or "") == secret


def test_a_secret_is_put_into_no_other_secret() -> None:
    environ = read({"SECRETS": "A B", "A": "1", "B": "{A}", "BOTH": "{A}{B}"})
    assert (environ["B"], environ["BOTH"]) == ("{A}", "1%7BA%7D")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        ("\n", "which is empty"),
        ("", "which is empty"),
        (b"\xff", "codec can't decode byte"),
    ],
    ids=["missing", "only a line end", "empty", "binary"],
)
def test_a_secret_that_cannot_be_had_is_named_with_its_file(
    content: "str | bytes | None", reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = run(*SHOW, SECRETS="KEY", KEY_FILE=str(file))
    assert done.returncode == 78
    assert done.stderr.startswith(f"entrypoint: cannot start: KEY_FILE names {file}")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert not done.stdout


def test_a_folder_in_place_of_a_secret_is_named(tmp_path: Path) -> None:
    """Docker makes one where the file that is mounted does not exist."""
    with pytest.raises(entrypoint.ConfigurationError, match="Is a directory"):
        read({"SECRETS": "KEY", "KEY_FILE": str(tmp_path)})


def test_a_secret_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a file of mode 600 that belongs to another user; root could read it."""

    def refuse(self: Path, *args: object, **kwargs: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(entrypoint.ConfigurationError, match="names /s/key: Permission denied"):
        read({"SECRETS": "KEY", "KEY_FILE": "/s/key"})


def test_a_secret_of_which_nothing_is_said_is_named() -> None:
    with pytest.raises(entrypoint.ConfigurationError, match="KEY is not set"):
        read({"SECRETS": "KEY"})


# workers


def v2(folder: Path, cpu: str, memory: str = "max") -> Path:
    (folder / "cpu.max").write_text(f"{cpu}\n")
    (folder / "memory.max").write_text(f"{memory}\n")
    return folder


def v1(folder: Path, quota: int, memory: int = 9223372036854771712) -> Path:
    for name, value in {
        "cpu/cpu.cfs_quota_us": quota,
        "cpu/cpu.cfs_period_us": 100_000,
        "memory/memory.limit_in_bytes": memory,
    }.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{value}\n")
    return folder


@pytest.fixture
def sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)


def count(cgroups: Path, **environ: str) -> int:
    return int(entrypoint.count_workers(environ, cgroups))


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (lambda folder: v2(folder, "200000 100000"), 2.0),
        (lambda folder: v2(folder, "50000 100000"), 0.5),
        (lambda folder: v2(folder, "max 100000"), 16.0),
        (lambda folder: v1(folder, 150_000), 1.5),
        (lambda folder: v1(folder, -1), 16.0),
        (lambda folder: folder, 16.0),
        # more than there are
        (lambda folder: v2(folder, "9900000 100000"), 16.0),
    ],
    ids=["v2", "v2 half", "v2 none", "v1", "v1 none", "no cgroups", "more than there are"],
)
def test_the_quota_of_the_container_counts_and_not_the_cpus_of_the_machine(
    make: Callable[[Path], Path], limit: float, tmp_path: Path
) -> None:
    cgroups = make(tmp_path)
    assert entrypoint.cpu_limit(cgroups) == limit
    assert count(cgroups, WORKERS_PER_CPU="2") == max(1, math.floor(2 * limit))


@pytest.mark.usefixtures("sixteen")
def test_there_is_one_worker_at_least_and_one_for_each_cpu_where_nothing_is_said(
    tmp_path: Path,
) -> None:
    assert count(v2(tmp_path, "10000 100000"), WORKERS_PER_CPU="1") == 1
    assert count(v2(tmp_path, "300000 100000")) == 3


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_no_more_workers_than_the_memory_holds(version: str, tmp_path: Path) -> None:
    """At 100 MiB each and 30 % in reserve, 512 MiB hold three, and 100 MiB have to do for one."""
    each = str(100 * 2**20)
    for limit, workers in ((512 * 2**20, 3), (100 * 2**20, 1), (8 * 2**30, 8)):
        cgroups = (
            v1(tmp_path, 800_000, limit)
            if version == "v1"
            else v2(tmp_path, "800000 100000", str(limit))
        )
        assert count(cgroups, WORKERS_PER_CPU="1", WORKER_MEMORY=each) == workers


@pytest.mark.usefixtures("sixteen")
def test_memory_that_is_not_limited_or_not_measured_limits_no_workers(tmp_path: Path) -> None:
    assert count(v2(tmp_path, "800000 100000"), WORKER_MEMORY=str(2**30)) == 8
    assert count(v2(tmp_path, "800000 100000", str(2**20)), WORKER_MEMORY="0") == 8
    old = tmp_path / "v1"
    old.mkdir()
    assert count(v1(old, 800_000), WORKER_MEMORY=str(2**30)) == 8


def test_workers_that_are_said_are_not_counted(tmp_path: Path) -> None:
    cgroups = v2(tmp_path, "100000 100000", str(2**20))
    assert count(cgroups, WORKERS="12", WORKER_MEMORY=str(2**30)) == 12


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WORKERS", "many"),
        ("WORKERS", "0"),
        ("WORKERS", "-2"),
        ("WORKERS", "nan"),
        ("WORKERS_PER_CPU", "inf"),
        ("WORKER_MEMORY", "60m"),
    ],
)
def test_a_number_that_is_none_is_one_line(name: str, text: str) -> None:
    done = run(*SHOW, **{name: text})
    assert done.returncode == 78
    assert done.stderr.startswith(f"entrypoint: cannot start: {name} is {text!r}")
    assert done.stderr.count("\n") == 1


# the database


def looked_for(url: str) -> list[str]:
    said: list[str] = []
    entrypoint.look_for_database(url, said.append)
    return said


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_database_that_does_not_answer_is_one_line_without_the_password(scheme: str) -> None:
    port = free_port()
    (line,) = looked_for(f"{scheme}://app:s3cret@127.0.0.1:{port}/app")
    assert line.startswith(f"the database at 127.0.0.1:{port} cannot be used yet: ")
    assert line.endswith("Connection refused")
    assert "s3cret" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            'connection failed: connection to server at "db", port 5432 failed: FATAL:  '  # noqa: ISC004
            'password authentication failed for user "app"\nconnection to server at "db" ...',
            'FATAL:  password authentication failed for user "app"',
        ),
        ("[Errno -2] Name or service not known", "[Errno -2] Name or service not known"),
        ("", "OSError"),
    ],
    ids=["password", "name", "nothing"],
)
def test_of_what_a_driver_says_the_reason_is_told(
    said: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(said)

    monkeypatch.setattr(entrypoint, "_connect", refuse)
    assert looked_for("postgresql://app@db/app") == [
        f"the database at db:5432 cannot be used yet: {shown}"
    ]


def test_a_server_starts_without_its_database() -> None:
    """It would be no better for not running: readiness tells, and it comes back by itself."""
    url = f"postgresql://app@127.0.0.1:{free_port()}/app"
    done = run(*SHOW, WORKERS="1", DATABASE_URL=url)
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "url", ["postgresql://app:pa[ss@db/app", "postgresql://app:s3/cret@db/app"]
)
def test_a_password_that_breaks_the_address_is_not_told(url: str) -> None:
    (line,) = looked_for(url)
    assert line.startswith("DATABASE_URL is no address")
    assert not any(part in line for part in ("pa[", "s3", "cret"))


@pytest.mark.parametrize("url", ["sqlite:////data/app.db", "mysql://db/app", "postgresql:///app"])
def test_other_databases_are_not_looked_for(url: str) -> None:
    assert looked_for(url) == []


# health


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """Serve a page for each status that its path names, until the end; give the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/host":
                status = 200 if self.headers["Host"] == "shop.example.com" else 400
            else:
                status = int(self.path.strip("/"))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found.server_address[1]
    found.shutdown()
    thread.join()
    found.server_close()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (204, 1), (302, 1), (404, 1), (500, 1)])
def test_only_a_200_is_well(status: int, code: int, server: int) -> None:
    done = run("--health", f"/{status}", PORT=str(server))
    assert (done.returncode, done.stderr) == (code, "")


def test_who_does_not_listen_is_ill() -> None:
    assert run("--health", "/200", PORT=str(free_port())).returncode == 1


def test_who_does_not_answer_is_ill() -> None:
    """A worker that hangs: somebody accepts, and that is all."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert run("--health", "/200", PORT=str(silent.getsockname()[1])).returncode == 1


def test_it_is_asked_by_the_name_that_the_app_allows(server: int) -> None:
    asked = ("--health", "/host")
    assert run(*asked, PORT=str(server)).returncode == 1
    assert run(*asked, PORT=str(server), HEALTH_HOST="shop.example.com").returncode == 0
