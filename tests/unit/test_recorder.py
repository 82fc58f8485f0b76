"""Nothing that is counted is lost or counted twice, in Locust's statistics or in ours."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

with pytest.MonkeyPatch.context() as patch:
    # threads and sockets of the tests stay what they are
    patch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    from locust.env import Environment
    from locust.stats import RequestStats, StatsEntry

    from toolkit.client import recorder as recorder_module
    from toolkit.client import user as user_module
    from toolkit.client.recorder import Key, Recorder, RequestError, Window
    from toolkit.wire.http1 import Answer, Request

LIST = Request("GET", "/list", name="list")
MAKE = Request("POST", "/make", name="make")


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """A recorder that feeds an environment, and is the one that users count in."""
    recorder = Recorder()
    recorder._environment = Environment()
    monkeypatch.setattr(user_module, "recorder", recorder)
    return recorder


def stats_of(recorder: Recorder) -> RequestStats:
    assert recorder._environment is not None
    return recorder._environment.stats


def count(
    request: Request = LIST,
    *,
    microseconds: int = 1000,
    error: str | None = None,
    body: bytes = b"ok",
    late: float | None = None,
    window: Window | None = None,
) -> None:
    """Count an answer as a user does; ``late``: the seconds that its request was begun late."""
    # half a microsecond more: what is counted in whole ones must not depend on rounding
    answer = Answer(0 if error else 200, b"" if error else body)
    answer.error = error
    channel: Any = SimpleNamespace(
        begun=100.0, ended=100.0 + (microseconds + 0.5) / 1e6, answer=answer
    )
    user: Any = SimpleNamespace(context=dict)
    due = None if late is None else 100.0 - late
    user_module._count(user, channel, request, due, window)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        gevent.sleep(0.002)


def figures(entry: StatsEntry) -> dict[str, object]:
    """Give what Locust shows of an entry, but for the time of day."""
    return {
        "requests": entry.num_requests,
        "without a latency": entry.num_none_requests,
        "failures": entry.num_failures,
        "length": entry.total_content_length,
        "latencies": dict(entry.response_times),
        "sum": pytest.approx(entry.total_response_time),
        "least": pytest.approx(entry.min_response_time),
        "most": pytest.approx(entry.max_response_time),
        "in all seconds": sum(entry.num_reqs_per_sec.values()),
        "failures in all seconds": sum(entry.num_fail_per_sec.values()),
        "none below zero": min(entry.num_fail_per_sec.values(), default=0) >= 0,
    }


def errors(stats: RequestStats) -> dict[tuple[str, str, object], int]:
    return {(e.method, e.name, e.error): e.occurrences for e in stats.errors.values()}


@dataclass(frozen=True)
class Event:
    """Something that happens: an answer, or what the recorder is asked to do."""

    what: str
    request: Request = LIST
    microseconds: int = 0
    error: str | None = None
    length: int = 0


answers = st.builds(
    Event,
    st.just("answer"),
    request=st.sampled_from([LIST, MAKE]),
    microseconds=st.integers(0, 20_000_000),
    error=st.sampled_from([None, None, "wrong body", "status 500"]),
    length=st.integers(0, 1000),
)
happenings = st.lists(
    answers | st.sampled_from(["flush", "part", "turn"]).map(Event), min_size=1, max_size=60
)


@given(happenings, st.integers(1, 5))
def test_whatever_comes_over_several_flushes_adds_up_as_if_locust_had_counted_it(
    events: list[Event], batch: int
) -> None:
    expected = RequestStats()
    ours: Counter[tuple[Key, int]] = Counter()
    failed: Counter[tuple[Key, str]] = Counter()
    recorder = Recorder()
    recorder._environment = Environment()
    windows = [recorder.window]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(user_module, "recorder", recorder)
        patch.setattr(recorder_module, "_BATCH", batch)
        for event in events:
            match event.what:
                case "flush":
                    recorder.flush()
                case "part":
                    # the greenlet that hands over gives way in the middle of it
                    for _ in recorder._flushing:
                        pass
                    recorder._flushing = recorder._flush()
                    next(recorder._flushing, None)
                case "turn":
                    recorder.turn()
                    windows.append(recorder.window)
                case _:
                    method, name = key = event.request.key
                    body = bytes(event.length)
                    count(
                        event.request,
                        microseconds=event.microseconds,
                        error=event.error,
                        body=body,
                    )
                    if event.error is None:
                        ours[key, event.microseconds] += 1
                        milliseconds = cast("int", event.microseconds / 1e3)
                        expected.log_request(method, name, milliseconds, len(body))
                    else:
                        failed[key, event.error] += 1
                        expected.log_request(method, name, cast("int", None), 0)
                        expected.log_error(method, name, event.error)
        recorder.flush()
    stats = stats_of(recorder)
    assert figures(stats.total) == figures(expected.total)
    assert set(stats.entries) == set(expected.entries)
    for key in expected.entries:
        assert figures(stats.entries[key]) == figures(expected.entries[key])
    assert errors(stats) == errors(expected)
    found: Counter[tuple[Key, int]] = Counter()
    wrong: Counter[tuple[Key, str]] = Counter()
    for window in windows:
        for key, series in window.items():
            assert not series.fresh
            assert not series.new_errors
            found.update({(key, value): number for value, number in series.total.items()})
            wrong.update({(key, error): number for error, number in series.errors.items()})
    assert (found, wrong) == (ours, failed)
    assert (recorder.answered, recorder.failed) == (ours.total(), failed.total())


def test_a_hand_over_that_has_given_way_is_finished_by_one_that_must_be_complete(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its greenlet may not come to its turn any more before Locust ends."""
    monkeypatch.setattr(recorder_module, "_BATCH", 2)
    for number in range(7):
        count(microseconds=number)
    recorder._flushing = recorder._flush()
    next(recorder._flushing)
    assert stats_of(recorder).num_requests == 2
    count(microseconds=7)
    recorder.flush()
    assert stats_of(recorder).num_requests == 8
    assert recorder.window[LIST.key].total == dict.fromkeys(range(8), 1)
    assert list(recorder._flushing) == []


def test_without_an_environment_our_own_counts_are_kept() -> None:
    recorder = Recorder()
    recorder.window["GET", "/"].fresh[7] += 2
    recorder.flush()
    assert recorder.window["GET", "/"].total == {7: 2}


def test_an_error_is_listed_once_with_how_often_it_was_seen_first_and_last(
    recorder: Recorder,
) -> None:
    stats, began = stats_of(recorder), time.time()
    for times in (3, 1, 2):
        for _ in range(times):
            count(error="status 500")
        recorder.flush()
    count(MAKE, error="status 500")
    recorder.flush()
    assert errors(stats) == {
        ("GET", "list", "status 500"): 6,
        ("POST", "make", "status 500"): 1,
    }
    assert (stats.num_failures, stats.num_requests, stats.num_none_requests) == (7, 7, 7)
    assert sum(stats.total.num_fail_per_sec.values()) == 7
    first = next(iter(stats.errors.values()))
    assert first.first_seen is not None
    assert first.last_seen is not None
    assert began <= first.first_seen <= first.last_seen <= time.time()


def test_a_report_to_the_master_that_empties_locusts_counts_loses_nothing(
    recorder: Recorder,
) -> None:
    """Locust's workers send what came since the last time, and forget it."""
    stats = stats_of(recorder)
    sent = failures = 0
    for number in range(4):
        count()
        count(error="wrong body")
        recorder.flush()
        sent += stats.total.get_stripped_report()["num_requests"]
        failures += sum(error["occurrences"] for error in stats.serialize_errors().values())
        stats.errors = {}
        assert sent == 2 * (number + 1)
    assert failures == 4


# latency and service time


def test_in_an_open_loop_latency_counts_from_the_due_time_and_service_from_the_sending(
    recorder: Recorder,
) -> None:
    count(microseconds=2000, late=0.5)
    series = recorder.window[LIST.key]
    recorder.flush()
    assert series.service == {2000: 1}
    assert series.total == {502_000: 1}


def test_in_a_closed_loop_there_is_one_time_only(recorder: Recorder) -> None:
    count(microseconds=2000)
    recorder.flush()
    assert recorder.window[LIST.key].service == {}


# windows


def test_a_late_answer_counts_in_the_window_it_was_due_in(recorder: Recorder) -> None:
    """However long nothing has come for it: those are the answers that matter."""
    due_in = recorder.window
    assert recorder.turn() is due_in
    for _ in range(3):
        recorder.flush()
    count(late=3.0, window=due_in)
    count(error="reset", late=3.0, window=due_in)
    count()
    recorder.flush()
    assert due_in[LIST.key].total == {3_001_000: 1}
    assert due_in[LIST.key].errors == {"reset": 1}
    assert recorder.window[LIST.key].total == {1000: 1}
    assert (stats_of(recorder).num_requests, stats_of(recorder).num_failures) == (3, 1)


def test_windows_of_long_ago_are_not_looked_after_for_ever(recorder: Recorder) -> None:
    for _ in range(50):
        count()
        recorder.turn()
        recorder.flush()
    assert len(recorder._others) <= recorder_module._KEPT + 1
    assert stats_of(recorder).num_requests == 50


# listeners


def locusts_own(environment: Environment) -> Callable[..., None]:
    """Do what Locust's runner does with each request that is fired."""

    def on_request(
        request_type: str,
        name: str,
        response_time: float,
        response_length: int,
        exception: Exception | None = None,
        **_: object,
    ) -> None:
        environment.stats.log_request(
            request_type, name, cast("int", response_time), response_length
        )
        if exception:
            environment.stats.log_error(request_type, name, exception)

    on_request.__module__ = "locust.runners"
    return on_request


@pytest.fixture
def attached(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Recorder, Environment]]:
    """The recorder with its greenlet, in an environment that counts as Locust's runner does."""
    spawned: list[gevent.Greenlet] = []
    spawn = gevent.spawn

    def spawning(*arguments: Any, **options: Any) -> gevent.Greenlet:  # noqa: ANN401
        spawned.append(spawn(*arguments, **options))
        return spawned[-1]

    environment = Environment()
    environment.events.request.add_listener(locusts_own(environment))
    monkeypatch.setattr(recorder_module, "FLUSH_EVERY", 0.005)
    with monkeypatch.context() as patch:
        patch.setattr(gevent, "spawn", spawning)
        recorder.attach(environment)
    yield recorder, environment
    gevent.killall(spawned)


def test_counts_come_to_locust_by_themselves(attached: tuple[Recorder, Environment]) -> None:
    _, environment = attached
    count()
    until(lambda: environment.stats.num_requests)
    count()
    count(error="reset")
    until(lambda: environment.stats.num_failures)
    assert (environment.stats.num_requests, environment.stats.num_failures) == (3, 1)


@pytest.mark.parametrize("event", ["test_stopping", "report_to_master", "quitting"])
def test_what_is_counted_last_is_handed_over_before_locust_needs_it(
    attached: tuple[Recorder, Environment], event: str
) -> None:
    _, environment = attached
    seen: list[int] = []
    hook = getattr(environment.events, event)
    # before ours was added, as Locust's own for a worker's report is
    hook._handlers.insert(1, lambda **_: seen.append(environment.stats.num_requests))
    count()
    hook.fire(environment=environment)
    assert seen == [1]


def test_to_attach_again_changes_nothing(attached: tuple[Recorder, Environment]) -> None:
    recorder, environment = attached
    handlers = len(environment.events.quitting._handlers)
    recorder.attach(environment)
    assert len(environment.events.quitting._handlers) == handlers


def test_locusts_runner_and_the_toolkit_alone_do_not_make_every_request_fire(
    attached: tuple[Recorder, Environment],
) -> None:
    recorder, environment = attached

    def ours(**_: object) -> None:
        pytest.fail("it fired")

    ours.__module__ = "toolkit.load.foreign"
    environment.events.request.add_listener(ours)
    assert not any(recorder_module._others(environment))
    assert recorder.listened is False
    count()


def test_a_listener_gets_every_request_and_locust_counts_it_once(recorder: Recorder) -> None:
    environment = Environment()
    environment.events.request.add_listener(locusts_own(environment))
    heard: list[dict[str, Any]] = []
    environment.events.request.add_listener(lambda **what: heard.append(what))
    recorder._environment = environment
    recorder.listened = any(recorder_module._others(environment))
    count(microseconds=2500, body=b"four")
    count(MAKE, error="status 500")
    recorder.flush()
    right, wrong = heard
    assert (right["request_type"], right["name"]) == ("GET", "list")
    assert right["response_time"] == pytest.approx(2.5, abs=0.001)
    assert (right["response_length"], right["exception"]) == (4, None)
    assert right["context"] == {}
    assert isinstance(wrong["exception"], RequestError)
    assert str(wrong["exception"]) == "status 500"
    assert (environment.stats.num_requests, environment.stats.num_failures) == (2, 1)
    assert recorder.window[LIST.key].total == {2500: 1}
    assert recorder.window[MAKE.key].errors == {"status 500": 1}


def test_a_listener_that_comes_and_goes_changes_no_total(
    attached: tuple[Recorder, Environment],
) -> None:
    """While requests go on all the time, some of them as it changes."""
    recorder, environment = attached
    counted = 0

    def load() -> None:
        nonlocal counted
        while True:
            count(microseconds=counted)
            counted += 1
            gevent.sleep(0)

    def listener(**_: object) -> None:
        pass

    greenlet = gevent.spawn(load)
    for _ in range(3):
        environment.events.request.add_listener(listener)
        until(lambda: recorder.listened)
        environment.events.request.remove_listener(listener)
        until(lambda: not recorder.listened)
    gevent.kill(greenlet)
    recorder.flush()
    assert counted > 100
    assert environment.stats.num_requests == counted
    assert recorder.window[LIST.key].total.total() == counted


def test_only_what_is_fired_for_ours_is_marked(recorder: Recorder) -> None:
    """Others that count requests leave ours out by it, even if a listener fails."""
    environment = Environment()
    marks: list[bool] = []

    def listener(**_: object) -> None:
        marks.append(recorder.firing)
        raise ValueError

    environment.events.request.add_listener(listener)
    recorder._environment, recorder.listened = environment, True
    count()
    assert (marks, recorder.firing) == ([True], False)


def test_what_is_counted_aside_is_in_locusts_list_and_in_no_total() -> None:
    recorder = Recorder()
    recorder._environment = Environment()
    window = recorder.window
    recorder.aside(("GET", "slow"), 0.25, 7, None)
    recorder.aside(("GET", "slow"), 0.75, 0, None)
    recorder.flush()
    stats = stats_of(recorder)
    entry = stats.entries["slow", "GET"]
    assert figures(entry) | {"sum": 1000.0, "length": 7, "requests": 2} == figures(entry)
    assert dict(entry.response_times) == {250: 1, 750: 1}
    assert (stats.total.num_requests, stats.total.total_content_length) == (0, 0)
    assert dict(stats.total.response_times) == {}
    assert (recorder.answered, recorder.failed, dict(window)) == (0, 0, {})
    assert not errors(stats)
    assert not window.raised


def test_an_error_that_is_counted_aside_is_in_locusts_list_and_in_the_window_that_is_open() -> None:
    recorder = Recorder()
    recorder._environment = Environment()
    before = recorder.turn()
    for _ in range(2):
        recorder.aside(("GET", "slow"), 0.25, 0, "status 408")
    after = recorder.turn()
    stats = stats_of(recorder)
    entry = stats.entries["slow", "GET"]
    assert (entry.num_requests, entry.num_failures) == (2, 2)
    assert errors(stats) == {("GET", "slow", "status 408"): 2}
    assert (stats.total.num_requests, stats.total.num_failures) == (0, 0)
    assert (recorder.answered, recorder.failed, dict(after)) == (0, 0, {})
    assert (before.raised, after.raised) == ({}, {"slow: status 408": 2})
