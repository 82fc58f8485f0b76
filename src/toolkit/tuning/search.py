"""What to look at next: from the formulas people use to where no neighbour is better. Pure.

A look is one ramp on a fresh server. First each server is looked at once, which tells how long its
requests wait and what they cost, and so how many at once can be of use. Then come the start points,
then, around the best of each server, its neighbours in a geometric grid, until none of them gains
more than noise. Whatever is asked twice is answered alike: the next step follows from the space and
the looks so far alone.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

from toolkit.tuning.limits import (
    Learned,
    allowed,
    bound,
    learn,
    over_database,
    over_memory,
)
from toolkit.tuning.look import Look
from toolkit.tuning.space import (
    FEW_THREADS,
    MANY_THREADS,
    Candidate,
    Concurrency,
    Space,
    neighbours,
    worker_ladder,
)

GAIN = 1.05
"""A neighbour that has less than so many times the rate is not better, but noise."""

FAR = 0.6
"""A server that has less than this part of the best, with no hope of more, is dropped."""

_BUSY = 0.9
"""A server that used so much of its CPU gains nothing by more requests at once."""

Cost = tuple[float, int, int]


def next_looks(
    space: Space, looks: Sequence[Look], wanted: float | None = None
) -> tuple[Candidate, ...]:
    """Give what to look at next; nothing once the search is over.

    Args:
        space: What is searched.
        looks: What was seen so far, in its order.
        wanted: Answers/s that the cheapest configuration is looked for, None: the highest rate.
    """
    learned = learn(space, looks)
    first = [
        space.fit(known.server, space.cores, FEW_THREADS)
        for known in learned
        if not known.looks
        and not over_database(space, space.fit(known.server, space.cores).workers)
    ]
    if first:
        return tuple(first)
    alive = [known for known in learned if _is_alive(space, known, learned, wanted)]
    for stage in (_starts, _walk):
        found = [
            candidate
            for known in alive
            for candidate in dict.fromkeys(stage(space, known, wanted))
            if candidate not in known.known and _is_worth(space, known, candidate, wanted)
        ]
        if found:
            return tuple(found)
    return _around(space, learned) if wanted is None else ()


def _around(space: Space, learned: Iterable[Learned]) -> tuple[Candidate, ...]:
    """Give the neighbours of the best of all that were left out for what they promised.

    What a look promises of others is a model: that the threads of one process take its lock from
    each other, so that more processes serve more on the same busy core, is not in it.
    """
    found = [known for known in learned if known.best is not None]
    if not found:
        return ()
    leader = max(found, key=lambda known: known.best.rate if known.best is not None else 0.0)
    near = [look for look in (anchor(leader), leader.best) if look is not None]
    return tuple(
        dict.fromkeys(
            candidate
            for look in near
            for candidate in neighbours(space, look.candidate)
            if candidate not in leader.known and allowed(space, leader, candidate)
        )
    )


def cost(look: Look) -> Cost:
    """Say what a configuration costs: memory, then processes, then threads.

    Memory counts in steps of 5 %: what is seen of it is no closer.
    """
    step = round(math.log(max(look.memory, 1)) / math.log(GAIN))
    return (step, look.candidate.workers, look.candidate.size)


def anchor(known: Learned, wanted: float | None = None) -> Look | None:
    """Give the look whose neighbours are looked at next; None if nothing kept the objective.

    It is the simplest of those that differ from the best of the server by no more than noise; where
    a rate is wanted and carried, the cheapest that carries it.
    """
    carrying = _carrying(known, wanted)
    if carrying:
        return min(carrying, key=cost)
    best = known.best
    if best is None:
        return None
    near = [look for look in known.measured if look.rate * GAIN >= best.rate]
    return min(near, key=lambda look: look.candidate.order)


def _carrying(known: Learned, wanted: float | None) -> list[Look]:
    if wanted is None:
        return []
    return [look for look in known.measured if look.rate >= wanted]


def _is_alive(
    space: Space, known: Learned, learned: Iterable[Learned], wanted: float | None
) -> bool:
    if known.hopeless or not known.measured:
        return False
    if wanted is not None:
        carrying = [look for other in learned for look in _carrying(other, wanted)]
        if carrying and not _carrying(known, wanted):
            # it could at best carry the rate with more memory
            least = min(look.memory for look in known.measured)
            return least < min(look.memory for look in carrying)
        return True
    best = max((other.best.rate for other in learned if other.best is not None), default=0.0)
    return _hope(space, known) >= FAR * best


def _hope(space: Space, known: Learned) -> float:
    """Give the most that a server could come to, or has come to."""
    seen = known.best.rate if known.best is not None else 0.0
    most = max(
        worker_ladder(space, _most_in_memory(space, known)) if known.server.workers else (1,),
    )
    # as many threads as are of use are there for the asking
    threads = math.ceil((known.useful(space.cpus) or 1.0) / most)
    return max(seen, bound(space, known, space.fit(known.server, most, threads)))


def _most_in_memory(space: Space, known: Learned) -> int:
    most = max(space.formula, math.ceil(known.useful(space.cpus) or 1.0))
    fitting = [n for n in range(1, most + 1) if not over_memory(space, known, n)]
    return max(fitting, default=1)


def _is_worth(space: Space, known: Learned, candidate: Candidate, wanted: float | None) -> bool:
    if not allowed(space, known, candidate):
        return False
    hope = bound(space, known, candidate)
    if wanted is not None and _carrying(known, wanted):
        return hope >= wanted
    return known.best is None or hope >= known.best.rate * GAIN


def _starts(space: Space, known: Learned, wanted: float | None) -> Iterator[Candidate]:
    """Give the formulas' configurations, and those that the first look aims at."""
    if known.best is None:
        return  # a server that misses the objective with one user gains by nothing
    carrying = _carrying(known, wanted)
    if carrying:
        return  # whatever comes here has more of everything
    useful = known.useful(space.cpus) or 1.0
    server = known.server
    if server.holds is not Concurrency.THREAD:
        for workers in (space.cores, space.formula):
            yield space.fit(server, workers)
        if server.holds is Concurrency.PROCESS:
            yield space.fit(server, _aimed_workers(space, known, useful))
        return
    for threads in (1, FEW_THREADS, MANY_THREADS, _doubling(useful / space.cores)):
        yield space.fit(server, space.cores, threads)
    yield space.fit(server, space.formula, _doubling(useful / space.formula))


def _aimed_workers(space: Space, known: Learned, useful: float) -> int:
    """Give the most of the ladder that fit, up to the first that has as many as are of use."""
    aimed = _doubling(useful)
    fitting = [
        number
        for number in worker_ladder(space, max(aimed, space.formula))
        if number <= aimed and not over_memory(space, known, number)
    ]
    return max(fitting, default=space.cores)


def _walk(space: Space, known: Learned, wanted: float | None) -> Iterator[Candidate]:
    """Give the neighbours of the server's anchor that could be better."""
    here = anchor(known, wanted)
    if here is None:
        return
    cheaper = bool(_carrying(known, wanted))
    for candidate in neighbours(space, here.candidate):
        more = candidate.size > here.candidate.size
        if cheaper and (more or candidate.workers > here.candidate.workers):
            continue
        if more and here.busy >= _BUSY:
            continue
        yield candidate


def _doubling(number: float) -> int:
    """Round up to a power of two."""
    return 1 << max(math.ceil(math.log2(max(number, 1.0)) - 1e-9), 0)
