"""Checks: what they ask, and what they take for an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.facts import (
    Container,
    Deployment,
    Fact,
    Platform,
    Probe,
    ProbeRole,
    Route,
    Unit,
    Where,
)
from toolkit.lint.finding import Finding, Measured, Severity
from toolkit.lint.rules import health
from toolkit.lint.rules.passing import passes_on_error

ERROR, WARNING = Severity.ERROR, Severity.WARNING
PROBE, VIEW, QUERY = Where("deployment.yaml", 30), Where("app.py", 10), Where("app.py", 12)
CHECKS = {rule.name: check for rule, check in health.RULES}
URL = "http://localhost:8000/healthz"


def probe(
    role: ProbeRole = ProbeRole.LIVENESS,
    path: str | None = "/healthz",
    words: tuple[str, ...] = (),
) -> Probe:
    return Probe(role=role, where=PROBE, path=path, words=words)


def deployment(
    *probes: Probe,
    path: str = "/healthz",
    asks: bool = True,
    platform: Platform = Platform.KUBERNETES,
    replicas: int | None = None,
) -> Deployment:
    container = Container(
        platform=platform,
        name="web",
        where=Where("deployment.yaml", 1),
        probes=probes,
        replicas=None if replicas is None else Fact(replicas, PROBE),
    )
    route = Route(path=path, where=VIEW, asks=Fact("session.execute", QUERY) if asks else None)
    return Deployment(units=(Unit(name="deployment/web", container=container),), routes=(route,))


def findings(rule: str, found: Deployment) -> list[Finding]:
    said = list(CHECKS[rule](found, Measured()))
    return [item for item in said if isinstance(item, Finding)]


def independent(found: Deployment) -> list[Severity]:
    return [item.severity for item in findings("liveness-independent", found)]


# liveness-independent


def test_a_liveness_probe_that_asks_the_database_is_an_error() -> None:
    (finding,) = findings("liveness-independent", deployment(probe()))
    assert (finding.severity, finding.where, finding.others) == (ERROR, PROBE, (VIEW, QUERY))


@pytest.mark.parametrize(
    ("asked", "routed"), [("/healthz/", "/healthz"), ("healthz", "/healthz"), ("/h?full=1", "/h")]
)
def test_paths_are_the_same_whatever_their_slashes_and_query(asked: str, routed: str) -> None:
    assert independent(deployment(probe(path=asked), path=routed)) == [ERROR]


@pytest.mark.parametrize("role", [ProbeRole.READINESS, ProbeRole.STARTUP])
def test_a_probe_that_does_not_restart_a_running_app_may_ask_the_database(role: ProbeRole) -> None:
    assert independent(deployment(probe(role))) == []


def test_a_readiness_probe_of_the_same_path_does_not_hide_the_liveness_probe() -> None:
    assert independent(deployment(probe(ProbeRole.READINESS), probe())) == [ERROR]


@pytest.mark.parametrize(
    "found",
    [
        deployment(probe(path="/livez")),
        deployment(probe(path="/healthz/live")),
        deployment(probe(path=None)),
        deployment(probe(), asks=False),
    ],
    ids=["another path", "below it", "no path", "asks nothing"],
)
def test_a_liveness_probe_of_which_nothing_bad_is_known_is_right(found: Deployment) -> None:
    assert independent(found) == []


def test_a_health_check_restarts_only_where_swarm_runs_it() -> None:
    check = probe(ProbeRole.HEALTH)
    assert independent(deployment(check, platform=Platform.COMPOSE)) == []
    assert independent(deployment(check, platform=Platform.COMPOSE, replicas=3)) == [WARNING]


def test_kubernetes_does_not_look_at_the_images_health_check() -> None:
    assert independent(deployment(probe(ProbeRole.HEALTH), replicas=3)) == []


# health-check-status


def shell(text: str) -> tuple[str, ...]:
    return ("sh", "-c", text)


PASSING = [
    ("curl", URL),
    ("curl", "-s", "-o", "/dev/null", URL),
    ("/usr/bin/curl", "-sSo/dev/f", URL),
    ("curl", "-sS", "--fail-early", URL),
    ("curl", "-sAf", URL),
    shell(f"curl {URL}"),
    shell(f"curl {URL} || exit 1"),
    shell(f"curl -s {URL} > /dev/null 2>&1 || exit 1"),
    shell(f"curl -f {URL} || true"),
    shell(f"curl -f {URL} || exit 0"),
    shell(f"curl -f {URL}; exit 0"),
    shell(f"curl -f {URL} ; true"),
    shell(f"wget -qO- {URL} || true"),
    shell(f"test $(curl -s {URL} | wc -l) -gt 0 || true"),
    shell(f"curl {URL} && curl {URL} || exit 1"),
    shell(f"curl -f {URL} || curl {URL}"),
    shell(f"timeout 5 curl -s {URL}"),
    shell(f"HOST=a curl \\\n  {URL}"),
    shell(f"curl -s -w '%{{http_code}}' {URL}"),
    ("bash", "-ec", f"curl {URL}"),
    ("python", "-c", f"import requests; requests.get('{URL}')"),
    ("python3.13", "-c", f"import httpx\nhttpx.get('{URL}', timeout=2)"),
    ("python", "-c", f"import urllib3; urllib3.request('GET', '{URL}')"),
    ("python", "-c", f"from requests import get; get('{URL}')"),
    (
        "python",
        "-c",
        "import http.client as h; c = h.HTTPConnection('a'); c.request('GET', '/')",
    ),
    shell(f"python -c \"import requests; requests.get('{URL}')\" || exit 1"),
]

FAILING = [
    (),
    ("curl", "-f", URL),
    ("curl", "-fsS", URL),
    ("curl", "-sSfL", URL),
    ("curl", "--fail", URL),
    ("curl", "--silent", "--fail-with-body", URL),
    shell(f"curl -f {URL} || exit 1"),
    shell(f"curl -f {URL} || (echo down; exit 1)"),
    shell(f"curl -f {URL}; exit $?"),
    shell(f"curl -f {URL} && echo up"),
    shell(f"curl {URL} && curl -f {URL}"),
    shell(f"if ! curl -f {URL}; then exit 1; fi; exit 0"),
    shell(f"set -e; curl -f {URL}; echo up"),
    shell(f"curl -s {URL} | grep -q ok"),
    shell(f"[ $(curl -s -o /dev/null -w '%{{http_code}}' {URL}) = 200 ]"),
    shell(f"nc -z localhost 8000 && curl -f {URL}"),
    shell(f"curl {URL} &"),
    shell("curl 'open"),
    shell("wget -q --spider " + URL),
    ("wget", "-qO-", URL),
    ("true",),
    ("pg_isready",),
    ("python", "healthcheck.py"),
    ("python", "-c", f"import urllib.request; urllib.request.urlopen('{URL}')"),
    ("python", "-c", f"from urllib.request import urlopen; urlopen('{URL}')"),
    ("python", "-c", f"import requests; requests.get('{URL}').raise_for_status()"),
    ("python", "-c", f"import requests, sys; sys.exit(not requests.get('{URL}').ok)"),
    ("python", "-c", f"import requests; assert requests.get('{URL}').status_code == 200"),
    ("python", "-c", f"import httpx; httpx.get('{URL}').json()['ok']"),
    ("python", "-c", "client = connect(); client.ping()"),
    ("python", "-c", "import socket; socket.create_connection(('localhost', 8000))"),
    ("python", "-c", "this is no python"),
    ("sh", "check.sh"),
]


@pytest.mark.parametrize("words", PASSING, ids=" ".join)
def test_a_check_that_a_500_does_not_fail_is_an_error(words: tuple[str, ...]) -> None:
    check = probe(ProbeRole.HEALTH, words=words)
    (finding,) = findings("health-check-status", deployment(check))
    assert (finding.severity, finding.where) == (ERROR, PROBE)


@pytest.mark.parametrize("words", FAILING, ids=" ".join)
def test_a_check_that_fails_or_may_fail_is_left_alone(words: tuple[str, ...]) -> None:
    assert not passes_on_error(words)


@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_command_can_be_looked_at(words: list[str]) -> None:
    assert passes_on_error(words) in {True, False}


@given(st.text(max_size=80))
def test_any_text_of_a_shell_or_of_python_can_be_looked_at(text: str) -> None:
    assert passes_on_error(["sh", "-c", f"curl x {text}"]) in {True, False}
    assert passes_on_error(["python", "-c", text]) in {True, False}


def test_a_deep_nest_of_python_does_not_break_it() -> None:
    assert not passes_on_error(["python", "-c", "(" * 5000 + ")" * 5000])
    assert not passes_on_error(["python", "-c", "-" * 50_000 + "1"])
