"""The time that a server takes to stop, within the time that the platform waits for it."""

import math
from collections.abc import Iterator

from toolkit.lint.facts import Container, Deployment, Fact, Platform, Server, ServerKind, Unit
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Rule, Severity
from toolkit.lint.rules.wording import besides, seconds

MARGIN = 2.0
"""Seconds that a server takes to end beside its requests (measured: 0.1 s to 2.4 s)."""

WORTHWHILE = 5.0
"""Seconds for requests to end in, to which a fix may shorten what they have."""

LONG = 60.0
"""Seconds beyond which a default is long enough to say nothing of a server that has no limit."""

GRACEFUL = Rule(
    name="graceful-nesting",
    summary="A server may take as long to stop as it allows its requests to take.",
    reason="Whatever starts the server kills it when its own patience ends, and with it the "
    "requests that the server still waits for. In Kubernetes the preStop hook uses up the same "
    "time.",
    fix="Set the time that the platform waits to preStop + the graceful timeout + 2 s or more, or "
    "the graceful timeout to less.",
    source="Kubernetes, container lifecycle hooks: "
    "https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/",
)


def _graceful(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        server, grace = unit.server, unit.container.grace
        # one that drops its requests at once, which another rule tells, needs no time
        if server is None or (server.drops_on_term is not None and server.drops_on_term.value):
            continue
        yield from _unfinished(unit, server, measured)
        # how long a container is waited for that only `docker run` starts, no file says
        said = bool(unit.container.grace_setting) or unit.container.platform is not Platform.DOCKER
        if grace is not None and said:
            yield from _killed(unit, server, grace, measured)


def _unfinished(unit: Unit, server: Server, measured: Measured) -> Iterator[Finding]:
    limit, slowest = server.graceful_timeout, measured.slowest_request
    if limit is None or slowest is None or slowest <= limit.value:
        return
    yield Finding(
        rule=GRACEFUL.name,
        severity=Severity.ERROR,
        where=limit.where,
        message=f"{unit.name}: {server.kind} gives requests {seconds(limit.value)}{limit.said} to "
        f"end when it stops, the slowest takes {seconds(slowest)}",
        fix=_graceful_setting(server, slowest),
    )


def _killed(
    unit: Unit, server: Server, grace: Fact[float], measured: Measured
) -> Iterator[Finding]:
    limit, hook = server.graceful_timeout, unit.container.pre_stop
    if limit is None:
        return
    before, slowest = hook.value if hook else 0.0, measured.slowest_request
    if math.isinf(limit.value):
        yield from _endless(unit, server, limit, grace, measured.slowest_request)
        return
    need = before + limit.value
    chosen = not (limit.default and grace.default and hook is None)
    if need + MARGIN <= grace.value or (not chosen and need <= grace.value):
        return
    # two defaults that do not fit harm nobody whose requests are known to end in time
    if not chosen and slowest is not None and slowest + MARGIN <= grace.value:
        return
    lost = chosen and need > grace.value
    where = limit.where if unit.container.platform is Platform.PROCFILE else grace.where
    yield Finding(
        rule=GRACEFUL.name,
        severity=Severity.ERROR if lost else Severity.WARNING,
        where=where,
        message=f"{unit.name} is killed {seconds(grace.value)}{grace.said} after it is asked to "
        f"stop, but {_wanted(server, limit, hook)}",
        fix=_longer(unit.container, server, need + MARGIN, grace.value - before - MARGIN),
        others=besides(where, limit, hook, grace),
    )


def _endless(
    unit: Unit, server: Server, limit: Fact[float], grace: Fact[float], slowest: float | None
) -> Iterator[Finding]:
    """Judge a server that waits for its requests without a limit, as uvicorn does."""
    hook, known = unit.container.pre_stop, f"{seconds(grace.value)}{grace.said}"
    left = grace.value - (hook.value if hook else 0.0) - MARGIN
    if slowest is None:
        # who set the time that it is waited for has thought of it
        if not grace.default or grace.value >= LONG:
            return
        severity, where = Severity.WARNING, limit.where
        takes, fix = "as long as they take", _graceful_setting(server, max(left, 1))
    else:
        if slowest <= left:
            return
        severity, where = Severity.ERROR, grace.where
        takes = f"{seconds(slowest)} for the slowest"
        fix = _grace_setting(unit.container, grace.value - left + slowest)
    yield Finding(
        rule=GRACEFUL.name,
        severity=severity,
        where=where,
        message=f"{unit.name}: {server.kind} waits for its requests when it stops, {takes}, and "
        f"is killed after {known}",
        fix=fix,
        others=besides(where, limit, hook, grace),
    )


def _wanted(server: Server, limit: Fact[float], hook: Fact[float] | None) -> str:
    given = f"{seconds(limit.value)}{limit.said}"
    text = f"{server.kind} gives its requests {given} to end ({limit.where})"
    if hook is None:
        return text
    return f"preStop sleeps {seconds(hook.value)} ({hook.where}) and then {text}"


def _longer(container: Container, server: Server, need: float, left: float) -> str:
    less = _graceful_setting(server, math.floor(left)) if left >= WORTHWHILE else ""
    if container.platform is Platform.PROCFILE:
        return less
    more = _grace_setting(container, need)
    return f"{more}, or {less}" if less else more


def _grace_setting(container: Container, least: float) -> str:
    number = math.ceil(least)
    if container.grace_setting:
        return container.grace_setting.format(seconds=number, milliseconds=number * 1000)
    if container.platform is Platform.KUBERNETES:
        return f"terminationGracePeriodSeconds: {number}"
    if container.platform is Platform.SYSTEMD:
        return f"TimeoutStopSec={number}"
    return f"stop_grace_period: {number}s"


def _graceful_setting(server: Server, least: float) -> str:
    number = math.ceil(least)
    return {
        ServerKind.UVICORN: f"--timeout-graceful-shutdown {number}",
        ServerKind.GRANIAN: f"--workers-kill-timeout {number}",
        ServerKind.CHEROOT: f"shutdown_timeout = {number}",
        ServerKind.UWSGI: f"worker-reload-mercy = {number}",
    }.get(server.kind, f"graceful_timeout = {number}")


RULES: tuple[tuple[Rule, Check], ...] = ((GRACEFUL, _graceful),)
