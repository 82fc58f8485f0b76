"""A proxy is linked with a unit only where no other can be meant."""

import pytest

from toolkit.lint.facts import (
    Address,
    Container,
    Fact,
    Platform,
    Proxy,
    Published,
    Server,
    ServerKind,
    Unit,
    Where,
)
from toolkit.lint.linking import link

COMPOSE = "compose.yaml"
NGINX = Where("nginx.conf", 3)


def unit(
    name: str,
    *binds: str,
    path: str = COMPOSE,
    platform: Platform = Platform.COMPOSE,
    addresses: tuple[str, ...] = (),
    published: bool = False,
) -> Unit:
    where = Where(path, 1)
    container = Container(
        platform=platform,
        name=name,
        where=where,
        addresses=tuple(Address(name=item, where=where) for item in addresses),
        published=(Published(container=8000, where=where, by="ports"),) if published else (),
    )
    server = Server(
        kind=ServerKind.GUNICORN, where=where, binds=tuple(Fact(item, where) for item in binds)
    )
    return Unit(name=f"service {name}", container=container, server=server if binds else None)


def linked(
    units: list[Unit], *targets: str, others: tuple[str, ...] = (), where: Where = NGINX
) -> list[int]:
    """Give the indices of the units that have the proxy."""
    proxy = Proxy(where=where, targets=targets)
    containers = [unit(name).container for name in others]
    found = link(units, [proxy], containers)
    assert all(item.proxies in {(), (proxy,)} for item in found)
    return [index for index, item in enumerate(found) if item.proxies]


def test_a_target_names_a_service_whatever_its_port() -> None:
    units = [unit("web", "0.0.0.0:8000"), unit("api", "0.0.0.0:9000")]
    assert linked(units, "web:1234") == [0]
    assert linked(units, "web:8000", "api:9000") == [0, 1]


def test_a_target_names_a_service_of_kubernetes() -> None:
    pods = unit("deployment/web", platform=Platform.KUBERNETES, addresses=("web-svc",))
    assert linked([pods], "web-svc:80") == [0]
    assert linked([pods], "deployment/web:80") == []


def test_of_services_of_one_name_those_nearest_to_the_file_are_meant() -> None:
    units = [unit("web", path="a/compose.yaml"), unit("web", path="b/compose.yaml")]
    assert linked(units, "web:8000", where=Where("b/nginx/site.conf", 1)) == [1]


def test_the_nearest_of_that_name_may_be_one_that_serves_no_app() -> None:
    """As in a folder of examples, of which only some are in Python."""
    units = [unit("backend", path="flask/compose.yaml")]
    other = unit("backend", path="golang/compose.yaml").container
    proxy = Proxy(where=Where("golang/nginx.conf", 1), targets=("backend:8000",))
    (found,) = link(units, [proxy], [other])
    assert found.proxies == ()


def test_of_services_of_one_name_that_are_equally_near_none_is_meant() -> None:
    units = [unit("web", path="a/compose.yaml"), unit("web", path="b/compose.yaml")]
    assert linked(units, "web:8000") == []


def test_the_name_of_a_container_that_serves_no_app_means_that() -> None:
    units = [unit("web", "0.0.0.0:8000")]
    assert linked(units, "minio:8000", others=("minio",)) == []


def test_a_name_that_nobody_has_means_the_only_unit_at_that_port() -> None:
    units = [unit("web", "0.0.0.0:8000"), unit("api", "0.0.0.0:9000")]
    assert linked(units, "backend:9000") == [1]
    assert linked(units, "backend:7000") == []
    assert linked([*units, unit("more", ":9000")], "backend:9000") == []


def test_a_host_somewhere_else_means_no_unit() -> None:
    assert linked([unit("web", "0.0.0.0:443")], "api.example.com:443") == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "host.docker.internal"])
def test_the_host_itself_means_what_runs_or_is_published_there(host: str) -> None:
    service = unit("app.service", "127.0.0.1:8000", platform=Platform.SYSTEMD)
    assert linked([unit("web", "0.0.0.0:8000"), service], f"{host}:8000") == [1]
    assert linked([unit("web", "0.0.0.0:8000", published=True)], f"{host}:8000") == [0]
    assert linked([unit("web", "0.0.0.0:8000")], f"{host}:8000") == []


@pytest.mark.parametrize("bind", ["unix:/run/app.sock", "unix:///run/app.sock"])
def test_a_socket_means_who_listens_at_it(bind: str) -> None:
    assert linked([unit("web", bind), unit("api", ":8000")], "unix:/run/app.sock") == [0]


def test_variants_of_one_service_are_both_meant() -> None:
    units = [unit("web", ":8000"), unit("web", ":8000", path="compose.prod.yaml")]
    assert linked(units, "backend:8000") == [0, 1]


def test_without_a_target_nothing_is_linked() -> None:
    assert linked([unit("web", ":8000")]) == []
