"""Who gets into the rounds of capacity, and who is dropped after each rung. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from toolkit.stats import Ratio, paired_ratio
from toolkit.tuning.limits import Learned, learn
from toolkit.tuning.look import Look
from toolkit.tuning.search import GAIN, anchor, cost
from toolkit.tuning.space import Candidate, Space

CONTENDERS = 8
CHEAPEST = 4
"""Contenders where a rate is wanted: those that cost least."""

FINALISTS = 3
RUNGS = (2, 3)
"""Rounds of each rung, after which the worse half of those that are left is dropped."""

_CHEAPEST_OF_A_SERVER = 2
_OF_A_SERVER = 4
_NEAR, _CLOSE = 0.85, 0.7
"""A look below these parts of the best of its server, and of all, is no contender. One ramp may be
off by a sixth, and the best of several is the lucky one."""

_MOST_CONFIDENT = 0.75
"""Of the intervals by which contenders are dropped; with two rounds there is only one of 50 %."""

Rates = Mapping[int, float]
"""Answers/s by the number of the round; only what may be used."""


def contenders(
    space: Space, looks: Sequence[Look], wanted: float | None = None, most: int | None = None
) -> tuple[Look, ...]:
    """Choose who is compared in rounds, the best first.

    Of each server the few that came near to its best, and the simplest that was as good but for
    noise; none that is far from the best of all. Where a rate is wanted, the cheapest that carry
    it; if none does, the others.

    Args:
        space: What was searched.
        looks: What was seen.
        wanted: Answers/s that the cheapest configuration is looked for, None: the highest rate.
        most: How many, None: as usual.
    """
    learned = [known for known in learn(space, looks) if not known.hopeless]
    if wanted is not None:
        found = [
            look
            for known in learned
            for look in sorted(_enough(known.measured, wanted), key=cost)[:_CHEAPEST_OF_A_SERVER]
        ]
        if found:
            return tuple(sorted(found, key=cost)[: most or CHEAPEST])
    chosen: dict[Candidate, Look] = {}
    best = max((known.best.rate for known in learned if known.best is not None), default=0.0)
    for known in learned:
        for look in (*_nearest(known), anchor(known)):
            if look is not None and look.rate >= _CLOSE * best:
                chosen[look.candidate] = look
    ordered = sorted(chosen.values(), key=lambda look: (-look.rate, look.candidate.order))
    return tuple(ordered[: most or CONTENDERS])


def _nearest(known: Learned) -> list[Look]:
    """Give the few that came near to the best of their server."""
    if known.best is None:
        return []
    near = [look for look in known.measured if look.rate >= _NEAR * known.best.rate]
    return sorted(near, key=lambda look: -look.rate)[:_OF_A_SERVER]


def _enough(looks: Iterable[Look], wanted: float) -> list[Look]:
    return [look for look in looks if look.rate >= wanted]


def survivors(
    order: Sequence[Candidate], rates: Mapping[Candidate, Rates], least: int = FINALISTS
) -> tuple[Candidate, ...]:
    """Drop the worse half, but none that may still be the best, and keep so many at least.

    A contender may still be the best if the interval of its ratio to the leader reaches 1, or if
    they have no valid round in common. Even then it goes if a simpler one of the same server is not
    behind it: it would not be recommended.

    Args:
        order: Those that are left, in any order.
        rates: What they did in the rounds so far.
        least: How many stay.
    """
    ranked = sorted(order, key=lambda item: (-_level(item, order, rates), item.order))
    keep = max(least, (len(ranked) + 1) // 2)
    if len(ranked) <= keep:
        return tuple(ranked)
    leader, better, worse = ranked[0], ranked[:keep], ranked[keep:]
    saved = [
        item
        for item in worse
        if _may_be_best(rates.get(item, {}), rates.get(leader, {}))
        and not any(_makes_needless(other, item, rates) for other in better)
    ]
    return (*better, *saved)


def between(mine: Rates, other: Rates, confidence: float) -> Ratio | None:
    """Give the ratio of two contenders, paired by rounds; None without a round in common."""
    common = sorted(mine.keys() & other.keys())
    if not common:
        return None
    return paired_ratio([mine[n] for n in common], [other[n] for n in common], confidence)


def _level(item: Candidate, order: Sequence[Candidate], rates: Mapping[Candidate, Rates]) -> float:
    """Say how a contender did beside the others: the median of its part of each round's best."""
    mine = rates.get(item, {})
    if not mine:
        return 0.0
    tops = {n: max(rates.get(other, {}).get(n, 0.0) for other in order) for n in mine}
    return median(value / tops[n] for n, value in mine.items())


def _may_be_best(mine: Rates, leader: Rates) -> bool:
    if not mine or not leader:
        return False  # nothing valid was measured of it
    rounds = len(mine.keys() & leader.keys())
    ratio = between(mine, leader, 0.5 if rounds < 3 else _MOST_CONFIDENT)
    return ratio is None or ratio.high is None or ratio.high >= 1


def _makes_needless(other: Candidate, item: Candidate, rates: Mapping[Candidate, Rates]) -> bool:
    if other.server != item.server or other.order >= item.order:
        return False
    ratio = between(rates.get(other, {}), rates.get(item, {}), _MOST_CONFIDENT)
    return ratio is not None and ratio.value * GAIN >= 1


def polish(space: Space, leader: Candidate) -> tuple[Candidate, ...]:
    """Give the leader with those settings changed that matter at the end only.

    Loading the app before the fork saves memory where there are several processes. Without
    keep-alive each request may go to another process, which matters where several have a core each.
    """
    server = space.server(leader.server)
    if leader.workers < 2:
        return ()
    found = []
    if server.preload:
        found.append(_with(leader, "preload", 1))
    if server.keep_alive and space.cpus > 1:
        found.append(_with(leader, "keep_alive", 0))
    return tuple(found)


def _with(leader: Candidate, name: str, value: int) -> Candidate:
    return Candidate(
        server=leader.server,
        workers=leader.workers,
        threads=leader.threads,
        extras=(*leader.extras, (name, value)),
    )
