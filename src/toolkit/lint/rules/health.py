"""Checks of an app: whether they notice what is wrong, and do not restart what is right."""

from collections.abc import Iterator

from toolkit.lint.facts import Deployment, Fact, Platform, Probe, ProbeRole, Route, Unit, Where
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Rule, Severity
from toolkit.lint.rules.passing import passes_on_error
from toolkit.lint.rules.sources import may_hold

LIVENESS_INDEPENDENT = Rule(
    name="liveness-independent",
    summary="What restarts the app does not ask its database or another service.",
    reason="When the database is slow or down for a moment, every replica fails its check and is "
    "restarted at the same time; the app is away for longer than the database, and its return puts "
    "the load of all new connections on it.",
    fix="Give the liveness probe a path that only answers, and leave the database to the readiness "
    "probe, which takes a replica out of the traffic without a restart.",
    source="Kubernetes, Pod lifecycle, When should you use a readiness probe?: https://kubernetes."
    "io/docs/concepts/workloads/pods/pod-lifecycle/#when-should-you-use-a-readiness-probe",
)

HEALTH_CHECK_STATUS = Rule(
    name="health-check-status",
    summary="A check fails when the app answers HTTP 500.",
    reason="curl without --fail and HTTP libraries without a look at the status end well whatever "
    "the server answers. The app is called healthy while every request fails.",
    fix="curl --fail, wget, or urllib.request.urlopen, which raises.",
    source='curl, --fail ("By default, curl does not consider HTTP response codes to indicate '
    'failure"): https://curl.se/docs/manpage.html#-f',
)


# liveness-independent


def _liveness(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        for probe in unit.container.probes:
            severity = _restarts(unit, probe)
            if severity is None or probe.path is None:
                continue
            for route in deployment.routes:
                if route.asks is None or not may_hold(unit, route.where):
                    continue
                if _plain(route.path) == _plain(probe.path):
                    yield _asks(unit, probe, route, route.asks, severity)
                    break


def _restarts(unit: Unit, probe: Probe) -> Severity | None:
    """Tell how sure it is that a check which fails restarts the app, None: it does not."""
    if probe.role is ProbeRole.LIVENESS:
        return Severity.ERROR
    is_swarm_like = unit.container.platform is Platform.COMPOSE and unit.container.replicas
    if probe.role is ProbeRole.HEALTH and is_swarm_like:
        # compose itself starts replicas too, but only Swarm acts on the check
        return Severity.WARNING
    return None


def _asks(unit: Unit, probe: Probe, route: Route, asks: Fact[str], severity: Severity) -> Finding:
    in_swarm = " (which restarts it in Swarm)" if probe.role is ProbeRole.HEALTH else ""
    return Finding(
        rule=LIVENESS_INDEPENDENT.name,
        severity=severity,
        where=probe.where,
        message=f"{unit.name}: the {probe.role}{in_swarm} asks {probe.path}, which depends on "
        f"another service ({asks.value}, {asks.where}): if that is down, all replicas restart",
        fix=f"a path that only answers, such as /livez; leave {probe.path} to the readiness probe",
        others=_others(probe.where, route.where, asks.where),
    )


def _others(own: Where, *places: Where) -> tuple[Where, ...]:
    return tuple(place for place in dict.fromkeys(places) if place != own)


def _plain(path: str) -> str:
    """Give a path as routes are compared: without a query, and with one slash in front alone."""
    return "/" + path.partition("?")[0].partition("#")[0].strip("/")


# health-check-status


def _status(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        for probe in unit.container.probes:
            if not passes_on_error(probe.words):
                continue
            yield Finding(
                rule=HEALTH_CHECK_STATUS.name,
                severity=Severity.ERROR,
                where=probe.where,
                message=f"the {probe.role} passes when the app answers HTTP 500",
                fix=_failing(probe.words),
            )


def _failing(words: tuple[str, ...]) -> str:
    text = " ".join(words)
    if "|| true" in text or "exit 0" in text:
        return "let the command's own status decide: end it with || exit 1"
    if "curl" in text:
        return "curl --fail"
    return 'python -c "import urllib.request; urllib.request.urlopen(...)", which raises on 500'


RULES: tuple[tuple[Rule, Check], ...] = (
    (HEALTH_CHECK_STATUS, _status),
    (LIVENESS_INDEPENDENT, _liveness),
)
