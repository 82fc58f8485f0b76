"""The Docker engine, as far as the toolkit needs it: the only module that imports the Docker SDK.

Everything the SDK raises or returns is turned into the project's own types here.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

import docker.errors
import psutil
import requests.exceptions
from docker.context import Context, ContextAPI
from docker.models.containers import Container as SdkContainer
from docker.types import LogConfig
from docker.utils.config import find_config_file

import docker
from toolkit.errors import EnvironmentFault, StackError
from toolkit.machine import machine_id
from toolkit.measured import Usage
from toolkit.runtime.cgroup import Cgroup, divided, find
from toolkit.runtime.tunnel import Tunnel

RUN_LABEL = "toolkit.run"
"""On every container the toolkit creates; only what carries it is ever removed."""

_OWNER_LABEL = "toolkit.owner"
"""The process that created it, so that what a dead one left can be told from what is in use."""

_MACHINE_LABEL = "toolkit.machine"
"""The machine of that process: nobody else can see whether it lives."""

BUILDER_LABEL = "toolkit.builder"
"""The process that built an image; not the owner's, which containers would have from images."""

LOAD_LABEL = "toolkit.load"
"""On containers that make load; nobody starts one again that has ended."""

_START_HINT = "Start the Docker engine, or take --runtime process."
_LOG_LINES = 20
_INTERVAL = 0.05
_HURRY = 5
_LOG_CONFIG = LogConfig(type="json-file", config={"max-size": "10m", "max-file": "1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """What a container may use; all the rest is refused to it.

    Attributes:
        hostname: Its name for itself; empty: the engine makes one.
        labels: Besides that of the run.
        user: That of the image's server, by number, or by a name that the image knows; empty: the
            image's own.
        confined: Whether its files are read-only and it has no capabilities; an image that nobody
            here made may need them.
        tmpfs: Folders it may write to, with the options of their mounts; they are in memory.
        publish: Port for its port, where it has a network of its own ...
        publish_at: ... and the address that it is on: loopback, unless others are to reach it.
        cpus: Cores it may use at once, None: as many as it is pinned to.
        cpuset: CPUs it is pinned to; empty if it is not.
        memory: Bytes, what is in its folders in memory included.
    """

    image: str
    name: str
    run: str
    environment: Mapping[str, str]
    hostname: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] | None = None
    user: str = "10001:10001"
    confined: bool = True
    tmpfs: Mapping[str, str] = field(default_factory=lambda: {"/tmp": in_memory("64m")})  # noqa: S108 - in the container
    host_network: bool
    publish: int | None = None
    publish_at: str = "127.0.0.1"
    container_port: int = 8000
    cpus: float | None
    cpuset: str
    memory: int


def in_memory(size: str) -> str:
    """Give the options of a folder in memory that all may write to; Docker spells its size."""
    return f"rw,noexec,nosuid,nodev,size={size},mode=1777"


@contextlib.contextmanager
def _translated(action: str, where: str = "") -> Iterator[None]:
    try:
        yield
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
        raise _silent(action, where) from error
    except docker.errors.APIError as error:
        reason = str(error.explanation or error).strip()
        if "no space left on device" in reason:
            raise EnvironmentFault(
                f"the Docker engine has no disk space left ({action})",
                hint="`docker system df` shows what takes it, `docker system prune` frees it.",
            ) from error
        if "address already in use" in reason or "port is already allocated" in reason:
            raise EnvironmentFault(f"the port is taken ({action}): {reason}") from error
        raise StackError(f"the Docker engine refused ({action}): {reason}") from error
    except docker.errors.DockerException as error:
        raise _unreachable(error, where) from error


def _silent(action: str, where: str) -> EnvironmentFault:
    there = f" at {where}" if where else ""
    return EnvironmentFault(
        f"the Docker engine{there} does not answer ({action})", hint=_hint(where)
    )


def _hint(where: str) -> str:
    return f"`docker --host {where} info` says more." if where else _START_HINT


def _unreachable(error: Exception, where: str) -> EnvironmentFault:
    """Say in a few words what the SDK wraps in several layers."""
    named, where = bool(where), where or os.environ.get("DOCKER_HOST") or "the default address"
    text = str(error)
    if named:
        # what the SDK says of it is a tuple in a sentence
        known = {"No such file": "there is no such socket", "refused": "it refuses connections"}
        text = next((said for part, said in known.items() if part in text), text)
        return EnvironmentFault(f"no Docker engine answers at {where}: {text}", hint=_hint(where))
    if "Permission denied" in text:
        return EnvironmentFault(
            f"no permission to use the Docker engine at {where}",
            hint="Join the group that may (on Debian: docker), or take --runtime process.",
        )
    if "No such file" in text or "refused" in text:
        return EnvironmentFault(f"no Docker engine answers at {where}", hint=_START_HINT)
    return EnvironmentFault(f"no Docker engine answers at {where}: {text}", hint=_START_HINT)


def _context(name: str) -> Context:
    """Find a Docker context.

    Raises:
        EnvironmentFault: It does not exist, or the SDK does not find it.
    """
    with _translated("reading the Docker context"):
        found: Context | None = ContextAPI.get_context(name)
    if found is None:
        hint = "`docker context ls` shows them; an address has a scheme, as ssh://host."
        if find_config_file() is None:
            # docker-py looks for contexts beside that file
            hint += " They are found only beside a config.json: echo '{}' > ~/.docker/config.json"
        raise EnvironmentFault(f"the Docker context {name!r} does not exist", hint=hint)
    return found


class Container:
    """A container that was started.

    Args:
        sdk: The SDK's.
        where: Its engine, see ``Engine``.
    """

    def __init__(self, sdk: SdkContainer, where: str = "") -> None:
        self._sdk = sdk
        self._where = where
        self._cgroup: Cgroup | None = None

    def usage(self, *, each: bool = True) -> Usage:
        """Read CPU time and memory of its cgroup, directly or else through the engine.

        Memory is what ``docker stats`` shows: the cgroup's charge without the page cache that can
        be given up at once (``inactive_file``). See ``Cgroup.usage`` for ``each``.

        Raises:
            StackError: It does not run any more.
            EnvironmentFault: The engine is gone.
        """
        if self._cgroup is not None:
            try:
                return self._cgroup.usage(each=each)
            except OSError:
                raise StackError(
                    "the container does not run any more", log=self.log_tail()
                ) from None
        with self._translated("reading the use of a container"):
            stats = cast("dict[str, Any]", self._sdk.stats(stream=False, one_shot=True))
        at = time.monotonic()
        memory = stats.get("memory_stats", {})
        if "usage" not in memory:
            raise StackError("the container does not run any more", log=self.log_tail())
        detail = memory.get("stats", {})
        cache = detail.get("total_inactive_file", detail.get("inactive_file", 0))
        cpu = stats["cpu_stats"]["cpu_usage"]
        user, system = divided(
            cpu["total_usage"] / 1e9,
            cpu["usage_in_usermode"] / 1e9,
            cpu["usage_in_kernelmode"] / 1e9,
        )
        return Usage(
            at=at,
            cpu_user=user,
            cpu_system=system,
            throttled=stats["cpu_stats"].get("throttling_data", {}).get("throttled_time", 0) / 1e9,
            memory=max(memory["usage"] - cache, 0),
        )

    def death(self) -> str | None:
        """Say how it ended, or None while it runs.

        Raises:
            EnvironmentFault: The engine is gone.
        """
        try:
            with self._translated("looking after a container"):
                self._sdk.reload()
        except StackError:
            return "the container was removed"
        state = self._sdk.attrs["State"]
        if state["Running"]:
            return None
        if state.get("OOMKilled"):
            return "killed for exceeding its memory limit"
        return f"exit code {state['ExitCode']}"

    def log_tail(self) -> str:
        """Give the last lines it printed; empty when the engine does not tell."""
        with contextlib.suppress(StackError, EnvironmentFault), self._translated("reading a log"):
            return bytes(self._sdk.logs(tail=_LOG_LINES)).decode("utf-8", "replace").rstrip()
        return ""

    def wait(self, seconds: float) -> int | None:
        """Wait until it has ended and give its exit code, None if it still runs after that time.

        Raises:
            StackError: It was removed.
            EnvironmentFault: The engine is gone.
        """
        deadline = time.monotonic() + seconds
        while True:
            with self._translated("waiting for a container"):
                self._sdk.reload()
            state = self._sdk.attrs["State"]
            if not state["Running"]:
                return int(state["ExitCode"])
            if time.monotonic() >= deadline:
                return None
            time.sleep(_INTERVAL)

    @property
    def address(self) -> str:
        """Where others on the engine's default bridge reach it.

        Raises:
            StackError: It has no address, has ended, or was removed.
            EnvironmentFault: The engine is gone.
        """
        with self._translated("looking after a container"):
            self._sdk.reload()
        networks = self._sdk.attrs["NetworkSettings"]["Networks"]
        address = networks.get("bridge", {}).get("IPAddress")
        if not address:
            # one that ended at once has lost its address, and that it ended is what matters
            ended = self.death()
            if ended is not None:
                message = f"the server ended before it answered: {ended}"
                raise StackError(message, log=self.log_tail())
            raise StackError("the container has no address on the engine's bridge")
        return str(address)

    def stop(self, patience: int) -> float | None:
        """Have it end by SIGTERM; give the seconds that took, None if it was killed after all.

        Raises:
            StackError: It was removed.
            EnvironmentFault: The engine is gone.
        """
        began = time.monotonic()
        with self._translated("stopping a container"):
            self._sdk.stop(timeout=patience)
        seconds = time.monotonic() - began
        return seconds if seconds < patience else None

    def run(self, command: Sequence[str]) -> int:
        """Run a command in the container; give its exit code.

        Raises:
            StackError: The container is gone, or has no such command.
            EnvironmentFault: The engine is gone.
        """
        return self._run(command)[0]

    def output(self, command: Sequence[str]) -> str:
        """Run a command in the container; give what it printed.

        Raises:
            StackError: The container is gone, or the command failed.
            EnvironmentFault: The engine is gone.
        """
        code, text = self._run(command)
        if code:
            raise StackError(f"{command[0]} ended with {code} in a container", log=text)
        return text

    def _run(self, command: Sequence[str]) -> tuple[int, str]:
        with self._translated(f"running {command[0]} in a container"):
            done = self._sdk.exec_run(list(command))
        return int(done.exit_code or 0), cast("bytes", done.output or b"").decode(
            "utf-8", "replace"
        )

    def look_up_cgroup(self) -> None:
        """Find the files of its cgroup, so that reading its use takes no time.

        Raises:
            StackError: It was removed.
            EnvironmentFault: The engine is gone.
        """
        with self._translated("looking after a container"):
            self._sdk.reload()
        self._cgroup = find(self._sdk.attrs["State"]["Pid"], str(self._sdk.id))

    def remove(self) -> None:
        """Kill and remove it; it may be gone already.

        Raises:
            EnvironmentFault: The engine is gone.
        """
        with (
            contextlib.suppress(docker.errors.NotFound),
            _translated_except_missing("removing a container", self._where),
        ):
            self._sdk.remove(force=True, v=True)

    def _translated(self, action: str) -> contextlib.AbstractContextManager[None]:
        return _translated(action, self._where)


@contextlib.contextmanager
def _translated_except_missing(action: str, where: str) -> Iterator[None]:
    with _translated(action, where):
        try:
            yield
        except docker.errors.NotFound:
            return


class Engine:
    """A connection to an engine.

    Args:
        client: The SDK's.
        address: Where it was reached; empty: where ``DOCKER_HOST`` or the Docker context say.
        tunnel: What leads there, None: nothing has to.
    """

    def __init__(
        self, client: docker.DockerClient, address: str = "", tunnel: Tunnel | None = None
    ) -> None:
        self._client = client
        self._address = address
        self._tunnel = tunnel
        with _translated("asking for its version", address):
            self._info: dict[str, Any] = client.info()

    @classmethod
    def connect(cls, name: str = "") -> Self:
        """Connect as the ``docker`` command would.

        Args:
            name: An address, such as ``ssh://user@host``, or a Docker context; empty: what
                ``DOCKER_HOST`` or the context in use say.

        Raises:
            EnvironmentFault: No engine answers, or the context does not exist.
        """
        if name:
            return cls._connect_to(name)
        given = os.environ.get("DOCKER_HOST", "")
        if given.startswith("ssh://"):
            return cls._connect_to(given)
        context = os.environ.get("DOCKER_CONTEXT")
        if context and not os.environ.get("DOCKER_HOST"):
            _context(context)
        with _translated("connecting"):
            return cls(docker.from_env(timeout=60))

    @classmethod
    def _connect_to(cls, name: str) -> Self:
        address, tls = name, None
        if "://" not in name:
            context = _context(name)
            address, tls = str(context.Host), context.TLSConfig
        tunnel = Tunnel.open(address) if address.startswith("ssh://") else None
        with contextlib.ExitStack() as opened:
            if tunnel is not None:
                opened.callback(tunnel.close)
            with _translated("connecting", address):
                client = docker.DockerClient(
                    base_url=address if tunnel is None else tunnel.address,
                    tls=tls or False,
                    timeout=60,
                )
                engine = cls(client, address, tunnel)
            opened.pop_all()
        return engine

    def hurry(self, seconds: int) -> None:
        """Wait no longer than so many seconds for each answer from now on."""
        self._client.api.timeout = seconds

    @contextlib.contextmanager
    def hurrying(self, seconds: int) -> Iterator[None]:
        """Wait no longer than so many seconds for each answer in this context."""
        before = self._client.api.timeout
        self.hurry(seconds)
        try:
            yield
        finally:
            self.hurry(before)

    def require(self) -> None:
        """See that it is there.

        Raises:
            EnvironmentFault: It does not answer.
        """
        with self._translated("seeing that it is there"):
            self._client.ping()

    def remove_ended(self, label: str) -> None:
        """Remove containers with a label that have ended.

        Raises:
            EnvironmentFault: The engine is gone.
        """
        with self._translated("looking for containers left over"):
            found = self._client.containers.list(
                all=True, filters={"label": label, "status": "exited"}, ignore_removed=True
            )
        for sdk in found:
            Container(sdk, self._address).remove()

    @property
    def folder(self) -> Path | None:
        """What is on this machine as long as the connection is open, None: nothing."""
        return None if self._tunnel is None else self._tunnel.folder

    @property
    def name(self) -> str:
        """Name of its machine."""
        return str(self._info.get("Name") or "docker")

    @property
    def cpus(self) -> int:
        """How many CPUs it has."""
        return max(int(self._info.get("NCPU") or 1), 1)

    @property
    def version(self) -> str:
        """Version of the engine."""
        return str(self._info.get("ServerVersion", "unknown"))

    @property
    def description(self) -> str:
        """One line about the engine."""
        return (
            f"{self.version} on {self._info.get('OperatingSystem', 'unknown')}, "
            f"cgroup v{self._info.get('CgroupVersion', '1')}, {self._info.get('Driver')}"
        )

    @property
    def address(self) -> str:
        """Where it was reached."""
        return (
            self._address
            or os.environ.get("DOCKER_HOST")
            or ContextAPI.get_current_context().Host
            or "local"
        )

    @property
    def is_loopback(self) -> bool:
        """Whether a port it publishes on 127.0.0.1 is on this machine's loopback."""
        host = self.address
        local = ("unix:", "npipe:", "http+unix:", "tcp://127.", "tcp://localhost", "tcp://[::1]")
        return host == "local" or host.startswith(local)

    @property
    def shares_host_network(self) -> bool:
        """Whether "host network" is this machine's: no virtual machine, no rootless namespace."""
        options = " ".join(self._info.get("SecurityOptions") or ())
        return (
            self.is_loopback
            and self._info.get("OSType") == "linux"
            and os.uname().sysname == "Linux"
            and "rootless" not in options
            and self._info.get("KernelVersion") == os.uname().release
            and "Docker Desktop" not in str(self._info.get("OperatingSystem"))
        )

    @property
    def has_cpuset(self) -> bool:
        """Whether containers can be pinned."""
        return bool(self._info.get("CPUSet", True))

    def has_image(self, tag: str) -> bool:
        """Whether the engine holds the image."""
        return self.image_id(tag) is not None

    def image_label(self, tag: str, label: str) -> str | None:
        """Give a label of an image, or None if it has none or is not here."""
        with self._translated(f"looking for image {tag}"):
            try:
                found = self._client.images.get(tag).labels.get(label)
            except docker.errors.ImageNotFound:
                return None
        return None if found is None else str(found)

    def image_id(self, tag: str) -> str | None:
        """Give the image's id, or None if the engine does not hold it."""
        with self._translated(f"looking for image {tag}"):
            try:
                return str(self._client.images.get(tag).id)
            except docker.errors.ImageNotFound:
                return None

    def remove_unused(self, image: str) -> None:
        """Remove an image that has no name any more, unless a container or a process needs it.

        A process does that lives and has built it: another check, between two of its containers.

        Raises:
            EnvironmentFault: The engine is gone.
        """
        with (
            contextlib.suppress(StackError),  # in use, or gone already
            self._translated(f"removing image {image}"),
        ):
            found = self._client.images.get(image)
            builder = str(found.labels.get(BUILDER_LABEL) or "")
            if not found.tags and not (builder and _lives(builder)):
                self._client.images.remove(image)

    def pull(self, tag: str) -> str | None:
        """Fetch an image from its registry and give None, or the reason why that failed."""
        try:
            with self._translated(f"pulling {tag}"):
                self._client.images.pull(tag)
        except StackError as error:
            return str(error)
        return None

    def build(
        self,
        context: BinaryIO,
        *,
        dockerfile: str,
        tag: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        cache: bool,
        progress: Callable[[str], None],
    ) -> None:
        """Build an image from a tar archive.

        Args:
            context: The archive.
            dockerfile: Path of the recipe in it.
            tag: Name for the image.
            arguments: Build arguments.
            labels: Labels on the image.
            cache: Whether steps may be taken from earlier builds.
            progress: Told each step of the recipe.

        Raises:
            StackError: A step failed; the error carries its last output.
            EnvironmentFault: The engine is gone or has no space left.
        """
        output: list[str] = []
        with self._translated(f"building {tag}"):
            stream = self._client.api.build(
                fileobj=context,
                custom_context=True,
                dockerfile=dockerfile,
                tag=tag,
                buildargs=dict(arguments),
                labels=dict(labels),
                nocache=not cache,
                rm=True,
                forcerm=True,
                decode=True,
            )
            for item in stream:
                if "error" in item:
                    if "no space left" in item["error"]:
                        raise EnvironmentFault(
                            f"no disk space left for image {tag}",
                            hint="`docker system prune` frees what is not used.",
                        )
                    raise StackError(
                        f"image {tag} cannot be built: {item['error'].strip()}",
                        log="\n".join(output[-_LOG_LINES:]),
                    )
                for line in str(item.get("stream", "")).splitlines():
                    if line.strip():
                        output.append(line.rstrip())
                    if line.startswith("Step "):
                        progress(line.strip())

    def output_of(self, image: str, command: Sequence[str], run: str) -> str:
        """Run a command, whatever the image would, without network; give its standard output.

        Raises:
            StackError: It failed.
        """
        with self._translated(f"running {command[0]} in {image}"):
            try:
                raw = self._client.containers.run(
                    image,
                    list(command[1:]),
                    entrypoint=[command[0]],
                    remove=True,
                    network_mode="none",
                    labels={RUN_LABEL: run},
                )
            except docker.errors.ContainerError as error:
                raise StackError(f"{command[0]} failed in {image}: {error}") from error
        return bytes(raw).decode()

    def start(self, spec: ContainerSpec) -> Container:
        """Create and start a container that can do little but serve.

        Raises:
            StackError: The engine refused.
            EnvironmentFault: The engine is gone, the port taken, the disk full.
        """
        self._lead()
        limits: dict[str, Any] = {
            "mem_limit": spec.memory,
            "memswap_limit": spec.memory,  # no swap: a swapping server is not slower, it is broken
            "pids_limit": 512,
        }
        if spec.cpuset:
            limits["cpuset_cpus"] = spec.cpuset
        if spec.cpus is not None and (spec.cpus != int(spec.cpus) or not spec.cpuset):
            # with whole pinned cores a quota would limit nothing and only add throttling
            limits["nano_cpus"] = int(spec.cpus * 1e9)
        network: dict[str, Any] = {"network_mode": "host"}
        if not spec.host_network:
            network = {"network_mode": "bridge"}
            if spec.publish is not None:
                # on one address: never on all that this machine has
                ports = {f"{spec.container_port}/tcp": (spec.publish_at, spec.publish)}
                network["ports"] = ports
        if spec.confined:
            limits |= {"read_only": True, "cap_drop": ["ALL"]}
        with self._translated("starting a container"):
            sdk = self._client.containers.create(
                spec.image,
                list(spec.command) if spec.command else None,
                name=spec.name,
                hostname=spec.hostname or None,
                labels={
                    RUN_LABEL: spec.run,
                    _OWNER_LABEL: own_name(),
                    _MACHINE_LABEL: machine_id(),
                    **spec.labels,
                },
                environment=dict(spec.environment),
                user=spec.user or None,
                tmpfs=dict(spec.tmpfs),
                security_opt=["no-new-privileges"],
                # the image's health check would start a Python beside the server being measured
                healthcheck={"test": ["NONE"]},
                log_config=_LOG_CONFIG,
                **limits,
                **network,
            )
        container = Container(sdk, self._address)
        try:
            with self._translated("starting a container"):
                sdk.start()
        except BaseException:
            container.remove()
            raise
        return container

    def remove_labelled(self, run: str) -> int:
        """Remove all containers of a run and say how many there were.

        Raises:
            EnvironmentFault: The engine is gone.
        """
        self._lead()
        with self._translated("looking for containers left over"):
            found = self._client.containers.list(
                all=True, filters={"label": f"{RUN_LABEL}={run}"}, ignore_removed=True
            )
        for sdk in found:
            Container(sdk, self._address).remove()
        return len(found)

    def remove_orphans(self) -> None:
        """Remove containers whose toolkit was on this machine and is gone.

        An engine that was away kept them. Of a toolkit on another machine nobody here knows.

        Raises:
            EnvironmentFault: The engine is gone.
        """
        with self._translated("looking for containers left over"):
            found = self._client.containers.list(
                all=True, filters={"label": _OWNER_LABEL}, ignore_removed=True
            )
        for sdk in found:
            owner = sdk.labels[_OWNER_LABEL]
            here = sdk.labels.get(_MACHINE_LABEL, machine_id()) == machine_id()
            if owner and here and not _lives(owner):
                Container(sdk, self._address).remove()

    def _translated(self, action: str) -> contextlib.AbstractContextManager[None]:
        return _translated(action, self._address)

    def _lead(self) -> None:
        """See that there is a way to it: it may have been away for some time."""
        if self._tunnel is not None:
            self._tunnel.lead()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
        if self._tunnel is not None:
            self._tunnel.close()


def clear(engine: Engine, named: str, run: str, note: Callable[[str], None]) -> None:
    """Remove what a machine that was away for some time still has, or say that it is still away.

    Args:
        engine: Of the machine.
        named: What it is called.
        run: Label of what is removed.
        note: Told what could not be.
    """
    try:
        with engine.hurrying(_HURRY):
            engine.remove_labelled(run)
    except (StackError, EnvironmentFault) as error:
        note(
            f"{named} may still have containers of this run: {error}. "
            f"`docker ps -a --filter label={RUN_LABEL}={run}` there shows them."
        )


def own_name() -> str:
    """Name this process as no other is."""
    return _owner(os.getpid()) or ""


def _lives(owner: str) -> bool:
    return _owner(int(owner.split(maxsplit=1)[0])) == owner


def _owner(pid: int) -> str | None:
    """Name a process by pid and start time, which no other shares; None if there is none."""
    try:
        return f"{pid} {psutil.Process(pid).create_time():.0f}"
    except psutil.NoSuchProcess:
        return None


def remove_containers(run: str, engine_name: str = "") -> bool:
    """Remove all containers of a run; say whether the engine answered, see ``Engine.connect``."""
    with (
        contextlib.suppress(StackError, EnvironmentFault),
        contextlib.closing(Engine.connect(engine_name)) as engine,
    ):
        engine.remove_labelled(run)
        return True
    return False
