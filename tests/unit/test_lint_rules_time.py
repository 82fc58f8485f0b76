"""Rules about times, at their limits: what is equal, what nobody chose, what is not known."""

import math

import pytest

from tests.unit.made_up_units import (
    NGINX,
    SERVER,
    default,
    given,
    gunicorn,
    look,
    proxy,
    published,
    server,
    severities,
    the_finding,
    unit,
)
from toolkit.lint.facts import Fact, Platform, Server, ServerKind, Unit, Where
from toolkit.lint.finding import Measured, NotJudged, Severity

ERROR, WARNING = Severity.ERROR, Severity.WARNING
GRACEFUL, KEEP_ALIVE, TIMEOUT = "graceful-nesting", "keep-alive-nesting", "timeout-nesting"

# graceful-nesting


def stopping(
    graceful: Fact[float],
    grace: Fact[float],
    *,
    pre_stop: float | None = None,
    platform: Platform = Platform.KUBERNETES,
) -> Unit:
    hook = None if pre_stop is None else given(pre_stop, 30, "deployment.yaml")
    return unit(gunicorn(graceful_timeout=graceful), platform=platform, grace=grace, pre_stop=hook)


def test_a_grace_that_holds_hook_requests_and_margin_exactly_is_enough() -> None:
    assert look(GRACEFUL, stopping(given(30.0), given(42.0), pre_stop=10.0)) == []


def test_a_grace_without_the_margin_warns() -> None:
    assert severities(GRACEFUL, stopping(given(30.0), given(41.9), pre_stop=10.0)) == [WARNING]
    assert severities(GRACEFUL, stopping(given(30.0), given(40.0), pre_stop=10.0)) == [WARNING]


def test_a_grace_that_ends_before_the_requests_do_loses_them() -> None:
    assert severities(GRACEFUL, stopping(given(30.0), given(39.9), pre_stop=10.0)) == [ERROR]


def test_the_hook_of_a_pod_uses_up_the_default_grace() -> None:
    defaults = default(30.0), default(30.0, "kubernetes")
    assert severities(GRACEFUL, stopping(*defaults, pre_stop=5.0)) == [ERROR]


def test_equal_defaults_that_nobody_chose_are_not_told() -> None:
    assert look(GRACEFUL, stopping(default(30.0), default(30.0, "kubernetes"))) == []


def test_defaults_that_do_not_fit_warn_unless_requests_are_known_to_end_in_time() -> None:
    web = stopping(default(30.0), default(10.0, "docker"), platform=Platform.COMPOSE)
    assert severities(GRACEFUL, web) == [WARNING]
    assert look(GRACEFUL, web, measured=Measured(slowest_request=8.0)) == []
    assert severities(GRACEFUL, web, measured=Measured(slowest_request=8.1)) == [WARNING]


def test_the_default_grace_loses_requests_that_a_graceful_timeout_was_chosen_for() -> None:
    web = stopping(given(120.0), default(10.0, "docker"), platform=Platform.COMPOSE)
    assert severities(GRACEFUL, web) == [ERROR]


@pytest.mark.parametrize(
    ("platform", "fix"),
    [
        (Platform.COMPOSE, "stop_grace_period: 27s, or graceful_timeout = 8"),
        (Platform.KUBERNETES, "terminationGracePeriodSeconds: 27, or graceful_timeout = 8"),
        (Platform.SYSTEMD, "TimeoutStopSec=27, or graceful_timeout = 8"),
        (Platform.PROCFILE, "graceful_timeout = 8"),
    ],
)
def test_the_fix_is_written_as_the_platform_spells_it(platform: Platform, fix: str) -> None:
    grace = given(10.0, 4, "platform")
    found = the_finding(GRACEFUL, stopping(given(24.5), grace, platform=platform))
    assert found.fix == fix


def test_a_fix_never_shortens_the_graceful_timeout_to_next_to_nothing() -> None:
    found = the_finding(GRACEFUL, stopping(given(30.0), given(14.9), pre_stop=8.0))
    assert found.fix == "terminationGracePeriodSeconds: 40"
    found = the_finding(GRACEFUL, stopping(given(30.0), given(15.0), pre_stop=8.0))
    assert found.fix == "terminationGracePeriodSeconds: 40, or graceful_timeout = 5"


@pytest.mark.parametrize(
    ("kind", "fix"),
    [
        (ServerKind.UVICORN, "--timeout-graceful-shutdown 40"),
        (ServerKind.GRANIAN, "--workers-kill-timeout 40"),
        (ServerKind.CHEROOT, "shutdown_timeout = 40"),
        (ServerKind.UWSGI, "worker-reload-mercy = 40"),
        (ServerKind.HYPERCORN, "graceful_timeout = 40"),
    ],
)
def test_the_fix_is_written_as_the_server_spells_it(kind: ServerKind, fix: str) -> None:
    web = unit(server(kind, graceful_timeout=given(5.0)))
    assert the_finding(GRACEFUL, web, measured=Measured(slowest_request=39.5)).fix == fix


def test_the_finding_stands_at_the_grace_and_names_the_other_places() -> None:
    found = the_finding(GRACEFUL, stopping(given(30.0), given(20.0, 8, "k.yaml"), pre_stop=5.0))
    assert found.where == Where("k.yaml", 8)
    assert found.others == (Where("gunicorn.conf.py", 1), Where("deployment.yaml", 30))
    assert found.message == (
        "service web is killed 20 s after it is asked to stop, but preStop sleeps 5 s "
        "(deployment.yaml:30) and then gunicorn gives its requests 30 s to end "
        "(gunicorn.conf.py:1)"
    )


def test_what_only_docker_run_starts_is_waited_for_as_long_as_that_is_told() -> None:
    web = stopping(given(120.0), default(10.0, "docker"), platform=Platform.DOCKER)
    assert look(GRACEFUL, web) == []


def test_a_graceful_timeout_that_is_shorter_than_the_slowest_request_drops_it() -> None:
    web = stopping(given(30.0), given(60.0))
    assert look(GRACEFUL, web, measured=Measured(slowest_request=30.0)) == []
    assert severities(GRACEFUL, web, measured=Measured(slowest_request=30.1)) == [ERROR]


def test_a_server_that_drops_its_requests_needs_no_time() -> None:
    def uwsgi(*, drops: bool) -> Unit:
        of = server(
            ServerKind.UWSGI, graceful_timeout=given(60.0), drops_on_term=given(value=drops)
        )
        return unit(of, grace=given(30.0))

    assert look(GRACEFUL, uwsgi(drops=True)) == []
    assert severities(GRACEFUL, uwsgi(drops=False)) == [ERROR]


def test_a_grace_without_end_holds_everything() -> None:
    assert look(GRACEFUL, stopping(given(900.0), given(math.inf))) == []


def test_nothing_is_said_of_times_that_are_not_known() -> None:
    assert look(GRACEFUL, unit(gunicorn(), grace=given(10.0))) == []
    assert look(GRACEFUL, unit(gunicorn(graceful_timeout=given(30.0)))) == []
    assert look(GRACEFUL, unit(None, grace=given(1.0))) == []


def endless(grace: Fact[float], pre_stop: float = 0.0) -> Unit:
    uvicorn = server(ServerKind.UVICORN, graceful_timeout=default(math.inf, "uvicorn"))
    return unit(uvicorn, grace=grace, pre_stop=given(pre_stop) if pre_stop else None)


def test_a_server_that_waits_without_end_warns_unless_somebody_set_the_grace() -> None:
    found = the_finding(GRACEFUL, endless(default(30.0, "kubernetes"), pre_stop=9.0))
    assert (found.severity, found.fix) == (WARNING, "--timeout-graceful-shutdown 19")
    assert look(GRACEFUL, endless(given(45.0))) == []


def test_a_default_grace_that_is_long_is_enough_for_a_server_that_waits_without_end() -> None:
    assert look(GRACEFUL, endless(default(90.0, "systemd"))) == []


def test_a_server_without_time_left_after_the_hook_gets_a_second() -> None:
    found = the_finding(GRACEFUL, endless(default(10.0, "docker"), pre_stop=9.0))
    assert found.fix == "--timeout-graceful-shutdown 1"


def test_a_server_that_waits_without_end_is_judged_by_the_slowest_request() -> None:
    web = endless(default(10.0, "docker"))
    assert look(GRACEFUL, web, measured=Measured(slowest_request=8.0)) == []
    found = the_finding(GRACEFUL, web, measured=Measured(slowest_request=9.0))
    assert (found.severity, found.where) == (ERROR, SERVER)
    assert found.fix == "stop_grace_period: 11s"


# keep-alive-nesting


def kept_by(of: Server, idle: float = 60.0, kept: int = 16) -> Unit:
    front = proxy(kept=given(kept), keep_alive=given(idle, 5, "nginx.conf"))
    return unit(of, proxies=(front,))


def test_a_server_that_keeps_connections_as_long_as_its_proxy_may_close_them_first() -> None:
    threaded = gunicorn("gthread", keep_alive=given(60.0))
    found = the_finding(KEEP_ALIVE, kept_by(threaded))
    assert (found.severity, found.fix) == (WARNING, "keepalive = 65")
    assert (found.where, found.others) == (Where("gunicorn.conf.py", 1), (Where("nginx.conf", 5),))
    assert look(KEEP_ALIVE, kept_by(gunicorn("gthread", keep_alive=given(60.1)))) == []


@pytest.mark.parametrize("worker_class", ["gthread", "gevent", "asgi", "a.b.UvicornWorker"])
def test_every_worker_that_keeps_connections_is_judged(worker_class: str) -> None:
    assert severities(KEEP_ALIVE, kept_by(gunicorn(worker_class, keep_alive=default(2.0)))) == [
        WARNING
    ]


@pytest.mark.parametrize(
    "of",
    [
        gunicorn("sync", keep_alive=default(2.0)),
        gunicorn("gunicorn.workers.sync.SyncWorker", keep_alive=default(2.0)),
        gunicorn("gthread", keep_alive=given(0.0)),
        gunicorn(None, keep_alive=default(2.0)),
        gunicorn("gthread"),
        server(ServerKind.UVICORN),
    ],
)
def test_a_server_that_keeps_none_or_is_not_known_to_is_not_judged(of: Server) -> None:
    web = unit(of, proxies=kept_by(of).proxies, published=(published("Ingress"),))
    assert look(KEEP_ALIVE, web) == []


def test_the_shortest_time_is_one_too() -> None:
    assert severities(KEEP_ALIVE, kept_by(gunicorn("gthread", keep_alive=given(1.0)))) == [WARNING]


def test_a_proxy_that_keeps_none_is_harmless() -> None:
    threaded = gunicorn("gthread", keep_alive=default(2.0))
    assert look(KEEP_ALIVE, kept_by(threaded, kept=0)) == []
    assert look(KEEP_ALIVE, unit(threaded, proxies=(proxy(keep_alive=given(60.0)),))) == []


def test_behind_an_ingress_connections_are_kept_longer_than_it_does() -> None:
    def behind(seconds: float, by: str = "Ingress") -> Unit:
        of = server(ServerKind.UVICORN, keep_alive=given(seconds))
        return unit(of, published=(published(by),))

    assert severities(KEEP_ALIVE, behind(60.0)) == [WARNING]
    assert the_finding(KEEP_ALIVE, behind(5.0)).fix == "--timeout-keep-alive 65"
    assert look(KEEP_ALIVE, behind(61.0)) == []
    assert look(KEEP_ALIVE, behind(5.0, "LoadBalancer")) == []
    assert look(KEEP_ALIVE, behind(5.0, "ports")) == []


# timeout-nesting


def asked(of: Server, *patience: float) -> Unit:
    return unit(of, proxies=tuple(proxy(read_timeout=Fact(one, NGINX)) for one in patience))


def test_a_proxy_that_waits_as_long_as_a_worker_may_work_gives_up_too_early() -> None:
    found = the_finding(TIMEOUT, asked(gunicorn(timeout=given(60.0)), 60.0))
    assert (found.severity, found.where) == (WARNING, NGINX)
    assert found.fix == "proxy_read_timeout 65s, or timeout = 55"
    found = the_finding(TIMEOUT, asked(gunicorn(timeout=given(120.0)), 60.0))
    assert found.fix == "proxy_read_timeout 125s, or timeout = 55"


def test_a_finding_does_not_name_its_own_place_as_another() -> None:
    found = the_finding(TIMEOUT, asked(gunicorn("sync", timeout=given(60.0)), 60.0))
    assert found.where not in found.others


def test_a_timeout_of_0_is_none_at_all() -> None:
    found = the_finding(TIMEOUT, asked(gunicorn(timeout=given(0.0)), 60.0))
    assert found.fix == "timeout = 55"
    assert look(TIMEOUT, asked(server(ServerKind.UWSGI, timeout=given(0.0)))) == []


@pytest.mark.parametrize("worker_class", ["gthread", "gevent", "asgi", None])
def test_a_timeout_that_does_not_limit_requests_need_not_nest(worker_class: str | None) -> None:
    assert severities(TIMEOUT, asked(gunicorn(worker_class, timeout=given(900.0)), 60.0)) == []


def test_a_location_that_is_impatient_with_health_checks_alone_is_not_told() -> None:
    sync = gunicorn(timeout=default(30.0))
    assert severities(TIMEOUT, asked(sync, 2.0, 60.0)) == []
    assert severities(TIMEOUT, asked(sync, 2.0, 20.0)) == [WARNING]


def test_harakiri_limits_requests_and_uwsgi_has_its_own_directive() -> None:
    front = proxy(protocol="uwsgi", read_timeout=Fact(60.0, NGINX))
    web = unit(server(ServerKind.UWSGI, timeout=given(90.0)), proxies=(front,))
    assert the_finding(TIMEOUT, web).fix == "uwsgi_read_timeout 95s, or harakiri = 55"


def test_the_slowest_request_must_end_before_both_give_up() -> None:
    web = asked(gunicorn(timeout=given(30.0)), 60.0)
    assert severities(TIMEOUT, web, measured=Measured(slowest_request=29.9)) == []
    found = the_finding(TIMEOUT, web, measured=Measured(slowest_request=30.0))
    assert (found.severity, found.fix) == (ERROR, "timeout = 45")
    assert severities(TIMEOUT, web, measured=Measured(slowest_request=60.0)) == [ERROR, ERROR]


def test_the_slowest_request_must_end_before_the_proxy_gives_up_on_any_server() -> None:
    web = asked(gunicorn("gevent", timeout=given(30.0)), 60.0)
    found = the_finding(TIMEOUT, web, measured=Measured(slowest_request=75.0))
    assert (found.severity, found.fix) == (ERROR, "proxy_read_timeout 150s")


def test_without_a_measurement_the_slowest_request_is_not_judged() -> None:
    (said,) = look(TIMEOUT, asked(gunicorn(timeout=given(30.0)), 60.0))
    assert isinstance(said, NotJudged)
    assert "--slowest-request" in said.reason


def test_a_deployment_without_limits_leaves_nothing_to_judge() -> None:
    assert look(TIMEOUT, unit(server(ServerKind.UVICORN)), unit(None)) == []
