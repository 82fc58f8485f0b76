"""Servers on another Docker host: what that machine is, and how busy it is under load."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import toolkit.machine
from toolkit.catalog import Catalog
from toolkit.config import Config
from toolkit.errors import ConfigError, EnvironmentFault, StackError
from toolkit.host import read_counters
from toolkit.machine import boot_id
from toolkit.measured import CpuTimes, HostReading, ServerHost
from toolkit.model import Placement
from toolkit.placement import place_apart
from toolkit.ports import Observer
from toolkit.runtime.docker import DockerRuntime
from toolkit.runtime.engine import Container, ContainerSpec, Engine, clear
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.images import Images
from toolkit.runtime.reach import Reach
from toolkit.units import parse_size

ReadHost = Callable[[Sequence[int]], HostReading]
"""Reads what a machine has done so far, given the CPUs of the load generator."""

_TICKS = 100.0
"""Of /proc/stat in a second, whatever the kernel's own clock: USER_HZ, see proc_stat(5)."""

_MEMORY = 32 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What servers on another host are measured with.

    Attributes:
        engine: Address of its engine.
        placement: Which of its CPUs are whose, and on which of this machine's load is made.
        read_host: Reads both machines.
    """

    engine: str
    runtime: DockerRuntime
    placement: Placement
    read_host: ReadHost


@contextlib.contextmanager
def open_elsewhere(
    config: Config,
    *,
    catalog: Catalog,
    here: Placement,
    load: Placement,
    run: str,
    guardian: Guardian,
    observer: Observer,
) -> Iterator[Elsewhere]:
    """Open the Docker host that the settings name.

    Args:
        config: Settings.
        catalog: Where recipes and code lie.
        here: Who runs on which CPU should that host be this machine after all ...
        load: ... and on which load is made if it is not.
        run: Label of what is created.
        guardian: Told what to remove should this process be killed.
        observer: Told what is built.

    Raises:
        ConfigError: It is to run processes, or is at no address that is known.
        EnvironmentFault: It cannot be reached, or its base image not be had.
    """
    where = config.runtime
    if where.kind == "process":
        raise ConfigError(
            "a target host runs containers", hint="Leave --runtime process out, or --target-host."
        )
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(guardian.connected(run, where.target_host))
        named = f"Target host {where.target_host}"
        stack.callback(clear, engine, named, run, observer.noted)
        reach = Reach.there(engine, where.network, where.target_address, where.target_port)
        images = Images(engine, catalog, config.image)
        base = images.of_base(observer)
        found = described(engine, base, run)
        host = _facts(where.target_host, engine, reach, found)
        apart = found["boot"] != boot_id()
        if apart and reach.address.startswith("127."):
            raise ConfigError(
                f"the target host is another machine, but {reach.address} is this one",
                hint="Say with --target-address where servers answer there.",
            )
        if apart:
            placement = place_apart(
                allowed=found["allowed"],
                siblings={int(cpu): frozenset(of) for cpu, of in found["siblings"].items()},
                cpus=where.cpus,
                memory=parse_size(where.memory),
                load=load,
            )
        else:
            note = "The target host is this machine, reached by another way."
            placement = replace(here, notes=(*here.notes, note))
        runtime = DockerRuntime(
            engine,
            images=images,
            knobs=config.server,
            placement=placement,
            reach=reach,
            run=run,
            reason="--target-host",
            host=host,
        )
        read_host: ReadHost = partial(read_counters, placement.server_cpus)
        if apart:
            sleeper = Sleeper(engine, base, run, placement)
            read_host = Counters(sleeper.output, placement.server_cpus).read
        yield Elsewhere(
            engine=engine.address, runtime=runtime, placement=placement, read_host=read_host
        )


def described(engine: Engine, base: str, run: str) -> dict[str, Any]:
    """Ask the machine of an engine what it is, see ``machine.describe``.

    Raises:
        EnvironmentFault: It does not say.
    """
    code = Path(toolkit.machine.__file__).read_text(encoding="utf-8")
    try:
        found: dict[str, Any] = json.loads(engine.output_of(base, ["python", "-c", code], run))
    except (StackError, ValueError) as error:
        raise EnvironmentFault(
            f"the target host at {engine.address} does not say what it is: {error}",
            hint=f"Is {base} an image with Python 3.11 or later?",
        ) from error
    return found


def _facts(given: str, engine: Engine, reach: Reach, found: Mapping[str, Any]) -> ServerHost:
    host = urlsplit(given).hostname if "://" in given else given
    one, five, fifteen = found["load_average"]
    return ServerHost(
        name=host or engine.name,
        address=reach.address,
        system=found["system"],
        cpu_model=found["cpu_model"],
        cpus=found["cpus"],
        memory=found["memory"],
        cgroup=found["cgroup"],
        governor=found["governor"],
        load_average=(one, five, fifteen),
    )


class Sleeper:
    """A container there that sleeps until it is to read the machine's counters.

    It is started when it is first asked, and again if it has gone, as with its daemon; it goes with
    what else the run has started there.

    Args:
        engine: Where.
        base: Image.
        run: Label.
        placement: It is on the CPUs of the services.
    """

    def __init__(self, engine: Engine, base: str, run: str, placement: Placement) -> None:
        self._engine = engine
        self._spec = ContainerSpec(
            image=base,
            name=f"toolkit-{run}-sleeper",
            run=run,
            environment={},
            command=("sleep", "infinity"),
            host_network=True,
            cpus=None,
            cpuset=",".join(map(str, placement.backing_cpus)) if engine.has_cpuset else "",
            memory=_MEMORY,
        )
        self._container: Container | None = None

    def output(self, command: Sequence[str]) -> str:
        """Run a command in it; give what it printed.

        Raises:
            StackError: It fails.
            EnvironmentFault: The engine is gone.
        """
        if self._container is not None:
            try:
                return self._container.output(command)
            except StackError:
                self._container.remove()
        self._container = self._engine.start(self._spec)
        return self._container.output(command)


class Counters:
    """Reads the counters of two machines: the servers' CPUs there, the generator's here.

    Args:
        output: Runs a command there and gives what it printed.
        server_cpus: CPUs of the server.
    """

    def __init__(self, output: Callable[[Sequence[str]], str], server_cpus: Sequence[int]) -> None:
        self._output = output
        self._cpus = server_cpus

    def read(self, client_cpus: Sequence[int]) -> HostReading:
        """Read both; see ``host.read_counters``. The frequency there is not known.

        Raises:
            StackError: The container that reads is gone.
            EnvironmentFault: The engine is.
        """
        # there first: what is read here is read at once, and its time is that of both
        there = self._output(("cat", "/proc/stat", "/proc/vmstat"))
        here = read_counters((), client_cpus)
        swapped = _swapped(there)
        if here.swapped is not None and swapped is not None:
            swapped += here.swapped
        return replace(here, server=_times(there, self._cpus), swapped=swapped)


def _times(text: str, cpus: Sequence[int]) -> CpuTimes | None:
    """Sum up what CPUs did, as ``host.read_counters`` counts it, from /proc/stat.

    See proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal.
    """
    lines = (line.split() for line in text.splitlines() if line.startswith("cpu"))
    known = {words[0]: [int(word) / _TICKS for word in words[1:9]] for words in lines}
    mine = [known[f"cpu{cpu}"] for cpu in cpus if f"cpu{cpu}" in known]
    if not cpus or len(mine) < len(cpus):
        return None
    return CpuTimes(
        busy=sum(user + nice + system for user, nice, system, *_ in mine),
        idle=sum(idle + iowait for _, _, _, idle, iowait, *_ in mine),
        steal=sum(times[7] for times in mine),
    )


def _swapped(text: str) -> int | None:
    pages = [
        line.split()[1] for line in text.splitlines() if line.startswith(("pswpin ", "pswpout "))
    ]
    return sum(map(int, pages)) if pages else None
