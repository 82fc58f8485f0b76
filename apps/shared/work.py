"""Work and payloads that cost the same in every framework."""

import json
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

STATIC = Path(__file__).with_name("static")
"""Folder of the files under ``/static/``."""

SITE_NAME = "Müller & Söhne <Berlin>"
"""Heading of the page of assets; a template that does not escape shows."""

CHUNK_BYTES = 1024
MOST_CHUNKS = 10_000
MOST_ROUNDS = 10_000_000
MOST_ROWS = 100_000


def burn(rounds: int) -> int:
    """Do a fixed piece of work in pure Python and give its checksum (32 bits).

    A linear congruential generator folded by exclusive or: integers only, no memory, nothing a
    cache could keep, and it holds the GIL from end to end.
    """
    state, checksum = 1, 0
    for _ in range(rounds):
        state = (state * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
        checksum ^= state
    return checksum


@lru_cache(maxsize=4)
def export(rows: int) -> list[dict[str, Any]]:
    """Give a list of assets for a large answer; the app makes JSON of it for every request."""
    seed = json.loads(Path(__file__).with_name("assets.json").read_text())
    return [{**seed[number % len(seed)], "id": number + 1} for number in range(rows)]


def chunks(count: int) -> Iterator[bytes]:
    """Give the pieces of a streamed answer: numbered lines of one KiB each."""
    for number in range(count):
        yield f"{number:>{CHUNK_BYTES - 1}}\n".encode()


def checksum(data: bytes, start: int = 0) -> int:
    """Give the CRC-32 of uploaded bytes; fed piece by piece with the value so far."""
    return zlib.crc32(data, start)
