"""Claims about what is recommended, and what is said of the others."""

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.tuning.choice import (
    Member,
    choose,
    choose_cheapest,
    compare_memories,
    compare_rates,
    pareto,
)


def steady(level: float, spread: float = 0.01, rounds: int = 6, seed: int = 1) -> dict[int, float]:
    noise = random.Random(f"{level} {seed}")
    return {n: level * noise.uniform(1 - spread, 1 + spread) for n in range(1, rounds + 1)}


def member(
    name: str, level: float, workers: int = 1, threads: int = 1, **changes: object
) -> Member:
    made = Member(
        name=name,
        workers=workers,
        threads=threads,
        rates=steady(level),
        parts=(0.95, 0.9, 0.95),
        memories=dict.fromkeys(range(1, 7), 50000000.0 * workers),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


# the highest rate


def test_the_highest_rate_is_taken_where_it_is_clearly_the_highest() -> None:
    found = choose([member("small", 1000), member("large", 1200, workers=4)])
    assert (found.best, found.recommended, found.tied) == ("large", "large", frozenset())
    ratio = found.ratios["small"]
    assert ratio.high is not None
    assert ratio.high < 1


def test_of_those_that_cannot_be_told_apart_the_simplest_is_taken() -> None:
    members = [
        member("large", 1010, workers=4, threads=4),
        member("small", 1000, workers=1, threads=4),
        member("other", 1005, workers=2, threads=4),
    ]
    found = choose(members)
    assert found.best == "large"
    assert found.tied == {"small", "other"}
    assert found.recommended == "small"


def test_a_difference_below_3_percent_is_none_though_it_is_certain() -> None:
    large, small = member("large", 1000, workers=4), member("small", 975)
    small = replace(small, rates={n: rate * 0.975 for n, rate in large.rates.items()})
    assert choose([large, small]).recommended == "small"
    smaller = replace(small, rates={n: rate * 0.96 for n, rate in large.rates.items()})
    assert choose([large, smaller]).recommended == "large"


def test_a_difference_of_5_percent_is_not_given_away_to_noise() -> None:
    large = member("large", 1000, workers=4, rates=steady(1000, 0.15, seed=3))
    small = member("small", 930, rates=steady(930, 0.15, seed=4))
    ratio = compare_rates(small, large)
    assert ratio is not None
    assert ratio.tie
    assert ratio.value < 0.95
    assert choose([large, small]).recommended == "large"


def test_of_equally_many_processes_and_threads_the_least_memory_is_taken() -> None:
    one = member("one", 1000, workers=2)
    other = member("preloaded", 1000, workers=2, memories=dict.fromkeys(range(1, 7), 70000000.0))
    assert choose([one, other]).recommended == "preloaded"


def test_who_misses_the_objective_at_every_rate_is_not_recommended() -> None:
    fast = member("fast", 2000, parts=(0.0, 0.0, 0.0))
    found = choose([fast, member("slow", 1000)])
    assert (found.best, found.recommended) == ("slow", "slow")


def test_who_has_no_valid_round_never_wins() -> None:
    limited = member("limited", 5000, rates={})
    assert choose([limited, member("valid", 1000)]).recommended == "valid"
    nothing = choose([limited])
    assert nothing.recommended is None
    assert nothing.nearest is None


def test_where_nobody_keeps_the_objective_the_nearest_is_named() -> None:
    found = choose([member("a", 1000, parts=(0.0,)), member("b", 1200, parts=(0.0,))])
    assert found.recommended is None
    assert found.nearest == "b"


def test_rates_carried_count_where_they_were_apart_in_every_round() -> None:
    """The one carries 95 % of 1,000, the other 50 % of 1,100."""
    one, other = member("one", 1000, parts=(0.95, 0.95)), member("other", 1100, parts=(0.5, 0.5))
    assert choose([one, other]).best == "one"
    ratio = compare_rates(other, one)
    assert ratio is not None
    assert ratio.value == pytest.approx(1.1 * 0.5 / 0.95, rel=0.02)
    sometimes = replace(other, parts=(0.5, 0.95))
    ratio = compare_rates(sometimes, one)
    assert ratio is not None
    assert ratio.value == pytest.approx(1.1, rel=0.02)


def test_without_an_interval_a_tenth_is_no_difference() -> None:
    large = member("large", 1000, workers=2, rates={1: 1000.0, 2: 1010.0})
    small = member("small", 1000, rates={1: 930.0, 2: 920.0})
    assert choose([large, small]).recommended == "small"
    smaller = member("small", 1000, rates={1: 830.0, 2: 820.0})
    assert choose([large, smaller]).recommended == "large"


levels = st.lists(st.floats(100, 10_000), min_size=1, max_size=6)


@given(levels, st.randoms(use_true_random=False))
def test_what_is_recommended_is_the_best_or_is_not_told_apart_from_it(
    given_levels: list[float], chance: random.Random
) -> None:
    members = [
        member(str(number), level, workers=chance.randint(1, 8), threads=chance.randint(1, 8))
        for number, level in enumerate(given_levels)
    ]
    found = choose(members)
    assert found.recommended is not None
    assert found.recommended in {found.best, *found.tied}
    by_name = {item.name: item for item in members}
    taken = by_name[found.recommended]
    assert all(taken.size <= by_name[name].size for name in (*found.tied, found.best or ""))
    assert found.best not in found.tied


@given(levels)
def test_the_order_in_which_they_are_given_does_not_matter(given_levels: list[float]) -> None:
    members = [member(str(n), level, workers=n + 1) for n, level in enumerate(given_levels)]
    assert choose(members) == choose(members[::-1]) or len(set(given_levels)) < len(given_levels)


# a rate that is wanted


def carrying(name: str, memory: float, workers: int = 1, missed: int = 0) -> Member:
    rounds = range(1, 7)
    return Member(
        name=name,
        workers=workers,
        threads=1,
        carried=tuple(number > missed for number in rounds),
        memories={n: memory * (1 + 0.001 * n) for n in rounds},
    )


def test_of_those_that_carry_the_rate_the_least_memory_is_taken() -> None:
    found = choose_cheapest([carrying("a", 200e6), carrying("b", 100e6, workers=3)])
    assert (found.best, found.recommended) == ("b", "b")
    assert found.ratios["a"].value == pytest.approx(2.0)


def test_of_equal_memories_the_fewest_processes_are_taken() -> None:
    found = choose_cheapest([carrying("a", 99e6, workers=3), carrying("b", 100e6, workers=1)])
    assert (found.best, found.recommended) == ("a", "b")


def test_the_rate_must_be_carried_in_all_rounds_but_one() -> None:
    once = choose_cheapest([carrying("cheap", 50e6, missed=1), carrying("dear", 100e6)])
    assert once.recommended == "cheap"
    twice = choose_cheapest([carrying("cheap", 50e6, missed=2), carrying("dear", 100e6)])
    assert twice.recommended == "dear"


def test_where_nobody_carries_it_the_nearest_is_named() -> None:
    found = choose_cheapest([carrying("a", 1e8, missed=6), carrying("b", 2e8, missed=3)])
    assert found.recommended is None
    assert found.nearest == "b"


def test_memories_are_paired_by_rounds() -> None:
    ratio = compare_memories(carrying("a", 150e6), carrying("b", 100e6))
    assert ratio is not None
    assert ratio.low == pytest.approx(1.5)
    assert ratio.high == pytest.approx(1.5)


# the Pareto set


def test_whom_another_beats_in_all_three_is_not_among_the_best() -> None:
    points = {"a": (100.0, 0.01, 50.0), "b": (90.0, 0.02, 60.0), "c": (50.0, 0.05, 20.0)}
    assert pareto(points) == {"a", "c"}


points = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=2),
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)).map(
        lambda numbers: (float(numbers[0]), float(numbers[1]), float(numbers[2]))
    ),
    min_size=1,
)


@given(points)
def test_every_other_is_beaten_by_one_of_the_best(
    given_points: Mapping[str, tuple[float, float, float]],
) -> None:
    best = pareto(given_points)
    assert best

    def beats(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
        at_least = one[0] >= other[0] and one[1] <= other[1] and one[2] <= other[2]
        return at_least and one != other

    for name, mine in given_points.items():
        beaten = any(beats(given_points[other], mine) for other in best)
        assert beaten == (name not in best)


def test_without_a_valid_round_nobody_is_the_nearest() -> None:
    found = choose_cheapest([replace(carrying("a", 1e8), carried=(), memories={})])
    assert (found.recommended, found.nearest) == (None, None)
