"""What the tool and its Locust process say to each other: JSON lines over two pipes.

The tool sends ``{"url": ...}`` once the server is up, ``{"phase": ...}`` (the fields of
``model.Phase``) for each stretch of load, and ``{"go_on": true}`` after it has read the server's
use at the end of a window. Locust's process sends, each under the key ``event``:

ready      imports are done, a URL may come
started    all users are there, a phase may come
opened     the measured window begins
tick       several times a second: phase, throughput, latency (or null), errors
closed     the measured window ends; the load goes on until the tool says so
lost       in place of a result: why, if a load process is missing; nothing comes after it
result     the fields of ``measured.LoadResult``; the next phase may come

In a duel (``duel`` and ``bursts``) the tool sends ``{"urls": {"base": ..., "candidate": ...}}``,
then again and again ``{"do": NAME, ...}``, the name and the arguments of a method of
``bursts.Ring``. The process sends ready, started, tick, and after each of them the result.
"""

import json
from typing import Any

LOAD_VARIABLE = "TOOLKIT_LOAD"
"""Holds Locust's arguments, as JSON."""

EVENTS_VARIABLE = "TOOLKIT_EVENTS_FD"

MASTER_VARIABLE = "TOOLKIT_LOAD_MASTER"
"""Where a worker on another host finds the master: ``HOST:PORT``."""

AGAIN_VARIABLE = "TOOLKIT_LOAD_AGAIN"
"""Whether such a worker waits for another master when its own has ended."""


def encode(message: dict[str, Any]) -> bytes:
    """Write one message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Read one line.

    Raises:
        ValueError: It is not a JSON object.
    """
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("a message is a JSON object")
    return message
