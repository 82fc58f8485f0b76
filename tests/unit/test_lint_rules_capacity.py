"""Rules about numbers that must fit, at their limits, and how all that the rules say is joined."""

import math
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules

import pytest
from hypothesis import given as arbitrary
from hypothesis import strategies as st

from tests.unit.made_up_units import (
    PLATFORM,
    SERVER,
    database,
    default,
    given,
    gunicorn,
    look,
    pool,
    server,
    severities,
    the_finding,
    unit,
)
from toolkit.lint import rules
from toolkit.lint.facts import (
    NONE,
    Deployment,
    Fact,
    Platform,
    Pool,
    Server,
    ServerKind,
    Unit,
    Where,
)
from toolkit.lint.finding import Finding, Measured, NotJudged, Severity
from toolkit.lint.rules import RULES, judge
from toolkit.units import counted

ERROR, WARNING = Severity.ERROR, Severity.WARNING
MIB = 2**20
MEMORY, BUDGET, QUOTA = "memory-limit", "connection-budget", "workers-for-quota"
BACKLOG, JITTER, THREADS = "backlog", "recycling-jitter", "thread-connections"
BY_CPUS = given("multiprocessing.cpu_count() * 2 + 1")


def reason(said: Finding | NotJudged) -> str:
    assert isinstance(said, NotJudged)
    return said.reason


# memory-limit


def limited(of: Server, mib: int) -> Unit:
    return unit(of, memory=given(mib * MIB, 12, "compose.yaml"))


def test_workers_fit_into_the_limit_with_the_reserve_exactly() -> None:
    of = gunicorn(workers=given(4))
    measured = Measured(worker_memory=100 * MIB)
    assert look(MEMORY, limited(of, 520), measured=measured) == []
    found = the_finding(MEMORY, limited(of, 519), measured=measured)
    assert (found.severity, found.where) == (ERROR, Where("compose.yaml", 12))
    assert found.fix == "a memory limit of 520 MiB, or 3 workers"
    assert found.others == (Where("gunicorn.conf.py", 1),)


def test_a_limit_that_is_too_small_for_one_worker_must_rise() -> None:
    of = server(ServerKind.WAITRESS)
    found = the_finding(MEMORY, limited(of, 64), measured=Measured(worker_memory=80 * MIB))
    assert found.fix == "a memory limit of 104 MiB"


def test_without_the_memory_of_a_worker_its_limit_is_not_judged() -> None:
    (said,) = look(MEMORY, limited(gunicorn(workers=given(4)), 64))
    assert "--worker-memory" in reason(said)


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (gunicorn(workers_by_cpus=BY_CPUS), BY_CPUS.value),
        (gunicorn(), "Dockerfile:9"),
    ],
)
def test_a_number_of_workers_that_is_not_known_is_not_judged(of: Server, why: str) -> None:
    (said,) = look(MEMORY, limited(of, 64), measured=Measured(worker_memory=MIB))
    assert why in reason(said)


def test_a_container_without_a_limit_is_somebody_elses_rule() -> None:
    of = gunicorn(workers=given(4))
    assert look(MEMORY, unit(of)) == look(MEMORY, limited(of, 0)) == []


# workers-for-quota


def with_cpus(of: Server, cpus: float) -> Unit:
    return unit(of, cpus=given(cpus, 14, "compose.yaml"))


def test_workers_from_the_cpus_of_the_machine_do_not_see_a_quota() -> None:
    found = the_finding(QUOTA, with_cpus(gunicorn(workers_by_cpus=BY_CPUS), 1.5))
    assert (found.severity, found.where) == (ERROR, BY_CPUS.where)
    assert found.fix == "workers = 4"
    assert "the container may use 1.5 CPUs (compose.yaml:14)" in found.message


def test_without_a_quota_the_cpus_of_the_machine_are_right() -> None:
    of = gunicorn(workers_by_cpus=BY_CPUS)
    assert look(QUOTA, unit(of)) == look(QUOTA, with_cpus(of, 0.0)) == []


def test_workers_from_the_cpus_that_have_a_bound_are_not_told() -> None:
    of = gunicorn(workers_by_cpus=given("min(cpu_count(), 4)"))
    assert look(QUOTA, with_cpus(of, 1.0)) == []


@pytest.mark.parametrize(("cpus", "most"), [(0.1, 2), (0.5, 2), (1.0, 3), (1.5, 4), (4.0, 9)])
def test_more_workers_than_twice_the_cpus_and_one_warn(cpus: float, most: int) -> None:
    assert look(QUOTA, with_cpus(gunicorn(workers=given(most)), cpus)) == []
    found = the_finding(QUOTA, with_cpus(gunicorn(workers=given(most + 1)), cpus))
    assert found.severity is WARNING
    assert found.fix.startswith(f"workers = {most}")


# recycling-jitter


def recycled(most: int, jitter: int, workers: int) -> Unit:
    return unit(
        gunicorn(
            workers=given(workers),
            max_requests=given(most, 8),
            max_requests_jitter=default(jitter),
        )
    )


def test_several_workers_that_are_replaced_without_jitter_warn() -> None:
    found = the_finding(JITTER, recycled(1000, 0, 2))
    assert (found.severity, found.where) == (WARNING, Where("gunicorn.conf.py", 8))
    assert found.fix == "max_requests_jitter = 100"
    assert the_finding(JITTER, recycled(1, 0, 2)).fix == "max_requests_jitter = 1"


@pytest.mark.parametrize(
    ("version", "fix"),
    [
        ("0.40.0", "uvicorn 0.41 or later, with --limit-max-requests-jitter 100"),
        ("0.41.0", "--limit-max-requests-jitter 100"),
    ],
)
def test_a_jitter_that_the_version_does_not_have_is_not_advised_alone(
    version: str, fix: str
) -> None:
    of = server(
        ServerKind.UVICORN,
        version=given(version),
        workers=given(2),
        max_requests=given(1000),
        max_requests_jitter=default(0, "uvicorn"),
    )
    assert the_finding(JITTER, unit(of)).fix == fix


def test_workers_from_the_cpus_may_be_several() -> None:
    of = gunicorn(workers_by_cpus=BY_CPUS, max_requests=given(9), max_requests_jitter=default(0))
    assert severities(JITTER, unit(of)) == [WARNING]


def test_one_worker_or_jitter_or_no_replacement_is_fine() -> None:
    assert look(JITTER, recycled(1000, 0, 1), recycled(1000, 1, 2), recycled(0, 0, 2)) == []


def test_a_jitter_that_is_not_known_is_not_judged() -> None:
    of = gunicorn(workers=given(2), max_requests=given(1000))
    assert look(JITTER, unit(of)) == []


# backlog


def queued(
    backlog: int, kind: ServerKind = ServerKind.GUNICORN, somaxconn: str | None = None
) -> Unit:
    sysctls = {"net.core.somaxconn": given(somaxconn, 20, "compose.yaml")} if somaxconn else {}
    return unit(server(kind, backlog=given(backlog)), sysctls=sysctls)


def test_a_backlog_longer_than_linux_allows_by_default_warns() -> None:
    assert look(BACKLOG, queued(4096)) == []
    found = the_finding(BACKLOG, queued(4097))
    assert (found.severity, found.others) == (WARNING, (PLATFORM,))
    assert "net.core.somaxconn is 4096 (Linux's default)" in found.message


def test_the_containers_own_limit_counts() -> None:
    assert look(BACKLOG, queued(8192, somaxconn="8192")) == []
    assert the_finding(BACKLOG, queued(2048, somaxconn="1024")).fix == (
        "net.core.somaxconn: 2048 for the container, or a backlog of 1024"
    )


def test_uwsgi_does_not_start_with_a_longer_one() -> None:
    assert severities(BACKLOG, queued(4097, ServerKind.UWSGI)) == [ERROR]


@pytest.mark.parametrize("somaxconn", ["many", "-1", "\u0664\u0660", "4 096", "0x1000"])
def test_a_limit_that_is_no_number_is_not_judged(somaxconn: str) -> None:
    assert look(BACKLOG, queued(100_000, somaxconn=somaxconn)) == []


@pytest.mark.parametrize("platform", [Platform.SYSTEMD, Platform.PROCFILE])
def test_the_limit_of_a_machine_stands_in_no_file(platform: Platform) -> None:
    of = server(ServerKind.UWSGI, backlog=given(8192))
    assert look(BACKLOG, unit(of, platform=platform)) == []


# thread-connections


def threaded(connections: int, threads: int, kept: float = 2.0) -> Unit:
    return unit(
        gunicorn(
            "gthread",
            worker_connections=given(connections, 5),
            threads=given(threads, 4),
            keep_alive=default(kept),
        )
    )


def test_as_many_connections_as_threads_leave_none_to_keep() -> None:
    assert look(THREADS, threaded(9, 8)) == []
    found = the_finding(THREADS, threaded(8, 8))
    assert (found.severity, found.where) == (ERROR, Where("gunicorn.conf.py", 5))
    assert "no connection is kept alive" in found.message
    assert found.fix == "worker_connections = 1000"
    assert the_finding(THREADS, threaded(200, 200)).fix == "worker_connections = 2000"


def test_where_none_shall_be_kept_as_many_connections_as_threads_are_enough() -> None:
    assert look(THREADS, threaded(8, 8, kept=0.0)) == []
    found = the_finding(THREADS, threaded(7, 8, kept=0.0))
    assert "1 of the threads never get work" in found.message


def test_only_gthread_has_threads_for_its_connections() -> None:
    of = gunicorn("gevent", worker_connections=given(1), threads=given(8))
    assert look(THREADS, unit(of), unit(gunicorn("gthread"))) == []


# connection-budget: the pool


def threads(number: int, workers: int = 1) -> Server:
    return gunicorn("gthread", threads=given(number, 4), workers=given(workers, 3))


def test_as_many_threads_as_connections_never_wait() -> None:
    assert look(BUDGET, unit(threads(15)), pools=(pool(5, 10),)) == []
    found = the_finding(BUDGET, unit(threads(16)), pools=(pool(5, 10),))
    assert (found.severity, found.where) == (WARNING, Where("app.py", 1))
    assert found.fix == "threads = 15, or pool size + overflow of 16"


def test_greenlets_beyond_the_pool_wait() -> None:
    of = gunicorn("gevent", worker_connections=default(1000))
    found = the_finding(BUDGET, unit(of), pools=(pool(5, 10),))
    assert (found.severity, found.fix) == (WARNING, "worker_connections = 15, or a larger pool")


@pytest.mark.parametrize("endless", [pool(0, 10), pool(5, -1)])
def test_nobody_waits_for_a_pool_without_a_limit(endless: Pool) -> None:
    assert look(BUDGET, unit(threads(500)), pools=(endless,)) == []


def test_a_pool_that_is_large_enough_may_be_the_one() -> None:
    assert look(BUDGET, unit(threads(16)), pools=(pool(5, 10), pool(16, 0, 2))) == []


@pytest.mark.parametrize(
    "of", [server(ServerKind.UVICORN, threads=None), gunicorn("asgi"), gunicorn(None)]
)
def test_requests_at_once_that_are_not_known_are_not_judged(of: Server) -> None:
    assert look(BUDGET, unit(of), pools=(pool(1, 0),)) == []


# connection-budget: the database


def serving(of: Server, replicas: int | None = None, env: Mapping[str, Fact[str]] = NONE) -> Unit:
    copies = None if replicas is None else given(replicas, 11, "compose.yaml")
    return unit(of, replicas=copies, env=env)


def test_all_processes_together_may_open_all_that_is_not_reserved() -> None:
    web, pools = serving(threads(15, 3), 2), (pool(5, 10),)
    assert look(BUDGET, web, pools=pools, databases=(database(93),)) == []
    found = the_finding(BUDGET, web, pools=pools, databases=(database(92),))
    assert (found.severity, found.where) == (ERROR, Where("gunicorn.conf.py", 3))
    assert "2 replicas x 3 workers x 15 connections = 90 (app.py:1), db takes 89" in found.message
    assert found.fix == (
        "14 connections for each process, or max_connections = 93, or PgBouncer in between"
    )


def test_a_process_opens_no_more_connections_than_it_has_requests() -> None:
    """Sync workers with a pool of 15 open one each, however many the pool would allow."""
    of = gunicorn("sync", workers=given(9))
    assert look(BUDGET, serving(of), pools=(pool(5, 10),), databases=(database(),)) == []
    of = gunicorn("sync", workers=given(98))
    found = the_finding(BUDGET, serving(of, 1), pools=(pool(0, 0),), databases=(database(),))
    assert found.message.startswith("service web: 98 workers x 1 connections = 98 (")
    assert found.fix == "max_connections = 101, or PgBouncer in between"


def test_one_connection_for_each_process_may_be_the_fix() -> None:
    found = the_finding(
        BUDGET, serving(threads(2, 97)), pools=(pool(2, 0),), databases=(database(),)
    )
    assert found.fix.startswith("1 connection for each process, or max_connections = 197,")


def test_servers_of_coroutines_may_open_the_whole_pool() -> None:
    of = server(ServerKind.UVICORN, workers=given(7))
    found = the_finding(BUDGET, serving(of), pools=(pool(5, 10),), databases=(database(),))
    assert found.message.startswith("service web: 7 workers x 15 connections = 105 (")


def test_where_there_are_several_each_pool_and_each_database_must_be_too_small() -> None:
    of, small = serving(threads(15, 10)), pool(5, 0)
    assert look(BUDGET, of, pools=(small, pool(5, 10)), databases=(database(),)) == []
    both = (database(), database(1000))
    assert look(BUDGET, of, pools=(pool(5, 10),), databases=both) == []


def test_workers_that_are_not_known_are_not_counted() -> None:
    of = gunicorn("sync", workers_by_cpus=BY_CPUS)
    (said,) = look(BUDGET, serving(of), pools=(pool(5, 10),), databases=(database(),))
    assert BY_CPUS.value in reason(said)


def test_pgbouncer_opens_fewer_connections_than_it_takes() -> None:
    env = {"DATABASE_URL": given("postgresql://app@pgbouncer:6432/app")}
    web = serving(threads(15, 10), env=env)
    assert look(BUDGET, web, pools=(pool(5, 10),), databases=(database(),)) == []


def test_without_a_pool_or_a_server_there_is_nothing_to_judge() -> None:
    assert look(BUDGET, serving(threads(500, 500)), databases=(database(),)) == []
    assert look(BUDGET, unit(None), pools=(pool(1, 0),), databases=(database(1),)) == []


@arbitrary(
    workers=st.integers(1, 64),
    replicas=st.integers(1, 20),
    size=st.integers(1, 40),
    most=st.integers(4, 2000),
)
def test_the_budget_is_exceeded_exactly_where_the_product_is(
    workers: int, replicas: int, size: int, most: int
) -> None:
    web = serving(threads(size, workers), replicas)
    found = severities(BUDGET, web, pools=(pool(size, 0),), databases=(database(most),))
    assert found == ([ERROR] if replicas * workers * size > most - 3 else [])


@arbitrary(workers=st.integers(1, 64), each=st.integers(1, 4096), limit=st.integers(1, 16384))
def test_what_a_fix_of_memory_says_is_fine(workers: int, each: int, limit: int) -> None:
    measured = Measured(worker_memory=each * MIB)
    for said in look(MEMORY, limited(gunicorn(workers=given(workers)), limit), measured=measured):
        assert isinstance(said, Finding)
        more, _, fewer = said.fix.removeprefix("a memory limit of ").partition(" MiB")
        of = gunicorn(workers=given(workers))
        assert look(MEMORY, limited(of, int(more)), measured=measured) == []
        if fewer:
            left = math.floor(limit / (each * 1.3))
            assert fewer == f", or {counted(left, 'worker')}"
            of = gunicorn(workers=given(left))
            assert look(MEMORY, limited(of, limit), measured=measured) == []


# all rules


def test_rules_are_sorted_and_each_is_there_once() -> None:
    names = [rule.name for rule, _ in RULES]
    assert names == sorted(set(names))


def test_no_module_with_rules_is_left_out() -> None:
    modules = [
        import_module(f"{rules.__name__}.{found.name}") for found in iter_modules(rules.__path__)
    ]
    written = [rule for module in modules for rule, _ in getattr(module, "RULES", ())]
    assert sorted(rule.name for rule in written) == [rule.name for rule, _ in RULES]


def test_every_rule_says_where_it_is_documented() -> None:
    for rule, _ in RULES:
        assert "https://" in rule.source, rule.name
        assert all((rule.summary, rule.reason, rule.fix)), rule.name


@pytest.mark.parametrize("kind", list(ServerKind))
def test_of_a_server_of_which_nothing_is_known_no_number_is_wrong(kind: ServerKind) -> None:
    units = tuple(unit(server(kind), platform=platform) for platform in Platform)
    found = {finding.rule for finding in judge(Deployment(units=units)).findings}
    assert found <= {"development-server", "stop-signal"}


def test_of_nothing_there_is_nothing_to_say() -> None:
    assert judge(Deployment()).findings == ()
    assert judge(Deployment()).not_judged == ()


def faulty() -> Deployment:
    of = replace(threads(16, 3), backlog=given(9000, 2), max_requests=given(9, 7))
    of = replace(of, max_requests_jitter=default(0))
    return Deployment(units=(unit(of, memory=given(MIB)),), pools=(pool(5, 10),))


def test_findings_are_sorted_by_place() -> None:
    found = judge(faulty()).findings
    assert [(finding.where.path, finding.where.line) for finding in found] == [
        ("app.py", 1),
        ("gunicorn.conf.py", 2),
        ("gunicorn.conf.py", 7),
    ]


def test_what_several_units_share_is_told_once() -> None:
    once = faulty()
    twice = replace(once, units=once.units * 2)
    assert judge(twice) == judge(once)


def test_rules_that_are_ignored_do_not_look() -> None:
    said = judge(faulty(), ignore={BACKLOG, MEMORY})
    assert [finding.rule for finding in said.findings] == [BUDGET, JITTER]
    assert said.not_judged == ()


def test_what_is_measured_reaches_the_rules() -> None:
    said = judge(faulty(), Measured(worker_memory=100 * MIB))
    assert MEMORY in {finding.rule for finding in said.findings}
    assert SERVER not in {finding.where for finding in said.findings}
