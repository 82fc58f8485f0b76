"""Stacks as containers: one image per stack, one fresh container per trial."""

import contextlib
import itertools
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import toolkit.runtime.probe
from toolkit.errors import ConfigError, EnvironmentFault, StackError
from toolkit.measured import BackingFacts, RuntimeFacts, ServerHost, StackFacts, Usage
from toolkit.model import BackingImage, Knobs, Need, Placement, Project, Stack
from toolkit.ports import Observer
from toolkit.runtime import postgres
from toolkit.runtime.engine import Container, ContainerSpec, Engine, in_memory
from toolkit.runtime.images import Images
from toolkit.runtime.once import ONCE_TIMEOUT, naming
from toolkit.runtime.reach import ANYWHERE, Pulse, Reach
from toolkit.runtime.ready import (
    NO_SERVER_ERROR,
    PROJECT_HINT,
    as_fault,
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
_PATIENCE = 8
"""Seconds that an engine elsewhere may take for an answer while something runs there: to end a
server takes it up to five."""


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

    def __init__(self, container: Container, url: str, pulse: Pulse | None = None) -> None:
        self._container = container
        self._death = _death(container, pulse)
        self.url = url

    def usage(self) -> Usage:
        """See ``ports.Service``."""
        return self._container.usage()

    def death(self) -> str | None:
        """See ``ports.Service``."""
        return self._death()

    def log_tail(self) -> str:
        """See ``ports.Service``."""
        return self._container.log_tail()


class DockerService(_Contained):
    """A server's container that answers."""

    def __init__(
        self, container: Container, url: str, start_seconds: float, pulse: Pulse | None
    ) -> None:
        super().__init__(container, url, pulse)
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
        images: Builds images on it.
        knobs: Settings of every server.
        placement: CPUs and limits of every server.
        reach: How its containers are reached.
        run: Label of all that is created.
        reason: Why Docker was taken.
        host: The engine's machine, None: this one.

    Raises:
        EnvironmentFault: The engine is gone.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        images: Images,
        knobs: Knobs,
        placement: Placement,
        reach: Reach,
        run: str,
        reason: str,
        host: ServerHost | None = None,
    ) -> None:
        engine.remove_orphans()
        self._engine = engine
        self._knobs = knobs
        self._placement = placement
        self._reach = reach
        self._run = run
        self._numbers = itertools.count(1)
        self._images = images
        self._tags: dict[str, str] = {}
        self._probed: dict[str | None, dict[str, Any]] = {}
        self.facts = RuntimeFacts(
            name="docker",
            reason=reason,
            engine=engine.description,
            network=_network(reach),
            memory_kind="cgroup, without inactive page cache",
            host=host,
            notes=_notes(engine, reach),
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
        port = self._reach.port_of_server()
        _, inside = self._reach.listening(port, _CONTAINER_PORT)
        spec = self._server(stack, {**self._environment(stack, inside), **environment})
        began = time.monotonic()
        with self._started(replace(spec, publish=port)) as container, self._in_time():
            pulse = self._pulse()
            wait_until_ready(
                host=self._reach.address,
                port=port,
                path=stack.app.health,
                most=most_status(stack),
                hint=hint_for(stack),
                death=_death(container, pulse),
                log_tail=container.log_tail,
                timeout=_START_TIMEOUT,
            )
            container.look_up_cgroup()
            url = f"http://{self._reach.address}:{port}"
            yield DockerService(container, url, time.monotonic() - began, pulse)

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
        direct = self._reach.direct
        port = project.port if direct else self._reach.port_of_server()
        listening = {"host": ANYWHERE, "port": str(project.port)}
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
            publish_at=self._reach.address,
            container_port=project.port,
            cpus=self._placement.cpus,
            cpuset=",".join(map(str, self._placement.server_cpus)),
            memory=self._placement.memory,
        )
        began = time.monotonic()
        with self._started(spec) as container, self._in_time():
            # not through the engine's proxy for published ports, which would cost each request
            host = container.address if direct else self._reach.address
            pulse = self._pulse()
            wait_until_ready(
                host=host,
                port=port,
                path=project.health,
                most=NO_SERVER_ERROR,
                death=_death(container, pulse),
                log_tail=container.log_tail,
                timeout=_START_TIMEOUT,
                hint=PROJECT_HINT,
            )
            container.look_up_cgroup()
            url = f"http://{host}:{port}"
            yield DockerService(container, url, time.monotonic() - began, pulse)

    @contextlib.contextmanager
    def backing_image(self, image: BackingImage, observer: Observer) -> Iterator[DockerBacking]:
        """See ``ports.Platform``.

        In a network of its own: its port may be taken here. On another machine it is not published,
        for it may let in whoever comes.
        """
        reach = self._reach
        if reach.elsewhere and not image.ready:
            raise ConfigError(
                f"nobody can see from here whether the service {image.name} serves",
                hint=f"Give [services.{image.name}] a command `ready` that succeeds then.",
            )
        with contextlib.ExitStack() as opened:
            with as_fault(f"the service {image.name} cannot be started"):
                tag = self._images.by_name(image.image, observer)
                observer.noted(f"Starting {image.name} ({image.image}) ...")
                port = reach.any_port()
                spec = replace(
                    self._backing(tag, image.command, port=port, inside=image.port),
                    environment=image.environment,
                    user="",
                    confined=False,
                    tmpfs={},
                    host_network=False,
                    publish=None if reach.direct or reach.elsewhere else port,
                    memory=image.memory,
                )
                container = opened.enter_context(self._started(spec))
                address = container.address
                outside = (address, image.port) if reach.direct else (reach.address, port)

                def look() -> str | None:
                    if not image.ready:
                        return refusal(*outside)
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
            url = f"{outside[0]}:{outside[1]}"
            yield DockerBacking(container, url, f"{address}:{image.port}", facts)

    @contextlib.contextmanager
    def _postgres(self, observer: Observer) -> Iterator[DockerBacking]:
        image = self._images.of_postgres(observer)
        observer.noted(f"Starting the database ({image}) ...")
        port = self._reach.any_port()
        host, inside = self._reach.listening(port, _POSTGRES_PORT)
        # others may reach it there
        password = secrets.token_hex(16) if self._reach.elsewhere else ""
        # variables and command are those of the official image
        command = ("postgres", *postgres.arguments(host=host, port=inside))
        environment = {
            "PGDATA": f"{_POSTGRES_DATA}/cluster",
            "POSTGRES_USER": postgres.ROLE,
            "POSTGRES_HOST_AUTH_METHOD": "scram-sha-256" if password else "trust",
            **({"POSTGRES_PASSWORD": password} if password else {}),
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
                url = postgres.url(self._reach.address, port, password)
                version = postgres.wait_until_ready(
                    url,
                    death=container.death,
                    log_tail=container.log_tail,
                    timeout=_POSTGRES_TIMEOUT,
                )
                container.look_up_cgroup()
                there = host if self._reach.host_network else container.address
            yield DockerBacking(
                container,
                url,
                postgres.url(there, inside, password),
                postgres.facts(version, f"image {image}, data in memory"),
            )

    @contextlib.contextmanager
    def _upstream(self, observer: Observer) -> Iterator[DockerBacking]:
        image = self._images.of_upstream(observer)
        observer.noted("Starting the upstream ...")
        port = self._reach.any_port()
        host, inside = self._reach.listening(port, _CONTAINER_PORT)
        command = ("python", "-I", "/srv/delaying.py", host, str(inside))
        spec = self._backing(image, command, port=port, inside=inside)
        with contextlib.ExitStack() as opened:
            with as_fault("the upstream cannot be started"):
                container = opened.enter_context(self._started(spec))
                wait_until_ready(
                    host=self._reach.address,
                    port=port,
                    path="/healthz",
                    death=container.death,
                    log_tail=container.log_tail,
                    timeout=_START_TIMEOUT,
                )
                container.look_up_cgroup()
                there = host if self._reach.host_network else container.address
            yield DockerBacking(
                container,
                f"http://{self._reach.address}:{port}",
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
            host_network=self._reach.host_network,
            publish_at=self._reach.address,
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
            host_network=self._reach.host_network,
            publish=port,
            publish_at=self._reach.address,
            container_port=inside,
            cpus=None,
            cpuset=",".join(map(str, self._placement.backing_cpus)),
            memory=_BACKING_MEMORY,
        )

    def _new_name(self) -> str:
        return f"toolkit-{self._run}-{os.getpid()}-{next(self._numbers)}"

    @contextlib.contextmanager
    def _started(self, spec: ContainerSpec) -> Iterator[Container]:
        container = self._engine.start(spec)
        try:
            yield container
        except BaseException:
            # an engine that cannot even remove it must not hide what went wrong
            with self._in_time(), contextlib.suppress(EnvironmentFault):
                container.remove()
            raise
        with self._in_time():
            container.remove()

    def _pulse(self) -> Pulse | None:
        return Pulse(self._reach.address) if self._reach.elsewhere else None

    def _in_time(self) -> contextlib.AbstractContextManager[None]:
        """See that a machine elsewhere that was cut off is missed soon."""
        if not self._reach.elsewhere:
            return contextlib.nullcontext()
        return self._engine.hurrying(_PATIENCE)

    def _environment(self, stack: Stack, port: int) -> dict[str, str]:
        # in a network namespace of its own the server must listen on the container's address
        host, _ = self._reach.listening(port, port)
        return environment_of(stack.knobs(self._knobs), host=host, port=port)


def _death(container: Container, pulse: Pulse | None) -> Callable[[], str | None]:
    """Say how a server ended; one that cannot be reached any more is as good as dead."""

    def death() -> str | None:
        return container.death() or (None if pulse is None else pulse.lost())

    return death


def _notes(engine: Engine, reach: Reach) -> tuple[str, ...]:
    notes = [] if engine.has_cpuset else ["This engine cannot pin containers to CPUs."]
    if reach.elsewhere:
        notes.append("Restarts and OOM kills of single workers are not seen there.")
    return tuple(notes)


def _network(reach: Reach) -> str:
    if reach.elsewhere:
        kind = "host" if reach.host_network else "bridge, published"
        return f"between the machines ({kind}, {reach.address})"
    return "host (loopback)" if reach.host_network else "bridge (port on loopback)"
