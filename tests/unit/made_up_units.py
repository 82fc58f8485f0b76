"""Deployments in memory, in which nothing is known but what a test says, for the tests of rules."""

from typing import Any, TypeVar

from toolkit.lint.facts import (
    Container,
    Database,
    Deployment,
    Fact,
    Platform,
    Pool,
    Proxy,
    Published,
    Server,
    ServerKind,
    Unit,
    Where,
)
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Severity
from toolkit.lint.rules import RULES

T = TypeVar("T")

CHECKS: dict[str, Check] = {rule.name: check for rule, check in RULES}
PLATFORM, SERVER, NGINX = Where("compose.yaml", 3), Where("Dockerfile", 9), Where("nginx.conf", 7)


def given(value: T, line: int = 1, path: str = "gunicorn.conf.py") -> Fact[T]:
    return Fact(value, Where(path, line))


def default(value: T, whose: str = "gunicorn", where: Where = SERVER) -> Fact[T]:
    return Fact(value, where, whose)


def server(kind: ServerKind = ServerKind.GUNICORN, **settings: Any) -> Server:  # noqa: ANN401
    return Server(kind=kind, where=SERVER, **settings)


def gunicorn(worker_class: str | None = "sync", **settings: Any) -> Server:  # noqa: ANN401
    return server(worker_class=worker_class and given(worker_class), **settings)


def unit(
    of: Server | None,
    *,
    platform: Platform = Platform.COMPOSE,
    proxies: tuple[Proxy, ...] = (),
    **said: Any,  # noqa: ANN401
) -> Unit:
    container = Container(platform=platform, name="web", where=PLATFORM, **said)
    return Unit(name="service web", container=container, server=of, proxies=proxies)


def proxy(**said: Any) -> Proxy:  # noqa: ANN401
    return Proxy(where=NGINX, **said)


def published(by: str) -> Published:
    return Published(container=8000, where=PLATFORM, by=by, direct=by != "Ingress")


def pool(size: int, overflow: int, line: int = 1) -> Pool:
    return Pool(
        where=Where("app.py", line),
        size=given(size, line, "app.py"),
        overflow=given(overflow, line, "app.py"),
    )


def database(max_connections: int = 100) -> Database:
    return Database(
        name="db", where=PLATFORM, max_connections=default(max_connections, "PostgreSQL")
    )


def look(
    rule: str,
    *units: Unit,
    measured: Measured | None = None,
    **deployment: Any,  # noqa: ANN401
) -> list[Finding | NotJudged]:
    """Give all that a rule says of these units."""
    return list(CHECKS[rule](Deployment(units=units, **deployment), measured or Measured()))


def severities(
    rule: str,
    *units: Unit,
    measured: Measured | None = None,
    **deployment: Any,  # noqa: ANN401
) -> list[Severity]:
    """Give how bad what the rule finds is, in its order."""
    said = look(rule, *units, measured=measured, **deployment)
    return [finding.severity for finding in said if isinstance(finding, Finding)]


def the_finding(rule: str, *units: Unit, measured: Measured | None = None, **of: Any) -> Finding:  # noqa: ANN401
    (found,) = look(rule, *units, measured=measured, **of)
    assert isinstance(found, Finding)
    return found
