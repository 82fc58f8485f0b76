"""Which values make no sense although they are of the right type."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from toolkit.checked import Metric
from toolkit.config.tables import (
    AppConfig,
    BenchConfig,
    CheckConfig,
    Config,
    DeployConfig,
    LintConfig,
    RuntimeConfig,
    ServiceConfig,
    TuneConfig,
)
from toolkit.errors import ConfigError
from toolkit.model import Knobs, Need
from toolkit.slo import parse_slo
from toolkit.units import parse_duration, parse_size
from toolkit.variants import require_knob

_SCHEME = re.compile(r"postgres(ql)?(\+[a-z0-9_]+)?")
_SERVICE = re.compile(r"[a-z][a-z0-9-]*")
_LEAST_MEMORY = 32 * 2**20


class _Range(NamedTuple):
    """What a setting may be."""

    key: str
    value: object
    fine: bool
    expected: str


def check(config: Config, where: str) -> None:
    """Refuse values that have the right type and make no sense.

    Args:
        config: All settings.
        where: What an error begins with: the file, or nothing for flags.

    Raises:
        ConfigError: One of them is out of range, or does not go with another.
    """
    _check_services(config.services, where)
    for name, values in config.bench.vary.items():
        require_knob(name, values)
    for key, value, fine, expected in _ranges(config):
        if not fine:
            raise ConfigError(f"{where}{key} = {value!r} is out of range", hint=f"Give {expected}.")
    _check_server(config.server, where)
    _check_memory(config.runtime, where)
    _check_lint(config.lint, where)
    _check_slo(config.tune, where)


def _ranges(config: Config) -> Iterator[_Range]:
    for name, service in config.services.items():
        yield _Range(f"services.{name}.port", service.port, _is_port(service.port), "1 to 65535")
    yield from _app(config.app)
    yield from _bench(config.bench)
    yield from _server(config.server)
    yield from _check(config.check)
    yield from _lint(config.lint)
    yield from _deploy(config.deploy)
    yield from _tune(config.tune)
    yield from _runtime(config.runtime)


def _app(app: AppConfig) -> Iterator[_Range]:
    yield _Range(
        "app.database",
        app.database,
        not app.database or _SCHEME.fullmatch(app.database) is not None,
        "the beginning of a URL, as postgresql+psycopg",
    )
    works = app.beside_workloads
    yield _Range("app.beside_workloads", works, bool(works), "one at least")


def _bench(of: BenchConfig) -> Iterator[_Range]:
    yield _Range("bench.rounds", of.rounds, 1 <= of.rounds <= 1000, "1 to 1000")
    yield _Range("bench.users", of.users, 0 <= of.users <= 10_000, "1 to 10000, 0 to find it")
    yield _Range("bench.most_users", of.most_users, 1 <= of.most_users <= 10_000, "1 to 10000")
    yield _Range("bench.rate_rounds", of.rate_rounds, 0 <= of.rate_rounds <= 1000, "0 to 1000")
    yield _Range("bench.shape_rounds", of.shape_rounds, 0 <= of.shape_rounds <= 1000, "0 to 1000")
    rates = all(0.01 <= rate <= 10 for rate in of.rates)
    yield _Range("bench.rates", of.rates, rates, "0.01 to 10 each")
    yield _Range("bench.precision", of.precision, 0 <= of.precision <= 1, "0 to 1, as 0.05")
    yield _Range("bench.time_limit", of.time_limit, of.time_limit >= 0, "0 or more seconds")
    yield _Range("bench.most_rate", of.most_rate, 0 <= of.most_rate <= 1e6, "up to 1,000,000")
    yield _Range("bench.objective", of.objective, 0 < of.objective <= 60, "up to 60 seconds")
    yield _Range("bench.duration", of.duration, 0.2 <= of.duration <= 3600, "0.2 to 3600 seconds")
    yield _Range("bench.warmup", of.warmup, 0 <= of.warmup <= 600, "0 to 600 seconds")
    yield _Range("bench.stacks", of.stacks, bool(of.stacks), "one at least")
    yield _Range("bench.workloads", of.workloads, bool(of.workloads), "one at least")


def _server(of: Knobs) -> Iterator[_Range]:
    yield _Range("server.workers", of.workers, 1 <= of.workers <= 1024, "1 to 1024")
    yield _Range("server.threads", of.threads, 1 <= of.threads <= 1024, "1 to 1024")
    yield _Range("server.connections", of.connections, of.connections >= 1, "1 or more")
    yield _Range("server.keep_alive", of.keep_alive, of.keep_alive >= 1, "1 second or more")
    yield _Range("server.backlog", of.backlog, 1 <= of.backlog <= 65_535, "1 to 65535")
    yield _Range("server.max_requests", of.max_requests, of.max_requests >= 0, "0 or more")
    pool = of.database_pool
    yield _Range("server.database_pool", pool, 1 <= pool <= 1000, "1 to 1000")


def _check(of: CheckConfig) -> Iterator[_Range]:
    tolerance = "0.1% to less than 100%: write 10% or 0.1"
    yield _Range("check.tolerance", of.tolerance, 0.001 <= of.tolerance < 1, tolerance)
    yield _Range("check.max_pairs", of.max_pairs, 6 <= of.max_pairs <= 100, "6 to 100")
    metrics = f"some of {', '.join(Metric)}"
    yield _Range("check.metrics", of.metrics, _are(of.metrics, Metric), metrics)
    verdicts = set(of.fail_on) <= {"inconclusive"}
    yield _Range("check.fail_on", of.fail_on, verdicts, "inconclusive")
    yield _Range("check.users", of.users, 1 <= of.users <= 1000, "1 to 1000")
    yield _Range("check.seconds", of.seconds, 0.5 <= of.seconds <= 600, "0.5 to 600 seconds")
    yield _Range("check.port", of.port, _is_port(of.port), "1 to 65535")
    yield _Range("check.health", of.health, of.health.startswith("/"), "a path, as /healthz")
    paths = all(path.startswith("/") for path in of.get)
    yield _Range("check.get", of.get, paths, "paths, as /items/1")


def _lint(of: LintConfig) -> Iterator[_Range]:
    yield _Range("lint.fail_on", of.fail_on, set(of.fail_on) <= {"warning"}, "warning")


def _tune(of: TuneConfig) -> Iterator[_Range]:
    yield _Range("tune.rate", of.rate, of.rate >= 0, "requests/s, or 0 for the highest")
    yield _Range("tune.rounds", of.rounds, 1 <= of.rounds <= 100, "1 to 100")
    rungs = all(1 <= count <= 100 for count in of.rungs)
    yield _Range("tune.rungs", of.rungs, rungs, "1 to 100 each")
    contenders = of.contenders == 0 or 2 <= of.contenders <= 100
    yield _Range("tune.contenders", of.contenders, contenders, "2 to 100, or 0 as usual")
    yield _Range("tune.rate_rounds", of.rate_rounds, 1 <= of.rate_rounds <= 100, "1 to 100")
    yield _Range("tune.most_users", of.most_users, 1 <= of.most_users <= 10_000, "1 to 10000")
    yield _Range("tune.time_limit", of.time_limit, of.time_limit >= 0, "0 or more seconds")
    yield _Range("tune.duration", of.duration, 0.2 <= of.duration <= 3600, "0.2 to 3600 seconds")
    yield _Range("tune.warmup", of.warmup, 0 <= of.warmup <= 600, "0 to 600 seconds")


def _deploy(of: DeployConfig) -> Iterator[_Range]:
    yield _Range("deploy.targets", of.targets, bool(of.targets), "one at least")
    yield _Range("deploy.replicas", of.replicas, 0 <= of.replicas <= 1000, "1 to 1000")
    yield _Range("deploy.rate", of.rate, of.rate >= 0, "requests/s")
    yield _Range("deploy.pools", of.pools, 1 <= of.pools <= 100, "1 to 100")
    host = re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", of.host) is not None
    yield _Range("deploy.host", of.host, host, "a name, as app.example.com")
    for key, path in (("ready", of.ready), ("metrics", of.metrics)):
        yield _Range(f"deploy.{key}", path, not path or path.startswith("/"), "a path, as /readyz")
    paths = all(path.startswith("/") and path.endswith("/") for path in of.static)
    yield _Range("deploy.static", of.static, paths, "paths with folders, as /static/=shop/static")
    names = all(name.isidentifier() for name in of.secrets)
    yield _Range("deploy.secrets", of.secrets, names, "names of variables, as SECRET_KEY")


def _runtime(of: RuntimeConfig) -> Iterator[_Range]:
    yield _Range("runtime.cpus", of.cpus, 0.01 <= of.cpus <= 1024, "0.01 to 1024")
    cores = of.client_cpus
    yield _Range("runtime.client_cpus", cores, 0 <= cores <= 1024, "0 to 1024")


def _is_port(number: int) -> bool:
    return 1 <= number <= 65_535


def _are(values: tuple[str, ...], known: type[StrEnum]) -> bool:
    return bool(values) and set(values) <= set(map(str, known))


def _check_services(services: dict[str, ServiceConfig], where: str) -> None:
    for name in services:
        if name in set(Need) or not _SERVICE.fullmatch(name):
            raise ConfigError(
                f"{where}services.{name}: no name for a service",
                hint="Lower-case letters, digits and - will do, and database and upstream are "
                "those of the toolkit.",
            )


def _check_server(server: Knobs, where: str) -> None:
    if server.threads > server.connections:
        raise ConfigError(
            f"{where}server.threads = {server.threads} exceeds "
            f"server.connections = {server.connections}",
            hint="A thread without a connection does nothing; raise connections.",
        )


def _check_memory(runtime: RuntimeConfig, where: str) -> None:
    if parse_size(runtime.memory) < _LEAST_MEMORY:
        raise ConfigError(
            f"{where}runtime.memory = {runtime.memory!r} starts no Python server",
            hint="Give 32m or more.",
        )


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


def _check_slo(of: TuneConfig, where: str) -> None:
    try:
        parse_slo(of.slo)
    except ConfigError as error:
        raise ConfigError(f"{where}tune.slo: {error}", hint=error.hint) from None
