"""How many users the ``LoadTestShape`` of a locustfile wants in each second. Has no Locust.

The shape is asked before anything is measured, in a process of its own, with a clock that is
turned second by second: so the plan knows how long it lasts, and every stack gets the same load.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path

from toolkit.errors import ConfigError
from toolkit.load.child import environment_of
from toolkit.model import Workload

LONGEST = 3600
MOST_USERS = 10_000

Tick = tuple[int, float] | None
"""Users that are wanted and how many of them come or go in a second; None is the end."""

_PATIENCE = 120.0


def users_by_second(tick: Callable[[int, int], Tick]) -> Iterator[int]:
    """Follow a shape as Locust does, which asks it once a second; give the users in each.

    Args:
        tick: Gives what the shape wants, by its seconds and the users that there are.

    Raises:
        ConfigError: It has no end, no beginning, nobody, or too many.
    """
    there, second, most = 0.0, 0, 0
    while (wanted := tick(second, ceil(there))) is not None:
        users, rate = wanted
        if second >= LONGEST:
            raise ConfigError(f"it does not end within {LONGEST} s")
        if not 0 <= users <= MOST_USERS or rate <= 0:
            raise ConfigError(f"{users} users at {rate:g}/s after {second} s; 0 to {MOST_USERS:,}")
        there = min(there + rate, users) if users > there else max(there - rate, users)
        # Locust brings the first of a second at its begin
        now = ceil(there)
        most = max(most, now)
        yield now
        second += 1
    if not second:
        raise ConfigError("it ends before it begins")
    if not most:
        raise ConfigError("it has no user at any time")


def shape_of(workload: Workload) -> tuple[int, ...]:
    """Ask a locustfile how many users its shape wants in each second.

    Raises:
        ConfigError: It has no shape, or one that cannot be played; or it cannot be loaded.
    """
    name = workload.path.name
    # absolute, for it starts in another folder
    python = str(Path(sys.executable).absolute())
    with tempfile.TemporaryDirectory(prefix="toolkit-shape-") as folder:
        answer = Path(folder) / "answer.json"
        try:
            done = subprocess.run(
                [python, "-m", "toolkit.load.shape_inside", workload.path, answer],
                env=environment_of(workload),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ConfigError(
                f"{name} did not say its shape within {_PATIENCE:g} s",
                hint=f"`locust -f {workload.path}` says more.",
            ) from None
        if not answer.is_file():
            said = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
            last = said or f"it ended with {done.returncode}"
            raise ConfigError(
                f"{name} cannot be loaded: {last}", hint=f"`locust -f {workload.path}` says more."
            )
        found = json.loads(answer.read_text(encoding="utf-8"))
    if "users" not in found:
        raise ConfigError(
            f"no shape of {name} can be played: {found['why']}",
            hint="docs/your-app.md says which can be; --shape-rounds 0 measures without.",
        )
    return tuple(found["users"])
