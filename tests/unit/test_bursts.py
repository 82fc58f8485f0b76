"""Two sides take turns in short bursts: who is asked what, when, and for how long it counts."""

import itertools
import random
import runpy
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import cattrs
import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import parameters
from toolkit.checked import Bursts, Side
from toolkit.cli.checking import _workloads
from toolkit.config import CheckConfig
from toolkit.parameters import Parameters

with pytest.MonkeyPatch.context() as patch:
    # threads and sockets of the tests stay what they are
    patch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    from locust import FastHttpUser, User, task
    from locust.dispatch import UsersDispatcher

    from toolkit.client import Request, SocketUser
    from toolkit.client.pace import Pace, arrivals
    from toolkit.client.recorder import Recorder, Window
    from toolkit.client.user import chance, course
    from toolkit.load import bursts as module
    from toolkit.load.bursts import Ring, _take_sides
    from toolkit.load.foreign import client_of

A, B = Side.BASE, Side.CANDIDATE
USERS = 4
URLS = {A: "http://127.0.0.1:1", B: "http://127.0.0.1:2"}


class Asked(NamedTuple):
    """A task that a user began: what was drawn for it, and when it was meant to begin."""

    drawn: tuple[float, float]
    due: float | None


class Burst:
    """A time in which one side was let go."""

    def __init__(self, side: Side, users: int | None) -> None:
        self.side = side
        self.users = users
        self.asked: list[Asked] = []


class FakeUser:
    """Begins when it may, and has its answer after a while."""

    kind: type | None = None

    def __init__(self, track: "Track", side: Side, pace: Pace) -> None:
        self._track = track
        self._side = side
        self._pace = pace

    def go(self, due: float | None, window: Window | None) -> None:
        track = self._track
        assert not track.busy[track.other(self._side)], "both sides are asked at once"
        track.busy[self._side] += 1
        drawn = (random.random(), chance().random())
        track.bursts[-1].asked.append(Asked(drawn, due))
        if track.silent != self._side:
            gevent.spawn_later(track.takes[self._side], self._end)

    def _end(self) -> None:
        track, side = self._track, self._side
        track.busy[side] -= 1
        track.count(side)
        self._pace.ended()
        self._pace.ask(self)


class LoggedPace(Pace):
    """Says whom it lets go."""

    def __init__(self, recorder: Recorder, track: "Track", side: Side) -> None:
        super().__init__(recorder)
        self._track = track
        self._side = side

    def close_loop(self, users: int, most_rate: float | None = None) -> None:
        self._track.bursts.append(Burst(self._side, users))
        super().close_loop(users)

    def open_loop(self, starts: Iterator[float], most: int) -> None:
        self._track.bursts.append(Burst(self._side, None))
        super().open_loop(starts, most)


class Track:
    """A ring with users of both sides, and what happens in it.

    Attributes:
        takes: Seconds until an answer, by side.
        silent: A side that never answers.
        wrong: Every so many answers of a side, one is wrong.
        told: What the tool is told.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.takes = {A: 0.0005, B: 0.0005}
        self.names = ["GET /"]
        self.silent: Side | None = None
        self.wrong: dict[Side, int] = {}
        self.answers = {A: 0, B: 0}
        self.busy = {A: 0, B: 0}
        self.bursts: list[Burst] = []
        self.told: list[str] = []
        self.paces: dict[Side, Pace] = {side: LoggedPace(recorder, self, side) for side in Side}
        self.ring = Ring(self, self.paces, "FakeUser")  # type: ignore[arg-type]

    @staticmethod
    def other(side: Side) -> Side:
        return B if side is A else A

    def tell(self, event: str, **_: object) -> None:
        self.told.append(event)

    def enter(self, users: int = USERS) -> "Track":
        for _ in range(users):
            for side in Side:
                self.paces[side].ask(FakeUser(self, side, self.paces[side]))
        self.ring.wait_for_users(2 * users)
        return self

    def count(self, side: Side) -> None:
        """Count an answer, each third one of the second name if there are two."""
        self.answers[side] += 1
        number = self.answers[side]
        method, name = self.names[-1 if number % 3 == 0 else 0].split()
        key = (method, f"{name}{side}")
        if number % self.wrong.get(side, number + 1) == 0:
            self._recorder.failed += 1
            self._recorder.window[key].new_errors["status 500"] += 1
            return
        self._recorder.record(self._recorder.window, key, self.takes[side], None)
        self._recorder.window[key].length += 100

    def measure(self, **changes: Any) -> Bursts:  # noqa: ANN401 - arguments of any type
        given: dict[str, Any] = {"burst": 0.004, "least": 8, "latencies": 0.0}
        self.bursts.clear()
        result = self.ring.bursts(**{"seed": 1, "seconds": 0.15, **given, **changes})
        return cattrs.structure(result, Bursts)

    def order(self) -> list[Side]:
        return [burst.side for burst in self.bursts]

    def blocks(self) -> list[list[Burst]]:
        assert len(self.bursts) % 4 == 0
        return [self.bursts[start : start + 4] for start in range(0, len(self.bursts), 4)]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    found = Recorder()
    monkeypatch.setattr(module, "recorder", found)
    return found


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the ring's time go on by a millisecond whenever it looks at it.

    How many blocks it comes to does not depend on this machine then.
    """
    looked = itertools.count()
    monkeypatch.setattr(module, "perf_counter", lambda: next(looked) * 1e-3)


@pytest.fixture
def track(recorder: Recorder) -> Iterator[Track]:
    found = Track(recorder)
    yield found
    for pace in found.paces.values():
        pace.pause()


# who is asked when


def test_bursts_come_in_blocks_whose_order_is_drawn(track: Track) -> None:
    track.enter()
    orders = set()
    for seed in range(6):
        track.measure(seed=seed, seconds=0.05)
        orders |= {tuple(burst.side for burst in block) for block in track.blocks()}
    assert orders == {(A, B, B, A), (B, A, A, B)}


@pytest.mark.usefixtures("steps")
def test_the_same_seed_gives_the_same_order(track: Track) -> None:
    track.enter()
    orders = []
    for seed in (7, 7, 8):
        track.measure(seed=seed)
        orders.append(track.order())
    once, again, other = (order[: min(map(len, orders))] for order in orders)
    assert len(once) >= 12
    assert once == again
    assert once != other


@pytest.mark.usefixtures("steps")
def test_both_sides_of_a_block_are_asked_the_same_and_each_burst_of_a_side_something_else(
    track: Track,
) -> None:
    track.enter().measure()
    assert len(track.blocks()) >= 2
    before: set[tuple[float, float]] = set()
    for block in track.blocks():
        drawn = [[asked.drawn for asked in burst.asked] for burst in block]
        for one, other in (drawn[:2], drawn[2:]):
            common = min(len(one), len(other))
            assert common >= 8
            assert one[:common] == other[:common]
        assert not set(drawn[0]) & set(drawn[2])
        assert not before & {*drawn[0], *drawn[2]}
        before |= {*drawn[0], *drawn[2]}


def test_nobody_is_asked_while_requests_of_the_other_side_are_under_way(track: Track) -> None:
    """The users look for it. Answers take longer than a burst here, so each must be waited for."""
    track.takes = {A: 0.02, B: 0.015}
    track.enter().measure(burst=0.001, least=1, seconds=0.2)
    assert {(A, B), (B, A)} <= set(pairwise(track.order()))
    assert track.busy == {A: 0, B: 0}


def test_all_users_of_a_side_work_in_its_bursts(track: Track) -> None:
    track.enter(users=3).measure()
    assert {burst.users for burst in track.bursts} == {3}


# how long


def test_a_burst_lasts_until_the_least_number_of_answers_has_come(track: Track) -> None:
    track.enter().measure(burst=0.0001, least=30, seconds=0.05)
    assert min(len(burst.asked) for burst in track.bursts) >= 30


def test_a_burst_lasts_for_several_times_what_a_lone_request_takes(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the slower side, for both."""
    monkeypatch.setattr(module, "_TICK", 0.001)
    track.takes = {A: 0.001, B: 0.01}
    track.enter().ring.warm_up(seed=1, least=4)
    load = track.measure(burst=0.001, least=1, latencies=5.0, seconds=0.05)
    for side in Side:
        # a timer may go off a little early
        assert load.of(side).busy >= 0.9 * 0.05 * load.of(side).bursts


def test_the_load_lasts_for_so_long_in_whole_blocks(track: Track) -> None:
    track.enter()
    began = time.perf_counter()
    load = track.measure(seconds=0.1)
    assert time.perf_counter() - began >= 0.1
    assert load.base.bursts == load.candidate.bursts == len(track.bursts) / 2
    assert load.base.bursts % 2 == 0


def test_a_server_that_falls_silent_does_not_hold_up_the_load_for_ever(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BURST_LIMIT", 0.05)
    monkeypatch.setattr(module, "_DRAIN_LIMIT", 0.05)
    track.silent = B
    track.enter()
    with pytest.raises(RuntimeError, match="4 requests never ended"):
        track.measure()


# what counts


def test_answers_count_for_the_side_that_gave_them(track: Track) -> None:
    track.takes = {A: 0.0005, B: 0.002}
    load = track.enter().measure()
    assert load.client == "FakeUser"
    assert load.client_cpu > 0
    for side in Side:
        mine = load.of(side)
        assert mine.endpoints.keys() == {f"GET /{side}"}
        (endpoint,) = mine.endpoints.values()
        assert endpoint.answered == mine.tasks == track.answers[side]
        assert endpoint.answered == sum(len(b.asked) for b in track.bursts if b.side is side)
        assert endpoint.length == 100.0
        assert (endpoint.failed, mine.errors) == (0, {})
        assert mine.latency.percentiles(50)[0] == pytest.approx(track.takes[side], rel=1e-2)


def test_answers_that_were_handed_to_locust_meanwhile_count_once(
    track: Track, recorder: Recorder
) -> None:
    flushing = gevent.spawn(flush_again_and_again, recorder)
    load = track.enter().measure()
    flushing.kill()
    for side in Side:
        (endpoint,) = load.of(side).endpoints.values()
        assert (endpoint.answered, endpoint.length) == (track.answers[side], 100.0)


def flush_again_and_again(recorder: Recorder) -> None:
    while True:
        gevent.sleep(0.005)
        recorder.flush()


def test_wrong_answers_count_as_such_and_for_their_side_only(track: Track) -> None:
    track.wrong = {B: 4}
    load = track.enter().measure()
    (endpoint,) = load.candidate.endpoints.values()
    assert endpoint.failed == track.answers[B] // 4
    assert endpoint.answered == track.answers[B] - endpoint.failed
    assert load.candidate.errors == {"status 500": endpoint.failed}
    assert load.base.errors == {}


def test_what_tasks_raise_counts_for_the_side_whose_turn_it_is(
    track: Track, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    track.enter()
    count = track.count

    def counted(side: Side) -> None:
        count(side)
        recorder.window.raised[f"raised by the {side}"] += 1

    monkeypatch.setattr(track, "count", counted)
    load = track.measure()
    for side in Side:
        assert load.of(side).errors == {f"raised by the {side}": track.answers[side]}


def test_each_measurement_begins_from_nothing(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TICK", 0.001)
    track.enter().ring.warm_up(seed=1, least=20)
    for _ in range(2):
        track.answers = {A: 0, B: 0}
        load = track.measure()
        answered = {side: load.of(side).tasks for side in Side}
        assert answered == track.answers


def test_the_tool_is_told_now_and_then(track: Track, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TICK", 0.0)
    load = track.enter().measure()
    assert track.told == ["tick"] * (load.base.bursts + load.candidate.bursts)


# before the bursts


def test_each_side_is_warmed_up_by_so_many_requests_of_each_kind(
    track: Track, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TICK", 0.001)
    track.names = ["GET /often", "GET /seldom"]
    least = {A: 0, B: 0}
    count = track.count

    def counted(side: Side) -> None:
        count(side)
        method, name = ("GET", f"/seldom{side}")
        least[side] = max(least[side], recorder.window[method, name].total.total())

    monkeypatch.setattr(track, "count", counted)
    track.enter().ring.warm_up(seed=1, least=40)
    assert min(least.values()) >= 40


def test_a_rare_kind_of_request_is_not_waited_for_for_ever(
    track: Track, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes but once here; ten times as many requests as are wanted of each kind suffice."""
    monkeypatch.setattr(module, "_TICK", 0.001)
    track.enter()
    count = track.count

    def counted(side: Side) -> None:
        count(side)
        recorder.window["GET", "/rare"].total[1] = 1

    monkeypatch.setattr(track, "count", counted)
    track.ring.warm_up(seed=1, least=8)
    assert 80 <= track.answers[A] < 400
    assert 80 <= track.answers[B] < 400


def test_lone_requests_are_sent_by_one_user_at_a_time_to_both_sides_alike(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TICK", 0.001)
    track.enter().ring.warm_up(seed=1, least=8)
    lone = [burst for burst in track.bursts if burst.users == 1]
    assert [burst.side for burst in lone] == [A] * 10 + [B] * 10
    drawn = [burst.asked[0].drawn for burst in lone]
    assert drawn[:10] == drawn[10:]
    assert len(set(drawn)) == 10


def test_users_that_never_become_ready_are_told(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WARM_UP_LIMIT", 0.01)
    with pytest.raises(RuntimeError, match="on_start"):
        track.ring.wait_for_users(2 * USERS)


def test_both_sides_have_as_many_users_as_the_smaller_has_ready(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WARM_UP_LIMIT", 0.01)
    track.paces[A].ask(FakeUser(track, A, track.paces[A]))
    track.enter(users=3)
    track.measure(seconds=0.02)
    assert {burst.users for burst in track.bursts} == {3}


# at a fixed rate


def test_at_a_fixed_rate_both_sides_of_a_block_have_the_same_arrivals(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RATE_SLICE", 0.02)
    wanted: list[tuple[float, int]] = []

    def listed(rate: float, seed: int, *, poisson: bool) -> Iterator[float]:
        wanted.append((rate, seed))
        assert poisson
        return arrivals(rate, seed, poisson=poisson)

    monkeypatch.setattr(module, "arrivals", listed)
    track.enter()
    track.bursts.clear()
    load = cattrs.structure(track.ring.at_rate(seed=3, seconds=0.3, rate=500.0), Bursts)
    assert {rate for rate, _ in wanted} == {500.0}
    seeds = [seed for _, seed in wanted]
    assert len(seeds) == len(track.bursts) >= 4
    for start in range(0, len(seeds), 4):
        first, second, third, fourth = seeds[start : start + 4]
        assert first == second != third == fourth
    for side in Side:
        # each task is meant to begin at a time, and is waited for although its slice is over
        asked = [ask for burst in track.bursts if burst.side is side for ask in burst.asked]
        assert asked
        assert all(ask.due is not None for ask in asked)
        assert load.of(side).tasks == len(asked) == track.answers[side]


def test_what_was_due_in_a_slice_is_done_although_everybody_was_busy(
    track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RATE_SLICE", 0.02)
    track.takes = {A: 0.02, B: 0.02}
    load = cattrs.structure(track.enter().ring.at_rate(seed=3, seconds=0.01, rate=1000.0), Bursts)
    for side in Side:
        # two slices of 20, of which four users can do one each
        assert track.paces[side].offered > 2 * USERS
        assert load.of(side).tasks == track.paces[side].offered


# users of two sides


class Own(SocketUser):
    weight = 3
    tasks = [Request("GET", "/own")]  # noqa: RUF012 - as Locust has it


class Foreign(FastHttpUser):
    host = "http://the.locustfile.says:1"

    @task(2)
    def read(self) -> None: ...

    @task
    def write(self) -> None: ...


@pytest.fixture
def no_paces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(course), "paces", {})


@pytest.mark.usefixtures("no_paces")
def test_each_class_of_users_has_two_subclasses_with_the_hosts_of_the_sides(track: Track) -> None:
    made = _take_sides([Own, Foreign], URLS, track.paces)
    assert [kind.__name__ for kind in made] == [
        *("Own_base", "Foreign_base"),
        *("Own_candidate", "Foreign_candidate"),
    ]
    for kind, original in zip(made, [Own, Foreign] * 2, strict=True):
        assert issubclass(kind, original)
        assert kind.weight == original.weight
        assert kind.tasks == original.tasks
        assert kind.__module__ == original.__module__
        assert client_of(kind) == client_of(original)
    assert [kind.host for kind in made] == [URLS[A]] * 2 + [URLS[B]] * 2
    # those of the locustfile stay what they are
    assert (Own.host, Foreign.host) == (None, "http://the.locustfile.says:1")


@pytest.mark.usefixtures("no_paces")
def test_users_go_by_the_pace_of_their_side(track: Track) -> None:
    for kind in _take_sides([Own, Foreign], URLS, track.paces):
        side = A if kind.host == URLS[A] else B
        user = kind.__new__(kind)
        assert course.pace_of(user) is track.paces[side]
    assert course.pace_of(Own.__new__(Own)) is None


@pytest.mark.parametrize(
    "path", ["/", "/items?page=2&size=5", "/a%20b", "/?q=%C3%A4+b", "/x=1;y", "/100%", "/5ms"]
)
def test_the_path_that_is_requested_is_the_one_that_was_given(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workload,) = _workloads(CheckConfig(get=(path,)), with_stack=False)
    query = Parameters(workload.parameters, "").query()
    monkeypatch.setenv(parameters.VARIABLE, query)
    found = runpy.run_path(str(workload.path))
    (request,) = found["GetUser"].tasks
    assert request.key == ("GET", path)
    assert workload.id == f"GET {path}"


class Node:
    """What Locust's dispatcher must know of a process that makes load."""

    id = "1"

    def __init__(self) -> None:
        self.user_classes_count: dict[str, int] = {}


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 10))
def test_both_sides_have_the_same_users_of_each_class(weights: list[int], users: int) -> None:
    """However Locust divides them by their weights."""
    kinds = [
        type(f"Kind{number}", (User,), {"weight": weight, "tasks": [print]})
        for number, weight in enumerate(weights)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(course), "paces", {})
        made = _take_sides(kinds, URLS, {side: Pace(Recorder()) for side in Side})
    dispatcher = UsersDispatcher([Node()], made)  # type: ignore[list-item]
    dispatcher.new_dispatch(2 * users, 2 * users)
    *_, spread = dispatcher
    for kind in kinds:
        assert spread["1"][f"{kind.__name__}_base"] == spread["1"][f"{kind.__name__}_candidate"]
    assert sum(spread["1"].values()) == 2 * users
