"""Users begin when the loop says so: closed, open, or not at all."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

with pytest.MonkeyPatch.context() as patch:
    # threads and sockets of the tests stay what they are
    patch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    from toolkit.client import pace as pace_module
    from toolkit.client.pace import Allowance, Pace, arrivals
    from toolkit.client.recorder import Recorder, Window
    from toolkit.client.user import GreenletTurn

NEVER = 3600.0
MOST = 1000
"""More users than any of these tests has."""


class User:
    """Begins when it may; ends when the test says so."""

    def __init__(self, pace: Pace, kind: type | None = None) -> None:
        self._pace = pace
        self.kind = kind
        self.began: list[tuple[float | None, Window | None]] = []
        self.busy = False

    def go(self, due: float | None, window: Window | None) -> None:
        assert not self.busy
        self.busy = True
        self.began.append((due, window))

    def ask(self) -> None:
        self._pace.ask(self)

    def end(self) -> None:
        """End the task and ask for the next, as users do."""
        assert self.busy
        self.busy = False
        self._pace.ended()
        self._pace.ask(self)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def pace(recorder: Recorder) -> Iterator[Pace]:
    pace = Pace(recorder)
    yield pace
    pace.pause()


@pytest.fixture(params=["timerfd", "timer"])
def either_alarm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux's timer, and what is used where there is none."""
    if request.param == "timer":
        monkeypatch.setattr(pace_module, "_timerfd", None)
    else:
        assert pace_module._timerfd is not None


def asking(pace: Pace, count: int) -> list[User]:
    users = [User(pace) for _ in range(count)]
    for user in users:
        user.ask()
    return users


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        gevent.sleep(0.002)


def busy(users: Sequence[User]) -> int:
    return sum(user.busy for user in users)


# arrivals


def first(starts: Iterator[float], count: int) -> list[float]:
    return list(itertools.islice(starts, count))


@pytest.mark.parametrize("poisson", [False, True])
def test_a_seed_gives_the_same_arrivals_every_time(poisson: bool) -> None:
    once, again = (first(arrivals(50, 7, poisson=poisson), 1000) for _ in range(2))
    assert once == again


@pytest.mark.parametrize("poisson", [True, False])
def test_shifted_arrivals_are_the_same_but_later(poisson: bool) -> None:
    starts = first(arrivals(50, 7, poisson=poisson), 100)
    later = first(arrivals(50, 7, poisson=poisson, shift=0.25), 100)
    assert later == pytest.approx([start + 0.25 for start in starts])


def test_another_seed_gives_other_arrivals() -> None:
    ours, theirs = (first(arrivals(50, seed, poisson=True), 100) for seed in (1, 2))
    assert not set(ours) & set(theirs)


@given(st.floats(0.1, 1e5), st.integers())
def test_constant_arrivals_have_equal_distances_from_the_first(rate: float, seed: int) -> None:
    assert first(arrivals(rate, seed, poisson=False), 50) == pytest.approx(
        [number / rate for number in range(1, 51)]
    )


@given(st.floats(0.1, 1e5), st.integers())
def test_poisson_arrivals_never_go_back(rate: float, seed: int) -> None:
    starts = first(arrivals(rate, seed, poisson=True), 50)
    assert starts == sorted(starts)
    assert starts[0] > 0


@pytest.mark.parametrize("rate", [0.5, 1000.0])
def test_poisson_gaps_have_the_mean_and_spread_of_an_exponential(rate: float) -> None:
    """Both are 1/rate; 20,000 gaps show them to 0.7 % and 1 % (one sigma)."""
    starts = [0.0, *first(arrivals(rate, 11, poisson=True), 20_000)]
    gaps = [(b - a) * rate for a, b in itertools.pairwise(starts)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert mean == pytest.approx(1, rel=0.03)
    assert spread == pytest.approx(1, rel=0.04)


# the closed loop


def test_nobody_begins_before_a_loop_does(pace: Pace) -> None:
    users = asking(pace, 3)
    assert (busy(users), pace.running, pace.closed) == (0, 0, None)


def test_a_closed_loop_lets_exactly_so_many_run(pace: Pace) -> None:
    users = asking(pace, 5)
    pace.close_loop(3)
    for _ in range(20):
        assert (busy(users), pace.running) == (3, 3)
        next(user for user in users if user.busy).end()
    assert sum(len(user.began) for user in users) == 23


def test_users_that_come_later_join_until_the_loop_is_full(pace: Pace) -> None:
    pace.close_loop(3)
    users = asking(pace, 5)
    assert [user.busy for user in users] == [True, True, True, False, False]


def test_in_a_closed_loop_a_start_is_due_when_it_happens(pace: Pace) -> None:
    users = asking(pace, 2)
    pace.close_loop(2)
    users[0].end()
    assert users[0].began == [(None, None)] * 2


def test_a_smaller_loop_lets_the_others_end(pace: Pace) -> None:
    users = asking(pace, 4)
    pace.close_loop(4)
    pace.close_loop(1)
    assert (busy(users), pace.closed) == (4, 1)
    for user in users:
        user.end()
    assert (busy(users), pace.running) == (1, 1)


def test_a_larger_loop_takes_in_those_who_wait(pace: Pace) -> None:
    users = asking(pace, 4)
    pace.close_loop(1)
    pace.close_loop(3)
    assert (busy(users), pace.running) == (3, 3)


def test_a_pause_lets_nobody_begin_any_more(pace: Pace) -> None:
    users = asking(pace, 3)
    pace.close_loop(2)
    pace.pause()
    assert pace.closed is None
    for user in [user for user in users if user.busy]:
        user.end()
    assert (busy(users), pace.running) == (0, 0)


def test_the_place_of_a_user_that_goes_is_taken_by_another(pace: Pace) -> None:
    users = asking(pace, 4)
    pace.close_loop(2)
    pace.ended()
    pace.leave(users[0])
    assert [user.busy for user in users[1:]] == [True, True, False]
    assert pace.running == 2


def test_a_user_that_has_gone_does_not_begin(pace: Pace) -> None:
    users = asking(pace, 3)
    pace.leave(users[0])
    pace.leave(users[0])
    pace.close_loop(3)
    assert [user.busy for user in users] == [False, True, True]


@given(st.data())
def test_whatever_happens_a_closed_loop_is_as_full_as_it_can_be(data: st.DataObject) -> None:
    pace = Pace(Recorder())
    users = asking(pace, 6)
    size = 0
    for _ in range(data.draw(st.integers(1, 30))):
        running = [user for user in users if user.busy]
        match data.draw(st.sampled_from(["resize", "pause", "end", "end", "end"])):
            case "resize":
                size = data.draw(st.integers(0, 8))
                pace.close_loop(size)
            case "pause":
                size = 0
                pace.pause()
            case _ if running:
                before = len(running)
                data.draw(st.sampled_from(running)).end()
                assert busy(users) == (before if before <= size else before - 1)
            case _:
                pass
        assert pace.running == busy(users)
        assert pace.running >= min(size, len(users))


# a shape


class Thinker(User):
    """Thinks after a task, until the test says that it has."""

    def end(self) -> None:
        assert self.busy
        self.busy = False
        self._pace.think()

    def think_on(self) -> None:
        self._pace.thought()
        self._pace.ask(self)


def thinking(pace: Pace, count: int) -> list[Thinker]:
    users = [Thinker(pace) for _ in range(count)]
    for user in users:
        user.ask()
    return users


def test_who_thinks_keeps_its_place_and_is_not_at_work(pace: Pace) -> None:
    users = thinking(pace, 4)
    pace.play(2)
    assert pace.thoughtful
    users[0].end()
    assert [user.busy for user in users] == [False, True, False, False]
    assert (pace.running, pace.thinking, pace.active, pace.done) == (1, 1, 2, 1)
    users[0].think_on()
    assert [user.busy for user in users] == [True, True, False, False]
    assert (pace.running, pace.thinking) == (2, 0)


def test_users_that_a_shape_takes_away_end_what_they_are_at(pace: Pace) -> None:
    users = thinking(pace, 4)
    pace.play(4)
    pace.play(1)
    assert (busy(users), pace.closed) == (4, 1)
    for user in users:
        user.end()
        user.think_on()
    assert (busy(users), pace.running) == (1, 1)
    pace.play(3)
    assert (busy(users), pace.running) == (3, 3)


def test_a_shape_may_have_nobody_for_a_while(pace: Pace) -> None:
    users = thinking(pace, 2)
    pace.play(0)
    assert busy(users) == 0
    pace.play(2)
    assert busy(users) == 2


def test_after_a_shape_nobody_begins_who_thought_till_its_end(pace: Pace) -> None:
    users = thinking(pace, 2)
    pace.play(2)
    users[0].end()
    pace.stop_arrivals()
    assert not pace.thoughtful
    assert pace.active == 1
    users[0].think_on()
    assert (users[0].busy, pace.running, pace.thinking) == (False, 1, 0)


def test_who_still_thinks_after_a_shape_takes_no_place_in_the_next_loop(pace: Pace) -> None:
    users = thinking(pace, 4)
    pace.play(2)
    users[0].end()
    users[1].end()
    pace.close_loop(2)
    assert [user.busy for user in users] == [False, False, True, True]
    users[0].think_on()
    assert not users[0].busy


# classes


class Reader: ...


class Writer: ...


def of_classes(pace: Pace, *counts: tuple[type, int]) -> list[User]:
    """Have users ask as Locust starts them, class after class."""
    users = [User(pace, kind) for kind, count in counts for _ in range(count)]
    for user in users:
        user.ask()
    return users


@pytest.mark.parametrize("begin", ["close_loop", "play"])
def test_in_a_loop_of_few_users_all_classes_are_there_by_their_weights(
    pace: Pace, begin: str
) -> None:
    users = of_classes(pace, (Reader, 30), (Writer, 10))
    getattr(pace, begin)(8)
    at_work = [user.kind for user in users if user.busy]
    assert (at_work.count(Reader), at_work.count(Writer)) == (6, 2)


def test_in_an_open_loop_all_classes_take_turns(pace: Pace) -> None:
    users = of_classes(pace, (Reader, 3), (Writer, 3))
    pace.open_loop(iter([0.0, 0.0, NEVER]), MOST)
    until(lambda: pace.offered == 2)
    assert {user.kind for user in users if user.busy} == {Reader, Writer}


@given(st.lists(st.integers(1, 9), min_size=2, max_size=4), st.data())
def test_no_class_is_ever_short_of_its_part_by_more_than_one(
    counts: list[int], data: st.DataObject
) -> None:
    pace = Pace(Recorder())
    kinds = [type(f"Kind{number}", (), {}) for number in range(len(counts))]
    users = of_classes(pace, *zip(kinds, counts, strict=True))
    size = data.draw(st.integers(1, len(users)))
    pace.close_loop(size)
    for kind, count in zip(kinds, counts, strict=True):
        there = sum(user.busy for user in users if user.kind is kind)
        assert abs(there - size * count / len(users)) <= 1 + len(kinds) / 2


# the open loop


@pytest.mark.usefixtures("either_alarm")
def test_each_arrival_lets_a_free_user_begin_and_says_when_it_was_due(
    pace: Pace, recorder: Recorder
) -> None:
    users = asking(pace, 5)
    gaps = [0.0, 0.001, 0.004]
    pace.open_loop(iter([*gaps, NEVER]), MOST)
    until(lambda: pace.offered == 3)
    assert [len(user.began) for user in users] == [1, 1, 1, 0, 0]
    dues = [user.began[0][0] or 0.0 for user in users[:3]]
    assert [due - dues[0] for due in dues] == pytest.approx(gaps, abs=1e-6)
    assert all(user.began[0][1] is recorder.window for user in users[:3])
    assert (pace.late, pace.backlog, pace.running, len(pace.lags)) == (0, 0, 3, 3)
    assert min(pace.lags) >= 0


@pytest.mark.usefixtures("either_alarm")
def test_arrivals_that_find_nobody_free_are_late_and_served_in_order(pace: Pace) -> None:
    (user,) = asking(pace, 1)
    gaps = [0.0, 0.001, 0.002, 0.003]
    pace.open_loop(iter([*gaps, NEVER]), MOST)
    until(lambda: pace.offered == 4)
    assert (pace.late, pace.backlog, len(pace.lags)) == (3, 3, 1)
    for left in (2, 1, 0):
        user.end()
        assert (pace.backlog, pace.running) == (left, 1)
    dues = [due or 0.0 for due, _ in user.began]
    assert [due - dues[0] for due in dues] == pytest.approx(gaps, abs=1e-6)
    user.end()
    assert (user.busy, pace.running, pace.offered) == (False, 0, 4)


def test_no_more_users_are_at_work_at_once_than_an_open_loop_may_have(pace: Pace) -> None:
    """Though more are free, as they are where a closed loop needs more of them."""
    users = asking(pace, 5)
    pace.open_loop(iter([0.0, 0.0, 0.0, NEVER]), 2)
    until(lambda: pace.offered == 3)
    assert (busy(users), pace.running, pace.late, pace.backlog) == (2, 2, 1, 1)
    next(user for user in users if user.busy).end()
    assert (busy(users), pace.running, pace.backlog) == (2, 2, 0)


def test_an_arrival_belongs_to_the_window_it_was_due_in(pace: Pace, recorder: Recorder) -> None:
    """Also if it is begun after the window has ended."""
    (user,) = asking(pace, 1)
    window = recorder.window
    pace.open_loop(iter([0.0, 0.0, NEVER]), MOST)
    until(lambda: pace.offered == 2)
    assert recorder.turn() is window
    user.end()
    assert [where is window for _, where in user.began] == [True, True]


def test_an_open_loop_offers_what_its_seed_says_whoever_is_free(pace: Pace) -> None:
    asking(pace, 1)
    starts = [start for start in first(arrivals(2000, 3, poisson=True), 400) if start < 0.05]
    pace.open_loop(iter([*starts, NEVER]), MOST)
    until(lambda: pace.offered == len(starts))
    assert pace.late + len(pace.lags) == len(starts)
    assert pace.backlog == len(starts) - 1


def test_a_pause_drops_what_was_due_and_what_would_have_been(pace: Pace) -> None:
    (user,) = asking(pace, 1)
    pace.open_loop(arrivals(5000, 1, poisson=False), MOST)
    until(lambda: pace.backlog > 3)
    pace.pause()
    offered = pace.offered
    assert pace.backlog == 0
    user.end()
    gevent.sleep(0.01)
    assert (user.busy, pace.offered, pace.running) == (False, offered, 0)


def test_when_arrivals_stop_those_that_are_due_are_still_served(pace: Pace) -> None:
    (user,) = asking(pace, 1)
    pace.open_loop(arrivals(5000, 1, poisson=False), MOST)
    until(lambda: pace.backlog > 3)
    pace.stop_arrivals()
    offered = pace.offered
    while pace.backlog:
        user.end()
    gevent.sleep(0.01)
    assert (len(user.began), pace.offered) == (offered, offered)


def test_from_a_closed_to_an_open_loop_users_wait_for_their_time(pace: Pace) -> None:
    users = asking(pace, 3)
    pace.close_loop(2)
    pace.open_loop(iter([NEVER]), MOST)
    assert (busy(users), pace.closed) == (2, None)
    for user in [user for user in users if user.busy]:
        user.end()
    assert (busy(users), pace.running) == (0, 0)


def test_from_an_open_to_a_closed_loop_nothing_is_due_any_more(pace: Pace) -> None:
    users = asking(pace, 1)
    pace.open_loop(arrivals(5000, 1, poisson=False), MOST)
    until(lambda: pace.backlog > 3)
    pace.close_loop(2)
    offered = pace.offered
    users += asking(pace, 2)
    assert (busy(users), pace.backlog) == (2, 0)
    users[0].end()
    assert users[0].began[-1] == (None, None)
    gevent.sleep(0.01)
    assert pace.offered == offered


def test_from_one_open_loop_to_another_what_is_due_stays_due(pace: Pace) -> None:
    (user,) = asking(pace, 1)
    pace.open_loop(iter([0.0, 0.0, 0.0, NEVER]), MOST)
    until(lambda: pace.offered == 3)
    pace.open_loop(iter([0.0, NEVER]), MOST)
    until(lambda: pace.offered == 4)
    assert pace.backlog == 3
    for _ in range(3):
        user.end()
    dues = [due or 0.0 for due, _ in user.began]
    assert dues == sorted(dues)
    assert pace.backlog == 0


@pytest.mark.usefixtures("either_alarm")
def test_an_alarm_leaves_no_descriptor(pace: Pace) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    pace.open_loop(iter([0.0, NEVER]), MOST)
    until(lambda: pace.offered == 1)
    pace.pause()
    before = descriptors()
    for _ in range(50):
        pace.open_loop(iter([0.0, NEVER]), MOST)
        pace.pause()
    assert descriptors() == before


# users that wait in a greenlet


def test_a_user_that_waits_goes_on_when_it_may_and_knows_when_it_was_due(
    pace: Pace, recorder: Recorder
) -> None:
    turn = GreenletTurn()
    greenlet = gevent.spawn(turn.wait, pace)
    pace.open_loop(iter([0.0, NEVER]), MOST)
    greenlet.get(timeout=20)
    due, window = turn.take()
    assert due is not None
    assert window is recorder.window
    assert turn.take() == (None, None)


def test_in_a_closed_loop_a_user_that_waits_has_no_time_to_be_due(pace: Pace) -> None:
    turn = GreenletTurn()
    pace.close_loop(1)
    gevent.spawn(turn.wait, pace).get(timeout=20)
    assert turn.take() == (None, None)


def test_a_user_that_is_killed_while_it_waits_is_forgotten(pace: Pace) -> None:
    greenlet = gevent.spawn(GreenletTurn().wait, pace)
    gevent.sleep(0)
    greenlet.kill()
    pace.close_loop(1)
    assert pace.running == 0


# a closed loop that may not go as fast as it can


class Clock:
    """Goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace_module, "perf_counter", clock)
    return clock


@given(
    st.floats(0.5, 2000),
    st.lists(st.tuples(st.floats(0, 2), st.integers(0, 3)), min_size=1, max_size=80),
)
def test_an_allowance_is_never_exceeded(rate: float, steps: list[tuple[float, int]]) -> None:
    """Whatever the pauses between, and however many requests a task has."""
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(pace_module, "perf_counter", clock)
        allowance, began = Allowance(rate), clock.now
        sent = more = 0
        for pause, further in steps:
            clock.now += pause
            while allowance.take(more) == 0:
                sent += 1
                more = further  # the requests after the first of this task
                sent += further
                kept = max(1.0, rate * 0.05)
                # the requests of a task that has begun are not held up, but paid for
                assert sent - further <= (clock.now - began) * rate + kept + 1
            more = 0


def test_an_allowance_is_used_up(clock: Clock) -> None:
    allowance, sent = Allowance(100.0), 0
    for _ in range(10_000):
        clock.now += 0.001
        sent += allowance.take(0) == 0
    assert 1000 <= sent <= 1002


def test_it_says_when_to_come_back(clock: Clock) -> None:
    allowance = Allowance(10.0)
    assert allowance.take(0) == 0
    assert allowance.take(0) == pytest.approx(0.1)
    clock.now += 0.1001
    assert allowance.take(0) == 0


@pytest.mark.usefixtures("either_alarm")
def test_users_of_a_restrained_loop_take_turns_as_they_may(pace: Pace, recorder: Recorder) -> None:
    users = asking(pace, 4)
    began = time.perf_counter()
    pace.close_loop(4, most_rate=200.0)
    assert pace.closed is None  # or users would go on without asking
    done = 0
    while done < 40:
        until(lambda: busy(users))
        for user in users:
            if user.busy:
                recorder.answered += 1
                done += 1
                user.end()
    took = time.perf_counter() - began
    assert took >= (40 - 1 - 200 * 0.05) / 200
    counts = [len(user.began) for user in users]
    assert max(counts) - min(counts) <= 1


@pytest.mark.usefixtures("either_alarm")
def test_no_more_users_are_at_work_than_the_loop_has(pace: Pace) -> None:
    users = asking(pace, 5)
    pace.close_loop(2, most_rate=10_000.0)
    until(lambda: busy(users) == 2)
    gevent.sleep(0.05)
    assert busy(users) == 2


@pytest.mark.usefixtures("either_alarm")
def test_after_a_restrained_loop_come_others(pace: Pace) -> None:
    users = asking(pace, 3)
    pace.close_loop(3, most_rate=0.5)
    until(lambda: busy(users) == 1)
    pace.open_loop(iter([0.0, 0.001, NEVER]), 3)
    until(lambda: busy(users) == 3)
    for user in users:
        user.end()
    pace.close_loop(2)
    assert busy(users) == 2
