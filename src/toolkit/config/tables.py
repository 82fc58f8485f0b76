"""The tables of the settings, with their defaults."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from toolkit.checked import CheckSettings, Metric
from toolkit.config.sets import DEFAULT_STACKS, DEFAULT_WORKLOADS, SETS, whole_choice
from toolkit.errors import ConfigError
from toolkit.model import Arrivals, Knobs, LoadSettings
from toolkit.slo import DEFAULT, Slo, parse_slo
from toolkit.spelling import did_you_mean
from toolkit.units import parse_duration, parse_size


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeConfig:
    """Table ``[runtime]``: where servers run, and within which limits.

    Attributes:
        kind: auto takes Docker where an engine answers.
        network: host is the least distortion; bridge publishes a port on loopback.
        cpus: CPU limit of a server, in cores.
        memory: Memory limit of a server, such as ``512m``.
        target_host: Docker host that servers are started on (bench, tune, verify); empty: this ...
        target_address: ... where they answer there; empty: what the host's own address names ...
        target_port: ... and on which port; 0: on any that is free.
        load_hosts: Docker hosts that make the load for servers on other machines ...
        load_join: ... or the number of load processes that somebody else starts ...
        load_port: ... and the port on which they find this machine ...
        load_workers: ... load processes on each, 0: as many as it has CPUs, up to four ...
        load_address: ... and this machine's address, as they see it; empty: it is looked up.
        client_cpus: Cores of the load generator; 0 takes up to four of those left over, and spares
            one of three or more for database and upstream.
    """

    kind: Literal["auto", "docker", "process"] = "auto"
    network: Literal["auto", "host", "bridge"] = "auto"
    cpus: float = 1.0
    memory: str = "512m"
    client_cpus: int = 0
    target_host: str = ""
    target_address: str = ""
    target_port: int = 0
    load_hosts: tuple[str, ...] = ()
    load_workers: int = 0
    load_join: int = 0
    load_port: int = 5557
    load_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """Table ``[image]``: how images (and the environments of the process runtime) are built.

    Attributes:
        base: Base image with Python; empty takes the default or what stands in for it.
        index_url: Package index; empty is pip's default.
        ca_bundle: File of CA certificates for the package index; empty takes what the
            environment names (``PIP_CERT``, ``REQUESTS_CA_BUNDLE``, ``SSL_CERT_FILE``).
        rebuild: Build again although nothing changed.
    """

    base: str = ""
    index_url: str = ""
    ca_bundle: str = ""
    rebuild: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchConfig:
    """Table ``[bench]``: what is measured and how long. See ``LoadSettings`` for the load.

    Attributes:
        stacks: Globs of stacks ...
        apps: ... or of apps, which are combined with every server that fits and is among ...
        servers: ... these globs.
        workloads: Globs of workloads, with parameters where wanted: ``upstream?delay=5ms``.
        vary: Settings of which stacks are measured with each of several values: ``threads``.
        most_rate: Requests/s that are never exceeded; 0: there is no such limit.
        precision: Half-width that the intervals of the ratios should reach, as 0.05; 0: the rounds
            are all there are ...
        time_limit: ... and the seconds after which no round is added.
    """

    stacks: tuple[str, ...] = DEFAULT_STACKS
    apps: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    workloads: tuple[str, ...] = DEFAULT_WORKLOADS
    vary: dict[str, tuple[int, ...]] = field(default_factory=dict)
    baseline: str = ""
    rounds: int = 10
    precision: float = 0.0
    time_limit: float = 1800.0
    seed: int | None = None
    users: int = LoadSettings().users
    most_users: int = LoadSettings().most_users
    warmup: float = LoadSettings().warmup
    duration: float = LoadSettings().duration
    rates: tuple[float, ...] = LoadSettings().rates
    rate_rounds: int = LoadSettings().rate_rounds
    shape_rounds: int = LoadSettings().shape_rounds
    arrivals: Literal["poisson", "constant"] = "poisson"
    objective: float = LoadSettings().objective
    most_rate: float = 0.0

    @property
    def load(self) -> LoadSettings:
        """How each stack is loaded."""
        load = LoadSettings(
            users=self.users,
            most_users=self.most_users,
            warmup=self.warmup,
            duration=self.duration,
            rates=self.rates,
            rate_rounds=self.rate_rounds,
            shape_rounds=self.shape_rounds,
            arrivals=Arrivals(self.arrivals),
            objective=self.objective,
        )
        return load if not self.most_rate else _restrained(load, self.most_rate)


def _restrained(load: LoadSettings, most_rate: float) -> LoadSettings:
    """Hold load back to a rate, with as many users as are under way where answers take 2 s."""
    users = max(8, math.ceil(2 * most_rate))
    return replace(
        load,
        users=min(load.users, users),
        most_users=min(load.most_users, users),
        connections=min(load.connections, users),
        rates=tuple(part for part in load.rates if part <= 1),
        most_rate=most_rate,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AppConfig:
    """Table ``[app]``: a project's own app, for ``bench``.

    Attributes:
        target: What a server imports, ``module:attribute`` or a factory ``module:create_app()``;
            empty: it is looked for.
        interface: wsgi or asgi; auto: what the source shows.
        requirements: File that says what is installed; empty: the lock file, or what there is.
        install: What is installed besides, as ``package==1.0``.
        servers: Globs of the servers it is measured on; empty: the usual ones of its interface.
        get: Paths that are requested, each a workload of its own ...
        post: ... and that are posted to, as ``/items=@body.json``.
        locustfile: A workload of the project's own.
        health: Path that answers 200 while it serves; empty: the first of ``get``, or ``/``.
        database: Start a PostgreSQL for the run, with a database of its own for each server, whose
            URL begins so: ``postgresql`` or ``postgresql+psycopg``; empty: none ...
        database_variable: ... and the variable in which servers find it.
        prepare: Commands that make its tables, once, as ``flask db upgrade``.
        before: Commands that are run before each start of a server, as ``flask init-db``.
        writable: Folders that its processes may write to; in a container they begin empty.
        beside: Globs of reference stacks that are measured beside it ...
        beside_workloads: ... and globs of the workloads that those are asked for, since they have
            no paths of the app's.
        environment: Variables of its processes; ``{NAME}`` in a value is the address of a service.
    """

    target: str = ""
    interface: Literal["auto", "wsgi", "asgi"] = "auto"
    requirements: str = ""
    install: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    get: tuple[str, ...] = ()
    post: tuple[str, ...] = ()
    locustfile: str = ""
    health: str = ""
    database: str = ""
    database_variable: str = "DATABASE_URL"
    prepare: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    writable: tuple[str, ...] = ("instance",)
    beside: tuple[str, ...] = ()
    beside_workloads: tuple[str, ...] = DEFAULT_WORKLOADS[:1]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConfig:
    """Table ``[services.NAME]``: an image that is started beside an app of the user's own.

    Attributes:
        image: Such as ``redis:8``.
        port: On which it listens.
        environment: Variables of it.
        command: In place of the image's.
        ready: A command in it that succeeds once it serves; empty: it takes a connection.
        memory: That it may use, such as ``1g``.
    """

    image: str
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    command: str = ""
    ready: str = ""
    memory: str = "1g"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckConfig:
    """Table ``[check]``: what is compared, by what, and what fails. See ``CheckSettings``.

    Attributes:
        base: A commit, branch or tag ...
        candidate: ... and another, or ``worktree`` for what is in the folder now.
        base_image: An image in place of a ref ...
        candidate_image: ... and another.
        stack: Compare this stack of checkouts of the toolkit, not the project itself.
        base_requirements: File whose requirements take the place of the stack's ...
        candidate_requirements: ... and another for the candidate.
        workloads: Globs of the toolkit's workloads.
        locustfile: A workload of the project's own.
        get: Paths that are requested, each a workload of its own.
        metrics: What decides: cpu, throughput, memory, p50, p99.
        fail_on: Verdicts that fail the build besides a regression.
        outputs: Formats to write, with files: ``junit=report.xml``.
        record: File that the ratios are appended to, empty for ``history``; None: they are not.
        history: The file that is meant where none is named.
        dockerfile: The project's recipe.
        port: Where the server of its image listens.
        health: Path that answers while it serves.
        command: How a process of it is started, with ``{host}`` and ``{port}``.
        install: What pip installs for it.
        environment: Variables of its server; ``{side}`` in a value is base or candidate.
    """

    base: str = ""
    candidate: str = "worktree"
    base_image: str = ""
    candidate_image: str = ""
    stack: str = ""
    base_requirements: str = ""
    candidate_requirements: str = ""
    workloads: tuple[str, ...] = ()
    locustfile: str = ""
    get: tuple[str, ...] = ()
    tolerance: float = CheckSettings().tolerance
    max_pairs: int = CheckSettings().max_pairs
    metrics: tuple[str, ...] = tuple(map(str, CheckSettings().metrics))
    users: int = CheckSettings().users
    seconds: float = CheckSettings().seconds
    seed: int | None = None
    confirm: bool = True
    same_answers: bool = True
    fail_on: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    record: str | None = None
    history: str = "toolkit-history.jsonl"
    dockerfile: str = "Dockerfile"
    port: int = 8000
    health: str = "/"
    command: str = ""
    install: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> CheckSettings:
        """How the two versions are compared."""
        return CheckSettings(
            tolerance=self.tolerance,
            max_pairs=self.max_pairs,
            metrics=tuple(metric for metric in Metric if metric in self.metrics),
            users=self.users,
            seconds=self.seconds,
            confirm=self.confirm,
            same_answers=self.same_answers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LintConfig:
    """Table ``[lint]``: what is looked for in deployment files, and what fails.

    Attributes:
        ignore: Names of rules that are left out.
        fail_on: Severities that fail the build besides errors.
        worker_memory: Of one worker at its peak, such as ``60m``; empty: not known.
        slowest_request: That is to succeed, such as ``12s``; empty: not known.
    """

    ignore: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = ()
    worker_memory: str = ""
    slowest_request: str = ""

    @property
    def worker_memory_bytes(self) -> int | None:
        """What is known of the memory of a worker."""
        return parse_size(self.worker_memory) if self.worker_memory else None

    @property
    def slowest_request_seconds(self) -> float | None:
        """What is known of the slowest request."""
        return parse_duration(self.slowest_request) if self.slowest_request else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployConfig:
    """Table ``[deploy]``: the files that ``toolkit deploy`` writes.

    Attributes:
        targets: What they are for, as ``compose``; see ``toolkit deploy --help``.
        output: Folder that they are written to.
        image: Name of the image, as ``registry.example/shop``; empty: that of the app.
        host: Name under which the app is reached.
        ready: Path that answers 200 while the app can do its work, its database included.
        metrics: Path of its Prometheus metrics; empty: none.
        static: Folders that the proxy serves, by path: ``{"/static/" = "shop/static"}``.
        secrets: Variables of the app that hold secrets, such as SECRET_KEY.
        environment: Variables of the app where it is deployed.
        replicas: How many run at least; 0: what the measurement says.
        rate: Requests/s that all of them are to carry; 0: not said.
        body: The most that a request's body may have, as ``2m``.
        pools: Pools of database connections that each process has.
    """

    targets: tuple[str, ...] = ("compose",)
    output: str = "deploy-out"
    image: str = ""
    host: str = "app.example.com"
    ready: str = ""
    metrics: str = ""
    static: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    replicas: int = 0
    rate: float = 0.0
    body: str = "2m"
    pools: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneConfig:
    """Table ``[tune]``: what ``toolkit tune`` looks for, and how long.

    Attributes:
        slo: What answers should keep, as ``p99<100ms, errors<0.1%``.
        rate: Requests/s that the cheapest configuration should carry; 0: the highest rate.
        app: A reference app ...
        workload: ... and its traffic, as ``upstream?delay=5ms``.
        servers: Globs of the servers that are searched; empty: all for production that fit.
        time_limit: Seconds after which nothing more is looked for; the finals come in any case.
        rounds: Of the finals; 6 for an interval.
        rungs: Rounds before them, after each number of which the worse half is dropped.
        contenders: Who gets into those at most; 0: as usual.
        rate_rounds: How often each finalist is measured at fixed rates.
        most_users: Where each ramp ends.
        warmup: See ``LoadSettings``.
        duration: See ``LoadSettings``.
    """

    slo: str = str(DEFAULT)
    rate: float = 0.0
    app: str = "flask"
    workload: str = "list"
    servers: tuple[str, ...] = ()
    time_limit: float = 900.0
    rounds: int = 6
    rungs: tuple[int, ...] = (2, 3)
    contenders: int = 0
    rate_rounds: int = LoadSettings().rate_rounds
    most_users: int = LoadSettings().most_users
    warmup: float = LoadSettings().warmup
    duration: float = LoadSettings().duration
    seed: int | None = None

    @property
    def objective(self) -> Slo:
        """What answers should keep."""
        return parse_slo(self.slo)

    @property
    def load(self) -> LoadSettings:
        """How each configuration is loaded."""
        objective = self.objective
        return LoadSettings(
            most_users=self.most_users,
            warmup=self.warmup,
            duration=self.duration,
            rates=(0.5,),
            rate_rounds=self.rate_rounds,
            objective=objective.latencies[-1].seconds,
            slo=objective,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of one command.

    Attributes:
        server: The table of the knobs.
        sets: Settings of ``[bench]`` by name, for ``--set``.
    """

    results: str = "results"
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    image: ImageConfig = field(default_factory=ImageConfig)
    server: Knobs = field(default_factory=Knobs)
    bench: BenchConfig = field(default_factory=BenchConfig)
    app: AppConfig = field(default_factory=AppConfig)
    services: dict[str, ServiceConfig] = field(default_factory=dict)
    check: CheckConfig = field(default_factory=CheckConfig)
    lint: LintConfig = field(default_factory=LintConfig)
    deploy: DeployConfig = field(default_factory=DeployConfig)
    tune: TuneConfig = field(default_factory=TuneConfig)
    sets: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: SETS)

    def set_named(self, name: str) -> Mapping[str, Any]:
        """Give the settings of a set.

        Raises:
            ConfigError: There is none of that name.
        """
        if name not in self.sets:
            raise ConfigError(
                f"there is no set {name!r}",
                hint=did_you_mean(name, self.sets) or f"There are {', '.join(self.sets)}.",
            )
        return whole_choice(self.sets[name])
