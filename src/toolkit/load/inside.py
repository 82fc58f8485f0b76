"""The Locust process: does phase after phase as the tool says. Started by ``engine``; has Locust.

With one load process everything happens in it. With several (``--processes``) this code runs in
Locust's master and in its workers: the master conducts, each worker makes its share of the load and
sends what it recorded as counts, which are added up.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

import gevent
import gevent.select
from locust import events
from locust import main as locust_main
from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner

from toolkit.catalog import root
from toolkit.client.pace import Pace
from toolkit.client.user import course, recorder
from toolkit.load.foreign import ForeignUsers
from toolkit.load.gauge import Gauge, merge
from toolkit.load.protocol import EVENTS_VARIABLE, LOAD_VARIABLE, decode, encode
from toolkit.model import Arrivals, Phase

if TYPE_CHECKING:
    from io import BufferedReader

_TICK = 0.25
_POLL = 0.02
_SETTLE_LIMIT = 15.0
"""A server too slow for the least number of requests gets this many seconds more for them."""

_START_LIMIT = 20.0
_GO_ON_LIMIT = 15.0
_COLLECT_LIMIT = 30.0
_LOST = 5.0
"""Seconds without a word after which a load process is lost; it says how it goes eight times in
each, and Locust itself waits three."""

_GC_THRESHOLD = 20_000
_MESSAGE = "toolkit"


class LostError(RuntimeError):
    """A load process has ended, or cannot be reached any more."""


class Crew(Protocol):
    """Those who make the load, seen from the conductor."""

    def progress(self) -> tuple[int, int, float | None]:
        """Verified answers and errors so far, and the median of the latest latencies.

        Raises:
            LostError: Somebody is missing.
        """
        ...

    def free(self) -> int:
        """How many users are ready for a task."""
        ...

    def begin(self, phase: Phase) -> None:
        """Let the load of a phase begin."""
        ...

    def open(self) -> None:
        """Begin the measured window."""
        ...

    def close(self) -> None:
        """End it."""
        ...

    def results(self) -> list[dict[str, Any]]:
        """End the load and give what each load process recorded.

        Raises:
            LostError: Somebody is missing.
        """
        ...


class LocalCrew:
    """This process makes the load itself."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self.begin = gauge.begin
        self.open = gauge.open
        self.close = gauge.close

    def progress(self) -> tuple[int, int, float | None]:
        """See ``Crew``."""
        return (*self._gauge.progress(), self._gauge.latest())

    def free(self) -> int:
        """See ``Crew``."""
        return self._gauge.free

    def results(self) -> list[dict[str, Any]]:
        """See ``Crew``."""
        self._gauge.rest()
        return [self._gauge.result()]


class RemoteCrew:
    """Locust's workers make the load; messages of Locust's own carry what they record."""

    def __init__(self, runner: MasterRunner) -> None:
        self._runner = runner
        self._progress: dict[str, tuple[int, int, float | None]] = {}
        self._free: dict[str, int] = {}
        self._results: dict[str, dict[str, Any]] = {}
        self._workers = list(runner.clients)
        self._heard = dict.fromkeys(self._workers, time.monotonic())
        runner.register_message(_MESSAGE, self._on_message)

    def _on_message(self, msg: Any, **_: object) -> None:  # noqa: ANN401 - Locust's
        data = msg.data
        self._heard[msg.node_id] = time.monotonic()
        if "result" in data:
            self._results[msg.node_id] = data["result"]
        else:
            self._progress[msg.node_id] = (data["answered"], data["failed"], data["latency"])
            self._free[msg.node_id] = data["free"]

    def progress(self) -> tuple[int, int, float | None]:
        """See ``Crew``; the latency is the worst worker's median."""
        self._miss_nobody()
        states = list(self._progress.values())
        latencies = [latency for _, _, latency in states if latency is not None]
        answered, failed = sum(state[0] for state in states), sum(state[1] for state in states)
        return answered, failed, max(latencies, default=None)

    def _miss_nobody(self) -> None:
        now = time.monotonic()
        lost = [name for name in self._workers if now - self._heard[name] > _LOST]
        gone = [name for name in self._workers if name not in self._runner.clients]
        if lost or gone:
            # Locust names workers by their host, and a number of its own
            names = ", ".join(sorted({name.rpartition("_")[0] for name in (*lost, *gone)}))
            how = f"said nothing for {_LOST:g} s" if lost else "ended"
            number = len({*lost, *gone})
            raise LostError(
                f"{number} of {len(self._workers)} load processes {how}, on {names}: what the "
                "others did is not the load that was meant"
            )

    def free(self) -> int:
        """See ``Crew``."""
        return sum(self._free.values())

    def begin(self, phase: Phase) -> None:
        """See ``Crew``."""
        self._results.clear()
        for worker, share in zip(self._workers, shares(phase, len(self._workers)), strict=True):
            self._runner.send_message(_MESSAGE, {"do": "begin", "phase": asdict(share)}, worker)

    def open(self) -> None:
        """See ``Crew``."""
        self._runner.send_message(_MESSAGE, {"do": "open"})

    def close(self) -> None:
        """See ``Crew``."""
        self._runner.send_message(_MESSAGE, {"do": "close"})

    def results(self) -> list[dict[str, Any]]:
        """See ``Crew``."""
        self._runner.send_message(_MESSAGE, {"do": "rest"})
        deadline = time.monotonic() + _COLLECT_LIMIT
        while len(self._results) < len(self._workers):
            self._miss_nobody()
            if time.monotonic() > deadline:
                raise LostError(
                    f"{len(self._workers) - len(self._results)} of {len(self._workers)} load "
                    "processes did not send their counts"
                )
            gevent.sleep(_POLL)
        return list(self._results.values())


def shares(phase: Phase, workers: int) -> Iterator[Phase]:
    """Divide a phase among load processes.

    Independent Poisson arrivals of a part of the rate each make Poisson arrivals of the whole rate,
    so nobody needs a common clock. Constant ones are shifted against each other, and even within
    each process only, for a message does not reach all at the same moment.
    """
    for number in range(workers):
        yield replace(
            phase,
            users=_share(phase.users, workers, number),
            shape=tuple(_share(users, workers, number) for users in phase.shape),
            rate=None if phase.rate is None else phase.rate / workers,
            most_rate=None if phase.most_rate is None else phase.most_rate / workers,
            seed=phase.seed + 1_000_003 * number,
            shift=0.0 if phase.rate is None else number / phase.rate,
        )


def _share(users: int, workers: int, number: int) -> int:
    return users // workers + (number < users % workers)


class Conductor:
    """Leads through the phases and tells the tool about them."""

    def __init__(self, events_fd: int) -> None:
        self._fd = events_fd

    def tell(self, event: str, **fields: object) -> None:
        """Send one message to the tool."""
        os.write(self._fd, encode({"event": event, **fields}))

    def conduct(self, runner: Runner, crew: Crew) -> None:
        """Do what the tool says until it says no more; runs in a greenlet of its own."""
        deadline = time.monotonic() + _START_LIMIT
        while crew.free() < runner.user_count and time.monotonic() < deadline:
            gevent.sleep(_POLL)  # what users do first, such as logging in, belongs to no phase
        self.tell("started")
        try:
            while (message := self._hear(None)) is not None:
                if "phase" in message:  # and not the answer to a question of long ago
                    self._run(phase_of(message["phase"]), crew)
        except LostError as error:
            self.tell("lost", why=str(error))
        except (RuntimeError, OSError) as error:
            print(f"toolkit: {error}", file=sys.stderr)  # noqa: T201 - the tool quotes this log
        runner.quit()

    def _run(self, phase: Phase, crew: Crew) -> None:
        crew.begin(phase)
        needed = sum(crew.progress()[:2]) + phase.least
        self._ticking(crew, "settling", phase.settle, needed=needed)
        crew.open()
        self.tell("opened")
        self._ticking(crew, "measuring", phase.duration)
        crew.close()
        self.tell("closed")
        self._hear(_GO_ON_LIMIT)
        self.tell("result", **merge(crew.results()))

    def _ticking(self, crew: Crew, phase: str, seconds: float, *, needed: int = 0) -> None:
        """Let the load run for a time and say several times a second how it goes.

        Args:
            crew: Who makes the load.
            phase: What to call it.
            seconds: How long ...
            needed: ... and until so many answers have come in all, but not for ever.
        """
        end = time.monotonic() + seconds
        before, at = crew.progress()[0], time.monotonic()
        answered = failed = 0
        while (now := time.monotonic()) < end or (
            answered + failed < needed and now < end + _SETTLE_LIMIT
        ):
            gevent.sleep(min(_TICK, end - now) if now < end else _POLL)
            if self._is_abandoned():
                raise RuntimeError("the tool has ended this load")
            answered, failed, latency = crew.progress()
            now = time.monotonic()
            if now - at >= _TICK / 2:
                rate = (answered - before) / (now - at)
                self.tell("tick", phase=phase, throughput=rate, latency=latency, errors=failed)
                before, at = answered, now

    def _is_abandoned(self) -> bool:
        """Tell whether the tool has closed its end: workers on other hosts are to be told."""
        ready, _, _ = gevent.select.select([sys.stdin.fileno()], [], [], 0)
        return bool(ready) and not cast("BufferedReader", sys.stdin.buffer).peek(1)

    def _hear(self, seconds: float | None) -> dict[str, Any] | None:
        """Wait for the tool's next message; None if it says nothing in time, or no more."""
        ready, _, _ = gevent.select.select([sys.stdin.fileno()], [], [], seconds)
        line = sys.stdin.buffer.readline() if ready else b""
        return decode(line) if line else None


def phase_of(fields: dict[str, Any]) -> Phase:
    """Read a phase from a message."""
    read = {"arrivals": Arrivals(fields["arrivals"]), "shape": tuple(fields.get("shape", ()))}
    return Phase(**{**fields, **read})


def _lead(environment: Environment, conductor: Conductor, foreign: ForeignUsers) -> None:
    """Start conducting when all users run; in workers, do as the master says."""
    runner = environment.runner
    pace = course.pace
    assert pace is not None  # noqa: S101 - main() sets it
    if isinstance(runner, WorkerRunner):
        follow(environment, foreign, pace)
        return
    foreign.listen(environment.user_classes)
    gauge = Gauge(environment, recorder, pace, foreign)

    def start(**_: object) -> None:
        crew: Crew = RemoteCrew(runner) if isinstance(runner, MasterRunner) else LocalCrew(gauge)
        gevent.spawn(conductor.conduct, runner, crew)

    environment.events.spawning_complete.add_listener(start)


def follow(environment: Environment, foreign: ForeignUsers, pace: Pace) -> None:
    """Do as the master says, and tell it how it goes.

    Args:
        environment: Of a worker.
        foreign: Counts users with clients of Locust's.
        pace: By which users go.
    """
    runner = environment.runner
    assert isinstance(runner, WorkerRunner)  # noqa: S101 - for the type checker: it is a worker's
    foreign.listen(environment.user_classes)
    gauge = Gauge(environment, recorder, pace, foreign)

    def shipped(data: dict[str, Any], **_: object) -> None:
        # after Locust's own listener, which starts its count anew with each report to the master
        gauge.shipped += data["stats_total"]["num_requests"]

    def rest() -> None:
        gauge.rest()
        runner.send_message(_MESSAGE, {"result": gauge.result()})

    def on_message(msg: Any, **_: object) -> None:  # noqa: ANN401 - Locust's
        match msg.data["do"]:
            case "begin":
                gauge.begin(phase_of(msg.data["phase"]))
            case "open":
                gauge.open()
            case "close":
                gauge.close()
            case _:  # rest
                # in a greenlet of its own: what waits here must not hold up Locust's messages
                gevent.spawn(rest)

    def report() -> None:
        while True:
            gevent.sleep(_TICK / 2)
            answered, failed = gauge.progress()
            state = {"answered": answered, "failed": failed, "latency": gauge.latest()}
            runner.send_message(_MESSAGE, {**state, "free": gauge.free})

    environment.events.report_to_master.add_listener(shipped)
    runner.register_message(_MESSAGE, on_message)
    gevent.spawn(report)


def settle_memory() -> None:
    """Keep what was imported: collecting it again and again costs the client's core time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)


def find_shared_modules() -> None:
    """Let the copy of a reference workload that is sent to other hosts find ``common``.

    After all other folders: nothing of the user's is to be hidden.
    """
    sys.path.append(str(root() / "loadtests"))


def main() -> None:
    """Import everything, wait for the URL, then become Locust."""
    settings = json.loads(os.environ[LOAD_VARIABLE])
    conductor = Conductor(int(os.environ[EVENTS_VARIABLE]))
    course.pace = Pace(recorder)
    foreign = ForeignUsers(recorder)

    def lead(environment: Environment, **_: object) -> None:
        gc.freeze()  # what the locustfile has made stays as well
        # the phases say how many users there are, those that play it included
        environment.shape_class = None
        _lead(environment, conductor, foreign)

    events.init.add_listener(lead)
    find_shared_modules()
    settle_memory()
    conductor.tell("ready")
    url = decode(sys.stdin.buffer.readline())["url"]
    sys.argv = ["locust", *settings["arguments"], "--host", url]
    locust_main.main()


if __name__ == "__main__":
    main()
