"""Loads a locustfile and follows its shape. Started by ``shape``; has Locust."""

import json
import sys
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

from locust.util.load_locustfile import load_locustfile

from toolkit.errors import ConfigError
from toolkit.load.inside import find_shared_modules
from toolkit.load.shape import Tick, users_by_second

_LATE = 0.01
"""Seconds after the full one at which a shape is asked."""


def main(locustfile: str, answer: str) -> None:
    """Write the users in each second, or why there are none, to a file.

    Args:
        locustfile: Of the shape; the first, if it has several, as Locust does.
        answer: The file.
    """
    find_shared_modules()
    said = _said(load_locustfile(locustfile)[1])
    Path(answer).write_text(json.dumps(said), encoding="utf-8")


def _said(shapes: list[Any]) -> dict[str, Any]:
    if not shapes:
        return {"why": "it has no LoadTestShape"}
    try:
        return {"users": [*users_by_second(_clocked(shapes[0]))]}
    except ConfigError as error:
        return {"why": str(error)}
    except Exception as error:  # noqa: BLE001 - a locustfile's code; told to the user
        return {"why": f"{type(error).__name__}: {error}".splitlines()[0]}


def _clocked(shape: Any) -> Any:  # noqa: ANN401 - Locust's, with what it has of a runner
    """Let a shape see a clock and a runner that are told to it."""

    def tick(second: int, users: int) -> Tick:
        # Locust asks a little after each second, too
        shape.start_time = perf_counter() - second - _LATE
        shape.get_run_time = lambda: second + _LATE
        shape.runner = SimpleNamespace(user_count=users)
        wanted = shape.tick()
        if wanted is None:
            return None
        if len(wanted) > 2 and wanted[2] is not None:
            raise ConfigError("it chooses classes of users as it goes")
        return int(wanted[0]), float(wanted[1])

    return tick


if __name__ == "__main__":
    main(*sys.argv[1:])
