"""The rows of the database workloads, each known from its id alone (``apps/shared/seed.sql``)."""

import json
import random
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from toolkit.client import JsonBody, Request

READABLE = range(1, 5001)
"""Rows that never change ..."""

WRITABLE = range(5001, 10001)
"""... and those that do."""

_KINDS = ("laptop", "monitor", "phone", "printer", "server")
_SITES = ("berlin", "lisbon", "nairobi", "osaka", "quito", "riga", "tunis")

_REMEMBERED = 16
"""Moves of a row that its next answer is compared with: more than are under way at once."""

_moves: defaultdict[int, deque[int]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))


def row(number: int) -> dict[str, Any]:
    """Give the row with an id as it was seeded."""
    return {
        "id": number,
        "name": f"asset-{number:05}",
        "kind": _KINDS[number % 5],
        "site": _SITES[number % 7],
        "value_cents": 1000 + number * 7919 % 100_000,
        "moves": 0,
    }


def reads(path: str, name: str) -> list[Request]:
    """Make a request for each row that never changes: ``path`` and the id."""
    return [
        Request("GET", f"{path}/{number}", name=name, expect=200, check=JsonBody(row(number)))
        for number in READABLE
    ]


def read_several(count: int) -> Request:
    """Ask for so many random rows at once."""
    numbers = random.sample(READABLE, count)
    return Request(
        "GET",
        f"/db/assets?ids={','.join(map(str, numbers))}",
        name="db-multi",
        expect=200,
        check=JsonBody([row(number) for number in numbers]),
    )


def move() -> Request:
    """Move a random row to a random site."""
    number, site = random.choice(WRITABLE), random.choice(_SITES)  # noqa: S311 - no secret
    return Request(
        "POST",
        f"/db/assets/{number}/moves",
        name="db-write",
        json={"site": site},
        expect=200,
        check=_is_moved(number, site),
    )


def forget_moves() -> None:
    """Take any number of moves for the next: the table may have been seeded anew."""
    _moves.clear()


def _is_moved(number: int, site: str) -> Callable[[bytes], bool]:
    """Make a check for the answer: what was asked for, and a number of moves not seen before.

    Two moves of a row that both count as the same have read it before either wrote it: a lost
    update.
    """

    def check(body: bytes) -> bool:
        try:
            answer = json.loads(body)
        except ValueError:
            return False
        moves = answer.pop("moves", None) if isinstance(answer, dict) else None
        if answer != {"id": number, "site": site} or type(moves) is not int or moves < 1:
            return False
        seen = _moves[number]
        if moves in seen:
            return False
        seen.append(moves)
        return True

    return check
