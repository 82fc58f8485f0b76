"""What came out of a bench: readings, results of phases, outcomes of trials, the stored run.

Frozen, in SI units (seconds, bytes, requests/s), like ``model``.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from toolkit.model import Knobs, LoadSettings, Phase, Placement, Trial
from toolkit.tuned import Tuned


class Severity(StrEnum):
    """How much a finding takes away from a number."""

    WARNED = "warned"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about a phase that its reader must know."""

    rule: str
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a service's whole process tree has used so far; None is not known here.

    Attributes:
        at: Monotonic clock of the reading, seconds.
        cpu_user: CPU seconds in user mode, dead children included ...
        cpu_system: ... and in the kernel.
        memory: Bytes in use now, see ``RuntimeFacts.memory_kind``.
        throttled: Seconds in which its CPU quota stopped it, summed over CPUs.
        oom_kills: Processes killed for want of memory.
        processes: Its processes, each as process id and start time.
        threads: Threads of all processes.
        open_files: Open file descriptors of the process that has the most, as part of its limit.
        switches: Context switches so far, voluntary and not.
        swapped: Bytes swapped out.
    """

    at: float
    cpu_user: float
    cpu_system: float
    memory: int
    throttled: float | None = None
    oom_kills: int | None = None
    processes: tuple[tuple[int, float], ...] | None = None
    threads: int | None = None
    open_files: float | None = None
    switches: int | None = None
    swapped: int | None = None

    @property
    def cpu(self) -> float:
        """CPU seconds, user and system."""
        return self.cpu_user + self.cpu_system


@dataclass(frozen=True, slots=True, kw_only=True)
class BackingFacts:
    """A backing service of a run.

    Attributes:
        need: What it is for: ``database`` or ``upstream``.
        summary: What it is, with its version and the settings that matter.
    """

    need: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackingUse:
    """What a backing service used in a window.

    Attributes:
        cpu: CPU seconds per second of it.
        memory_peak: Most bytes seen.
    """

    cpu: float
    memory_peak: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What a backing service does under a workload's load when no server stands before it.

    Attributes:
        workload: Id of the workload.
        users: Users of the closed loop.
        throughput: Answers/s.
        latencies: p50 and p99 in seconds.
        cpu: CPU seconds per second that it used.
    """

    workload: str
    users: int
    throughput: float
    latencies: tuple[float, float]
    cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTimes:
    """What a set of CPUs has done since boot, seconds summed over them.

    Attributes:
        busy: In processes, in user mode and in the kernel, without interrupts.
        idle: Nothing to do.
        steal: A hypervisor ran somebody else.
    """

    busy: float
    idle: float
    steal: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReading:
    """The machine at one moment; None is not known here.

    Attributes:
        at: Monotonic clock, seconds.
        wall: Wall clock minus monotonic clock, seconds.
        server: The server's CPUs ...
        client: ... and the load generator's.
        swapped: Pages swapped in or out since boot.
        frequency: Mean current frequency of the server's CPUs, Hz.
        ports: Local ports in use (waiting ones included) as part of those there are.
    """

    at: float
    wall: float
    server: CpuTimes | None = None
    client: CpuTimes | None = None
    swapped: int | None = None
    frequency: float | None = None
    ports: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUse:
    """What the server used in a window. Rates are per second of it; None is not known here.

    Attributes:
        cpu_user: CPU seconds per second in user mode ...
        cpu_system: ... and in the kernel.
        memory_peak: Most bytes seen.
        memory_growth: Bytes/s by which it grew, None with fewer than four readings.
        throttled: Seconds per second in which its CPU quota stopped it.
        oom_kills: Processes killed for want of memory.
        restarts: Processes at the end that were not there at the start, or the reverse.
        processes: Processes at the end.
        threads: Most threads seen.
        open_files: See ``Usage``, the most seen.
        switches: Context switches per second.
        swapped: Bytes swapped out at the end.
    """

    cpu_user: float
    cpu_system: float
    memory_peak: int
    memory_growth: float | None = None
    throttled: float | None = None
    oom_kills: int | None = None
    restarts: int | None = None
    processes: int | None = None
    threads: int | None = None
    open_files: float | None = None
    switches: float | None = None
    swapped: int | None = None

    @property
    def cpu(self) -> float:
        """CPU seconds per second, user and system."""
        return self.cpu_user + self.cpu_system


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUse:
    """What the machine did in a window, as parts of the capacity of a set of CPUs, 0 to 1.

    Attributes:
        server_idle: The server's CPUs had nothing to do.
        server_steal: A hypervisor ran somebody else on them.
        server_foreign: They ran processes that are not the server's.
        client_foreign: The generator's CPUs ran processes that are not the generator's.
        client_steal: A hypervisor ran somebody else on the generator's.
        swapped: Pages swapped in or out.
        frequency_change: Greatest relative deviation of the frequency from its mean.
        clock_step: Seconds by which the wall clock was set.
        ports: See ``HostReading``, at the end.
    """

    server_idle: float | None = None
    server_steal: float | None = None
    server_foreign: float | None = None
    client_foreign: float | None = None
    client_steal: float | None = None
    swapped: int | None = None
    frequency_change: float | None = None
    clock_step: float = 0.0
    ports: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientUse:
    """What the load generator used in a window, and how it felt.

    Attributes:
        cpu_user: CPU seconds per second in user mode of its busiest process, 1.0 being a core ...
        cpu_system: ... and in the kernel.
        total: CPU seconds per second of all its processes that make load, None: there is one.
        processes: How many those are.
        lag: 99th percentile of the seconds by which the generator was late where it could have
            been on time: for the intended starts in an open loop, for a clock of 10 ms otherwise.
        memory: Bytes (resident) of all its processes.
        switches: Context switches per second of all.
        threads: Of all.
        open_files: Of the process that has the most.
    """

    cpu_user: float
    cpu_system: float
    total: float | None = None
    processes: int = 1
    lag: float
    memory: int
    switches: float | None = None
    threads: int | None = None
    open_files: int | None = None

    @property
    def cpu(self) -> float:
        """CPU seconds per second of the busiest process, user and system."""
        return self.cpu_user + self.cpu_system

    @property
    def cpu_of_all(self) -> float:
        """CPU seconds per second of all processes."""
        return self.cpu if self.total is None else self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerUse:
    """What one of several load processes did in a window.

    Attributes:
        name: Of its host, with a number where that has several.
        requests: Verified answers.
        cpu: CPU seconds per second.
        lag: See ``ClientUse``.
        offered: Open loop: tasks that were meant to start.
    """

    name: str
    requests: int
    cpu: float
    lag: float
    offered: int | None = None


CARRIED = 0.95
"""A rate is carried if this part of what was offered was answered rightly in time."""


def kept_up(offered: int, kept: int, late: int) -> bool:
    """Tell whether a rate was carried, from the counts that ``LoadResult`` explains.

    As many may be under way at the end as there were at the beginning, but for chance: two standard
    deviations of a Poisson count, which matter where little is offered.
    """
    slack = (1 - CARRIED) * offered
    return offered - kept <= max(slack, 2 * offered**0.5) and kept > 0 and late <= slack


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What the load generator saw in the window of a phase.

    Attributes:
        duration: Length of the window, seconds.
        requests: Verified answers that came in the window.
        errors: Failed or wrong answers, by message, that came in the window, and tasks that raised.
        unanswered: Closed loop: requests under way at the end of the load that timed out or never
            ended. Open loop: those meant for the window that nobody was free for even seconds after
            it, or that never ended; a timeout is an error.
        latency: Latencies of the verified answers, see ``histogram.encode``. Closed loop: of those
            that came in the window, from the sending. Open loop: of those that were meant to be
            sent in the window, from the intended start; where a task sends several requests, the
            later ones follow their answers and count from the sending.
        service: Open loop: the same from the actual sending, of the first of each task.
        connections: Connections opened in the window in place of earlier ones of the same user,
            None where the client cannot tell.
        fairness: Jain's index of the answers per connection, 1 being even; None if not known.
        silence: Longest time in seconds in which a load process had requests under way and no
            answer.
        slices: Verified answers/s in equal parts of the window, in order.
        offered: Open loop: tasks that were meant to start in the window ...
        late: ... and those of them for which no connection was free at their time.
        kept: Open loop: verified answers to the first request of a task that came in the window.
        recovery: After overload: seconds until nobody had to wait for a connection any more, None
            where that was not waited for or not reached.
        tasks: Tasks that ended in the window; None where each of them is one request.
        client: Locust user classes that made the load.
        use: What the generator used ...
        workers: ... and each of its load processes, where there are several.
        seen: Requests since it started, as counted by the toolkit ...
        locust_seen: ... and as counted by Locust.
    """

    duration: float
    requests: int
    errors: dict[str, int]
    unanswered: int = 0
    latency: str
    service: str | None = None
    connections: int | None
    fairness: float | None = None
    silence: float
    slices: tuple[float, ...]
    offered: int | None = None
    late: int | None = None
    kept: int | None = None
    recovery: float | None = None
    tasks: int | None = None
    client: str
    use: ClientUse
    workers: tuple[WorkerUse, ...] = ()
    seen: int
    locust_seen: int

    @property
    def throughput(self) -> float:
        """Verified answers per second (goodput)."""
        return self.requests / self.duration

    @property
    def per_task(self) -> float:
        """Verified answers per task of the window; 1 where a task is one request."""
        return self.requests / self.tasks if self.tasks and self.requests else 1.0

    @property
    def failed(self) -> int:
        """Number of failed or wrong answers."""
        return sum(self.errors.values())

    @property
    def carried(self) -> bool:
        """Open loop: whether the server kept up with the rate."""
        return kept_up(self.offered or 0, self.kept or 0, self.late or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseResult:
    """A phase that ran to its end.

    Attributes:
        phase: As it was meant.
        load: What the generator saw.
        server: What the server used, None where it is not the toolkit's.
        host: What the machine did.
        backings: What database and upstream used, by what they are for.
        findings: What its reader must know.
    """

    phase: Phase
    load: LoadResult
    server: ServerUse | None
    host: HostUse
    backings: dict[str, BackingUse] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def use(self) -> ServerUse:
        """What a server of the toolkit's used.

        Raises:
            ValueError: It is somebody else's.
        """
        if self.server is None:
            raise ValueError("what somebody else's server used is not known")
        return self.server

    @property
    def cpu_per_request(self) -> float | None:
        """Server CPU seconds per verified answer; None without any, and where it is not known."""
        if self.server is None or not self.load.requests:
            return None
        return self.server.cpu / self.load.throughput

    @property
    def valid(self) -> bool:
        """Whether the numbers may be ranked."""
        return all(finding.severity is not Severity.INVALID for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A trial that ran to its end.

    Attributes:
        started_at: Wall clock, ISO 8601, UTC.
        phases: In the order in which they ran, at least one.
        start_seconds: From the start of the server to its first good answer, None where it was not
            the toolkit that started it.
        stop_seconds: From telling it to stop until it was gone; None where it was killed.
        stop_timed: Whether it was told to stop at all.
    """

    trial: Trial
    started_at: str
    phases: tuple[PhaseResult, ...]
    start_seconds: float | None
    stop_seconds: float | None = None
    stop_timed: bool = True

    @property
    def valid(self) -> bool:
        """Whether all its numbers may be ranked."""
        return all(phase.valid for phase in self.phases)


BROKEN_UPSTREAM = "broken upstream"
"""Stage of a trial that was not tried, because it is listed as not working."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A trial that did not give a number.

    Attributes:
        stage: prepare, verify, start, load or stop; ``BROKEN_UPSTREAM`` where it was not tried.
        log: Last lines of the server's log.
        hint: What to do about it; empty if nobody knows.
    """

    trial: Trial
    stage: str
    message: str
    log: str = ""
    hint: str = ""


Outcome = Measurement | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFacts:
    """What a stack was made of when it was measured.

    Attributes:
        settings: Environment the server was started with (knobs, host; no secrets).
        image: Image id, or None in the process runtime.
        packages: Installed distributions, name to version.
        knobs: Those of the settings that its server has; the others do nothing here. None in runs
            of before they were recorded.
        environment: Variables of the app, see ``model.App``.
        caution: See ``model.Server``.
        varied: Knobs in which it differs from others on purpose.
    """

    id: str
    summary: str
    keep_alive: bool
    argv: tuple[str, ...]
    settings: dict[str, str]
    python: str
    packages: dict[str, str]
    image: str | None = None
    knobs: tuple[str, ...] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    caution: str = ""
    varied: tuple[str, ...] = ()


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
class ServerHost:
    """The machine that servers ran on, where it was not the one that load was made on.

    Attributes:
        name: As it was given, or as its engine calls it.
        address: Where servers answered.
        cpus: Logical CPUs.
        memory: Bytes.
        cgroup: v1, v2 or none.
        governor: Frequency governors of its CPUs.
        load_average: Of 1, 5 and 15 minutes, at the start.
    """

    name: str
    address: str
    system: str
    cpu_model: str
    cpus: int
    memory: int
    cgroup: str
    governor: str
    load_average: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeFacts:
    """Where the servers ran.

    Attributes:
        name: docker or process.
        reason: Why this one was taken.
        engine: Version of the engine, None without one.
        network: host, bridge or loopback.
        memory_kind: What the memory numbers are.
        ours: Whether the toolkit starts the servers; of others no more is known than their answers.
        host: The machine, None: this one, or the target's, of which nothing is known.
        notes: Limits that did not apply, for the report.
    """

    name: str
    reason: str
    network: str
    memory_kind: str
    engine: str | None = None
    ours: bool = True
    host: ServerHost | None = None
    notes: tuple[str, ...] = ()


NEAR_RATE = 1.5
"""A rate this many times the one that was calibrated is still like it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the load generator does against a target that answers at once.

    Attributes:
        client: Whose requests were sent, see ``LoadResult``.
        throughput: Answers/s in a closed loop: the generator or the target at its limit.
        cpu_per_request: CPU seconds of the generator for each of them.
        delays: For each intended rate (requests/s) the p50, p99 and p99.9 that the generator, the
            kernel and the target together show, seconds.
    """

    client: str
    throughput: float
    cpu_per_request: float
    delays: tuple[tuple[float, tuple[float, float, float]], ...] = ()

    def delay_at(self, rate: float) -> tuple[float, float, float] | None:
        """Give the delays at the calibrated rate next to this one; None if none is near.

        One much below tells nothing, since delays grow with the rate.
        """
        near = [item for item in self.delays if item[0] * NEAR_RATE >= rate]
        nearest = min(near, key=lambda item: abs(item[0] - rate), default=None)
        return None if nearest is None else nearest[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadHost:
    """Another machine on which load was made.

    Attributes:
        name: Its load processes are called so, with a number: ``name-1``.
        engine: Its Docker engine.
        cpus: How many CPUs it has, 0: not known.
        workers: Load processes, each on a CPU of its own as far as there are so many.
    """

    name: str
    engine: str
    cpus: int
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything one bench measured: the stored document.

    Attributes:
        workloads: Ids in the order of the plan.
        beside: Stacks that are asked for other work than the table in which they stand says, each
            with that workload.
        backings: Database and upstream, as far as there were any.
        controls: What they do by themselves.
        load_hosts: Where the load was made; empty: on this machine.
        tuned: What ``tune`` decided, None for a bench.
    """

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
    workloads: tuple[str, ...] = ()
    trials: tuple[Trial, ...]
    backings: tuple[BackingFacts, ...] = ()
    controls: tuple[Control, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    stacks: tuple[StackFacts, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    beside: dict[str, str] = field(default_factory=dict)
    load_hosts: tuple[LoadHost, ...] = ()
    tuned: Tuned | None = None

    @property
    def served_on(self) -> Host | ServerHost:
        """The machine that servers ran on, as far as it is known: of a target's nothing is."""
        return self.runtime.host or self.host
