"""Load processes on other Docker hosts: a container for each, which joins the tool's master."""

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from toolkit.catalog import Catalog
from toolkit.config import ImageConfig
from toolkit.errors import ConfigError, EnvironmentFault, LoadError, StackError
from toolkit.load.protocol import MASTER_VARIABLE
from toolkit.measured import LoadHost
from toolkit.ports import Observer
from toolkit.runtime.engine import LOAD_LABEL, Container, ContainerSpec, Engine, clear
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.images import Images

MOST_WORKERS = 4
"""Of a host, where nobody says how many: as many as make load on this machine."""

_GONE_HINT = "`docker -H HOST info` says whether it is there again."
_MEMORY = 512 * 2**20
_JOIN_LIMIT = 20
"""Seconds within which load processes have joined that the toolkit starts."""

_LOOK = 2.0
"""Seconds after which it is seen again whether all hosts are there."""

_PATIENCE = 5
"""Seconds that a host may take to start or to remove a container; more is as good as gone."""

_DISCARD = 9
"""A port that nothing is sent to; the kernel says which way it would go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Host:
    facts: LoadHost
    engine: Engine
    image: str


class DockerFleet:
    """See ``ports.Fleet``.

    Args:
        hosts: Where.
        address: Of this machine, as they see it.
        run: Label of what is created.
    """

    def __init__(self, hosts: Sequence[_Host], address: str, run: str) -> None:
        self._hosts = hosts
        self._run = run
        self._trials = 0
        self._looked = 0.0
        self.address = address
        self.port = 0
        self.patience = _JOIN_LIMIT

    @property
    def size(self) -> int:
        """See ``ports.Fleet``."""
        return sum(host.facts.workers for host in self._hosts)

    @property
    def facts(self) -> tuple[LoadHost, ...]:
        """Say where load is made."""
        return tuple(host.facts for host in self._hosts)

    def miss_nobody(self) -> None:
        """See ``ports.Fleet``."""
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return
        for host in self._hosts:
            try:
                host.engine.require()
            except EnvironmentFault as error:
                raise LoadError(
                    f"load host {host.facts.name} is gone: {error}", hint=_GONE_HINT
                ) from error
        self._looked = time.monotonic()

    @contextlib.contextmanager
    def joining(self, port: int) -> Iterator[None]:
        """See ``ports.Fleet``.

        Raises:
            LoadError: One has ended, or the master lost it; the error carries what they said.
        """
        self._trials += 1
        environment = {MASTER_VARIABLE: f"{self.address}:{port}"}
        workers: dict[str, Container] = {}
        with contextlib.ExitStack() as stack:
            for host in self._hosts:
                mine = stack.enter_context(_removing())
                for number in range(host.facts.workers):
                    name = f"{host.facts.name}-{number + 1}"
                    container = _start(host, name, number, environment, self._run, self._trials)
                    mine.append(container)
                    workers[name] = container
            try:
                yield
            except LoadError as error:
                log = _said(workers, error.log)
                raise LoadError(str(error), hint=error.hint, log=log) from error


def _start(
    host: _Host, name: str, number: int, environment: Mapping[str, str], run: str, trial: int
) -> Container:
    # the last CPUs first: interrupts and most else prefer the others
    cpu = host.facts.cpus - 1 - number % host.facts.cpus
    spec = ContainerSpec(
        image=host.image,
        name=f"toolkit-load-{run}-{trial}-{name}",
        hostname=name,
        labels={LOAD_LABEL: host.facts.name},
        run=run,
        environment=environment,
        host_network=True,
        cpus=1.0,
        cpuset=str(cpu) if host.engine.has_cpuset else "",
        memory=_MEMORY,
    )
    try:
        return host.engine.start(spec)
    except StackError as error:
        raise EnvironmentFault(f"load host {host.facts.name}: {error}", hint=error.hint) from error


@contextlib.contextmanager
def _removing() -> Iterator[list[Container]]:
    """Remove what is put into the list at the end, as long as its host can be reached."""
    found: list[Container] = []
    try:
        yield found
    finally:
        # the first that cannot be removed says that none can
        with contextlib.suppress(EnvironmentFault):
            for container in found:
                with contextlib.suppress(StackError):
                    container.remove()


def _said(workers: Mapping[str, Container], log: str) -> str:
    """Give what the workers said that have ended, with what the master said."""
    lines = [log]
    with contextlib.suppress(EnvironmentFault):  # a host is gone, which the master has said
        for name, container in workers.items():
            with contextlib.suppress(StackError):
                ended = container.death()
                if ended is not None:
                    lines += [f"{name}: {ended}", container.log_tail()]
    return "\n".join(line for line in lines if line)


@contextlib.contextmanager
def open_fleet(
    names: Sequence[str],
    *,
    workers: int,
    address: str,
    catalog: Catalog,
    image: ImageConfig,
    target: str,
    run: str,
    guardian: Guardian,
    observer: Observer,
) -> Iterator[DockerFleet]:
    """Connect to Docker hosts, build the image of a load process on each, until the end.

    Args:
        names: ``ssh://user@host``, ``tcp://host:port``, ``unix:///path`` or a Docker context.
        workers: Load processes on each, 0: as many as it has CPUs, up to four.
        address: Of this machine, as the hosts see it; empty: that of the way to the first.
        catalog: Where recipes lie.
        image: How images are built.
        target: Address of the engine that servers run on; empty: none of these can be it.
        run: Label of what is created.
        guardian: Told what to remove should this process be killed.
        observer: Told what is built.

    Raises:
        ConfigError: The hosts have no way to this machine that is known, or serve themselves.
        EnvironmentFault: A host cannot be reached, or its image not be built.
    """
    hosts: list[_Host] = []
    with contextlib.ExitStack() as stack:
        for name in dict.fromkeys(names):
            engine = stack.enter_context(guardian.connected(run, name))
            if engine.address == target:
                raise ConfigError(
                    f"the load host {name} is the target host",
                    hint="Load and servers would share its CPUs: have another make the load.",
                )
            # a host that was cut off kept what it could not be told to remove
            engine.remove_ended(LOAD_LABEL)
            facts = LoadHost(
                name=_named(name, engine),
                engine=engine.description,
                cpus=engine.cpus,
                workers=workers or min(engine.cpus, MOST_WORKERS),
            )
            if any(other.facts.name == facts.name for other in hosts):
                facts = replace(facts, name=f"{facts.name}-{len(hosts) + 1}")
            try:
                tag = Images(engine, catalog, image).of_load(observer)
            except StackError as error:
                raise EnvironmentFault(
                    f"load host {facts.name}: {error}", hint=error.hint, log=error.log
                ) from error
            engine.hurry(_PATIENCE)
            hosts.append(_Host(facts=facts, engine=engine, image=tag))
            stack.callback(clear, engine, f"Load host {facts.name}", run, observer.noted)
        yield DockerFleet(hosts, address or own_address(hosts[0].engine), run)


def own_address(engine: Engine) -> str:
    """Give the address at which load processes of an engine reach this machine.

    Raises:
        ConfigError: The engine is reached by a way that has none.
    """
    if engine.shares_host_network:
        return "127.0.0.1"
    host = urlsplit(engine.address).hostname
    if host is None:
        raise ConfigError(
            f"the load host at {engine.address} is reached by no network",
            hint="Say with --load-address how its load processes reach this machine.",
        )
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, _DISCARD))
            return str(probe.getsockname()[0])
    except OSError as error:
        raise ConfigError(
            f"there is no way to the load host {host}: {error.strerror or error}",
            hint="Say with --load-address how its load processes reach this machine.",
        ) from error


def _named(name: str, engine: Engine) -> str:
    """Name a host as its load processes are named: by the host of its address, or by itself."""
    host = urlsplit(name).hostname if "://" in name else name
    return (host or engine.name).replace(".", "-").replace("_", "-").lower()
