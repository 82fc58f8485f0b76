"""Stacks as containers: one image per stack, one fresh container per trial."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import toolkit.runtime.probe
from toolkit.catalog import Catalog
from toolkit.config import ImageConfig
from toolkit.errors import EnvironmentFault
from toolkit.measured import RuntimeFacts, StackFacts, Usage
from toolkit.model import Knobs, Placement, Stack
from toolkit.ports import Observer
from toolkit.runtime import recipe
from toolkit.runtime.engine import Container, ContainerSpec, Engine
from toolkit.runtime.ready import free_port, wait_until_ready
from toolkit.runtime.settings import argv_of, environment_of

DEFAULT_BASE = "python:3.13-slim"
DEBIAN_BASE = "toolkit-base:trixie-python3.13"
"""What docker/debian-base.sh builds where no registry is reached."""

_INPUTS_LABEL = "toolkit.inputs"
_CONTAINER_PORT = 8000
_START_TIMEOUT = 30.0
_STOP_PATIENCE = 5


class DockerService:
    """A container that answers."""

    def __init__(self, container: Container, url: str, start_seconds: float) -> None:
        self._container = container
        self.url = url
        self.start_seconds = start_seconds

    def usage(self) -> Usage:
        """See ``ports.Service``."""
        return self._container.usage()

    def stop(self) -> float | None:
        """See ``ports.Service``."""
        return self._container.stop(_STOP_PATIENCE)

    def death(self) -> str | None:
        """See ``ports.Service``."""
        return self._container.death()

    def log_tail(self) -> str:
        """See ``ports.Service``."""
        return self._container.log_tail()


class DockerRuntime:
    """Builds images and runs containers on the engine that DOCKER_HOST or the context names.

    Args:
        engine: The connection.
        catalog: Where recipes and code lie.
        image: How images are built.
        knobs: Settings of every server.
        placement: CPUs and limits of every server.
        network: auto, host or bridge.
        run: Label of all that is created.
        reason: Why Docker was taken.
        port: Fixed port on loopback, 0 for any.

    Raises:
        EnvironmentFault: The engine is on another machine, or cannot give the network asked for.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        catalog: Catalog,
        image: ImageConfig,
        knobs: Knobs,
        placement: Placement,
        network: str,
        run: str,
        reason: str,
        port: int = 0,
    ) -> None:
        if not engine.is_loopback:
            raise EnvironmentFault(
                f"the Docker engine at {engine.address} is on another machine",
                hint="Servers are measured over loopback only; unset DOCKER_HOST or switch the "
                "context, or take --runtime process.",
            )
        if network == "host" and not engine.shares_host_network:
            raise EnvironmentFault(
                "this engine's host network is not this machine's (virtual machine or rootless)",
                hint="Take --network bridge: a port published on loopback.",
            )
        engine.remove_orphans()
        self._engine = engine
        self._catalog = catalog
        self._image = image
        self._knobs = knobs
        self._placement = placement
        self._host_network = network == "host" or (network == "auto" and engine.shares_host_network)
        self._run = run
        self._port = port
        self._numbers = itertools.count(1)
        self._tags: dict[str, str] = {}
        self._base = ""
        self.facts = RuntimeFacts(
            name="docker",
            reason=reason,
            engine=engine.description,
            network="host (loopback)" if self._host_network else "bridge (port on loopback)",
            memory_kind="cgroup, without inactive page cache",
            notes=() if engine.has_cpuset else ("This engine cannot pin containers to CPUs.",),
        )

    def prepare(self, stack: Stack, observer: Observer) -> StackFacts:
        """See ``ports.Runtime``."""
        tag = self._build(stack, observer)
        self._tags[stack.id] = tag
        code = Path(toolkit.runtime.probe.__file__).read_text(encoding="utf-8")
        made_of = json.loads(self._engine.output_of(tag, ["python", "-c", code], self._run))
        return StackFacts(
            id=stack.id,
            summary=f"{stack.app.summary}; {stack.server.summary}",
            keep_alive=stack.server.keep_alive,
            argv=argv_of(stack, self._environment(_CONTAINER_PORT)),
            settings=self._environment(_CONTAINER_PORT),
            python=made_of["python"],
            packages=made_of["packages"],
            image=self._engine.image_id(tag),
        )

    @contextlib.contextmanager
    def serve(self, stack: Stack) -> Iterator[DockerService]:
        """See ``ports.Runtime``."""
        port = free_port(self._port)
        inside = port if self._host_network else _CONTAINER_PORT
        spec = ContainerSpec(
            image=self._tags[stack.id],
            name=f"toolkit-{self._run}-{os.getpid()}-{next(self._numbers)}",
            run=self._run,
            environment=self._environment(inside),
            host_network=self._host_network,
            publish=None if self._host_network else port,
            container_port=_CONTAINER_PORT,
            cpus=self._placement.cpus,
            cpuset=",".join(map(str, self._placement.server_cpus)),
            memory=self._placement.memory,
        )
        began = time.monotonic()
        container = self._engine.start(spec)
        try:
            wait_until_ready(
                port=port,
                path=stack.app.health,
                death=container.death,
                log_tail=container.log_tail,
                timeout=_START_TIMEOUT,
            )
            container.look_up_cgroup()
            yield DockerService(container, f"http://127.0.0.1:{port}", time.monotonic() - began)
        except BaseException:
            # an engine that cannot even remove it must not hide what went wrong
            with contextlib.suppress(EnvironmentFault):
                container.remove()
            raise
        container.remove()

    def _environment(self, port: int) -> dict[str, str]:
        # in a network namespace of its own the server must listen on the container's address
        host = "127.0.0.1" if self._host_network else "0.0.0.0"  # noqa: S104 - published on loopback
        return environment_of(self._knobs, host=host, port=port)

    def _build(self, stack: Stack, observer: Observer) -> str:
        recipe.locks(stack)
        base = self._find_base(observer)
        files = recipe.files_of(stack, self._catalog)
        bundle = recipe.find_ca_bundle(self._image.ca_bundle)
        arguments = {
            "BASE_IMAGE": base,
            "APP": stack.app.name,
            "SERVER": stack.server.name,
            "PIP_INDEX_URL": self._image.index_url,
            **_proxies(os.environ),
        }
        base_id = self._engine.image_id(base) or ""
        inputs = recipe.digest(files, (base_id, self._image.index_url))
        tag = f"toolkit/{stack.app.name}-{stack.server.name}:{inputs}"
        if self._engine.has_image(tag) and not self._image.rebuild:
            return tag
        observer.noted(f"Building the image of {stack.id} on {base} ...")
        if bundle is not None:
            files[recipe.CA_BUNDLE] = bundle
        self._engine.build(
            recipe.archive(files),
            dockerfile=recipe.DOCKERFILE,
            tag=tag,
            arguments=arguments,
            labels={_INPUTS_LABEL: inputs},
            cache=not self._image.rebuild,
            progress=lambda _: None,
        )
        return tag

    def _find_base(self, observer: Observer) -> str:
        """Find or fetch the base image once per run, or build what stands in for the default."""
        if not self._base:
            self._base = self._image.base or DEFAULT_BASE
            if not self._engine.has_image(self._base):
                self._base = self._fetch_base(self._base, observer)
        return self._base

    def _fetch_base(self, wanted: str, observer: Observer) -> str:
        if not self._image.base and self._engine.has_image(DEBIAN_BASE):
            observer.noted(
                f"{wanted} is not here: taking {DEBIAN_BASE}, built by scripts/base-image."
            )
            return DEBIAN_BASE
        observer.noted(f"Pulling {wanted} ...")
        reason = self._engine.pull(wanted)
        if reason is None:
            return wanted
        script = self._catalog.path / "docker" / "debian-base.sh"
        if self._image.base or not _can_bootstrap():
            raise EnvironmentFault(
                f"the base image {wanted} cannot be pulled: {reason}",
                hint="Without an image registry, `sudo scripts/base-image` "
                f"({script}) builds an equal base from Debian packages; "
                "or name one that is here with --base-image.",
            )
        observer.noted(f"{reason}. Building a base from Debian packages with {script} ...")
        done = subprocess.run(
            ["/bin/sh", str(script), "--tag", DEBIAN_BASE],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode != 0:
            raise EnvironmentFault(
                f"neither can {wanted} be pulled nor a base be built from Debian packages",
                hint=f"{script} shows why.",
                log=done.stderr.strip(),
            )
        return DEBIAN_BASE


def _can_bootstrap() -> bool:
    """Whether docker/debian-base.sh may be run without asking: as root, on a Debian kind."""
    tools = shutil.which("debootstrap") or shutil.which("apt-get")
    return os.geteuid() == 0 and tools is not None and shutil.which("docker") is not None


def _proxies(environ: Mapping[str, str]) -> dict[str, str]:
    names = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {name: environ[name] for name in names if environ.get(name)}
