"""Have Locust make the load of a trial, follow it, read what it recorded."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict

import msgspec

from toolkit.load.child import Child, Master, started
from toolkit.measured import LoadResult
from toolkit.model import Phase, Placement, Workload
from toolkit.ports import Fleet, LoadWatch, Tick
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.ready import free_port


class LocustEngine:
    """Runs each trial's load in a fresh Locust process, pinned to the client's CPUs.

    Args:
        users: Users that are started; a phase lets as many of them work as it says. For a workload
            whose shape is played, as many as it has at most.
        placement: Names the client's CPUs; with several, Locust makes load with as many processes.
        guardian: Told what to end should this process be killed.
        spawn_rate: Users/s that are started at most, for what they do first; None: all at once.
        fleet: Makes the load on other hosts; None: it is made here.
    """

    def __init__(
        self,
        users: int,
        placement: Placement,
        guardian: Guardian,
        *,
        spawn_rate: float | None = None,
        fleet: Fleet | None = None,
    ) -> None:
        self._users = users
        self._spawn_rate = spawn_rate
        self._fleet = fleet
        self._cpus = placement.client_cpus
        self._guardian = guardian

    @contextlib.contextmanager
    def open(self, workload: Workload) -> Iterator["LocustSession"]:
        """See ``ports.LoadEngine``."""
        fleet = self._fleet
        with contextlib.ExitStack() as stack:
            master = None
            if fleet is not None:
                port = free_port(fleet.port, fleet.address)
                master = Master(
                    address=fleet.address, port=port, workers=fleet.size, patience=fleet.patience
                )
            child = stack.enter_context(
                started(
                    "toolkit.load.inside",
                    workload,
                    users=max(workload.shape, default=self._users),
                    cpus=self._cpus,
                    guardian=self._guardian,
                    processes=len(self._cpus),
                    spawn_rate=self._spawn_rate,
                    master=master,
                )
            )
            if fleet is not None and master is not None:
                stack.enter_context(fleet.joining(master.port))
            yield LocustSession(child, fleet)


class LocustSession:
    """A Locust process that waits for its target.

    Args:
        child: The process.
        fleet: Who makes the load for it on other hosts, None: it does so itself.
    """

    def __init__(self, child: Child, fleet: Fleet | None) -> None:
        self._child = child
        self._fleet = fleet

    def aim(self, url: str) -> None:
        """See ``ports.LoadSession``."""
        patience = 0 if self._fleet is None else self._fleet.patience
        for message in self._child.messages(patience):
            match message["event"]:
                case "ready":
                    self._child.send({"url": url})
                case "started":
                    return
                case unknown:
                    raise self._child.failure(f"Locust's process said {unknown!r}")
        raise self._child.failure("Locust ended before its users were there")

    def run(self, phase: Phase, watch: LoadWatch) -> LoadResult:
        """See ``ports.LoadSession``."""
        self._child.send({"phase": asdict(phase)})
        for message in self._child.messages():
            match message["event"]:
                case "opened":
                    watch.window_opened()
                case "tick":
                    if self._fleet is not None:
                        self._fleet.miss_nobody()
                    watch.ticked(msgspec.convert(message, Tick))
                case "closed":
                    watch.window_closed()
                    self._child.send({"go_on": True})
                case "result":
                    return msgspec.convert(message, LoadResult)
                case "lost":
                    raise self._child.failure(message["why"])
                case unknown:
                    raise self._child.failure(f"Locust's process said {unknown!r}")
        raise self._child.failure("Locust ended without a result")
