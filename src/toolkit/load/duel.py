"""Have one Locust process load two servers in turns, in short bursts. Does not import Locust."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cattrs

from toolkit.checked import Bursts, CheckSettings, Side
from toolkit.load.child import Child, started
from toolkit.model import Placement, Workload
from toolkit.ports import Tick
from toolkit.runtime.guardian import Guardian

_CONVERTER = cattrs.Converter()

GET_FILE = Path(__file__).with_name("get.py")
"""The locustfile that requests one path."""


class LocustDuels:
    """Makes the load of duels, each with a fresh Locust process on the client's CPUs.

    There is one process however many CPUs there are: two could not change sides at the same time.

    Args:
        settings: How many users each side has, how long bursts are.
        placement: Names the client's CPUs.
        guardian: Told what to end should this process be killed.
    """

    def __init__(self, settings: CheckSettings, placement: Placement, guardian: Guardian) -> None:
        self._settings = settings
        self._cpus = placement.client_cpus
        self._guardian = guardian

    @contextlib.contextmanager
    def open(self, workload: Workload) -> Iterator["LocustDuel"]:
        """See ``ports.DuelEngine``."""
        with started(
            "toolkit.load.bursts",
            workload,
            users=2 * self._settings.users,
            cpus=self._cpus,
            guardian=self._guardian,
        ) as child:
            yield LocustDuel(child, self._settings)


class LocustDuel:
    """A Locust process that waits for its two targets."""

    def __init__(self, child: Child, settings: CheckSettings) -> None:
        self._child = child
        self._settings = settings

    def aim(self, urls: Mapping[Side, str]) -> None:
        """See ``ports.DuelSession``."""
        for message in self._child.messages():
            match message["event"]:
                case "ready":
                    self._child.send({"urls": {str(side): url for side, url in urls.items()}})
                case "started":
                    return
                case unknown:
                    raise self._child.failure(f"Locust's process said {unknown!r}")
        raise self._child.failure("Locust ended before its users were there")

    def warm_up(self, seed: int, ticked: Callable[[Tick], None]) -> None:
        """See ``ports.DuelSession``."""
        self._do("warm_up", ticked, seed=seed, least=self._settings.warmup_requests)

    def bursts(self, seed: int, seconds: float, ticked: Callable[[Tick], None]) -> Bursts:
        """See ``ports.DuelSession``."""
        settings = self._settings
        result = self._do(
            "bursts",
            ticked,
            seed=seed,
            seconds=seconds,
            burst=settings.burst,
            least=settings.burst_requests,
            latencies=settings.burst_latencies,
        )
        return _CONVERTER.structure(result, Bursts)

    def at_rate(
        self, seed: int, seconds: float, rate: float, ticked: Callable[[Tick], None]
    ) -> Bursts:
        """See ``ports.DuelSession``."""
        result = self._do("at_rate", ticked, seed=seed, seconds=seconds, rate=rate)
        return _CONVERTER.structure(result, Bursts)

    def _do(self, what: str, ticked: Callable[[Tick], None], **how: object) -> dict[str, Any]:
        self._child.send({"do": what, **how})
        for message in self._child.messages():
            match message["event"]:
                case "tick":
                    ticked(_CONVERTER.structure(message, Tick))
                case "result":
                    return message
                case unknown:
                    raise self._child.failure(f"Locust's process said {unknown!r}")
        raise self._child.failure("Locust ended without a result")
