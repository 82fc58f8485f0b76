"""The server itself: how it loads the app, what it is made for, and whom it may serve."""

from dataclasses import replace

import pytest

from toolkit.lint.facts import (
    Container,
    Deployment,
    Fact,
    Platform,
    Proxy,
    Published,
    Server,
    ServerKind,
    Unit,
    Where,
)
from toolkit.lint.finding import Finding, Measured, Severity
from toolkit.lint.rules import serving

ERROR, WARNING = Severity.ERROR, Severity.WARNING
COMMAND, CONFIG, NGINX = Where("Dockerfile", 9), Where("gunicorn.conf.py", 3), Where("a.conf", 5)
PUBLISHED = Published(container=5000, where=Where("compose.yaml", 8), by="ports")
CHECKS = {rule.name: check for rule, check in serving.RULES}


def server(
    worker_class: str | None = "gthread",
    *,
    threads: int = 4,
    preload: bool = False,
    kind: ServerKind = ServerKind.GUNICORN,
    reloads: Fact[bool] | None = None,
    where: Where = COMMAND,
) -> Server:
    return Server(
        kind=kind,
        where=where,
        worker_class=Fact(worker_class, COMMAND) if worker_class else None,
        threads=Fact(threads, COMMAND),
        preload=Fact(preload, CONFIG),
        reloads=reloads,
        binds=(Fact("0.0.0.0:5000", COMMAND),),
    )


def unit(given: Server, *fronts: Proxy | Published, path: str = "compose.yaml") -> Unit:
    return Unit(
        name="service web",
        container=Container(
            platform=Platform.COMPOSE,
            name="web",
            where=Where(path, 3),
            published=tuple(item for item in fronts if isinstance(item, Published)),
        ),
        server=given,
        proxies=tuple(item for item in fronts if isinstance(item, Proxy)),
    )


def found(rule: str, given: Unit) -> list[tuple[Severity, Where]]:
    said = list(CHECKS[rule](Deployment(units=(given,)), Measured()))
    return [(item.severity, item.where) for item in said if isinstance(item, Finding)]


# preload-gevent


@pytest.mark.parametrize(
    "worker_class",
    [
        "gevent",
        "gevent_pywsgi",
        "gunicorn.workers.ggevent.GeventWorker",
        "geventwebsocket.gunicorn.workers.GeventWebSocketWorker",
    ],
)
def test_an_app_that_is_imported_before_gevent_patches_is_an_error(worker_class: str) -> None:
    assert found("preload-gevent", unit(server(worker_class, preload=True))) == [(ERROR, CONFIG)]


@pytest.mark.parametrize(
    "given",
    [server("gevent"), server("gthread", preload=True), server(None, preload=True)],
    ids=["no preload", "threads", "unknown class"],
)
def test_preload_alone_and_gevent_alone_are_right(given: Server) -> None:
    assert found("preload-gevent", unit(given)) == []


def test_an_app_that_has_gevent_patch_by_itself_may_be_preloaded() -> None:
    """As the fix of the rule says."""
    of = Deployment(units=(unit(server("gevent", preload=True)),), patches_gevent=True)
    assert list(CHECKS["preload-gevent"](of, Measured())) == []


# development-server

RELOADS = Fact(True, CONFIG)
FLASK = server(None, kind=ServerKind.DEVELOPMENT)


def test_a_development_server_is_an_error_where_it_is_started() -> None:
    assert found("development-server", unit(FLASK)) == [(ERROR, COMMAND)]


def test_a_server_that_reloads_is_an_error_where_that_is_set() -> None:
    assert found("development-server", unit(server(reloads=RELOADS))) == [(ERROR, CONFIG)]


def test_the_server_to_take_instead_listens_where_the_old_one_does() -> None:
    (finding,) = CHECKS["development-server"](Deployment(units=(unit(FLASK),)), Measured())
    assert isinstance(finding, Finding)
    assert "gunicorn --bind 0.0.0.0:5000" in finding.fix


@pytest.mark.parametrize(
    "path",
    [
        "compose.override.yaml",
        "docker-compose.dev.yml",
        "docker-compose-local.yaml",
        "dev/compose.yaml",
        "compose/local/compose.yml",
    ],
)
def test_a_file_named_for_development_may_start_a_development_server(path: str) -> None:
    assert found("development-server", unit(FLASK, path=path)) == []


def test_a_dockerfile_named_for_development_may_start_a_development_server() -> None:
    given = server(None, kind=ServerKind.DEVELOPMENT, where=Where("Dockerfile.dev", 9))
    assert found("development-server", unit(given)) == []


@pytest.mark.parametrize("path", ["devops/compose.yaml", "localization/compose.yaml"])
def test_a_name_that_only_begins_like_development_is_none(path: str) -> None:
    assert found("development-server", unit(FLASK, path=path)) == [(ERROR, COMMAND)]


def test_a_production_server_that_does_not_reload_is_right() -> None:
    assert found("development-server", unit(server(reloads=replace(RELOADS, value=False)))) == []


# slow-clients


def proxy(*, buffers: bool | None = True) -> Proxy:
    buffering = None if buffers is None else Fact(buffers, NGINX)
    return Proxy(where=Where("a.conf", 4), targets=("web:8000",), buffers=buffering)


@pytest.mark.parametrize(
    "given", [server("sync", threads=1), server("gthread", threads=1)], ids=["sync", "one thread"]
)
def test_workers_of_one_request_each_that_clients_reach_are_a_warning(given: Server) -> None:
    assert found("slow-clients", unit(given, PUBLISHED)) == [(WARNING, COMMAND)]


def test_a_load_balancer_does_not_buffer_requests() -> None:
    balanced = replace(PUBLISHED, by="LoadBalancer")
    assert found("slow-clients", unit(server("sync"), balanced)) == [(WARNING, COMMAND)]


def test_a_proxy_that_does_not_buffer_is_found_where_it_is_told_so() -> None:
    given = unit(server("sync"), proxy(buffers=False))
    assert found("slow-clients", given) == [(WARNING, NGINX)]


@pytest.mark.parametrize(
    "given",
    [
        unit(server("sync"), proxy()),
        unit(server("sync"), proxy(buffers=None)),
        unit(server("sync"), proxy(), PUBLISHED),
        unit(server("sync"), replace(PUBLISHED, by="Ingress", direct=False)),
        unit(server("sync"), replace(PUBLISHED, where=Where("compose.dev.yaml", 8))),
        unit(server("sync")),
        unit(server("gthread", threads=2), PUBLISHED),
        unit(server("gevent", threads=1), PUBLISHED),
        unit(server("gthread"), proxy(buffers=False)),
        unit(server(None), PUBLISHED),
        unit(server(None, kind=ServerKind.UVICORN), PUBLISHED),
    ],
    ids=[
        "buffered",
        "unknown",
        "buffered and published",
        "Ingress",
        "development",
        "not published",
        "two threads",
        "coroutines",
        "threads unbuffered",
        "unknown class",
        "uvicorn",
    ],
)
def test_workers_whose_clients_cannot_keep_them_waiting_are_right(given: Unit) -> None:
    assert found("slow-clients", given) == []


def test_a_stage_that_is_named_for_development_may_reload() -> None:
    reloading = unit(server(reloads=Fact(True, COMMAND)))
    named = replace(reloading, container=replace(reloading.container, target="dev"))
    assert found("development-server", reloading) == [(ERROR, COMMAND)]
    assert found("development-server", named) == []
