import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.ranking import Ranking, rank
from toolkit.stats import signed_rank

Values = dict[str, dict[int, float]]

few_rates = st.integers(1, 4).map(float)


@st.composite
def tables(draw: st.DrawFn, *, missing: bool = False) -> Values:
    """Up to five stacks, apart by nothing or up to threefold, with drift; or full of ties."""
    stacks = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=5, unique=True))
    rounds = draw(st.integers(1, 12))
    if draw(st.booleans()):
        return {s: {n: draw(few_rates) for n in range(rounds)} for s in stacks}
    chance = random.Random(draw(st.integers(0, 2**32)))
    noise = draw(st.sampled_from([0.01, 0.1, 0.5]))
    levels = {stack: chance.choice([1, 1, 1.1, 1.5, 3]) for stack in stacks}
    drift = [chance.lognormvariate(0, 0.3) for _ in range(rounds)]
    values = {
        stack: {
            n: levels[stack] * drift[n] * chance.lognormvariate(0, noise) for n in range(rounds)
        }
        for stack in stacks
    }
    if missing:
        for given in values.values():
            for number in chance.sample(range(rounds), chance.randrange(rounds)):
                del given[number]
    return values


def table(rounds: int = 10, noise: float = 0.02, seed: int = 1, **levels: float) -> Values:
    chance = random.Random(seed)
    drift = [chance.lognormvariate(0, 0.3) for _ in range(rounds)]
    return {
        stack: {n: level * drift[n] * chance.lognormvariate(0, noise) for n in range(rounds)}
        for stack, level in levels.items()
    }


def unordered(ranking: Ranking) -> dict[frozenset[str], float]:
    return {frozenset(pair): p for pair, p in ranking.adjusted.items()}


def test_identical_stacks_tie() -> None:
    same = {number: 100.0 * number for number in range(1, 11)}
    ranking = rank({"a": same, "b": dict(same), "c": dict(same)})
    assert ranking.ranks == {"a": 1, "b": 1, "c": 1}
    assert ranking.shared == {"a", "b", "c"}
    assert set(ranking.adjusted.values()) == {1.0}
    assert ranking.missing is None


def test_a_stack_twice_as_fast_ranks_alone_with_ten_rounds() -> None:
    """Among five stacks, so against ten comparisons, and with the drift of a shared machine."""
    ranking = rank(table(a=1, b=1, fast=2, c=1, d=1))
    assert ranking.order[0] == "fast"
    assert ranking.ranks == {"fast": 1, "a": 2, "b": 2, "c": 2, "d": 2}
    assert ranking.shared == {"a", "b", "c", "d"}
    assert ranking.missing is None


def test_with_three_rounds_nobody_gets_apart_and_the_ranking_says_so() -> None:
    ranking = rank(table(rounds=3, a=1, b=10, c=100))
    assert ranking.ranks == {"a": 1, "b": 1, "c": 1}
    assert ranking.order == ("c", "b", "a")
    assert (
        ranking.missing
        == "3 stacks, all compared with all, cannot be ranked with 3 common rounds: it takes 7"
    )


def test_the_rounds_that_are_missing_are_enough() -> None:
    """One less tells nobody apart, however clear the differences."""
    assert set(rank(table(rounds=8, a=1, b=2, c=4, d=8, e=16)).ranks.values()) == {1}
    enough = rank(table(rounds=9, a=1, b=2, c=4, d=8, e=16))
    assert enough.ranks == {"e": 1, "d": 2, "c": 3, "b": 4, "a": 5}
    assert enough.missing is None


def test_a_single_stack_is_first_and_misses_nothing() -> None:
    ranking = rank({"a": {1: 5.0}})
    assert (ranking.order, ranking.ranks, ranking.shared) == (("a",), {"a": 1}, frozenset())
    assert ranking.missing is None


def test_no_stacks_make_an_empty_ranking() -> None:
    assert rank({}) == Ranking(order=(), ranks={}, shared=frozenset(), adjusted={}, missing=None)


def test_stacks_without_a_common_round_cannot_be_told_apart() -> None:
    ranking = rank({"a": {1: 1.0}, "b": {2: 100.0}})
    assert ranking.ranks == {"a": 1, "b": 1}
    assert ranking.adjusted == {("a", "b"): 1.0}
    assert (
        ranking.missing
        == "2 stacks, all compared with all, cannot be ranked with no common rounds: it takes 6"
    )


def test_a_stack_that_failed_in_most_rounds_is_named_by_its_pairs_not_held_against_all() -> None:
    values = table(rounds=12, a=1, b=2, c=4, flaky=3)
    values["flaky"] = {number: values["flaky"][number] for number in (3, 7)}
    ranking = rank(values)
    assert ranking.ranks["c"] < ranking.ranks["b"] < ranking.ranks["a"]
    assert ranking.missing == (
        "3 of the 6 pairs of stacks have too few rounds in common to be ranked: "
        "among so many it takes 8"
    )


def test_a_stack_ties_with_the_leader_of_its_group_or_leads_the_next() -> None:
    """Here c is third, behind b, a first with which it ties: it differs from a, the leader."""
    rounds = range(10)
    values = {
        "a": {n: 1.10 + 0.001 * n for n in rounds},
        "b": {n: (1.2, 0.9)[n % 2] + 0.001 * n for n in rounds},
        "c": {n: 1.00 + 0.002 * n for n in rounds},
    }
    ranking = rank(values)
    apart = {pair for pair, p in ranking.adjusted.items() if p <= 0.05}
    assert apart == {("a", "c")}
    assert ranking.order == ("a", "b", "c")
    assert ranking.ranks == {"a": 1, "b": 1, "c": 3}
    assert ranking.shared == {"a", "b"}


def test_what_was_compared_in_the_same_rounds_outweighs_the_medians_of_different_ones() -> None:
    """The machine halves its speed after round 8; "better" was measured in the slow rounds only.

    "Usual" has the higher median, and even in relation to the round, as "slow" was not there to
    lower the later rounds' levels.
    """
    machine = {n: 1000.0 if n <= 8 else 500.0 for n in range(1, 17)}
    values = {
        "usual": {n: machine[n] * (1 + n / 1e4) for n in machine},
        "better": {n: machine[n] * 1.1 * (1 - n / 1e4) for n in machine if n > 8},
        "slow": {n: machine[n] * 0.5 * (1 + n / 1e3) for n in machine if n <= 8},
    }
    ranking = rank(values)
    assert ranking.order[0] == "better"
    assert ranking.ranks["better"] < ranking.ranks["usual"] < ranking.ranks["slow"]


def test_differences_that_run_in_a_circle_make_a_tie() -> None:
    """Each beats the next in rounds that the third has not: no order is right."""
    winners = {("a", "b"): range(10), ("b", "c"): range(10, 20), ("c", "a"): range(20, 30)}
    values: Values = {"a": {}, "b": {}, "c": {}, "last": {n: 0.01 + n / 1e6 for n in range(30)}}
    for (winner, loser), rounds in winners.items():
        for number in rounds:
            values[winner][number], values[loser][number] = 2.0 + number / 1e3, 1.0
    ranking = rank(values)
    assert all(p <= 0.05 for p in ranking.adjusted.values())
    assert ranking.ranks == {"a": 1, "b": 1, "c": 1, "last": 4}


def test_a_circle_stands_as_a_whole_behind_a_leader_that_beats_any_of_it() -> None:
    """The leader ties with a, which was measured beside it in ten rounds, but beats b and c."""
    values = {
        "a": {n: 2.0 + n / 1e3 for n in range(10)} | dict.fromkeys(range(20, 30), 1.0),
        "b": dict.fromkeys(range(10), 1.0) | {n: 2.0 + n / 1e3 for n in range(10, 20)},
        "c": dict.fromkeys(range(10, 20), 1.0) | {n: 2.0 + n / 1e3 for n in range(20, 30)},
        "lead": {n: (1.9, 2.2)[n % 2] for n in range(10)} | dict.fromkeys(range(10, 20), 3.0),
    }
    ranking = rank(values)
    assert {pair for pair, p in ranking.adjusted.items() if p > 0.05} == {("lead", "a")}
    assert ranking.order[:2] == ("lead", "a")
    assert ranking.ranks == {"lead": 1, "a": 2, "b": 2, "c": 2}


def test_a_pair_with_few_common_rounds_misses_none_if_it_differs_all_the_same() -> None:
    """All other pairs differ, so Holm's method counts this one once, and six rounds are enough."""
    values = {
        "a": {n: 4.0 + n / 1e3 for n in range(26)},
        "b": dict.fromkeys(range(16), 2.0),
        "c": {n: 1.0 + n / 1e3 for n in range(10, 26)},
    }
    ranking = rank(values)
    assert ranking.ranks == {"a": 1, "b": 2, "c": 3}
    assert ranking.missing is None


@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_stacks_at_the_same_level_stand_by_name(one: float, two: float) -> None:
    """Rounding makes their levels differ in the last digit, and would order them by the drift."""
    values = {"a": {1: one, 2: 3 * two}, "b": {1: 3 * one, 2: two}}
    assert rank(values).order == ("a", "b")


def test_rounds_without_a_difference_do_not_hide_who_is_better() -> None:
    """Most rounds are equal, so the median difference is none; the others all say the same."""
    values = {
        "a": dict.fromkeys(range(22), 100.0),
        "b": {n: 100.0 + (n if n < 7 else 0) for n in range(22)},
    }
    assert rank(values).ranks == {"b": 1, "a": 2}


@given(tables(missing=True))
def test_nobody_stands_above_one_that_is_significantly_better(values: Values) -> None:
    ranking = rank(values)
    for (first, second), p in ranking.adjusted.items():
        assert ranking.ranks[first] <= ranking.ranks[second]
        common = sorted(values[first].keys() & values[second].keys())
        if p <= 0.05 and ranking.ranks[first] < ranking.ranks[second]:
            first_values = [values[first][n] for n in common]
            assert signed_rank(first_values, [values[second][n] for n in common]).lean > 0


@given(tables(missing=True))
def test_a_rank_is_one_more_than_the_number_of_stacks_above(values: Values) -> None:
    ranking = rank(values)
    assert sorted(ranking.order) == sorted(values)
    assert list(ranking.adjusted) == list(itertools.combinations(ranking.order, 2))
    places = list(ranking.ranks.values())
    for stack, place in ranking.ranks.items():
        assert place == 1 + sum(other < place for other in places)
        assert (stack in ranking.shared) == (places.count(place) > 1)


@given(tables())
def test_with_all_rounds_who_ranks_below_the_first_differs_from_it(values: Values) -> None:
    """So does every leader of a group from the leader before."""
    ranking = rank(values)
    leaders = [stack for stack in ranking.order if _leads(ranking, stack)]
    assert all(ranking.adjusted[pair] <= 0.05 for pair in itertools.pairwise(leaders))


def _leads(ranking: Ranking, stack: str) -> bool:
    return ranking.order.index(stack) == ranking.ranks[stack] - 1


@given(tables(missing=True), st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(values: Values, factor: float) -> None:
    scaled = {
        stack: {number: factor * value for number, value in rounds.items()}
        for stack, rounds in values.items()
    }
    assert rank(scaled) == rank(values)


@given(tables(missing=True), st.randoms(use_true_random=False))
def test_the_order_in_which_stacks_are_given_does_not_matter(
    values: Values, chance: random.Random
) -> None:
    names = list(values)
    chance.shuffle(names)
    assert rank({name: values[name] for name in names}) == rank(values)


@given(tables(missing=True), st.lists(st.floats(0.1, 10), min_size=12, max_size=12))
def test_drift_that_hits_all_stacks_of_a_round_changes_nothing(
    values: Values, drift: list[float]
) -> None:
    """Not even the order of stacks that tie, which medians of the plain values would turn."""
    drifted = {
        stack: {number: drift[number] * value for number, value in rounds.items()}
        for stack, rounds in values.items()
    }
    assert rank(drifted) == rank(values)


@given(tables(missing=True))
def test_what_is_better_if_lower_is_ranked_by_its_reciprocals(values: Values) -> None:
    """Each two stacks differ as before; who was better is worse."""
    inverse = {s: {n: 1 / value for n, value in rounds.items()} for s, rounds in values.items()}
    assert unordered(rank(inverse)) == unordered(rank(values))


@pytest.mark.parametrize(
    "values",
    [{"a": {1: 0.0}}, {"a": {1: -1.0}, "b": {1: 1.0}}, {"a": {1: float("nan")}}, {"a": {}}],
)
def test_what_cannot_be_ranked_is_refused(values: Values) -> None:
    with pytest.raises(ValueError, match="a ranking needs"):
        rank(values)
