"""Rendered deployments run: every server, with its own packages, started by the entry point.

Where an image has /srv they lie in a folder of the test, and they listen on loopback alone; nothing
else is changed.
"""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from tests.unit.made_up_deployments import BY_SERVER, files_of, numbers_of
from toolkit.config import Config
from toolkit.deployment.sizing import Numbers
from toolkit.deployment.writing import write
from toolkit.model import Interface, Stack
from toolkit.progress import Progress
from toolkit.runtime.environments import ensure_environment
from toolkit.runtime.guardian import kill_group
from toolkit.runtime.ready import free_port, poll, wait_until_ready
from toolkit.serve import KNOBS, render_argv

# an environment may have to be installed first
pytestmark = pytest.mark.timeout(600)

QUIET = Progress(Console(quiet=True))
SERVERS = BY_SERVER
GUNICORN = [name for name in SERVERS if name.startswith("gunicorn-")]
IN_PRODUCTION = [name for name in SERVERS if not SERVERS[name].server.caution]
ODD = {
    "workers": 7,
    "threads": 8,
    "connections": 901,
    "keep_alive": 63,
    "backlog": 777,
    "max_requests": 5000,
    "preload": 1,
    "access_log": 1,
}

WHO = {
    Interface.ASGI: '''
import os


async def app(scope, receive, send):
    """Say who asks, as the app is told."""
    if scope["type"] == "http":
        text = f"{scope['client'][0]} {scope['scheme']}"
        text = str(os.getpid()) if scope["path"] == "/pid" else text
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(b"content-length", str(len(text)).encode())]})
        await send({"type": "http.response.body", "body": text.encode()})
''',
    Interface.WSGI: '''
import os

from werkzeug.middleware.proxy_fix import ProxyFix


def say(environ, start_response):
    """Say who asks, as the app is told."""
    text = f"{environ['REMOTE_ADDR']} {environ['wsgi.url_scheme']}"
    text = str(os.getpid()) if environ["PATH_INFO"] == "/pid" else text
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text.encode()]


def app(environ, start_response):
    """Believe one proxy where it is asked for, as PROXY_HOPS does in the reference app."""
    fixed = ProxyFix(say, x_for=1, x_proto=1) if environ["PATH_INFO"] == "/fixed" else say
    return fixed(environ, start_response)
''',
}


@cache
def packages(name: str) -> Path:
    """Give the environment that a stack is measured in."""
    return ensure_environment(SERVERS[name], Config().image, QUIET)


# settings of gunicorn


DUMP = """
import json, os, sys
from gunicorn.app.wsgiapp import WSGIApplication

def shown(value):
    if isinstance(value, list):
        return [shown(item) for item in value]
    if not callable(value):
        return str(value)
    # a hook of its own, or the one that does nothing
    return f"{'gunicorn' if value.__module__.startswith('gunicorn') else 'own'} {value.__name__}"

settings = WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]").cfg.settings
print(json.dumps({name: shown(setting.get()) for name, setting in settings.items()}))
"""


def effective(name: str, argv: list[str], **environ: str) -> dict[str, object]:
    """Give all settings that gunicorn comes to with a command, as it reads files and flags."""
    done = subprocess.run(
        [packages(name) / "bin" / "python", "-c", DUMP, *argv[1:]],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **environ},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def laid_out(name: str, folder: Path, numbers: Numbers, stack: Stack | None = None) -> list[str]:
    """Write a deployment; give its command, with the folder where an image has /srv."""
    files = files_of(stack or SERVERS[name], numbers=numbers)
    write(files, folder)
    line = (folder / "Dockerfile").read_text().splitlines()[-1]
    for file in (folder / "server").iterdir():
        file.write_text(file.read_text().replace("/srv/", f"{folder}/"))
    argv = json.loads(line.removeprefix("CMD "))
    return [item.replace("/srv/", f"{folder}/") for item in argv]


@pytest.mark.parametrize("which", ["plain", "odd"])
@pytest.mark.parametrize("name", GUNICORN)
def test_gunicorn_has_the_settings_that_were_measured(
    name: str, which: str, tmp_path: Path
) -> None:
    """Every one of its settings, but for what a proxy in front changes."""
    server = SERVERS[name].server
    knobs = {key: ODD[key] for key in server.knobs} if which == "odd" else {}
    deployed = laid_out(name, tmp_path, numbers_of(SERVERS[name], knobs=knobs))
    values: dict[str, str | int | bool] = {"host": "0.0.0.0", "port": 8000, **KNOBS, **knobs}
    template = {"argv": server.argv, "switches": server.switches}
    measured = render_argv(template, values, SERVERS[name].app.target, str(server.path))

    workers = str({**KNOBS, **knobs}["workers"])
    here = effective(name, deployed, WORKERS=workers, PROMETHEUS_MULTIPROC_DIR="/tmp/metrics")
    there = effective(name, measured, PROMETHEUS_MULTIPROC_DIR="/tmp/metrics")
    differing = {key for key in here if here[key] != there[key]}
    # where files lie; gunicorn takes 127.0.0.1 and ::1, of which a container's network has one
    wanted = {"config", "forwarded_allow_ips"}
    if "pythonpath" in differing:
        assert Path(str(here["pythonpath"])) == tmp_path / "server"
        wanted.add("pythonpath")
    if server.deployed_target:
        assert here["default_proc_name"] == "behind_proxy:app"
        wanted.add("default_proc_name")
    if name == "gunicorn-uvicorn":
        assert there["worker_class"] == "uvicorn_in_gunicorn.Worker"
        assert here["worker_class"] == "uvicorn_in_gunicorn.ProxiedWorker"
        wanted.add("worker_class")
    if name in ("gunicorn-sync", "gunicorn-gthread"):
        # what only matters to a proxy: how they leave
        assert (there["post_worker_init"], here["post_worker_init"]) == (
            "gunicorn post_worker_init",
            "own post_worker_init",
        )
        wanted.add("post_worker_init")
    if SERVERS[name].app.production.metrics == "":
        # it has no metrics to keep
        wanted |= {"on_starting", "child_exit"} & differing
    assert differing == wanted
    assert here["workers"] == workers
    assert here["control_socket_disable"] == "True"


def test_gunicorn_believes_whom_it_is_told_to(tmp_path: Path) -> None:
    argv = laid_out("gunicorn-gthread", tmp_path, numbers_of(SERVERS["gunicorn-gthread"]))
    told = effective("gunicorn-gthread", argv, FORWARDED_ALLOW_IPS="10.0.0.0/24,127.0.0.1")
    assert told["forwarded_allow_ips"] == ["10.0.0.0/24", "127.0.0.1"]


# servers that run


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server of a deployment that runs."""

    port: int
    process: "subprocess.Popen[bytes]"

    def workers(self) -> list[psutil.Process]:
        """Give its processes but for the first, and for the one that Python adds to its pools."""
        return [
            child
            for child in psutil.Process(self.process.pid).children(recursive=True)
            if "resource_tracker" not in " ".join(child.cmdline())
        ]

    def ask(self, path: str = "/", source: str = "127.0.0.1", **headers: str) -> str:
        """Ask from an address of loopback; give the answer."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=20, source_address=(source, 0)
        )
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET", path, headers=named)
            answer = connection.getresponse()
            assert answer.status == 200
            return answer.read().decode()
        finally:
            connection.close()


@contextlib.contextmanager
def serving(name: str, folder: Path, **environ: str) -> Iterator[Served]:
    """Start what the image of an app that says who asks would start."""
    stack = SERVERS[name]
    stack = replace(stack, app=replace(stack.app, target="who:app"))
    knobs = {"workers": 2} if "workers" in stack.server.knobs else {}
    # this machine's limit of waiting connections may be low, at which uWSGI would not start; less
    # than that granian does not take
    knobs["backlog"] = 128
    argv = laid_out(name, folder, numbers_of(stack, knobs=knobs), stack)
    (folder / "app" / "who.py").write_text(WHO[stack.app.interface])
    port = free_port()
    for file in (folder / "server").iterdir():
        file.write_text(file.read_text().replace("0.0.0.0:8000", f"127.0.0.1:{port}"))
    here = {"0.0.0.0:8000": f"127.0.0.1:{port}", "0.0.0.0": "127.0.0.1", "8000": str(port)}
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                packages(name) / "bin" / "python",
                folder / "entrypoint.py",
                *(here.get(item, item) for item in argv),
            ],
            cwd=folder / "app",
            env={
                "PATH": f"{packages(name) / 'bin'}:{os.environ['PATH']}",
                "PYTHONPATH": f"{folder / 'app'}:{folder / 'server'}",
                "APP_TARGET": "who:app",
                "WORKERS": str(knobs.get("workers", 1)),
                **environ,
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def death() -> str | None:
        code = process.poll()
        return None if code is None else f"exit code {code}"

    try:
        wait_until_ready(port=port, path="/", death=death, log_tail=log.read_text, timeout=60)
        served = Served(port=port, process=process)
        # a worker that is told to end while it begins does not hear it, and is killed after 25 s
        workers, seen = knobs.get("workers", 1), set[str]()

        def missing() -> str | None:
            seen.add(served.ask("/pid"))
            return None if len(seen) == workers else f"only {seen} have served"

        poll(
            missing,
            wanted="workers",
            death=death,
            log_tail=log.read_text,
            timeout=60,
        )
        yield served
    finally:
        kill_group(process.pid, grace=10.0, reap=process.poll)
        process.wait()


FORWARDED = {"X_Forwarded_For": "198.51.100.7", "X_Forwarded_Proto": "https"}
TRUSTED, STRANGER = "127.0.0.2", "127.0.0.3"
BELIEVES = [name for name in IN_PRODUCTION if SERVERS[name].app.interface is Interface.ASGI]


@pytest.mark.parametrize("name", [*BELIEVES, "uvicorn-a2wsgi"])
def test_an_asgi_app_is_told_who_asked_its_proxy_and_not_what_strangers_say(
    name: str, tmp_path: Path
) -> None:
    with serving(name, tmp_path, FORWARDED_ALLOW_IPS=f"{TRUSTED}/32") as served:
        assert served.ask(source=TRUSTED, **FORWARDED) == "198.51.100.7 https"
        assert served.ask(source=STRANGER, **FORWARDED) == f"{STRANGER} http"
        assert served.ask(source=TRUSTED) == f"{TRUSTED} http"
        forged = {"X_Forwarded_For": f"1.1.1.1, {FORWARDED['X_Forwarded_For']}"}
        assert served.ask(source=TRUSTED, **forged) == "198.51.100.7 http"


@pytest.mark.parametrize("name", [name for name in IN_PRODUCTION if name not in BELIEVES])
def test_to_a_wsgi_app_the_headers_come_through_for_its_own_proxy_fix(
    name: str, tmp_path: Path
) -> None:
    """It is for the app to believe them, as Flask's documentation has it; some servers help it."""
    with serving(name, tmp_path) as served:
        assert served.ask("/fixed", source=TRUSTED, **FORWARDED) == "198.51.100.7 https"
        # uWSGI takes the scheme from everybody: only what no stranger reaches may be behind it
        scheme = "https" if name == "uwsgi" else "http"
        assert served.ask("/", source=STRANGER, **FORWARDED) == f"{STRANGER} {scheme}"


@pytest.mark.parametrize("name", IN_PRODUCTION)
def test_a_deployed_server_has_its_workers_and_ends_when_it_is_told_to(
    name: str, tmp_path: Path
) -> None:
    """Two, where it can have them; none outlives it, and it takes no signal for an error."""
    with serving(name, tmp_path) as served:
        children = served.workers()
        assert len(children) == (2 if "workers" in SERVERS[name].server.knobs else 0)
        served.process.terminate()
        assert served.process.wait(timeout=30) == 0
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive


# a socket that is systemd's


AS_SYSTEMD = """
import os, sys
descriptor, *argv = sys.argv[1:]
os.dup2(int(descriptor), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(argv[0], argv)
"""
"""Starts a command with a socket as systemd does: descriptor 3, and two variables."""


@contextlib.contextmanager
def with_socket(name: str, folder: Path, argv: list[str], socket_: socket.socket) -> Iterator[int]:
    """Serve by a socket that stays; give the process id. It ends gently, as at a restart.

    Ready is what says so, to a socket as systemd's: ``Type=notify``.
    """
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notified.bind(f"{folder}/notify")
    notified.settimeout(30)
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", AS_SYSTEMD, str(socket_.fileno())),
            packages(name) / "bin" / "python",
            folder / "entrypoint.py",
            *argv,
        ],
        cwd=folder / "app",
        env={
            "PATH": f"{packages(name) / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": f"{folder / 'app'}:{folder / 'server'}",
            "APP_TARGET": "who:app",
            "WORKERS": "2",
            "NOTIFY_SOCKET": f"{folder}/notify",
        },
        pass_fds=[socket_.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert b"READY=1" in notified.recv(4096)
        yield process.pid
        process.terminate()
        assert process.wait(timeout=40) == 0
    finally:
        kill_group(process.pid, grace=2.0, reap=process.poll)
        process.wait()
        notified.close()
        Path(f"{folder}/notify").unlink()


@pytest.mark.parametrize("name", GUNICORN)
def test_a_restart_behind_a_socket_of_systemds_loses_no_request(name: str, tmp_path: Path) -> None:
    """Three restarts while six clients ask one request after the other, with new connections."""
    stack = replace(SERVERS[name], app=replace(SERVERS[name].app, target="who:app"))
    argv = laid_out(name, tmp_path, numbers_of(stack, knobs={"workers": 2}), stack)
    (tmp_path / "app" / "who.py").write_text(WHO[stack.app.interface])
    answers: list[str] = []
    failures: list[str] = []
    over = threading.Event()

    def ask(port: int) -> None:
        while not over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                connection.request("GET", "/pid", headers={"Connection": "close"})
                answers.append(connection.getresponse().read().decode())
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))
            finally:
                connection.close()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        clients = [
            threading.Thread(target=ask, args=(listening.getsockname()[1],)) for _ in range(6)
        ]
        for restart in range(4):
            with with_socket(name, tmp_path, argv, listening):
                before = set(answers)
                if not restart:
                    for client in clients:
                        client.start()
                # until both of its workers have served: one that is told to end while it begins
                # does not hear it, and is killed after 25 s
                deadline = time.monotonic() + 60
                while len(set(answers) - before) < 2 and time.monotonic() < deadline:
                    time.sleep(0.01)
                assert len(set(answers) - before) == 2
                if restart == 3:
                    over.set()
                    for client in clients:
                        client.join(timeout=60)
    assert failures == []
    # two workers each time, and their requests
    assert len(set(answers)) == 8
