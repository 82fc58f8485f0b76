"""The values everything else passes around: frozen, in SI units (seconds, bytes, requests/s)."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from string import Formatter
from typing import Any

from toolkit.serve import KNOBS
from toolkit.slo import LatencyTerm, Slo


class Interface(StrEnum):
    """How a server calls an app."""

    WSGI = "wsgi"
    ASGI = "asgi"


class Need(StrEnum):
    """What a workload needs besides the server: a backing service that the toolkit starts."""

    DATABASE = "database"
    UPSTREAM = "upstream"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackingImage:
    """A backing service of a user's own app, beside those that ``Need`` names.

    Attributes:
        name: By which its address is asked for.
        port: On which it listens.
        environment: Variables of its container.
        command: In place of the image's; empty: that.
        ready: A command in its container that succeeds once it serves; empty: it is ready when it
            takes a connection.
        memory: Bytes it may use.
    """

    name: str
    image: str
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    ready: tuple[str, ...] = ()
    memory: int = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """What an app is given where it is deployed, beside what it is measured with.

    Attributes:
        ready: Path that answers 200 while it can do its work (its database answers); empty: none.
        metrics: Path of its Prometheus metrics; empty: none.
        static: Folders of it that a proxy serves, by the path that they have: ``/static/``.
        secrets: Variables that hold secrets, such as SECRET_KEY; not the database's password.
        environment: Variables of it, in place of those that it is measured with.
    """

    ready: str = ""
    metrics: str = ""
    static: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A web application: a folder with an ``app.toml``.

    Attributes:
        target: What a server imports, ``module:attribute``, relative to the folder.
        health: Path that answers 200 while the app serves.
        contract: Name of the exchanges in ``apps/contract.toml`` it must pass, or None.
        prepare: Commands that are run once before a server starts, where there is a database: they
            make its tables.
        before: Commands that are run before each start of a server, where it runs.
        search: Folders of it, besides itself, that modules are imported from, as "src".
        writable: Folders of it that its processes may write to; in a container they begin empty.
        wheels_only: Whether packages are installed only from wheels, which run nothing to install.
        environment: Variables that its processes get.
        production: What it is given besides where it is deployed.
    """

    name: str
    summary: str
    interface: Interface
    target: str
    health: str
    contract: str | None = None
    prepare: tuple[tuple[str, ...], ...] = ()
    before: tuple[tuple[str, ...], ...] = ()
    search: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    wheels_only: bool = True
    environment: dict[str, str] = field(default_factory=dict)
    production: Production = field(default_factory=Production)
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A WSGI or ASGI server in one configuration: a folder with a ``server.toml``.

    Attributes:
        keep_alive: Whether it keeps connections open between requests.
        argv: Command template, see ``serve.render_argv``.
        switches: How a boolean knob is spelt, ``{knob: {"on": [...], "off": [...]}}``.
        apps: Globs of the apps it can serve, where the interface does not say it all.
        caution: Why it is never for production; empty if it may be.
        template: Its configuration file where it is deployed, of deploy/templates/servers; empty:
            its command says all ...
        deployed_argv: ... and its command with that, with ``{target}`` and ``{server_dir}``.
        deployed_target: What it serves where it is deployed, a module of deploy/servers around the
            app; empty: the app itself.
    """

    name: str
    summary: str
    interfaces: tuple[Interface, ...]
    keep_alive: bool
    argv: tuple[str, ...]
    switches: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    apps: tuple[str, ...] = ("*",)
    caution: str = ""
    template: str = ""
    deployed_argv: tuple[str, ...] = ()
    deployed_target: str = ""
    path: Path

    @property
    def knobs(self) -> frozenset[str]:
        """The knobs that reach its command."""
        texts = [*self.argv]
        for switch in self.switches.values():
            texts += [text for side in switch.values() for text in side]
        named = {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}
        return frozenset(named & KNOBS.keys())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """An app under a server, written as ``flask/gunicorn-sync``.

    Attributes:
        variant: Settings that it has in place of those of the run, by knob.
        copy: 1, or 2 for the second of a stack that is compared with itself.
        work: Traffic of its own, where it stands beside stacks that cannot be asked for the same;
            None: that of the table.
    """

    app: App
    server: Server
    variant: tuple[tuple[str, int], ...] = ()
    copy: int = 1
    work: "Workload | None" = None

    @property
    def id(self) -> str:
        """``flask/gunicorn-gthread:threads=4``, with ``#2`` for the second.

        One with work of its own says so: ``flask/gunicorn-sync under list``.
        """
        settings = ",".join(f"{name}={value}" for name, value in self.variant)
        name = f"{self.app.name}/{self.server.name}{f':{settings}' if settings else ''}"
        name = name if self.copy == 1 else twin_of(name)
        return name if self.work is None else f"{name}{_UNDER}{self.work.id}"

    @property
    def keeps_connections(self) -> bool:
        """Whether its server keeps connections open between requests, as it is set."""
        return self.server.keep_alive and dict(self.variant).get("keep_alive") != 0

    def knobs(self, common: "Knobs") -> "Knobs":
        """Give its settings.

        Args:
            common: Those of the run.
        """
        own: dict[str, Any] = {
            name: type(getattr(common, name))(value) for name, value in self.variant
        }
        return replace(common, **own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A user's own app: an image as it is, or a folder that one is built from, or that is run.

    Attributes:
        name: For messages, and for the image that is built.
        image: The image to run; empty: it is built from the folder.
        folder: The sources, None for an image.
        dockerfile: The recipe, relative to the folder; empty: there is none.
        port: Where the server of the image listens.
        health: Path that answers while it serves; any status below 500 will do.
        environment: Variables of the server.
        command: Its command, with ``{host}`` and ``{port}``; empty: that of the image.
        install: Arguments of ``pip install`` in the folder, for processes.
        identity: What exactly is in the folder: a commit, with a digest of its changes.
    """

    name: str
    identity: str = ""
    image: str = ""
    folder: Path | None = None
    dockerfile: str = ""
    port: int = 8000
    health: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    install: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Something that an app and a server cannot do together, for reasons that lie in them.

    Attributes:
        stack: Glob of the stacks.
        exchange: Glob of the exchanges of the contract that fail, ``start`` if it does not start.
        workloads: Globs of the workloads that make no sense because of it.
        reason: What happens and why.
        evidence: How that is known: an issue, or what was tried with which versions.
        sometimes: Whether it happens not always, or not with every version of Python.
    """

    stack: str
    exchange: str
    workloads: tuple[str, ...] = ()
    reason: str
    evidence: str
    sometimes: bool = False


_UNDER = " under "


def twin_of(stack: str) -> str:
    """Give the id of the second copy of a stack that is compared with itself."""
    return f"{stack}#2"


def unvaried(stack: str) -> str:
    """Give the id of a stack without its own settings, its own work and the number of a copy."""
    return original_of(stack).partition(_UNDER)[0].partition(":")[0]


def original_of(stack: str) -> str:
    """Give the id of the stack that this one is a copy of, its own if it is none."""
    return stack.partition("#")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One kind of traffic: a locustfile.

    Attributes:
        title: What it is called where that is not its name.
        shape: Users in each second by its ``LoadTestShape``, where that is played.
        parameters: Its ``PARAMETERS``, with the values chosen.
        needs: Its ``NEEDS``: backing services without which it makes no sense.
    """

    name: str
    summary: str
    title: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()
    shape: tuple[int, ...] = ()
    path: Path

    @property
    def id(self) -> str:
        """``list``, or with parameters ``upstream?delay=20ms``."""
        if self.title:
            return self.title
        chosen = "&".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.name}?{chosen}" if chosen else self.name


MOST_CONNECTIONS = 1000
"""That the PostgreSQL of a run takes; ten of them are kept for the toolkit and a superuser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """The server settings that every stack of a run gets alike.

    Attributes:
        workers: Server processes.
        threads: Threads per process, where the server has a pool of them.
        connections: Most connections a process serves at once, where the server can limit them.
        keep_alive: Seconds an idle connection is kept open.
        backlog: Length of the queue of connections not yet accepted.
        max_requests: Requests after which a process is replaced (give or take a tenth, so that
            not all are at once); 0: never.
        preload: Whether the app is loaded before the processes are forked.
        access_log: Whether the server logs each request.
        database_pool: Most database connections of each process of an app.
    """

    workers: int = int(KNOBS["workers"])
    threads: int = int(KNOBS["threads"])
    connections: int = int(KNOBS["connections"])
    keep_alive: int = int(KNOBS["keep_alive"])
    backlog: int = int(KNOBS["backlog"])
    max_requests: int = int(KNOBS["max_requests"])
    preload: bool = bool(KNOBS["preload"])
    access_log: bool = bool(KNOBS["access_log"])
    database_pool: int = 16

    @property
    def fit_the_database(self) -> bool:
        """Whether PostgreSQL takes all connections that the processes of a server may open.

        An app has a pool for its own SQL and one for its ORM.
        """
        return 2 * self.workers * self.database_pool <= MOST_CONNECTIONS - 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Who runs on which logical CPUs, and within which limits.

    Attributes:
        server_cpus: CPUs of the server; empty if it is not pinned.
        client_cpus: CPUs of the load generator (and of the tool); empty if it is not pinned.
        backing_cpus: CPUs of database and upstream; the client's where there are no others, empty
            if they are not pinned.
        cpus: CPU limit of the server in cores; may be a fraction. 0: it is not the toolkit's ...
        memory: ... and neither is its memory limit, which is in bytes otherwise.
        apart: Whether the load is made on another machine than the servers and services run on, so
            that CPUs of the same number are not the same.
        notes: What could not be had, for the report.
    """

    server_cpus: tuple[int, ...]
    client_cpus: tuple[int, ...]
    backing_cpus: tuple[int, ...] = ()
    cpus: float
    memory: int
    apart: bool = False
    notes: tuple[str, ...] = ()

    @property
    def server_shares(self) -> bool:
        """Whether server and load generator have the same CPUs."""
        return not self.apart and bool(self.server_cpus) and self.server_cpus == self.client_cpus

    @property
    def backings_share(self) -> bool:
        """Whether database and upstream have the CPUs of the load generator."""
        return not self.apart and self.backing_cpus == self.client_cpus


class Arrivals(StrEnum):
    """How the intended starts of an open loop are spaced."""

    POISSON = "poisson"
    CONSTANT = "constant"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSettings:
    """How stacks are loaded.

    Attributes:
        users: Users of the closed loop, one connection each; 0 looks for the number that the
            stack serves most with, up to ``most_users``.
        most_users: Where that search ends.
        warmup: Seconds of load before the first measured window of a server ...
        warmup_requests: ... and the least number of requests in it; both must be reached.
        duration: Seconds of each measured window.
        rates: Rates of the open loop, as parts of the baseline's capacity; above 1 is overload.
        rate_rounds: How often each stack is measured at these rates; 0: not at all.
        shape_rounds: How often the ``LoadTestShape`` of a locustfile is played on each; 0: never.
        arrivals: How the intended starts are spaced.
        connections: Most requests of the open loop under way at once.
        most_rate: Requests/s that are never exceeded, None: there is no such limit. Rates above the
            baseline's capacity are not tried then.
        objective: Latency in seconds that 99 % of the answers should keep ...
        slo: ... or all that they should, in its place.
    """

    users: int = 0
    most_users: int = 128
    warmup: float = 0.5
    warmup_requests: int = 100
    duration: float = 1.0
    rates: tuple[float, ...] = (0.5, 0.7, 0.9, 1.2)
    rate_rounds: int = 3
    shape_rounds: int = 0
    arrivals: Arrivals = Arrivals.POISSON
    connections: int = 256
    most_rate: float | None = None
    objective: float = 0.05
    slo: Slo | None = None

    @property
    def goal(self) -> Slo:
        """What should be kept; as many may fail as may be later than a bare objective."""
        if self.slo is not None:
            return self.slo
        term = LatencyTerm(percentile=99.0, seconds=self.objective)
        return Slo(latencies=(term,), errors=0.01)


class Stage(StrEnum):
    """What a trial is for.

    ``ramp`` looks for the number of users that a stack serves most with, ``capacity`` measures it
    there (closed loop), ``latency`` measures at fixed rates (open loop), ``overload`` at more than
    the baseline can serve, on a server of its own because it may not survive. ``shape`` plays the
    ``LoadTestShape`` of a locustfile, with the waits of its users.
    """

    RAMP = "ramp"
    CAPACITY = "capacity"
    LATENCY = "latency"
    OVERLOAD = "overload"
    SHAPE = "shape"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of load with one measured window.

    Attributes:
        users: Closed loop: users that each send the next request after the answer. Open loop: most
            requests under way at once.
        duration: Seconds of the measured window.
        settle: Seconds of the same load before it, not measured.
        least: Least number of requests before the window, while ``settle`` lasts or longer.
        rate: Open loop: tasks/s that are meant to start; None is a closed loop.
        most_rate: Closed loop: requests/s that all users together may send; None: as many as they
            can.
        per_task: Requests of a task: the rate times this is that of the requests.
        part: The rate as a part of the baseline's capacity, for comparing stacks ...
        own: ... or of the stack's own, for finding what it carries within the objective.
        arrivals: Open loop: how the intended starts are spaced ...
        seed: ... the seed that makes them the same for every stack ...
        shift: ... and seconds by which all of them are later.
        shape: Users in each second, who wait between tasks as their locustfile says; empty: there
            are ``users`` all the time, and nobody waits.
    """

    users: int
    duration: float
    settle: float = 0.0
    least: int = 0
    rate: float | None = None
    most_rate: float | None = None
    per_task: float = 1.0
    part: float | None = None
    own: float | None = None
    arrivals: Arrivals = Arrivals.POISSON
    seed: int = 0
    shift: float = 0.0
    shape: tuple[int, ...] = ()

    @property
    def overload(self) -> bool:
        """Whether the rate is meant to be more than the baseline can serve."""
        return self.part is not None and self.part > 1

    @property
    def probing(self) -> bool:
        """Whether not to carry the load is a result and not a fault."""
        return self.overload or self.own is not None or bool(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One measured run of a case (stack and workload) in a round; both count from 1."""

    stack: str
    workload: str
    round: int
    position: int
    stage: Stage = Stage.CAPACITY

    @property
    def case(self) -> str:
        """What is measured, in words."""
        beside = ", beside" if _UNDER in self.stack else ""
        return f"{self.stack}{beside} {self.workload}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a bench will do, before it does any of it.

    Attributes:
        trials: In the order in which they run.
        baseline: Stack that ratios are taken to.
        precision: Half-width that the intervals of the ratios should reach, None: the planned
            rounds are all there are ...
        time_limit: ... and the seconds after which no round is added.
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
    precision: float | None = None
    time_limit: float = 1800.0

    @property
    def traffic(self) -> tuple[Workload, ...]:
        """All that is sent: the workloads, and what stacks do that have work of their own."""
        own = (stack.work for stack in self.stacks if stack.work is not None)
        return tuple({work.id: work for work in (*self.workloads, *own)}.values())
