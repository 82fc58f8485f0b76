"""Who is before whom in a table, by paired tests over all its pairs; a tie is shown as a tie."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median

from toolkit.stats import SIGNIFICANCE, SignedRank, holm, least_rounds, signed_rank

Values = Mapping[str, Mapping[int, float]]
Pair = tuple[str, str]

_DIGITS = 9
"""Stacks whose levels differ by less than rounding does are sorted by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The stacks of a table, the best first.

    Attributes:
        order: All stacks; those of the same rank stand together.
        ranks: 1 is the best; the next rank after two firsts is 3.
        shared: Stacks whose rank another one has too.
        adjusted: For each two stacks, the one that stands first in the order named first, the p of
            their difference, adjusted for the number of pairs; up to 0.05 they differ.
        missing: What is lacking to tell all stacks apart, or None if the rounds suffice.
    """

    order: tuple[str, ...]
    ranks: dict[str, int]
    shared: frozenset[str]
    adjusted: dict[Pair, float]
    missing: str | None


def rank(values: Values) -> Ranking:
    """Rank stacks by what was measured in rounds; higher is better.

    Each two stacks are compared in the rounds that both have, by the exact signed-rank test, and
    the p values are adjusted by Holm's method over all pairs. So in 95 of 100 tables at least no
    two equal stacks are told apart, however many there are. Equal means that either might have had
    the other's value in each round. Two stacks without a common round have p = 1.

    A stack's level is the median over its rounds of its value in relation to the round's (the
    geometric mean of the stacks in it). Where no round is missing, that is the median without the
    drift that hits a whole round. The order is by level, but a stack never stands before one that
    is significantly better in their common rounds, nor before one that is better than a better one:
    what was compared in the same rounds outweighs medians of different ones.

    "Cannot be told apart" is not transitive, ranks are. Therefore the leader rule: down the order,
    a stack shares the rank of the group's leader, its first, if it cannot be told apart from it;
    otherwise it leads the next group. So it may share a rank with one that it differs from (both
    tie with the leader), or stand behind one with which it ties (only the leader differs); what
    holds for two stacks is in ``adjusted``. Where significant differences run in a circle, which
    takes missing rounds or many of them, its stacks share a rank, whatever they are.

    Args:
        values: Positive values by stack and by the number of the round. For what is better if
            lower, give the reciprocals.

    Raises:
        ValueError: A stack without values, or a value that is not positive.
    """
    if not all(0 < value < math.inf for rounds in values.values() for value in rounds.values()):
        raise ValueError("a ranking needs positive rates")
    if not all(values.values()):
        raise ValueError("a ranking needs a round of each stack at least")
    pairs = list(combinations(sorted(values), 2))
    common = {pair: sorted(values[pair[0]].keys() & values[pair[1]].keys()) for pair in pairs}
    tests = {pair: _test(values, pair, common[pair]) for pair in pairs}
    adjusted = holm({pair: test.p for pair, test in tests.items()})
    worse = _worse(values, tests, adjusted)
    groups: list[list[str]] = []
    for block in _blocks(_by_level(values), worse):
        if groups and not any(_differ(adjusted, groups[-1][0], stack) for stack in block):
            groups[-1].extend(block)
        else:
            groups.append(block)
    order = tuple(stack for group in groups for stack in group)
    return Ranking(
        order=order,
        ranks={
            stack: 1 + sum(map(len, groups[:index]))
            for index, group in enumerate(groups)
            for stack in group
        },
        shared=frozenset(stack for group in groups if len(group) > 1 for stack in group),
        adjusted={(a, b): adjusted[_key(a, b)] for a, b in combinations(order, 2)},
        missing=_missing(common, adjusted, stacks=len(values)),
    )


def _key(a: str, b: str) -> Pair:
    return (a, b) if a < b else (b, a)


def _differ(adjusted: Mapping[Pair, float], a: str, b: str) -> bool:
    return adjusted[_key(a, b)] <= SIGNIFICANCE


def _test(values: Values, pair: Pair, rounds: list[int]) -> SignedRank:
    if not rounds:
        return SignedRank(p=1.0, lean=0.0)
    mine, other = ([values[stack][number] for number in rounds] for stack in pair)
    return signed_rank(mine, other)


def _worse(
    values: Values, tests: Mapping[Pair, SignedRank], adjusted: Mapping[Pair, float]
) -> dict[str, set[str]]:
    """Give to each stack all that are significantly worse than it, or than one of those."""
    worse: dict[str, set[str]] = {stack: set() for stack in values}
    for (a, b), test in tests.items():
        if _differ(adjusted, a, b):
            better, other = (a, b) if test.lean > 0 else (b, a)
            worse[better].add(other)
    for via in values:  # Warshall's transitive closure
        for stack in values:
            if via in worse[stack]:
                worse[stack] |= worse[via]
    return worse


def _by_level(values: Values) -> list[str]:
    logs = {s: {n: math.log(value) for n, value in values[s].items()} for s in values}
    rounds: dict[int, list[float]] = {}
    for stack in values:
        for number, value in logs[stack].items():
            rounds.setdefault(number, []).append(value)
    means = {number: fmean(given) for number, given in rounds.items()}
    levels = {s: median(value - means[n] for n, value in logs[s].items()) for s in values}
    return sorted(values, key=lambda stack: (-round(levels[stack], _DIGITS), stack))


def _blocks(stacks: list[str], worse: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """Yield the stacks in the order given, but the better before the worse, circles together."""
    left = list(stacks)
    while left:
        first = next(s for s in left if all(s not in worse[o] or o in worse[s] for o in left))
        block = [s for s in left if s == first or (s in worse[first] and first in worse[s])]
        yield block
        left = [stack for stack in left if stack not in block]


def _missing(
    common: Mapping[Pair, list[int]], adjusted: Mapping[Pair, float], stacks: int
) -> str | None:
    """Say how many rounds it takes, if some pairs have too few and are not told apart."""
    if not common:
        return None
    needed = least_rounds(len(common))
    short = [p for p in common if len(common[p]) < needed and not _differ(adjusted, *p)]
    if not short:
        return None
    if len(short) < len(common):
        return (
            f"{len(short)} of the {len(common)} pairs of stacks have too few rounds in common "
            f"to be ranked: among so many it takes {needed}"
        )
    most = max(map(len, common.values()))
    rounds = "1 common round" if most == 1 else f"{most or 'no'} common rounds"
    return (
        f"{stacks} stacks, all compared with all, cannot be ranked with {rounds}: it takes {needed}"
    )
