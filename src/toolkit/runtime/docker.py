"""Stacks as containers: one image per stack, one fresh container per trial."""

import contextlib
import itertools
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import toolkit.runtime.probe
from toolkit.catalog import Catalog
from toolkit.config import ImageConfig
from toolkit.errors import EnvironmentFault, StackError
from toolkit.measured import BackingFacts, RuntimeFacts, StackFacts, Usage
from toolkit.model import BackingImage, Knobs, Need, Placement, Project, Stack
from toolkit.ports import Observer
from toolkit.runtime import postgres
from toolkit.runtime.engine import Container, ContainerSpec, Engine, in_memory
from toolkit.runtime.images import Images
from toolkit.runtime.once import ONCE_TIMEOUT, naming
from toolkit.runtime.ready import (
    NO_SERVER_ERROR,
    PROJECT_HINT,
    as_fault,
    free_port,
    hint_for,
    most_status,
    poll,
    refusal,
    wait_until_ready,
)
from toolkit.runtime.settings import (
    environment_of,
    facts_of,
    facts_of_project,
    project_command,
    project_environment,
)
from toolkit.runtime.upstream import upstream_facts

_CONTAINER_PORT = 8000
_APPS = "/srv/apps"
"""Where docker/Dockerfile puts apps."""

_START_TIMEOUT = 30.0
_STOP_PATIENCE = 5
_LOOPBACK = "127.0.0.1"
_ANYWHERE = "0.0.0.0"  # noqa: S104 - in a container, published on loopback

_BACKING_MEMORY = 256 * 2**20
_POSTGRES_PORT = 5432
_POSTGRES_TIMEOUT = 60.0
_SERVICE_INTERVAL = 0.2
_POSTGRES_MEMORY = 2 * 2**30
_POSTGRES_DATA = "/var/lib/postgresql/data"
_POSTGRES_TMPFS = {
    # in the place of the image's volume, which would be on the disk
    _POSTGRES_DATA: in_memory("1g"),
    "/var/run/postgresql": in_memory("1m"),
    "/tmp": in_memory("64m"),  # noqa: S108 - in the container
}


class _Contained:
    """A container that answers."""

    def __init__(self, container: Container, url: str) -> None:
        self._container = container
        self.url = url

    def usage(self) -> Usage:
        """See ``ports.Service``."""
        return self._container.usage()

    def death(self) -> str | None:
        """See ``ports.Service``."""
        return self._container.death()

    def log_tail(self) -> str:
        """See ``ports.Service``."""
        return self._container.log_tail()


class DockerService(_Contained):
    """A server's container that answers."""

    def __init__(self, container: Container, url: str, start_seconds: float) -> None:
        super().__init__(container, url)
        self.start_seconds = start_seconds

    def stop(self) -> float | None:
        """See ``ports.Service``."""
        return self._container.stop(_STOP_PATIENCE)


class DockerBacking(_Contained):
    """The container of a backing service that answers."""

    def __init__(
        self, container: Container, url: str, url_for_servers: str, facts: BackingFacts
    ) -> None:
        super().__init__(container, url)
        self.url_for_servers = url_for_servers
        self.facts = facts

    def usage(self) -> Usage:
        """See ``ports.Backing``; only CPU time and memory, a database has many processes."""
        return self._container.usage(each=False)


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
        self._knobs = knobs
        self._placement = placement
        self._host_network = network == "host" or (network == "auto" and engine.shares_host_network)
        self._run = run
        self._port = port
        self._numbers = itertools.count(1)
        self._images = Images(engine, catalog, image)
        self._tags: dict[str, str] = {}
        self._probed: dict[str | None, dict[str, Any]] = {}
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
        tag = self._images.of_stack(stack, observer)
        self._tags[stack.id] = tag
        image = self._engine.image_id(tag)
        # a stack in other settings has the same image
        if image not in self._probed:
            code = Path(toolkit.runtime.probe.__file__).read_text(encoding="utf-8")
            found = self._engine.output_of(tag, ["python", "-c", code], self._run)
            self._probed[image] = json.loads(found)
        return facts_of(
            stack,
            self._environment(stack, _CONTAINER_PORT),
            self._probed[image],
            image=image,
        )

    @contextlib.contextmanager
    def backing(self, need: Need, observer: Observer) -> Iterator[DockerBacking]:
        """See ``ports.Runtime``."""
        start = self._postgres if need is Need.DATABASE else self._upstream
        with start(observer) as backing:
            yield backing

    def run_once(
        self, stack: Stack, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """See ``ports.Runtime``."""
        spec = replace(
            self._server(stack, {**self._environment(stack, _CONTAINER_PORT), **environment}),
            command=("python", "/srv/serve.py", "--", *command),
        )
        with naming(stack, command), self._started(spec) as container:
            code = container.wait(ONCE_TIMEOUT)
            if code is None:
                raise StackError(
                    f"it took longer than {ONCE_TIMEOUT:g} s", log=container.log_tail()
                )
            if code != 0:
                raise StackError(f"it failed: {container.death()}", log=container.log_tail())

    @contextlib.contextmanager
    def serve(self, stack: Stack, environment: Mapping[str, str]) -> Iterator[DockerService]:
        """See ``ports.Runtime``."""
        port = free_port(self._port)
        inside = port if self._host_network else _CONTAINER_PORT
        spec = self._server(stack, {**self._environment(stack, inside), **environment})
        began = time.monotonic()
        with self._started(replace(spec, publish=port)) as container:
            wait_until_ready(
                port=port,
                path=stack.app.health,
                most=most_status(stack),
                hint=hint_for(stack),
                death=container.death,
                log_tail=container.log_tail,
                timeout=_START_TIMEOUT,
            )
            container.look_up_cgroup()
            yield DockerService(container, f"http://{_LOOPBACK}:{port}", time.monotonic() - began)

    def prepare_project(self, project: Project, observer: Observer) -> StackFacts:
        """See ``ports.Runtime``."""
        tag = self._images.of_project(project, observer)
        image = self._engine.image_id(tag)
        # by its id: another check may give the name to another image meanwhile
        self._tags[project.name] = image or tag
        code = Path(toolkit.runtime.probe.__file__).read_text(encoding="utf-8")
        made_of = {}
        # an image may have no Python where the toolkit looks for it
        with contextlib.suppress(StackError, ValueError):
            made_of = json.loads(self._engine.output_of(tag, ["python", "-c", code], self._run))
        return facts_of_project(project, made_of, image=image)

    @contextlib.contextmanager
    def serve_project(self, project: Project) -> Iterator[DockerService]:
        """See ``ports.Runtime``.

        In a network of its own, for nobody knows whether an image listens where it is told.
        """
        direct = self._engine.shares_host_network
        port = project.port if direct else free_port(self._port)
        listening = {"host": _ANYWHERE, "port": str(project.port)}
        spec = ContainerSpec(
            image=self._tags[project.name],
            name=self._new_name(),
            run=self._run,
            environment=project_environment(project, **listening),
            command=project_command(project, **listening) or None,
            user="",
            confined=False,
            tmpfs={},  # its own /tmp may hold something
            host_network=False,
            publish=None if direct else port,
            container_port=project.port,
            cpus=self._placement.cpus,
            cpuset=",".join(map(str, self._placement.server_cpus)),
            memory=self._placement.memory,
        )
        began = time.monotonic()
        with self._started(spec) as container:
            # not through the engine's proxy for published ports, which would cost each request
            host = container.address if direct else _LOOPBACK
            wait_until_ready(
                host=host,
                port=port,
                path=project.health,
                most=NO_SERVER_ERROR,
                death=container.death,
                log_tail=container.log_tail,
                timeout=_START_TIMEOUT,
                hint=PROJECT_HINT,
            )
            container.look_up_cgroup()
            yield DockerService(container, f"http://{host}:{port}", time.monotonic() - began)

    @contextlib.contextmanager
    def backing_image(self, image: BackingImage, observer: Observer) -> Iterator[DockerBacking]:
        """See ``ports.Platform``.

        In a network of its own: its port may be taken here.
        """
        with contextlib.ExitStack() as opened:
            with as_fault(f"the service {image.name} cannot be started"):
                tag = self._images.by_name(image.image, observer)
                observer.noted(f"Starting {image.name} ({image.image}) ...")
                direct = self._engine.shares_host_network
                port = free_port()
                spec = replace(
                    self._backing(tag, image.command, port=port, inside=image.port),
                    environment=image.environment,
                    user="",
                    confined=False,
                    tmpfs={},
                    host_network=False,
                    publish=None if direct else port,
                    memory=image.memory,
                )
                container = opened.enter_context(self._started(spec))
                address = container.address
                host, outside = (address, image.port) if direct else (_LOOPBACK, port)

                def look() -> str | None:
                    if not image.ready:
                        return refusal(host, outside)
                    code = container.run(image.ready)
                    return f"{image.ready[0]} ended with {code}" if code else None

                poll(
                    look,
                    wanted=f"sign that {image.name} serves",
                    death=container.death,
                    log_tail=container.log_tail,
                    timeout=_POSTGRES_TIMEOUT,
                    interval=_SERVICE_INTERVAL,
                    hint="Does it listen on the port of its settings, and does `ready` succeed?",
                )
                container.look_up_cgroup()
            facts = BackingFacts(need=image.name, summary=f"image {image.image}")
            yield DockerBacking(container, f"{host}:{outside}", f"{address}:{image.port}", facts)

    @contextlib.contextmanager
    def _postgres(self, observer: Observer) -> Iterator[DockerBacking]:
        image = self._images.of_postgres(observer)
        observer.noted(f"Starting the database ({image}) ...")
        port = free_port()
        host, inside = self._listening(port, _POSTGRES_PORT)
        # variables and command are those of the official image
        command = ("postgres", *postgres.arguments(host=host, port=inside))
        environment = {
            "PGDATA": f"{_POSTGRES_DATA}/cluster",
            "POSTGRES_USER": postgres.ROLE,
            "POSTGRES_HOST_AUTH_METHOD": "trust",
            "POSTGRES_INITDB_ARGS": " ".join(postgres.INITDB),
        }
        spec = replace(
            self._backing(image, command, port=port, inside=inside),
            environment=environment,
            # by name: the official image and Debian's package number it differently
            user="postgres",
            tmpfs=_POSTGRES_TMPFS,
            memory=_POSTGRES_MEMORY,
        )
        with contextlib.ExitStack() as opened:
            with as_fault("PostgreSQL cannot be started"):
                container = opened.enter_context(self._started(spec))
                version = postgres.wait_until_ready(
                    port=port,
                    death=container.death,
                    log_tail=container.log_tail,
                    timeout=_POSTGRES_TIMEOUT,
                )
                container.look_up_cgroup()
                there = _LOOPBACK if self._host_network else container.address
            yield DockerBacking(
                container,
                postgres.url(_LOOPBACK, port),
                postgres.url(there, inside),
                postgres.facts(version, f"image {image}, data in memory"),
            )

    @contextlib.contextmanager
    def _upstream(self, observer: Observer) -> Iterator[DockerBacking]:
        image = self._images.of_upstream(observer)
        observer.noted("Starting the upstream ...")
        port = free_port()
        host, inside = self._listening(port, _CONTAINER_PORT)
        command = ("python", "-I", "/srv/delaying.py", host, str(inside))
        spec = self._backing(image, command, port=port, inside=inside)
        with contextlib.ExitStack() as opened:
            with as_fault("the upstream cannot be started"):
                container = opened.enter_context(self._started(spec))
                wait_until_ready(
                    port=port,
                    path="/healthz",
                    death=container.death,
                    log_tail=container.log_tail,
                    timeout=_START_TIMEOUT,
                )
                container.look_up_cgroup()
                there = _LOOPBACK if self._host_network else container.address
            yield DockerBacking(
                container,
                f"http://{_LOOPBACK}:{port}",
                f"http://{there}:{inside}",
                upstream_facts(f"one process, image {image}"),
            )

    def _server(self, stack: Stack, environment: Mapping[str, str]) -> ContainerSpec:
        own = (f"{_APPS}/{stack.app.name}/{folder}" for folder in stack.app.writable)
        return ContainerSpec(
            image=self._tags[stack.id],
            name=self._new_name(),
            run=self._run,
            environment=environment,
            tmpfs=dict.fromkeys(("/tmp", *own), in_memory("64m")),  # noqa: S108 - in the container
            host_network=self._host_network,
            container_port=_CONTAINER_PORT,
            cpus=self._placement.cpus,
            cpuset=",".join(map(str, self._placement.server_cpus)),
            memory=self._placement.memory,
        )

    def _backing(
        self, image: str, command: Sequence[str], *, port: int, inside: int
    ) -> ContainerSpec:
        return ContainerSpec(
            image=image,
            name=self._new_name(),
            run=self._run,
            environment={},
            command=command,
            host_network=self._host_network,
            publish=port,
            container_port=inside,
            cpus=None,
            cpuset=",".join(map(str, self._placement.backing_cpus)),
            memory=_BACKING_MEMORY,
        )

    def _new_name(self) -> str:
        return f"toolkit-{self._run}-{os.getpid()}-{next(self._numbers)}"

    def _listening(self, port: int, inside: int) -> tuple[str, int]:
        """Say where a process in a container listens, for a port on loopback to lead there."""
        return (_LOOPBACK, port) if self._host_network else (_ANYWHERE, inside)

    @contextlib.contextmanager
    def _started(self, spec: ContainerSpec) -> Iterator[Container]:
        container = self._engine.start(spec)
        try:
            yield container
        except BaseException:
            # an engine that cannot even remove it must not hide what went wrong
            with contextlib.suppress(EnvironmentFault):
                container.remove()
            raise
        container.remove()

    def _environment(self, stack: Stack, port: int) -> dict[str, str]:
        # in a network namespace of its own the server must listen on the container's address
        host = _LOOPBACK if self._host_network else _ANYWHERE
        return environment_of(stack.knobs(self._knobs), host=host, port=port)
