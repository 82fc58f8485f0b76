"""Ports and addresses: where a server listens, and where others look for it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.lint.facts import (
    Address,
    Container,
    Deployment,
    Fact,
    Platform,
    Probe,
    ProbeRole,
    Proxy,
    Published,
    Server,
    ServerKind,
    Unit,
    Where,
)
from toolkit.lint.finding import Finding, Measured, Severity
from toolkit.lint.rules import ports
from toolkit.lint.rules.binds import Bind, binds_of

ERROR, WARNING = Severity.ERROR, Severity.WARNING
BIND, SERVICE, SEEKER = Where("Dockerfile", 9), Where("compose.yaml", 3), Where("other.yaml", 7)
CHECKS = {rule.name: check for rule, check in ports.RULES}
ALL = ("0.0.0.0:8000",)


def published(port: int | None, by: str = "ports", *, direct: bool = True) -> Published:
    return Published(container=port, where=SEEKER, by=by, direct=direct)


def proxy(*targets: str) -> Proxy:
    return Proxy(where=SEEKER, targets=targets)


def probe(port: str | None, role: ProbeRole = ProbeRole.READINESS, *words: str) -> Probe:
    return Probe(role=role, where=SEEKER, path="/", port=port, words=words)


def service(name: str, port: int | None, container: int | None = None) -> Address:
    return Address(name=name, where=SERVICE, port=port, container=container)


def unit(
    *seekers: Published | Proxy | Probe | Address | int,
    binds: tuple[str, ...] = ALL,
    default: str = "",
    platform: Platform = Platform.COMPOSE,
    kind: ServerKind = ServerKind.GUNICORN,
) -> Unit:
    """Give a unit that listens, and those who look for it; a number is a port that it names."""
    return Unit(
        name="service web",
        container=Container(
            platform=platform,
            name="web",
            where=SERVICE,
            ports=tuple(Fact(item, SEEKER) for item in seekers if isinstance(item, int)),
            port_names={"http": 8000, "admin": 9000},
            probes=tuple(item for item in seekers if isinstance(item, Probe)),
            published=tuple(item for item in seekers if isinstance(item, Published)),
            addresses=tuple(item for item in seekers if isinstance(item, Address)),
        ),
        server=Server(
            kind=kind, where=BIND, binds=tuple(Fact(text, BIND, default) for text in binds)
        ),
        proxies=tuple(item for item in seekers if isinstance(item, Proxy)),
    )


def found(rule: str, of_unit: Unit) -> list[tuple[Severity, Where]]:
    said = list(CHECKS[rule](Deployment(units=(of_unit,)), Measured()))
    return [(item.severity, item.where) for item in said if isinstance(item, Finding)]


# binds


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("0.0.0.0:8000", "0.0.0.0", 8000),
        (":8000", "", 8000),
        ("[::]:8000", "[::]", 8000),
        ("*:8080", "*", 8080),
        ("http://127.0.0.1:80", "127.0.0.1", 80),
        ("tcp://localhost:80", "localhost", 80),
        ("0.0.0.0", "0.0.0.0", 8000),
        ("[::1]", "[::1]", 8000),
        ("8080", "", 8080),
        ("unix:/run/app.sock", "", None),
        ("/run/app.sock", "", None),
        ("app.sock", "", None),
        ("fd://3", "", None),
    ],
)
def test_an_address_is_read_as_servers_read_it(text: str, host: str, port: int | None) -> None:
    fact = Fact(text, BIND)
    server = Server(kind=ServerKind.GUNICORN, where=BIND, binds=(fact,))
    assert binds_of(server) == (Bind(fact=fact, host=host, port=port),)


@pytest.mark.parametrize("text", ["0.0.0.0:$PORT", "0.0.0.0:${PORT}", "", "host:port"])
def test_an_address_that_something_else_decides_is_not_known(text: str) -> None:
    server = Server(kind=ServerKind.GUNICORN, where=BIND, binds=(Fact(text, BIND),))
    assert binds_of(server) is None


def test_one_unknown_address_leaves_all_unknown() -> None:
    binds = (Fact("0.0.0.0:8000", BIND), Fact("0.0.0.0:$PORT", BIND))
    assert binds_of(Server(kind=ServerKind.GUNICORN, where=BIND, binds=binds)) is None


def test_a_host_alone_has_a_port_only_if_the_server_has_a_default() -> None:
    server = Server(kind=ServerKind.GRANIAN, where=BIND, binds=(Fact("0.0.0.0", BIND),))
    assert binds_of(server) is None


@given(st.text(max_size=30))
def test_any_address_can_be_read(text: str) -> None:
    server = Server(kind=ServerKind.GUNICORN, where=BIND, binds=(Fact(text, BIND),))
    for bind in binds_of(server) or ():
        assert bind.port is None or bind.port >= 0


# ports-agree


@pytest.mark.parametrize(
    "seeker",
    [
        published(80),
        proxy("web:80"),
        probe("80"),
        probe("admin"),
        probe("80", ProbeRole.HEALTH, "curl", "-f", "http://localhost/"),
    ],
    ids=["published", "proxy", "probe", "named port", "health check"],
)
def test_who_asks_a_port_on_which_nobody_listens_is_an_error(
    seeker: Published | Proxy | Probe,
) -> None:
    assert found("ports-agree", unit(seeker)) == [(ERROR, SEEKER)]


def test_a_port_that_is_only_named_and_not_listened_on_is_a_warning() -> None:
    assert found("ports-agree", unit(5000)) == [(WARNING, SEEKER)]


def test_one_wrong_port_is_told_once_with_all_that_ask_it() -> None:
    of_unit = unit(published(80), proxy("web:80"), binds=("127.0.0.1:8000",), default="gunicorn")
    (finding,) = CHECKS["ports-agree"](Deployment(units=(of_unit,)), Measured())
    assert isinstance(finding, Finding)
    assert finding.message == (
        "service web: port 80 is published (other.yaml:7), asked by a proxy (other.yaml:7), but "
        "gunicorn listens on port 8000 (gunicorn's default) (Dockerfile:9)"
    )
    assert finding.others == (BIND,)


def test_two_wrong_ports_are_two_findings() -> None:
    assert found("ports-agree", unit(published(80), proxy("web:81"))) == [(ERROR, SEEKER)] * 2


def test_what_is_only_named_is_an_error_if_somebody_asks_it() -> None:
    assert found("ports-agree", unit(5000, published(5000))) == [(ERROR, SEEKER)]


@pytest.mark.parametrize(
    "of_unit",
    [
        unit(published(8000), proxy("web:8000"), probe("http"), 8000),
        unit(published(9090), published(8000)),
        unit(9090, 8000),
        unit(9090, 8000, probe("9090"), proxy("web:9090")),
        unit(proxy("other:80", "web:8000"), service("web", None), service("www", None)),
        unit(published(9000), binds=("0.0.0.0:8000", "0.0.0.0:9000")),
        unit(published(None)),
        unit(probe(None)),
        unit(probe("unheard-of")),
        unit(probe("80", ProbeRole.HEALTH, "curl", "-f", "http://proxy/")),
        unit(published(80), binds=("0.0.0.0:$PORT",)),
        unit(published(80), binds=()),
        unit(published(80), binds=("unix:/run/app.sock",)),
        unit(published(80), proxy("127.0.0.1:8000")),
        unit(published(80), proxy("unix:/run/app.sock"), binds=ALL),
        unit(proxy("web:80"), platform=Platform.SYSTEMD),
        unit(published(80, "LoadBalancer"), platform=Platform.KUBERNETES),
    ],
    ids=[
        "all agree",
        "another port too",
        "names another too",
        "another that it names is asked",
        "the proxy has another app",
        "listens on both",
        "a port name that is not known",
        "a probe of a socket",
        "a probe's port name that is not known",
        "a check of another container",
        "a variable decides",
        "not known",
        "a socket",
        "nginx in the container",
        "nginx in the container over a socket",
        "no container",
        "its Service tells the port",
    ],
)
def test_ports_that_agree_or_are_not_known_are_right(of_unit: Unit) -> None:
    assert found("ports-agree", of_unit) == []


@pytest.mark.parametrize("host", ["web", "web.shop.svc.cluster.local"])
def test_a_proxy_asks_a_kubernetes_service_by_its_port_not_the_containers(host: str) -> None:
    seekers = (proxy(f"{host}:80"), service("web", 80, 8000))
    assert found("ports-agree", unit(*seekers, platform=Platform.KUBERNETES)) == []


def test_a_kubernetes_service_that_leads_to_another_port_is_an_error_where_it_says_so() -> None:
    seekers = (proxy("web:80"), service("web", 80, 5000))
    of_unit = unit(*seekers, platform=Platform.KUBERNETES)
    assert found("ports-agree", of_unit) == [(ERROR, SERVICE)]


def test_a_kubernetes_service_may_lead_to_another_port_too() -> None:
    seekers = (service("web", 9090, 9090), service("web", 80, 8000))
    assert found("ports-agree", unit(*seekers, platform=Platform.KUBERNETES)) == []


def test_a_wrong_port_that_kubernetes_files_lead_to_by_its_name_is_told_where_it_is_named() -> None:
    seekers = (5000, service("web", 80, 5000))
    of_unit = unit(*seekers, platform=Platform.KUBERNETES)
    assert found("ports-agree", of_unit) == [(ERROR, SEEKER)]


def test_of_a_name_that_kubernetes_files_do_not_have_nothing_is_said() -> None:
    of_unit = unit(proxy("somewhere:80"), platform=Platform.KUBERNETES)
    assert found("ports-agree", of_unit) == []


# reachable-bind

LOOPBACK = ("127.0.0.1:8000",)


@pytest.mark.parametrize("bind", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "127.1:80"])
def test_a_loopback_address_of_a_published_container_is_an_error(bind: str) -> None:
    assert found("reachable-bind", unit(published(8000), binds=(bind,))) == [(ERROR, BIND)]


@pytest.mark.parametrize(
    "of_unit",
    [
        unit(proxy("web:8000"), binds=LOOPBACK),
        unit(probe("8000"), binds=LOOPBACK, platform=Platform.KUBERNETES),
        unit(service("web", 80, 8000), binds=LOOPBACK, platform=Platform.KUBERNETES),
    ],
    ids=["proxy", "probe", "Service"],
)
def test_whoever_asks_from_outside_finds_nobody_on_loopback(of_unit: Unit) -> None:
    assert found("reachable-bind", of_unit) == [(ERROR, BIND)]


def test_an_image_that_exposes_a_port_on_loopback_is_a_warning() -> None:
    of_unit = unit(8000, binds=LOOPBACK, platform=Platform.DOCKER)
    assert found("reachable-bind", of_unit) == [(WARNING, BIND)]


@pytest.mark.parametrize(
    "of_unit",
    [
        unit(published(8000)),
        unit(published(8000), binds=("0.0.0.0:8000", "127.0.0.1:9000")),
        unit(binds=LOOPBACK),
        unit(probe("8000", ProbeRole.HEALTH, "curl"), binds=LOOPBACK),
        unit(probe(None, ProbeRole.READINESS, "check"), binds=LOOPBACK),
        unit(proxy("localhost:8000"), published(80), binds=LOOPBACK),
        unit(proxy("127.0.0.1:8000"), binds=LOOPBACK, platform=Platform.SYSTEMD),
        unit(published(8000), binds=("unix:/run/app.sock",)),
        unit(binds=LOOPBACK, platform=Platform.DOCKER),
    ],
    ids=[
        "every address",
        "one of two",
        "nobody asks",
        "a check inside",
        "a probe's command inside",
        "nginx in the container",
        "systemd",
        "a socket",
        "an image that exposes nothing",
    ],
)
def test_an_address_that_those_who_ask_can_reach_is_right(of_unit: Unit) -> None:
    assert found("reachable-bind", of_unit) == []


def test_a_port_of_a_compose_file_is_named_once() -> None:
    of_unit = unit(published(80))
    container = replace(of_unit.container, ports=(Fact(80, SEEKER),))
    units = (replace(of_unit, container=container),)
    (finding,) = CHECKS["ports-agree"](Deployment(units=units), Measured())
    assert isinstance(finding, Finding)
    assert finding.message.count("other.yaml:7") == 1
