"""A rendered deployment that runs on the local engine. Imported by deployment_proofs.

What runs is what ``toolkit deploy`` writes: its Dockerfile, its compose.yaml, its proxy, its script
for rolling restarts. An override file adds the upstream that some requests wait for, and the
variables that compose.yaml has put local images in the place of those of a registry.
"""

import contextlib
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from benchmarks.deployment_load import Address
from toolkit.catalog import Catalog, root
from toolkit.config import ImageConfig
from toolkit.errors import EnvironmentFault
from toolkit.progress import Progress
from toolkit.runtime import images as runtime_images
from toolkit.runtime.engine import Engine
from toolkit.runtime.images import DEBIAN_BASE, DEFAULT_BASE
from toolkit.runtime.recipe import find_ca_bundle

ROOT = Path(__file__).parent.parent
UPSTREAM = "upstream"
APP_PORT = 8000
OVERRIDE = "proofs.yaml"
COMPOSE_FILE = ROOT / "deploy" / "templates" / "compose" / "compose.yaml.j2"
STAND_INS = ROOT / "tests" / "fixtures" / "deploy_images"

_PINNED = re.compile(
    r"^(a2wsgi|cheroot|gevent|granian|gunicorn|hypercorn|pyuwsgi|uvicorn[\w-]*|uvloop|waitress)==(\S+)",
    re.MULTILINE,
)
_COMPLAINT = re.compile(r"\[(?:error|crit|alert)\] [\d#]+: (?:\*\d+ )?(.+?), client:")
_LONGEST_COMMAND = 900.0
_READY = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Images that stand in for those of a registry; empty: as rendered.

    Attributes:
        base: What the app's image is built on.
        nginx: The proxy.
        postgres: The database.
        upstream: What delays, as the toolkit builds it.
        ca_bundle: Certificates for the package index.
    """

    base: str
    nginx: str
    postgres: str
    upstream: str
    ca_bundle: str

    @classmethod
    def found(cls) -> "Images":
        """Take those that are rendered if they can be had, and build what stands in for the others.

        Raises:
            EnvironmentFault: There is no engine, or an image cannot be had either way.
        """
        engine = Engine.connect()
        try:
            has = not engine.has_image(DEFAULT_BASE) and engine.has_image(DEBIAN_BASE)
            base = DEBIAN_BASE if has else ""
            images = runtime_images.Images(engine, Catalog(root()), ImageConfig(base=base))
            quiet = Progress(Console(quiet=True))
            # what stands in for PostgreSQL is made of the toolkit's own stand-in
            images.of_postgres(quiet)
            return cls(
                base=base,
                nginx=_stand_in(engine, "nginx"),
                postgres=_stand_in(engine, "postgres"),
                upstream=images.of_upstream(quiet),
                ca_bundle=str(find_ca_bundle("") or ""),
            )
        finally:
            engine.close()


def _stand_in(engine: Engine, name: str) -> str:
    """Give nothing if the rendered image of a service can be had, else build that of the tests."""
    rendered = re.search(rf"\${{{name.upper()}_IMAGE:-(.+)}}", COMPOSE_FILE.read_text())
    assert rendered is not None, f"{COMPOSE_FILE} names no image of {name}"
    if engine.has_image(rendered[1]) or engine.pull(rendered[1]) is None:
        return ""
    tag = f"toolkit-proofs/{name}"
    recipe = STAND_INS / f"{name}.Dockerfile"
    run(["docker", "build", "--quiet", "--tag", tag, "--file", str(recipe), str(STAND_INS)])
    return tag


def run(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    within: float = _LONGEST_COMMAND,
) -> str:
    """Run a command and give what it wrote.

    Raises:
        EnvironmentFault: It failed or took too long; with its last lines.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentFault(f"`{' '.join(command)}` took more than {within:g} s") from None
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise EnvironmentFault(f"`{' '.join(command)}` ended with {done.returncode}:\n{said}")
    return done.stdout


def until(met: Callable[[], bool], what: str, seconds: float = _READY) -> float:
    """Poll until a condition is met; give the seconds that it took.

    Raises:
        EnvironmentFault: It was not in time.
    """
    began = time.monotonic()
    while not met():
        if time.monotonic() - began > seconds:
            raise EnvironmentFault(f"{what}: not within {seconds:g} s")
        time.sleep(0.1)
    return time.monotonic() - began


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of a container, by its numbers on this machine."""

    pid: int
    parent: int
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container of a service.

    Attributes:
        id: Of the container.
        service: Its name in compose.yaml.
    """

    id: str
    service: str

    @property
    def facts(self) -> dict[str, Any]:
        """What the engine knows of it."""
        found: dict[str, Any] = json.loads(run(["docker", "inspect", self.id]))[0]
        return found

    @property
    def healthy(self) -> bool:
        """Whether its own health check says so."""
        state = self.facts["State"]
        return bool(state["Running"] and state["Health"]["Status"] == "healthy")

    @property
    def address(self) -> Address:
        """Where the app is reached without the proxy, from the machine of the engine."""
        networks = self.facts["NetworkSettings"]["Networks"]
        back = next(found for name, found in networks.items() if name.endswith("_back"))
        return Address(host=back["IPAddress"], port=APP_PORT)

    def processes(self) -> tuple[Process, ...]:
        """Give its processes; none if it does not run."""
        with contextlib.suppress(EnvironmentFault):
            lines = run(["docker", "top", self.id, "-eo", "pid,ppid,args"]).splitlines()[1:]
            fields = [line.split(None, 2) for line in lines]
            return tuple(
                Process(pid=int(pid), parent=int(parent), command=command)
                for pid, parent, command in fields
            )
        return ()

    def workers(self) -> tuple[Process, ...]:
        """Give what serves: the children of its first process, or that one if it has none.

        Helpers of Python's ``multiprocessing``, which serve nothing, do not count.
        """
        found = self.processes()
        if not found:
            return ()
        first = found[0]
        children = [one for one in found if one.parent == first.pid]
        serving = [
            one
            for one in children
            if "resource_tracker" not in one.command and "--health" not in one.command
        ]
        return tuple(serving) or (first,)

    def events(self, since: float) -> list[str]:
        """Name what the engine noted of it since a time of the clock: die, oom, start, ..."""
        command = ["docker", "events", "--filter", f"container={self.id}"]
        command += ["--since", f"{since:.3f}", "--until", f"{time.time():.3f}"]
        noted = run([*command, "--format", "{{.Action}}"]).splitlines()
        return [event for event in noted if not event.startswith("exec")]


def free_port() -> int:
    """Give a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Deployment:
    """A rendered deployment.

    Attributes:
        folder: Where it was rendered.
        images: What stands in for others.
        project: Its name on the engine.
        port: Of this machine that the proxy is published on.
        network: First three numbers of the addresses between proxy and app.
    """

    folder: Path
    images: Images
    project: str = field(default_factory=lambda: f"proofs-{secrets.token_hex(3)}")
    port: int = field(default_factory=free_port)
    network: str = field(default_factory=lambda: f"10.{secrets.randbelow(100) + 100}.7")

    @property
    def environment(self) -> dict[str, str]:
        """The variables under which compose and the scripts run."""
        found = {
            "COMPOSE": " ".join(compose()),
            "COMPOSE_FILE": f"compose.yaml:{OVERRIDE}",
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_PARALLEL_LIMIT": "4",
            "APP_IMAGE": f"{self.project}-app",
            "NGINX_IMAGE": self.images.nginx,
            "POSTGRES_IMAGE": self.images.postgres,
            "HTTP_LISTEN": f"127.0.0.1:{self.port}",
            "BACK_NETWORK": self.network,
        }
        return {name: value for name, value in found.items() if value}

    @property
    def proxy(self) -> Address:
        """Where clients go."""
        return Address(host="127.0.0.1", port=self.port)

    @property
    def services(self) -> dict[str, Any]:
        """The services of compose.yaml."""
        text = (self.folder / "compose.yaml").read_text(encoding="utf-8")
        found: dict[str, Any] = yaml.safe_load(text)["services"]
        return found

    def containers(self) -> tuple[Container, ...]:
        """Give the containers of the app, stopped ones too."""
        names = [name for name in self.services if name.startswith("app")]
        return tuple(
            Container(id=found, service=name)
            for name in names
            for found in self.compose("ps", "-q", name).split()
        )

    def compose(self, *arguments: str) -> str:
        """Run a command of compose.

        Raises:
            EnvironmentFault: It failed.
        """
        return run([*compose(), *arguments], folder=self.folder, environment=self.environment)

    def script(self, name: str, *arguments: str) -> str:
        """Run a rendered script.

        Raises:
            EnvironmentFault: It failed.
        """
        return run(
            [str(self.folder / name), *arguments], folder=self.folder, environment=self.environment
        )

    def build(self) -> None:
        """Build the image of the app by the rendered recipe."""
        tag = self.environment["APP_IMAGE"]
        run(["docker", "build", "--quiet", "--tag", tag, "."], folder=self.folder)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start everything, wait until all replicas are healthy, and remove it at the end."""
        self._override()
        self.script("make-secrets")
        try:
            try:
                self.compose("up", "-d", "--no-build")
            except EnvironmentFault as fault:
                raise EnvironmentFault(f"{fault}\n{self.last_words()}") from fault
            yield
        finally:
            self.compose("down", "--volumes", "--timeout", "1")
            run(["docker", "image", "rm", "--force", self.environment["APP_IMAGE"]])

    def settle(self) -> None:
        """Wait until all replicas are healthy and answer, at the proxy, too.

        Raises:
            EnvironmentFault: They do not get so far.
        """
        until(self._ready, "all replicas healthy behind the proxy")

    def _ready(self) -> bool:
        found = self.containers()
        return (
            bool(found)
            and all(one.healthy and answers(one.address) for one in found)
            and answers(self.proxy)
        )

    def last_words(self) -> str:
        """Give the last lines that app and proxy logged, but for requests that went well."""
        lines = self.compose("logs", "--no-color", "--tail", "200").splitlines()
        return "\n".join([line for line in lines if '{"time"' not in line][-15:])

    def complaints(self, since: float) -> dict[str, int]:
        """Count what the proxy reported as errors since a time of the clock, by message."""
        (proxy,) = self.compose("ps", "-q", "nginx").split()
        done = subprocess.run(
            ["docker", "logs", "--since", f"{since:.3f}", proxy],
            capture_output=True,
            text=True,
            check=True,
        )
        return dict(Counter(_COMPLAINT.findall(done.stderr)))

    def packages(self) -> dict[str, str]:
        """Give the versions of what serves: of the server's packages, and of the proxy."""
        text = (self.folder / "requirements" / "server.txt").read_text(encoding="utf-8")
        command = [*compose(), "exec", "-T", "nginx", "nginx", "-v"]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return {**dict(_PINNED.findall(text)), "nginx": done.stderr.strip().rpartition("/")[2]}

    def _override(self) -> None:
        """Write what the load needs besides: an upstream, and the app's way to it."""
        url = f"http://{UPSTREAM}:{APP_PORT}"
        apps = [name for name in self.services if name.startswith("app")]
        document = {
            "services": {
                UPSTREAM: {"image": self.images.upstream, "networks": ["back"], "init": True},
                **{name: {"environment": {"UPSTREAM_URL": url}} for name in apps},
            }
        }
        version = yaml.safe_load((self.folder / "compose.yaml").read_text()).get("version")
        if version:
            document = {"version": version, **document}
        (self.folder / OVERRIDE).write_text(yaml.safe_dump(document), encoding="utf-8")


def fetch(address: Address, path: str) -> int | None:
    """Ask for a path; give the status, None without an answer."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": address.name})
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return response.status


def answers(address: Address) -> bool:
    """Whether a request of the load has a good answer."""
    return fetch(address, "/api/assets") == http.client.OK


def compose() -> tuple[str, ...]:
    """Give the command of compose: the plugin of the docker command, or the older one.

    Raises:
        EnvironmentFault: There is none.
    """
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ("docker", "compose")
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    raise EnvironmentFault(
        "there is no docker compose", hint="Install docker-compose-plugin, or docker-compose."
    )


def render(stack: str, folder: Path, images: Images, options: Sequence[str]) -> None:
    """Render a deployment of a reference app with compose.

    Raises:
        EnvironmentFault: It cannot be rendered.
    """
    given = ["--base-image", images.base] if images.base else []
    given += ["--ca-bundle", images.ca_bundle] if images.ca_bundle else []
    command = [sys.executable, "-m", "toolkit", "deploy", "--no-run", "--stack", stack]
    command += ["--target", "compose", "--output", str(folder), "--force", *given, *options]
    run(command, folder=ROOT)


def kill(process: Process) -> None:
    """End a process at once, as the kernel does where memory is short."""
    os.kill(process.pid, signal.SIGKILL)
