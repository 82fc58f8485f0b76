"""What a search looks for, what it compares with, and how long it takes. Pure."""

from dataclasses import dataclass

from toolkit.errors import ConfigError
from toolkit.model import LoadSettings, Stage
from toolkit.plan import seconds_of
from toolkit.slo import Slo
from toolkit.stats import LEAST_PAIRS
from toolkit.tuning.rounds import CONTENDERS, FINALISTS, RUNGS
from toolkit.tuning.space import Candidate, Space

REFERENCE = "gunicorn-sync"
"""Whose documentation the formula of 2 x cores + 1 workers is from."""

_LOOKS, _LOOKS_OF_POOLS, _LOOKS_AROUND = 2.5, 3.5, 3.0
"""Of a server in the mean, of one that has workers and threads, and around the best at the end."""

_CONTENDERS_OF_A_SERVER = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneSettings:
    """What is looked for, and how long.

    Attributes:
        slo: What answers should keep.
        wanted: Requests/s that the cheapest configuration should carry, None: the highest rate.
        rounds: Of the finals.
        rungs: Rounds of each rung before them, after which the worse half is dropped.
        contenders: Who gets into the first rung at most, None: as usual.
        time_limit: Seconds after which nothing more is looked for; the finals come in any case.
    """

    slo: Slo
    wanted: float | None = None
    rounds: int = LEAST_PAIRS
    rungs: tuple[int, ...] = RUNGS
    contenders: int | None = None
    time_limit: float = 900.0


def reference_of(space: Space) -> Candidate:
    """Give what everything is compared with: the formula's workers on gunicorn's sync workers.

    On the first server that has workers where there is no gunicorn-sync; on the first otherwise.
    """
    by_name = {server.name: server for server in space.servers}
    with_workers = (server for server in space.servers if server.workers)
    server = by_name.get(REFERENCE) or next(with_workers, space.servers[0])
    return space.fit(server, space.formula)


def require_servers(space: Space) -> None:
    """See that there is something to tune.

    Raises:
        ConfigError: No server has anything that could be tuned.
    """
    if not any(server.workers or server.threads for server in space.servers):
        names = ", ".join(server.name for server in space.servers)
        raise ConfigError(
            f"{names}: nothing to tune, it has neither workers nor threads",
            hint="`toolkit bench` measures it as it is.",
        )


def estimate(settings: TuneSettings, space: Space, load: LoadSettings) -> float:
    """Say about how many seconds a search takes, without building images."""
    looks = sum(
        _LOOKS_OF_POOLS if server.workers and server.threads else _LOOKS for server in space.servers
    )
    capacity = seconds_of(Stage.CAPACITY, load)
    looks += _LOOKS_AROUND
    few = _CONTENDERS_OF_A_SERVER * len(space.servers)
    left = min(float(settings.contenders or CONTENDERS), few)
    rungs = 0.0
    for count in settings.rungs:
        rungs += count * left * capacity
        left = max(left / 2, FINALISTS)
    return looks * seconds_of(Stage.RAMP, load) + rungs + finals_seconds(settings, load)


def finals_seconds(settings: TuneSettings, load: LoadSettings) -> float:
    """Say about how many seconds the finals take."""
    members = FINALISTS + 1
    capacity = settings.rounds * seconds_of(Stage.CAPACITY, load)
    return members * (capacity + load.rate_rounds * seconds_of(Stage.LATENCY, load))
