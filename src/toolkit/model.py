"""The values everything else passes around: frozen, in SI units (seconds, bytes, requests/s)."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from toolkit.serve import KNOBS


class Interface(StrEnum):
    """How a server calls an app."""

    WSGI = "wsgi"
    ASGI = "asgi"


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A web application: a folder with an ``app.toml``.

    Attributes:
        target: What a server imports, ``module:attribute``, relative to the folder.
        health: Path that answers 200 while the app serves.
        contract: Name of the exchanges in ``apps/contract.toml`` it must pass, or None.
    """

    name: str
    summary: str
    interface: Interface
    target: str
    health: str
    contract: str | None = None
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A WSGI or ASGI server in one configuration: a folder with a ``server.toml``.

    Attributes:
        keep_alive: Whether it keeps connections open between requests.
        argv: Command template, see ``serve.render_argv``.
        switches: How a boolean knob is spelt, ``{knob: {"on": [...], "off": [...]}}``.
    """

    name: str
    summary: str
    interfaces: tuple[Interface, ...]
    keep_alive: bool
    argv: tuple[str, ...]
    switches: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """An app under a server."""

    app: App
    server: Server

    @property
    def id(self) -> str:
        """``flask/gunicorn-sync``."""
        return f"{self.app.name}/{self.server.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One kind of traffic: a locustfile."""

    name: str
    summary: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """The server settings that every stack of a run gets alike.

    Attributes:
        workers: Server processes.
        threads: Threads per process, where the server has a pool of them.
        connections: Most connections a process serves at once, where the server can limit them.
        keep_alive: Seconds an idle connection is kept open.
        backlog: Length of the queue of connections not yet accepted.
        access_log: Whether the server logs each request.
    """

    workers: int = int(KNOBS["workers"])
    threads: int = int(KNOBS["threads"])
    connections: int = int(KNOBS["connections"])
    keep_alive: int = int(KNOBS["keep_alive"])
    backlog: int = int(KNOBS["backlog"])
    access_log: bool = bool(KNOBS["access_log"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Who runs on which logical CPUs, and within which limits.

    Attributes:
        server_cpus: CPUs of the server; empty if it is not pinned.
        client_cpus: CPUs of the load generator (and of the tool); empty if it is not pinned.
        cpus: CPU limit of the server in cores; may be a fraction.
        memory: Memory limit of the server in bytes.
        notes: What could not be had, for the report.
    """

    server_cpus: tuple[int, ...]
    client_cpus: tuple[int, ...]
    cpus: float
    memory: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSettings:
    """How each trial is loaded (closed loop: a user sends its next request after the answer).

    Attributes:
        users: Concurrent users, one connection each.
        warmup: Seconds of load before the measured window ...
        warmup_requests: ... and the least number of requests in it; both must be reached.
        duration: Seconds of the measured window.
    """

    users: int = 32
    warmup: float = 0.5
    warmup_requests: int = 100
    duration: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One measured run of a case (stack and workload) in a round; both count from 1."""

    stack: str
    workload: str
    round: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a bench will do, before it does any of it.

    Attributes:
        trials: In the order in which they run.
        baseline: Stack that ratios are taken to.
        estimate: Expected seconds for checks and trials, without building images.
    """

    stacks: tuple[Stack, ...]
    workloads: tuple[Workload, ...]
    trials: tuple[Trial, ...]
    rounds: int
    seed: int
    baseline: str
    load: LoadSettings
    estimate: float


class Severity(StrEnum):
    """How much a finding takes away from a number."""

    WARNED = "warned"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about a trial that its reader must know."""

    rule: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a service's whole process tree has used so far.

    Attributes:
        at: Monotonic clock of the reading, seconds.
        cpu: CPU seconds, user and system, dead children included.
        memory: Bytes in use now, see ``Service.memory_kind``.
    """

    at: float
    cpu: float
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What the load generator saw in the measured window.

    Attributes:
        duration: Length of the window, seconds.
        requests: Verified answers in the window.
        errors: Failed or wrong answers in the window, by message.
        latency: Latencies of the verified answers, see ``histogram.encode``.
        connections: Connections opened in the window, None where the client cannot tell.
        client_cpu: CPU seconds per second of the busiest load process, 1.0 being a full core.
        seen: Requests of the whole trial, warm-up included, as counted by the toolkit ...
        locust_seen: ... and as counted by Locust.
        client: Locust user classes that made the load.
    """

    duration: float
    requests: int
    errors: dict[str, int]
    latency: str
    connections: int | None
    client_cpu: float
    seen: int
    locust_seen: int
    client: str

    @property
    def throughput(self) -> float:
        """Verified answers per second."""
        return self.requests / self.duration

    @property
    def failed(self) -> int:
        """Number of failed or wrong answers."""
        return sum(self.errors.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A trial that ran to its end.

    Attributes:
        started_at: Wall clock, ISO 8601, UTC.
        server_cpu: Server CPU seconds per second of the window.
        server_idle: Part of the window in which the server's CPUs had nothing to do, 0 to 1; None
            where they are not its own or the platform does not tell.
        memory_peak: Most bytes the server used in the window.
        start_seconds: From the start of the server to its first good answer.
    """

    trial: Trial
    started_at: str
    load: LoadResult
    server_cpu: float
    memory_peak: int
    start_seconds: float
    server_idle: float | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def cpu_per_request(self) -> float | None:
        """Server CPU seconds per verified answer; None without any."""
        return self.server_cpu / self.load.throughput if self.load.requests else None

    @property
    def valid(self) -> bool:
        """Whether the numbers may be ranked."""
        return all(finding.severity is not Severity.INVALID for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A trial that did not give a number.

    Attributes:
        stage: prepare, verify, start, load or stop.
        log: Last lines of the server's log.
    """

    trial: Trial
    stage: str
    message: str
    log: str = ""


Outcome = Measurement | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFacts:
    """What a stack was made of when it was measured.

    Attributes:
        settings: Environment the server was started with (knobs, host; no secrets).
        image: Image id, or None in the process runtime.
        packages: Installed distributions, name to version.
    """

    id: str
    summary: str
    keep_alive: bool
    argv: tuple[str, ...]
    settings: dict[str, str]
    python: str
    packages: dict[str, str]
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine of a run.

    Attributes:
        cpus: Logical CPUs of the machine ...
        allowed_cpus: ... and those the toolkit may use; empty where the platform cannot pin.
        cpu_quota: Cores the toolkit's control group may use at once, None without a quota.
        memory: Bytes.
        load_average: Of 1, 5 and 15 minutes, when the run began.
    """

    system: str
    cpu_model: str
    cpus: int
    allowed_cpus: tuple[int, ...]
    cpu_quota: float | None
    memory: int
    cgroup: str
    governor: str
    load_average: tuple[float, float, float]
    python: str
    toolkit: str
    locust: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeFacts:
    """Where the servers ran.

    Attributes:
        name: docker or process.
        reason: Why this one was taken.
        engine: Version of the engine, None without one.
        network: host, bridge or loopback.
        memory_kind: What the memory numbers are.
        notes: Limits that did not apply, for the report.
    """

    name: str
    reason: str
    network: str
    memory_kind: str
    engine: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything one bench measured: the stored document."""

    id: str
    started_at: str
    finished_at: str | None = None
    host: Host
    runtime: RuntimeFacts
    placement: Placement
    knobs: Knobs
    load: LoadSettings
    rounds: int
    seed: int
    baseline: str
    trials: tuple[Trial, ...]
    stacks: tuple[StackFacts, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
