"""How many processes a server has and how many requests each works on, or that it is not known."""

import pytest

from tests.unit.made_up_units import default, given, gunicorn, server
from toolkit.lint.facts import Server, ServerKind
from toolkit.lint.rules.counting import at_once, processes, worker_class

# processes


@pytest.mark.parametrize("kind", [ServerKind.WAITRESS, ServerKind.CHEROOT, ServerKind.GEVENT])
def test_servers_of_one_process_have_one(kind: ServerKind) -> None:
    counted = processes(server(kind))
    assert counted is not None
    assert (counted.value, counted.default) == (1, kind)


def test_workers_that_come_from_the_cpus_are_not_known_even_where_a_number_is_given() -> None:
    of = gunicorn(workers=given(1), workers_by_cpus=given("cpu_count()"))
    assert processes(of) is None


def test_a_development_server_is_not_counted() -> None:
    assert processes(server(ServerKind.DEVELOPMENT, workers=given(1))) is None


def test_all_others_have_as_many_as_they_say() -> None:
    assert processes(server(ServerKind.GRANIAN, workers=given(3))) == given(3)
    assert processes(server(ServerKind.UVICORN)) is None


# requests at once


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("sync", 1),
        ("gunicorn.workers.sync.SyncWorker", 1),
        ("gthread", 8),
        ("gunicorn.workers.gthread.ThreadWorker", 8),
        ("gevent", 1000),
        ("gevent_pywsgi", 1000),
        ("gunicorn.workers.ggevent.GeventWorker", 1000),
        ("eventlet", 1000),
        ("asgi", None),
        ("uvicorn_worker.UvicornWorker", None),
        ("tornado", None),
        (None, None),
    ],
)
def test_a_worker_of_gunicorn_works_on_what_its_class_takes(
    name: str | None, number: int | None
) -> None:
    of = gunicorn(name, threads=given(8), worker_connections=default(1000))
    taken = at_once(of)
    assert (taken and taken.value) == number


@pytest.mark.parametrize("kind", [ServerKind.WAITRESS, ServerKind.CHEROOT, ServerKind.UWSGI])
def test_servers_with_threads_work_on_one_request_in_each(kind: ServerKind) -> None:
    assert at_once(server(kind, threads=given(4))) == given(4)


def test_the_threads_of_granian_count_only_where_somebody_chose_them() -> None:
    assert at_once(server(ServerKind.GRANIAN, threads=given(4))) == given(4)
    assert at_once(server(ServerKind.GRANIAN, threads=default(64, "granian"))) is None
    assert at_once(server(ServerKind.GRANIAN)) is None


@pytest.mark.parametrize("kind", [ServerKind.UVICORN, ServerKind.HYPERCORN])
def test_servers_of_coroutines_do_not_say(kind: ServerKind) -> None:
    assert at_once(server(kind, threads=given(4))) is None


# classes


@pytest.mark.parametrize(
    ("of", "name"),
    [
        (gunicorn("asgi"), "asgi"),
        (gunicorn("a.b.Custom"), "a.b.Custom"),
        (gunicorn(None), ""),
        (server(ServerKind.UVICORN, worker_class=given("sync")), ""),
    ],
)
def test_a_class_is_gunicorns_alone(of: Server, name: str) -> None:
    assert worker_class(of) == name
