"""The rendered compose stack on the engine: what it answers, and what it withstands.

One stack for all tests of this file, with the images that a machine without a registry has in place
of the official ones of nginx and PostgreSQL.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import pytest
from docker.models.containers import Container
from rich.console import Console

import docker
from toolkit.catalog import Catalog, root
from toolkit.cli.deploying import Asked, deployed
from toolkit.config import Config, ImageConfig
from toolkit.deployment.writing import write
from toolkit.progress import Progress
from toolkit.runtime.engine import Engine
from toolkit.runtime.images import DEBIAN_BASE, DEFAULT_BASE, POSTGRES, Images
from toolkit.runtime.recipe import find_ca_bundle

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("engine")]

FIXTURES = Path(__file__).parents[1] / "fixtures" / "deploy_images"
NGINX = "nginxinc/nginx-unprivileged:1.30-alpine"
PASSWORD = "correct horse battery"
WAIT = 60.0
"""Seconds for what takes one or two on an idle machine."""


# the stack


def compose_command() -> list[str]:
    """Find docker compose, or what it was before."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if os.environ.get("CI") == "true":
        pytest.fail("CI must have docker compose or docker-compose")
    pytest.skip("neither docker compose nor docker-compose is here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A deployment that runs.

    Attributes:
        name: Of the project.
        folder: Where its files are.
        command: Of compose.
        port: On which nginx is reached ...
        encrypted: ... with TLS.
    """

    name: str
    folder: Path
    command: Sequence[str]
    port: int
    encrypted: bool = False
    client: docker.DockerClient

    def compose(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [*self.command, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout + done.stderr

    def container(self, service: str) -> Container:
        labels = {"project": self.name, "service": service, "oneoff": "False"}
        labelled = [f"com.docker.compose.{name}={value}" for name, value in labels.items()]
        (found,) = self.client.containers.list(all=True, filters={"label": labelled})
        return found

    def run(self, service: str, *command: str) -> tuple[int, str]:
        done = self.container(service).exec_run(list(command))
        assert done.exit_code is not None
        assert isinstance(done.output, bytes)
        return done.exit_code, done.output.decode()

    def python(self, service: str, code: str) -> str:
        status, output = self.run(service, "python", "-c", code)
        assert status == 0, output
        return output.strip()

    def status(self, service: str, path: str) -> int:
        """Ask a replica itself."""
        code = (
            "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=20); "
            f"c.request('GET', {path!r}); print(c.getresponse().status)"
        )
        return int(self.python(service, code))

    def _connection(self) -> http.client.HTTPConnection:
        if not self.encrypted:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection = http.client.HTTPSConnection("app.example.com", timeout=60)
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        trusting = ssl._create_unverified_context()
        connection.sock = trusting.wrap_socket(plain, server_hostname="app.example.com")
        return connection

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        connection = self._connection()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return Answer(
                status=answer.status,
                headers={name.lower(): value for name, value in answer.getheaders()},
                text=answer.read().decode(),
            )
        finally:
            connection.close()

    def logged(self, service: str) -> str:
        found: str = self.container(service).logs().decode()
        return found


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def images(engine: Engine, client: docker.DockerClient) -> dict[str, str]:
    """Find the images that the files name, or build what stands in for them."""
    found = {"BASE": DEFAULT_BASE if engine.has_image(DEFAULT_BASE) else DEBIAN_BASE}
    observer = Progress(Console(quiet=True))
    postgres = Images(engine, Catalog(root()), ImageConfig()).of_postgres(observer)
    wanted = {
        "NGINX_IMAGE": (NGINX, "nginx.Dockerfile", found["BASE"]),
        "POSTGRES_IMAGE": (POSTGRES, "postgres.Dockerfile", postgres),
    }
    for variable, (official, dockerfile, base) in wanted.items():
        found[variable] = official
        if not engine.has_image(official) and engine.pull(official) is not None:
            found[variable] = f"toolkit-test/{dockerfile.partition('.')[0]}:deployed"
            client.images.build(
                path=str(FIXTURES),
                dockerfile=dockerfile,
                tag=found[variable],
                buildargs={"BASE_IMAGE": base},
                rm=True,
            )
    return found


@pytest.fixture(scope="module")
def stack(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    command = compose_command()
    client = docker.from_env()
    found = images(engine, client)
    folder = tmp_path_factory.mktemp("deployed")
    bundle = find_ca_bundle("")
    config = Config(image=ImageConfig(base=found["BASE"], ca_bundle=str(bundle or "")))
    config = replace(config, deploy=replace(config.deploy, output=str(folder)))
    asked = Asked(
        run=str(root() / "results/reference/servers"),
        stack="flask/gunicorn-gthread",
        how="toolkit deploy",
    )
    write(deployed(config, folder, asked), folder)
    subprocess.run([str(folder / "make-secrets")], check=True)
    port = free_port()
    name = f"toolkit-test-{os.getpid()}"
    variables = {
        "COMPOSE_PROJECT_NAME": name,
        "APP_IMAGE": f"{name}:dev",
        "HTTP_LISTEN": f"127.0.0.1:{port}",
        "BACK_NETWORK": f"10.199.{os.getpid() % 250}",
        "NGINX_IMAGE": found["NGINX_IMAGE"],
        "POSTGRES_IMAGE": found["POSTGRES_IMAGE"],
    }
    (folder / ".env").write_text("".join(f"{key}={value}\n" for key, value in variables.items()))
    made = Stack(name=name, folder=folder, command=command, port=port, client=client)
    try:
        made.compose("up", "--detach", "--build")
        made.compose(
            "run", "--rm", "--no-deps", "migrate", "flask", "--app", "wsgi", "seed", "--yes"
        )
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout", "5", check=False)
        with contextlib.suppress(docker.errors.ImageNotFound):
            client.images.remove(f"{name}:dev", force=True)
        client.close()


def eventually(claim: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT
    while not claim():
        assert time.monotonic() < deadline, f"not within {WAIT:g} s: {what}"
        time.sleep(0.2)


def line_with(stack: Stack, word: str, *services: str) -> dict[str, Any]:
    """Give the one line of the logs that has the word, as soon as the engine has written it."""
    found: list[str] = []

    def is_there() -> bool:
        logs = "".join(stack.logged(service) for service in services)
        found[:] = [line for line in logs.splitlines() if word in line]
        return bool(found)

    eventually(is_there, f"a line with {word}")
    (line,) = found
    read: dict[str, Any] = json.loads(line)
    return read


# what it answers


def test_a_page_comes_through_the_proxy_with_a_name_that_both_log(stack: Stack) -> None:
    answer = stack.ask("GET", "/assets?from=the-test", X_Request_ID="mine")
    assert answer.status == 200
    assert "<table>" in answer.text
    assert answer.headers["server"] == "nginx"
    name = answer.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", name)
    line = line_with(stack, name, "nginx")
    assert (line["status"], line["uri"]) == (200, "/assets?from=the-test")
    assert line_with(stack, name, "app-1", "app-2")["path"] == "/assets"


def test_a_static_file_is_served_without_the_app(stack: Stack) -> None:
    answer = stack.ask("GET", "/pages/static/style.css", Accept_Encoding="gzip")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/css")
    assert "x-request-id" not in answer.headers
    assert answer.headers["cache-control"] == "public, max-age=3600"
    # one that is not there is the app's 404
    assert "x-request-id" in stack.ask("GET", "/pages/static/nothing.css").headers


def test_a_user_logs_in(stack: Stack) -> None:
    """A form, a cookie, a POST and where it leads to; the database was prepared."""
    create = ("flask", "--app", "wsgi", "create-user", "grace", "--password", PASSWORD)
    stack.compose("run", "--rm", "--no-deps", "migrate", *create)
    form = stack.ask("GET", "/login")
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', form.text)
    assert token is not None
    cookie = form.headers["set-cookie"].partition(";")[0]
    body = f"name=grace&password={PASSWORD.replace(' ', '+')}&csrf_token={token[1]}"
    answer = stack.ask(
        "POST", "/login", body, Content_Type="application/x-www-form-urlencoded", Cookie=cookie
    )
    assert (answer.status, answer.headers["location"]) == (302, "/account")
    cookie = answer.headers["set-cookie"].partition(";")[0]
    # whichever replica answers: both sign with the same key
    for _ in range(4):
        assert "<h1>grace</h1>" in stack.ask("GET", "/account", Cookie=cookie).text


@pytest.mark.parametrize(
    "path", ["/metrics", "/readyz", "/metrics/", "//metrics", "/%6detrics", "/x/../metrics"]
)
def test_metrics_and_readiness_are_not_reached_from_outside(stack: Stack, path: str) -> None:
    answer = stack.ask("GET", path)
    assert (answer.status, "x-request-id" in answer.headers) == (404, False)


def test_metrics_and_readiness_are_there_inside(stack: Stack) -> None:
    assert stack.status("app-1", "/metrics") == stack.status("app-1", "/readyz") == 200


def test_what_a_client_says_of_itself_does_not_reach_the_app(stack: Stack) -> None:
    said = {
        "Accept": "text/html",
        "X_Forwarded_For": "203.0.113.66",
        "X_Real_IP": "203.0.113.66",
        "Forwarded": "for=203.0.113.66",
        "X_Forwarded_Prefix": "/evil",
        "X_Forwarded_Proto": "https",
        "X_Forwarded_Ssl": "on",
        "X_Forwarded_Host": "evil.example",
    }
    answer = stack.ask("GET", "/account?forged", **said)
    assert (answer.status, answer.headers["location"]) == (302, "/login?next=/account?forged")
    line = line_with(stack, answer.headers["x-request-id"], "app-1", "app-2")
    gateway = stack.container("nginx").attrs["NetworkSettings"]["Networks"]
    (front,) = [item["Gateway"] for name, item in gateway.items() if name.endswith("front")]
    assert line["remote"] == front


def test_a_body_beyond_the_limit_is_refused_before_the_app_sees_it(stack: Stack) -> None:
    answer = stack.ask("POST", "/upload", "x" * (2 * 2**20 + 1))
    assert (answer.status, "x-request-id" in answer.headers) == (413, False)
    assert stack.ask("POST", "/upload", "x" * 2**20).status == 200


# what contains it


def test_nginx_takes_its_configuration(stack: Stack) -> None:
    code, output = stack.run("nginx", "nginx", "-t", "-c", "/etc/nginx/deploy/nginx.conf")
    assert code == 0, output
    assert "warn" not in output


@pytest.mark.parametrize("service", ["nginx", "app-1", "database"])
def test_nothing_can_be_written_but_where_it_may(stack: Stack, service: str) -> None:
    for path in ("/srv/x", "/etc/x", "/usr/bin/x"):
        assert stack.run(service, "touch", path)[0] != 0
    assert stack.run(service, "touch", "/tmp/x")[0] == 0


@pytest.mark.parametrize("service", ["nginx", "app-1", "database"])
def test_nobody_is_root_or_can_become_it(stack: Stack, service: str) -> None:
    status = stack.run(service, "cat", "/proc/self/status")[1]
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split()[0] != "0"
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"


def test_limits_of_memory_and_cpu_are_what_the_app_itself_sees(stack: Stack) -> None:
    code = "import sys; sys.path.insert(0, '/srv'); import entrypoint as e; "
    seen = stack.python("app-1", code + "print(e.memory_limit(e.CGROUPS), e.cpu_limit(e.CGROUPS))")
    host = stack.container("app-1").attrs["HostConfig"]
    assert [float(item) for item in seen.split()] == [host["Memory"], host["NanoCpus"] / 1e9]
    assert host["MemorySwap"] == host["Memory"]


def test_what_starts_threads_without_end_is_stopped(stack: Stack) -> None:
    code = """
import threading
for count in range(1000):
    try:
        threading.Thread(target=threading.Event().wait, args=(30,), daemon=True).start()
    except RuntimeError:
        break
print(count)
"""
    limit = stack.container("app-2").attrs["HostConfig"]["PidsLimit"]
    assert int(stack.python("app-2", code)) < limit
    assert stack.ask("GET", "/healthz").status == 200


def test_logs_do_not_grow_without_end(stack: Stack) -> None:
    for service in ("nginx", "app-1", "database"):
        log = stack.container(service).attrs["HostConfig"]["LogConfig"]
        assert log == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "5"}}


def test_the_backlog_of_the_server_is_not_cut(stack: Stack) -> None:
    most = stack.run("app-1", "cat", "/proc/sys/net/core/somaxconn")[1]
    assert int(most) >= 2048


# what it withstands


@dataclass(slots=True)
class Load:
    """Requests from several clients until it is stopped, and what became of each.

    Half of the clients keep their connection; half of each send POST.
    """

    port: int
    sent: int = 0
    lost: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for number in range(12):
            kind = (number % 2 == 0, number % 4 < 2)
            thread = threading.Thread(target=self._client, args=kind, daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _client(self, keeps: bool, posts: bool) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self._stop.is_set():
            connection = connection or http.client.HTTPConnection(
                "127.0.0.1", self.port, timeout=60
            )
            fate, goes_on = self._request(connection, keeps=keeps, posts=posts)
            if fate:
                self._note(f"{'POST' if posts else 'GET'}, {keeps=}: {fate}")
            if not goes_on:
                connection.close()
                connection = None
            self._stop.wait(0.02)
        if connection:
            connection.close()

    def _request(
        self, connection: http.client.HTTPConnection, *, keeps: bool, posts: bool
    ) -> tuple[str, bool]:
        headers = {} if keeps else {"Connection": "close"}
        try:
            if posts:
                headers["Content-Type"] = "application/json"
                connection.request("POST", "/db/assets/7/moves", '{"site": "Berlin"}', headers)
            else:
                connection.request("GET", "/db/assets/7", headers=headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return repr(error), False
        with self._lock:
            self.sent += 1
        right = answer.status == 200 and json.loads(text)["id"] == 7
        return "" if right else f"{answer.status} {text[:80]!r}", not answer.will_close

    def _note(self, fate: str) -> None:
        with self._lock:
            self.lost.append(fate)


def rolling_restart(stack: Stack, script: str = "rolling-restart") -> tuple[int, str]:
    done = subprocess.run(
        ["sh", str(stack.folder / script)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def out_of_nginx(stack: Stack) -> list[str]:
    replicas = (stack.folder / "nginx" / "replicas.conf").read_text()
    return re.findall("#out server (.*):8000", replicas)


def test_a_rolling_restart_loses_not_one_request_whether_it_succeeds_or_not(stack: Stack) -> None:
    """What does not become ready is sent nothing, and the next rolling restart begins with it."""
    before = {name: stack.container(name).id for name in ("app-1", "app-2")}
    env = stack.folder / ".env"
    right = env.read_text()
    script = (stack.folder / "rolling-restart").read_text()
    (stack.folder / "impatient").write_text(re.sub("START=.*", "START=3", script))
    with Load(stack.port) as load:
        eventually(lambda: load.sent > 20, "requests are answered")
        env.write_text(re.sub("APP_IMAGE=.*", f"APP_IMAGE={no_app(right)}", right))
        try:
            code, said = rolling_restart(stack, "impatient")
        finally:
            env.write_text(right)
        assert code == 1
        assert "app-1 is not ready" in said
        assert "nothing is sent to app-1" in said
        assert out_of_nginx(stack) == ["app-1"]
        assert stack.container("app-2").id == before["app-2"]
        code, said = rolling_restart(stack)
        at_end = load.sent
        eventually(lambda: load.sent > at_end + 20, "requests are answered")
    assert code == 0, said
    assert load.lost == []
    assert not {stack.container(name).id for name in before} & set(before.values())
    assert {stack.container(name).attrs["Config"]["Image"] for name in before} == {
        f"{stack.name}:dev"
    }
    assert out_of_nginx(stack) == []
    assert not (stack.folder / ".rolling-restart").exists()


def no_app(env: str) -> str:
    """Give an image that is here and is no app."""
    found = re.search("POSTGRES_IMAGE=(.*)", env)
    assert found is not None
    return found[1]


def test_a_worker_that_is_killed_is_replaced_and_takes_no_more_than_its_requests_along(
    stack: Stack,
) -> None:
    """It has four threads; most of theirs are asked for again."""
    find = (
        "import pathlib, os, signal\n"
        "for p in pathlib.Path('/proc').glob('[0-9]*/status'):\n"
        "  f = dict(l.split(':\\t', 1) for l in p.read_text().splitlines() if ':\\t' in l)\n"
        "  if f['PPid'] == '1': print(f['Pid'])"
    )
    first = stack.python("app-1", find)
    assert first.isdecimal()
    with Load(stack.port) as load:
        eventually(lambda: load.sent > 20, "requests are answered")
        stack.python("app-1", f"import os; os.kill({first}, 9)")
        eventually(lambda: stack.python("app-1", find) not in ("", first), "there is another")
        at_end = load.sent
        eventually(lambda: load.sent > at_end + 20, "requests are answered")
    # what it had begun to answer, and POSTs: these may have been done, and are not sent again
    assert len(load.lost) <= 4, load.lost


def test_a_container_that_ran_out_of_memory_comes_back(stack: Stack) -> None:
    container = stack.container("app-2")
    before = container.attrs["RestartCount"]
    # of all its processes the kernel takes the one with the highest score, and with it all of them
    hog = "open('/proc/1/oom_score_adj', 'w').write('1000'); x = b'x' * 10**9"
    stack.run("app-2", "python", "-c", hog)

    def is_back() -> bool:
        container.reload()
        state = container.attrs["State"]
        healthy = state.get("Health", {}).get("Status") == "healthy"
        return healthy and bool(container.attrs["RestartCount"] > before)

    assert stack.ask("GET", "/healthz").status == 200
    eventually(is_back, "it is restarted and healthy")
    events = stack.client.events(
        since=int(time.time()) - 600, until=int(time.time()) + 1, decode=True,
        filters={"container": container.id, "event": "oom"},
    )  # fmt: skip
    assert list(events)


def test_a_restart_of_the_database_is_survived(stack: Stack) -> None:
    """Readiness fails meanwhile and health does not, so that nothing is restarted for it."""
    started = stack.container("app-1").attrs["State"]["StartedAt"]
    stack.compose("stop", "database")
    assert stack.status("app-1", "/readyz") == 503
    assert stack.status("app-1", "/healthz") == 200
    assert stack.ask("GET", "/db/assets/7").status >= 500
    stack.compose("start", "database")
    eventually(lambda: stack.status("app-1", "/readyz") == 200, "it is ready again")
    eventually(lambda: stack.ask("GET", "/db/assets/7").status == 200, "rows are read again")
    assert stack.container("app-1").attrs["State"]["StartedAt"] == started


@contextlib.contextmanager
def secret(stack: Stack, name: str, value: str) -> Iterator[None]:
    file = stack.folder / "secrets" / f"{name}.txt"
    right = file.read_text()
    put = [str(stack.folder / "make-secrets"), name]
    subprocess.run(put, input=value, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run(put, input=right, text=True, check=True)


def test_a_wrong_password_is_one_clear_line_and_no_crash(stack: Stack) -> None:
    container = stack.container("app-1")
    with secret(stack, "database_password", "a wrong one"):
        container.restart()
        eventually(lambda: stack.run("app-1", "true")[0] == 0, "it runs")
        eventually(lambda: "cannot be used yet" in stack.logged("app-1"), "it says so")
        eventually(lambda: asks(stack, "/healthz") == 200, "it serves")
        assert stack.status("app-1", "/readyz") == 503
        container.reload()
        assert container.attrs["State"]["Status"] == "running"
    lines = [line for line in stack.logged("app-1").splitlines() if "cannot be used yet" in line]
    assert len(lines) == 1
    assert "password authentication failed" in lines[0]
    container.restart()
    eventually(lambda: asks(stack, "/readyz") == 200, "it is ready with the right one")


def asks(stack: Stack, path: str) -> int:
    """Ask the first replica, which may not listen yet."""
    try:
        return stack.status("app-1", path)
    except (AssertionError, docker.errors.APIError):
        return 0


def ended_with(container: Container) -> int:
    """Give the exit code of one that is about to be started again, 0 of one that runs."""
    container.reload()
    return int(container.attrs["State"]["ExitCode"])


def test_a_missing_secret_is_one_clear_line_at_each_start(stack: Stack) -> None:
    """It ends with 78, is started again less and less often, and runs when the secret is there."""
    container = stack.container("app-1")
    said = "entrypoint: cannot start: SECRET_KEY_FILE names /run/secrets/secret_key, which is empty"
    with secret(stack, "secret_key", ""):
        container.restart()
        eventually(lambda: stack.logged("app-1").count(said) > 1, "it says so again")
        eventually(lambda: ended_with(container) == 78, "it ended with 78")
        assert stack.ask("GET", "/healthz").status == 200
    eventually(lambda: asks(stack, "/readyz") == 200, "it runs by itself with the secret")


# with TLS; the last, as it makes nginx anew


def test_with_the_second_file_nginx_ends_tls_and_the_app_knows(stack: Stack) -> None:
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1")
    where = ("-keyout", "/tmp/key", "-out", "/tmp/certificate", "-subj", "/CN=app.example.com")
    assert stack.run("app-1", *made, *where)[0] == 0
    for name in ("key", "certificate"):
        pem = stack.run("app-1", "cat", f"/tmp/{name}")[1]
        put = [str(stack.folder / "make-secrets"), f"tls_{name}"]
        subprocess.run(put, input=pem, text=True, check=True)
    tls, redirect = free_port(), free_port()
    with (stack.folder / ".env").open("a") as env:
        env.write(f"HTTPS_LISTEN=127.0.0.1:{tls}\nREDIRECT_LISTEN=127.0.0.1:{redirect}\n")
        env.write("COMPOSE_FILE=compose.yaml:compose.tls.yaml\n")
    stack.compose("up", "--detach", "--no-deps", "nginx")
    encrypted = replace(stack, port=tls, encrypted=True)
    eventually(lambda: listens(tls), "nginx listens")
    form = encrypted.ask("GET", "/login")
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', form.text)
    assert token is not None
    cookie = form.headers["set-cookie"].partition(";")[0]
    posted = {"Content_Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    body = f"name=grace&password=wrong&csrf_token={token[1]}"
    # only of what came encrypted Flask-WTF wants to know where from
    assert "referrer" in encrypted.ask("POST", "/login", body, **posted).text
    assert "referrer" not in stack.ask("POST", "/login", body, **posted).text
    elsewhere = replace(stack, port=redirect).ask("GET", "/assets?page=2")
    assert elsewhere.status == 308
    assert elsewhere.headers["location"] == "https://app.example.com/assets?page=2"


def listens(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0
