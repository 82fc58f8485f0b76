"""What a LoadTestShape comes to, second after second, and what is said of one that is left out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from toolkit.cli.traffic import own_traffic, unplayed, with_shapes
from toolkit.errors import ConfigError
from toolkit.load.shape import (
    LONGEST,
    MOST_USERS,
    Tick,
    users_by_second,
)
from toolkit.load.unplayed import left_out
from toolkit.model import LoadSettings

Folder = Callable[[dict[str, str]], Path]


def stages(*each: Tick) -> Callable[[int, int], Tick]:
    """Want one after the other, each for a second, and then the end."""
    return lambda second, _: each[second] if second < len(each) else None


def test_users_come_and_go_at_the_rate_that_the_shape_says() -> None:
    wanted = stages(*[(10, 4.0)] * 4, *[(1, 3.0)] * 4)
    assert [*users_by_second(wanted)] == [4, 8, 10, 10, 7, 4, 1, 1]


def test_a_user_that_comes_every_two_seconds_is_there_from_the_first() -> None:
    assert [*users_by_second(stages(*[(3, 0.5)] * 6))] == [1, 1, 2, 2, 3, 3]


def test_a_shape_is_told_the_second_and_the_users_that_there_are() -> None:
    asked = []

    def tick(second: int, users: int) -> Tick:
        asked.append((second, users))
        return (5, 2.0) if second < 3 else None

    assert [*users_by_second(tick)] == [2, 4, 5]
    assert asked == [(0, 0), (1, 2), (2, 4), (3, 5)]


@given(st.lists(st.tuples(st.integers(0, 200), st.floats(0.1, 300)), min_size=1, max_size=40))
def test_users_go_towards_what_is_wanted_and_never_past_it(wanted: list[tuple[int, float]]) -> None:
    assume(any(users for users, _ in wanted))
    before, found = 0, [*users_by_second(stages(*wanted))]
    assert len(found) == len(wanted)
    for now, (target, rate) in zip(found, wanted, strict=True):
        assert min(before, target) <= now <= max(before, target)
        assert abs(now - before) <= rate + 1
        assert now == target or abs(now - before) >= rate - 1
        before = now


@pytest.mark.parametrize(
    ("tick", "why"),
    [
        (stages(), "before it begins"),
        (stages((0, 1.0)), "no user"),
        (stages((-1, 1.0)), "-1 users"),
        (stages((5, 0.0)), "at 0/s"),
        (stages((MOST_USERS + 1, 1.0)), "10001 users"),
        (lambda second, users: (1, 1.0), f"within {LONGEST} s"),
    ],
)
def test_what_cannot_be_played_is_said(tick: Callable[[int, int], Tick], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        list(users_by_second(tick))


SHAPED = """
from locust import HttpUser, LoadTestShape, between
class A(HttpUser):
    wait_time = between(1, 5)
class Steps(LoadTestShape):
    def tick(self): return None
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (SHAPED, ("LoadTestShape Steps", "wait_time")),
        ("import locust\nclass S(locust.LoadTestShape):\n    pass\n", ("LoadTestShape S",)),
        ("class A:\n    def wait_time(self):\n        return 1\n", ("wait_time",)),
        ("class A:\n    wait_time: object = None\n", ("wait_time",)),
        ("class A:\n    waits = 1\n    tasks: list = []\nwait_time = 2\n", ()),
        ("class A(\n", ()),
    ],
)
def test_what_is_left_out_of_a_locustfile_is_named(text: str, found: tuple[str, ...]) -> None:
    assert left_out(text) == found


def test_a_run_says_what_it_leaves_out_and_how_it_is_had(folder: Folder) -> None:
    file = str(folder({"load.py": SHAPED}) / "load.py")
    workloads = [*own_traffic(["/"], (), file)]
    (said,) = unplayed(workloads, file, playable=True)
    assert said.startswith("load.py: LoadTestShape Steps and wait_time left out")
    assert "--shape-rounds" in said
    (said,) = unplayed(workloads, file)
    assert "--shape-rounds" not in said
    played = [replace(workload, shape=(1,)) for workload in workloads]
    assert [*unplayed(played, file, playable=True)] == []


def test_a_locustfile_that_is_not_measured_is_not_spoken_of(folder: Folder) -> None:
    """The settings may name one while reference apps are measured."""
    file = str(folder({"load.py": SHAPED}) / "load.py")
    assert [*unplayed(own_traffic(["/"], (), ""), file, playable=True)] == []
    assert [*unplayed(own_traffic(["/"], (), ""), "")] == []


def test_waits_alone_are_no_shape_that_could_be_played(folder: Folder) -> None:
    file = str(folder({"load.py": "class A:\n    wait_time = 1\n"}) / "load.py")
    (said,) = unplayed(own_traffic((), (), file), file, playable=True)
    assert "--shape-rounds" not in said


def test_a_shape_that_is_not_there_or_would_break_a_promise_is_refused(folder: Folder) -> None:
    played = LoadSettings(shape_rounds=1)
    paths = [*own_traffic(["/"], (), "")]
    file = str(folder({"load.py": SHAPED}) / "load.py")
    assert with_shapes(paths, "", LoadSettings()) == tuple(paths)
    for named in ("", file):
        with pytest.raises(ConfigError, match="none is measured"):
            with_shapes(paths, named, played)
    with pytest.raises(ConfigError, match="--most-rate"):
        with_shapes([*own_traffic((), (), file)], file, replace(played, most_rate=10.0))
