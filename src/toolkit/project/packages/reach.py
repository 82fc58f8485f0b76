"""Which packages of a lock one gets to from where, and under which condition."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from toolkit.project.packages.markers import NEVER, Condition, all_of, any_of, too_tangled

_Node = TypeVar("_Node", bound=Hashable)

MOST_STEPS = 20_000
"""Clauses that are carried along edges. The lock of 200 packages takes less than two thousand."""


def reach(
    starts: Iterable[tuple[_Node, Condition]],
    edges: Callable[[_Node], Iterable[tuple[_Node, Condition]]],
) -> dict[_Node, Condition]:
    """Walk from some nodes along all edges, circles too.

    A node that is reached by several paths is reached where one of them holds; a path holds where
    all its edges do.

    Args:
        starts: Where to begin, and under which condition.
        edges: Gives the nodes after one, and under which condition.

    Raises:
        Broken: The conditions grow beyond all bounds.
    """
    found: dict[_Node, Condition] = {}
    waiting = deque(starts)
    steps = 0
    while waiting:
        node, condition = waiting.popleft()
        known = found.get(node, NEVER)
        total = any_of((known, condition))
        if total == known:
            continue
        found[node] = total
        new = total - known
        for after, where in edges(node):
            steps += len(new) * len(where) + 1
            if steps > MOST_STEPS:
                raise too_tangled()
            waiting.append((after, all_of(new, where)))
    return {node: condition for node, condition in found.items() if condition}
