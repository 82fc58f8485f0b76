"""Proxies: what the app and its server believe of them, and what is in front."""

from dataclasses import replace

import pytest

from toolkit.lint.facts import (
    Container,
    Deployment,
    Fact,
    Hops,
    Platform,
    Proxy,
    Published,
    Route,
    Server,
    ServerKind,
    Unit,
    Where,
)
from toolkit.lint.finding import Finding, Measured, Severity
from toolkit.lint.rules import proxying

ERROR, WARNING = Severity.ERROR, Severity.WARNING
COMPOSE, NGINX, APP, SERVER = (
    Where("compose.yaml", 7),
    Where("nginx.conf", 12),
    Where("shop/app.py", 4),
    Where("Dockerfile", 9),
)
CHECKS = {rule.name: check for rule, check in proxying.RULES}


def proxy(*, sets: bool = False, appends: bool = True, target: str = "web:8000") -> Proxy:
    return Proxy(
        where=NGINX,
        targets=(target,),
        sets_forwarded=Fact(sets, NGINX),
        appends_forwarded=Fact(appends, NGINX),
    )


def published(by: str = "ports", *, direct: bool = True, path: str = "compose.yaml") -> Published:
    return Published(container=8000, where=Where(path, 8), by=by, direct=direct)


def unit(
    *fronts: Proxy | Published,
    kind: ServerKind = ServerKind.GUNICORN,
    trusts: str | None = None,
    worker_class: str = "gthread",
) -> Unit:
    trusted = Fact("127.0.0.1", SERVER, "gunicorn") if trusts is None else Fact(trusts, SERVER)
    return Unit(
        name="service web",
        container=Container(
            platform=Platform.COMPOSE,
            name="web",
            where=COMPOSE,
            published=tuple(item for item in fronts if isinstance(item, Published)),
        ),
        server=Server(
            kind=kind,
            where=SERVER,
            trusted_proxies=trusted,
            worker_class=Fact(worker_class, SERVER),
        ),
        proxies=tuple(item for item in fronts if isinstance(item, Proxy)),
    )


def deployment(*units: Unit, x_for: int | None = None, routes: int = 1) -> Deployment:
    hops = () if x_for is None else (Hops(where=APP, x_for=x_for, x_proto=x_for, x_host=0),)
    return Deployment(units=units, hops=hops, routes=(Route(path="/", where=APP),) * routes)


def findings(rule: str, found: Deployment) -> list[Finding]:
    said = list(CHECKS[rule](found, Measured()))
    assert all(isinstance(item, Finding) for item in said)
    return [item for item in said if isinstance(item, Finding)]


def hops(found: Deployment) -> list[tuple[Severity, Where]]:
    return [(item.severity, item.where) for item in findings("proxy-hops", found)]


# proxy-hops


def test_as_many_proxies_as_are_believed_are_right() -> None:
    assert hops(deployment(unit(proxy()), x_for=1)) == []


def test_a_proxyfix_without_any_proxy_can_be_forged_by_whoever_reaches_the_app() -> None:
    assert hops(deployment(unit(published()), x_for=1)) == [(ERROR, APP)]


def test_a_published_port_beside_the_proxy_lets_clients_forge_their_address() -> None:
    (finding,) = findings("proxy-hops", deployment(unit(proxy(), published()), x_for=1))
    assert finding.severity is ERROR
    assert finding.others == (Where("compose.yaml", 8), NGINX)


def test_a_proxyfix_that_is_not_always_in_use_is_no_error() -> None:
    """It may be in the configuration for another place."""
    seldom = (Hops(where=APP, x_for=1, x_proto=1, x_host=0, always=False),)
    found = Deployment(units=(unit(published()),), hops=seldom)
    (finding,) = findings("proxy-hops", found)
    assert finding.severity is WARNING
    assert "where it is in use" in finding.message


def test_a_load_balancer_may_set_the_headers_so_that_is_no_error() -> None:
    assert hops(deployment(unit(published("LoadBalancer")), x_for=1)) == [(WARNING, APP)]


def test_a_port_that_only_a_file_for_development_publishes_is_none() -> None:
    dev = published(path="compose.override.yaml")
    assert hops(deployment(unit(proxy(), dev), x_for=1)) == []


def test_a_development_server_has_no_proxies_to_count() -> None:
    assert hops(deployment(unit(published(), kind=ServerKind.DEVELOPMENT), x_for=1)) == []


def test_a_proxyfix_that_believes_no_header_cannot_be_forged() -> None:
    assert hops(deployment(unit(published()), x_for=0)) == []


@pytest.mark.parametrize("x_for", [2, 3])
def test_more_proxies_believed_than_there_are_is_a_warning(x_for: int) -> None:
    (finding,) = findings("proxy-hops", deployment(unit(proxy()), x_for=x_for))
    assert (finding.severity, finding.where, finding.others) == (WARNING, APP, (NGINX,))
    assert finding.fix == "ProxyFix(..., x_for=1, x_proto=1, x_host=1)"


@pytest.mark.parametrize("x_for", [1, 2])
def test_an_ingress_may_have_a_load_balancer_before_it(x_for: int) -> None:
    assert hops(deployment(unit(published("Ingress", direct=False)), x_for=x_for)) == []


def test_three_proxies_before_an_ingress_alone_are_too_many() -> None:
    found = deployment(unit(published("Ingress", direct=False)), x_for=3)
    assert hops(found) == [(WARNING, APP)]


def test_a_number_that_is_computed_is_not_judged_by_its_size() -> None:
    found = deployment(unit(proxy()), x_for=1)
    computed = replace(found.hops[0], x_for=None)
    assert hops(replace(found, hops=(computed,))) == []


def test_a_unit_of_which_nothing_in_front_is_known_says_nothing() -> None:
    assert hops(deployment(unit(), x_for=5)) == []


def test_one_unit_with_the_right_number_is_enough() -> None:
    found = deployment(unit(proxy()), unit(published("Ingress", direct=False)), x_for=2)
    assert hops(found) == []


def test_a_proxy_that_passes_the_clients_own_header_on_is_found_where_it_does_so() -> None:
    passing = unit(proxy(sets=False, appends=False))
    assert hops(deployment(passing, x_for=1)) == [(WARNING, NGINX)]


def test_a_proxy_that_overwrites_the_header_is_right() -> None:
    assert hops(deployment(unit(proxy(sets=True, appends=False)), x_for=1)) == []


def test_without_proxyfix_the_app_takes_the_proxy_for_the_client() -> None:
    (finding,) = findings("proxy-hops", deployment(unit(proxy())))
    assert (finding.severity, finding.where) == (WARNING, SERVER)
    assert "ProxyFix" in finding.fix


@pytest.mark.parametrize(
    "asgi",
    [unit(proxy(), kind=ServerKind.UVICORN), unit(proxy(), worker_class="asgi")],
    ids=["uvicorn", "gunicorn asgi"],
)
def test_an_asgi_server_is_told_whom_to_believe_by_its_own_setting(asgi: Unit) -> None:
    (finding,) = findings("proxy-hops", deployment(asgi))
    assert "--forwarded-allow-ips" in finding.fix


def test_a_proxy_on_the_same_machine_is_believed_by_uvicorn_unasked() -> None:
    local = unit(proxy(target="127.0.0.1:8000"), kind=ServerKind.UVICORN)
    assert hops(deployment(local)) == []


@pytest.mark.parametrize("target", ["127.0.0.1:8000", "unix:/run/app.sock"])
def test_of_a_proxy_on_the_same_machine_gunicorn_believes_the_scheme_only(target: str) -> None:
    (finding,) = findings("proxy-hops", deployment(unit(proxy(target=target))))
    assert "scheme" not in finding.message


def test_a_server_that_is_told_whom_to_trust_needs_no_proxyfix() -> None:
    assert hops(deployment(unit(proxy(), trusts="10.0.0.0/8"))) == []


def test_an_app_whose_views_are_not_here_may_have_its_proxyfix_elsewhere() -> None:
    assert hops(deployment(unit(proxy()), routes=0)) == []


def test_an_app_that_reads_the_headers_by_itself_needs_no_proxyfix() -> None:
    assert hops(replace(deployment(unit(proxy())), reads_forwarded=True)) == []


def test_a_proxy_in_the_container_itself_is_what_clients_reach() -> None:
    assert hops(deployment(unit(proxy(target="127.0.0.1:8000"), published()), x_for=1)) == []


def test_another_port_of_the_container_does_not_lead_to_the_server() -> None:
    of = unit(published())
    assert of.server is not None
    elsewhere = replace(of, server=replace(of.server, binds=(Fact("0.0.0.0:5000", SERVER),)))
    assert hops(deployment(elsewhere, x_for=1)) == []


def test_the_uwsgi_protocol_brings_the_clients_address_itself() -> None:
    uwsgi = unit(replace(proxy(), protocol="uwsgi"))
    assert hops(deployment(uwsgi)) == []


# trusted-proxies


@pytest.mark.parametrize("everybody", ["*", "10.0.0.1, *", "0.0.0.0/0", "::/0"])
def test_trust_in_everybody_on_a_published_port_is_an_error(everybody: str) -> None:
    (finding,) = findings("trusted-proxies", deployment(unit(published(), trusts=everybody)))
    assert (finding.severity, finding.where) == (ERROR, SERVER)


@pytest.mark.parametrize(
    "safe",
    [
        unit(published(), trusts="10.0.0.0/8"),
        unit(published()),
        unit(proxy(), trusts="*"),
        unit(published("Ingress", direct=False), trusts="*"),
        unit(published(path="docker-compose.dev.yml"), trusts="*"),
    ],
    ids=["a network", "default", "not published", "Ingress", "development"],
)
def test_trust_is_no_matter_where_no_stranger_comes_in(safe: Unit) -> None:
    assert findings("trusted-proxies", deployment(safe)) == []


def test_trust_in_everybody_behind_a_load_balancer_is_no_error() -> None:
    """It may set the headers, or pass connections on as they are."""
    (finding,) = findings(
        "trusted-proxies", deployment(unit(published("LoadBalancer"), trusts="*"))
    )
    assert finding.severity is WARNING
