"""Settings: defaults, then ``toolkit.toml`` or ``[tool.toolkit]`` in pyproject.toml, then flags."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import GenericAlias
from typing import Any, Literal, TypeVar, get_args, get_type_hints

import cattrs

from toolkit.checked import CheckSettings, Metric
from toolkit.errors import ConfigError
from toolkit.model import Arrivals, Knobs, LoadSettings, Need
from toolkit.spelling import did_you_mean
from toolkit.units import parse_duration, parse_size
from toolkit.variants import require_knob

_T = TypeVar("_T")
_SCHEME = re.compile(r"postgres(ql)?(\+[a-z0-9_]+)?")
_SERVICE = re.compile(r"[a-z][a-z0-9-]*")

DEFAULT_STACKS = (
    "flask/gunicorn-sync",
    "flask/gunicorn-gthread",
    "flask/gunicorn-gevent",
    "fastapi/uvicorn",
    "bottle/gunicorn-sync",
)
DEFAULT_WORKLOADS = ("list", "create")
QUICK: Mapping[str, Any] = {"rounds": 1, "rate_rounds": 0, "users": 32, "warmup": 0.3}
"""What ``--quick`` sets: a first look within a minute, with no interval on any ratio."""

_KINDS_OF_WORK = ("list", "template", "db-read", "upstream", "cpu")
SETS: Mapping[str, Mapping[str, Any]] = {
    "quick": QUICK,
    # each framework on the server that its own documentation names first
    "frameworks": {
        "stacks": (
            "flask/gunicorn-gthread",
            "flask-async/gunicorn-gthread",
            "bottle/gunicorn-gthread",
            "django/gunicorn-gthread",
            "fastapi/uvicorn",
            "litestar/uvicorn",
            "quart/hypercorn",
        ),
        "workloads": _KINDS_OF_WORK,
        "rate_rounds": 0,
    },
    "servers": {
        "apps": ("flask",),
        "servers": ("*",),
        "workloads": _KINDS_OF_WORK,
        "baseline": "flask/gunicorn-sync",
        "rate_rounds": 0,
    },
    "io": {
        "stacks": (
            "flask/gunicorn-sync",
            "flask/gunicorn-gthread",
            "flask/gunicorn-gevent",
            "flask/granian-wsgi",
            "flask-async/gunicorn-gthread",
            "fastapi/uvicorn",
            "quart/uvicorn",
        ),
        "workloads": tuple(f"upstream?delay={delay}ms" for delay in (0, 5, 20, 100)),
        "rate_rounds": 0,
    },
}
"""What ``--set NAME`` sets; ``[sets.NAME]`` in toolkit.toml adds to these or replaces them."""

EVERYTHING: Mapping[str, Any] = {"apps": ("*",), "servers": ("*",), "workloads": ("*",)}
"""What ``--all`` sets."""

AGAINST_ITSELF: Mapping[str, Any] = {"workloads": ("list",), "baseline": "", "rate_rounds": 0}
"""What ``--aa`` sets: one workload and the capacity tell how noisy a machine is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeConfig:
    """Table ``[runtime]``: where servers run, and within which limits.

    Attributes:
        kind: auto takes Docker where an engine answers.
        network: host is the least distortion; bridge publishes a port on loopback.
        cpus: CPU limit of a server, in cores.
        memory: Memory limit of a server, such as ``512m``.
        client_cpus: Cores of the load generator; 0 takes up to four of those left over, and spares
            one of three or more for database and upstream.
    """

    kind: Literal["auto", "docker", "process"] = "auto"
    network: Literal["auto", "host", "bridge"] = "auto"
    cpus: float = 1.0
    memory: str = "512m"
    client_cpus: int = 0


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
    arrivals: Literal["poisson", "constant"] = "poisson"
    objective: float = LoadSettings().objective

    @property
    def load(self) -> LoadSettings:
        """How each stack is loaded."""
        return LoadSettings(
            users=self.users,
            most_users=self.most_users,
            warmup=self.warmup,
            duration=self.duration,
            rates=self.rates,
            rate_rounds=self.rate_rounds,
            arrivals=Arrivals(self.arrivals),
            objective=self.objective,
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
        return _whole_choice(self.sets[name])


def _whole_choice(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Have a set that chooses stacks take the place of any other choice, baseline included."""
    if "stacks" in values:
        return {"apps": (), "servers": (), "baseline": "", **values}
    if "apps" in values or "servers" in values:
        return {"apps": ("*",), "servers": ("*",), "baseline": "", **values}
    return values


def load_config(folder: Path, file: Path | None = None) -> Config:
    """Read the settings that apply in a folder, or those of a given file.

    Raises:
        ConfigError: The file cannot be read, or holds a key or value it should not.
    """
    if file is None:
        candidates = [folder / "toolkit.toml", folder / "pyproject.toml"]
        file = next((path for path in candidates if path.is_file()), None)
        if file is None:
            return Config()
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error
    if file.name == "pyproject.toml":
        data = data.get("tool", {}).get("toolkit", {})
    return _structure(data, file)


def with_flags(config: Config, flags: Mapping[str, Mapping[str, Any]]) -> Config:
    """Lay flags over the settings: ``{"bench": {"rounds": 5}}``; None means not given.

    Raises:
        ConfigError: A value is out of range.
    """
    tables = {
        table: replace(getattr(config, table), **{k: v for k, v in values.items() if v is not None})
        for table, values in flags.items()
    }
    changed: Config = replace(config, **tables)
    _check(changed, "")
    return changed


def _structure(data: dict[str, Any], file: Path) -> Config:
    tables = data.get("sets", {})
    rest = {key: value for key, value in data.items() if key != "sets"}
    _refuse_two_choices(data.get("bench"), f"{file}: bench")
    _refuse_unknown(rest, Config, file)
    config = _structured(rest, Config, file)
    _check(config, f"{file}: ")
    return replace(config, sets={**SETS, **_read_sets(tables, config, file)})


def _read_sets(tables: object, config: Config, file: Path) -> dict[str, dict[str, Any]]:
    if not isinstance(tables, Mapping):
        raise ConfigError(f"{file}: sets is a table of tables: [sets.NAME]")
    found = {}
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise ConfigError(f"{file}: sets.{name} is a table: [sets.{name}]")
        _refuse_unknown(table, BenchConfig, file, f"sets.{name}.")
        _refuse_two_choices(table, f"{file}: sets.{name}")
        values = _structured(table, BenchConfig, file)
        found[name] = {key: getattr(values, key) for key in table}
        _check(replace(config, bench=replace(config.bench, **found[name])), f"{file}: {name}: ")
    return found


def _refuse_two_choices(table: object, where: str) -> None:
    if isinstance(table, Mapping) and "stacks" in table and {"apps", "servers"} & table.keys():
        raise ConfigError(
            f"{where}: stacks does not go with apps and servers",
            hint="A stack is an app on a server: stacks = ['flask/*'] is apps = ['flask'].",
        )


def _structured(data: Mapping[str, Any], kind: type[_T], file: Path) -> _T:
    try:
        return _converter().structure(data, kind)
    except cattrs.ClassValidationError as error:
        first = cattrs.transform_error(error, path=f"{file}: ")[0]
        said = first.replace(" @ ", " at ").replace("expected tuple", "expected a list")
        raise ConfigError(said.replace(f"{file}: .", f"{file}: ")) from None


def _refuse_unknown(data: Mapping[str, Any], kind: type, file: Path, table: str = "") -> None:
    hints = get_type_hints(kind)
    known = [item.name for item in fields(kind)]
    for key, value in data.items():
        if key not in known:
            raise ConfigError(
                f"{file}: unknown key {table + key!r}",
                hint=did_you_mean(key, known) or f"Known here: {', '.join(known)}.",
            )
        if is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{file}: {key} is a table: [{key}]")
            _refuse_unknown(value, hints[key], file, f"{key}.")
        elif key == "services":
            if not isinstance(value, Mapping) or not all(
                isinstance(item, Mapping) for item in value.values()
            ):
                raise ConfigError(f"{file}: services is a table of tables: [services.NAME]")
            for name, item in value.items():
                _refuse_unknown(item, ServiceConfig, file, f"services.{name}.")


def _converter() -> cattrs.Converter:
    """Make a converter that refuses 3.7 or "3" where a whole number is meant.

    A part may be spelt ``"5%"``.
    """
    converter = cattrs.Converter()

    def strict(kind: type) -> None:
        def hook(value: object, _: object) -> object:
            accepted = (int, float) if kind is float else (kind,)
            if kind is float and isinstance(value, str) and value.endswith("%"):
                return float(value.removesuffix("%")) / 100
            if not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool)):
                raise TypeError(f"{value!r} is not of type {kind.__name__}")
            return float(value) if kind is float and isinstance(value, int) else value

        converter.register_structure_hook(kind, hook)

    for kind in (bool, int, float, str):
        strict(kind)

    def listed(value: object, kind: Any) -> object:  # noqa: ANN401 - a tuple of something
        if not isinstance(value, list | tuple):
            raise TypeError(f"{value!r} is not a list")
        item = get_args(kind)[0]
        return tuple(converter.structure(part, item) for part in value)

    converter.register_structure_hook_func(_is_tuple, listed)
    return converter


def _is_tuple(kind: object) -> bool:
    return isinstance(kind, GenericAlias) and kind.__origin__ is tuple


def _are(values: tuple[str, ...], known: type[StrEnum]) -> bool:
    return bool(values) and set(values) <= set(map(str, known))


def _names(known: type[StrEnum]) -> str:
    return f"some of {', '.join(known)}"


def _check(config: Config, where: str) -> None:
    """Refuse values that have the right type and make no sense."""
    bench, server, runtime, check = config.bench, config.server, config.runtime, config.check
    lint = config.lint
    for name in config.services:
        if name in set(Need) or not _SERVICE.fullmatch(name):
            raise ConfigError(
                f"{where}services.{name}: no name for a service",
                hint="Lower-case letters, digits and - will do, and database and upstream are "
                "those of the toolkit.",
            )
    for name, values in bench.vary.items():
        require_knob(name, values)
    services = [
        (f"services.{name}.port", service.port, 1 <= service.port <= 65_535, "1 to 65535")
        for name, service in config.services.items()
    ]
    rules = [
        *services,
        (
            "app.database",
            config.app.database,
            not config.app.database or _SCHEME.fullmatch(config.app.database) is not None,
            "the beginning of a URL, as postgresql+psycopg",
        ),
        ("bench.rounds", bench.rounds, 1 <= bench.rounds <= 1000, "1 to 1000"),
        ("bench.users", bench.users, 0 <= bench.users <= 10_000, "1 to 10000, 0 to find it"),
        ("bench.most_users", bench.most_users, 1 <= bench.most_users <= 10_000, "1 to 10000"),
        ("bench.rate_rounds", bench.rate_rounds, 0 <= bench.rate_rounds <= 1000, "0 to 1000"),
        ("bench.rates", bench.rates, all(0.01 <= x <= 10 for x in bench.rates), "0.01 to 10 each"),
        ("bench.precision", bench.precision, 0 <= bench.precision <= 1, "0 to 1, as 0.05"),
        ("bench.time_limit", bench.time_limit, bench.time_limit >= 0, "0 or more seconds"),
        ("bench.objective", bench.objective, 0 < bench.objective <= 60, "up to 60 seconds"),
        ("bench.duration", bench.duration, 0.2 <= bench.duration <= 3600, "0.2 to 3600 seconds"),
        ("bench.warmup", bench.warmup, 0 <= bench.warmup <= 600, "0 to 600 seconds"),
        ("bench.stacks", bench.stacks, bool(bench.stacks), "one at least"),
        ("bench.workloads", bench.workloads, bool(bench.workloads), "one at least"),
        ("server.workers", server.workers, 1 <= server.workers <= 1024, "1 to 1024"),
        ("server.threads", server.threads, 1 <= server.threads <= 1024, "1 to 1024"),
        ("server.connections", server.connections, server.connections >= 1, "1 or more"),
        ("server.keep_alive", server.keep_alive, server.keep_alive >= 1, "1 second or more"),
        ("server.backlog", server.backlog, 1 <= server.backlog <= 65_535, "1 to 65535"),
        ("server.max_requests", server.max_requests, server.max_requests >= 0, "0 or more"),
        (
            "server.database_pool",
            server.database_pool,
            1 <= server.database_pool <= 1000,
            "1 to 1000",
        ),
        (
            "check.tolerance",
            check.tolerance,
            0.001 <= check.tolerance < 1,
            "0.1% to less than 100%: write 10% or 0.1",
        ),
        ("check.max_pairs", check.max_pairs, 6 <= check.max_pairs <= 100, "6 to 100"),
        ("check.metrics", check.metrics, _are(check.metrics, Metric), _names(Metric)),
        ("check.fail_on", check.fail_on, set(check.fail_on) <= {"inconclusive"}, "inconclusive"),
        ("check.users", check.users, 1 <= check.users <= 1000, "1 to 1000"),
        ("check.seconds", check.seconds, 0.5 <= check.seconds <= 600, "0.5 to 600 seconds"),
        ("check.port", check.port, 1 <= check.port <= 65_535, "1 to 65535"),
        ("check.health", check.health, check.health.startswith("/"), "a path, as /healthz"),
        ("check.get", check.get, all(x.startswith("/") for x in check.get), "paths, as /items/1"),
        ("lint.fail_on", lint.fail_on, set(lint.fail_on) <= {"warning"}, "warning"),
        ("runtime.cpus", runtime.cpus, 0.01 <= runtime.cpus <= 1024, "0.01 to 1024"),
        ("runtime.client_cpus", runtime.client_cpus, 0 <= runtime.client_cpus <= 1024, "0 to 1024"),
    ]
    for key, value, fine, expected in rules:
        if not fine:
            raise ConfigError(f"{where}{key} = {value!r} is out of range", hint=f"Give {expected}.")
    if server.threads > server.connections:
        raise ConfigError(
            f"{where}server.threads = {server.threads} exceeds "
            f"server.connections = {server.connections}",
            hint="A thread without a connection does nothing; raise connections.",
        )
    if parse_size(runtime.memory) < 32 * 2**20:
        raise ConfigError(
            f"{where}runtime.memory = {runtime.memory!r} starts no Python server",
            hint="Give 32m or more.",
        )
    _check_lint(lint, where)


def _check_lint(lint: LintConfig, where: str) -> None:
    measured = (
        ("lint.worker_memory", lint.worker_memory, parse_size, "60m"),
        ("lint.slowest_request", lint.slowest_request, parse_duration, "12s"),
    )
    for key, text, parse, example in measured:
        try:
            fine = not text or parse(text) > 0
        except ConfigError as error:
            raise ConfigError(f"{where}{key}: {error}", hint=error.hint) from None
        if not fine:
            raise ConfigError(f"{where}{key} = {text!r} is nothing", hint=f"Give {example}.")
