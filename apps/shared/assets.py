"""What the reference apps do apart from HTTP: only framework and server differ between them."""

import itertools
import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KINDS = ("laptop", "monitor", "phone", "printer", "server")
FIRST_NEW_ID = 1_000_000
NEW_IDS = 1_000_000
CAPACITY = 1_000

Asset = dict[str, Any]


class AssetStore:
    """Assets in memory, bounded: the answers of minute ten cost what those of minute one did.

    The first page is the seed (20 assets) and never changes. Created assets go into a ring of
    ``CAPACITY``; their ids keep seven digits, so every answer to a creation has the same size.
    Safe under threads: the counter and the ring are single operations of the interpreter.
    """

    def __init__(self) -> None:
        self._seed: list[Asset] = json.loads(Path(__file__).with_name("assets.json").read_text())
        self._created: deque[Asset] = deque(maxlen=CAPACITY)
        self._numbers = itertools.count()

    def first_page(self) -> list[Asset]:
        """Return the 20 oldest assets."""
        return self._seed

    def create(self, *, name: str, kind: str, value_cents: int) -> Asset:
        """Store a valid new asset and return it with its id."""
        asset: Asset = {
            "id": FIRST_NEW_ID + next(self._numbers) % NEW_IDS,
            "name": name,
            "kind": kind,
            "value_cents": value_cents,
            "status": "in stock",
        }
        self._created.append(asset)
        return asset


def parse_new_asset(payload: object) -> dict[str, Any]:
    """Check a decoded JSON body of ``POST /api/assets`` and return the arguments for ``create``.

    Raises:
        ValueError: A field is missing or wrong; the message names it.
    """
    if not isinstance(payload, Mapping):
        raise ValueError("a JSON object is needed")
    name, kind, value = payload.get("name"), payload.get("kind"), payload.get("value_cents")
    if not isinstance(name, str) or not 1 <= len(name) <= 80:
        raise ValueError("name: a string of 1 to 80 characters is needed")
    if kind not in KINDS:
        raise ValueError(f"kind: one of {', '.join(KINDS)} is needed")
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("value_cents: a whole number of at least 0 is needed")
    return {"name": name, "kind": kind, "value_cents": value}
