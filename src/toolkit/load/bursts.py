"""The Locust process of a duel: loads two servers in turns. Started by ``duel``; has Locust.

Both servers have the same CPUs, and only one of them is asked something at a time. What disturbs a
machine for longer than a few bursts then disturbs both alike: the shorter the bursts, the quieter
the ratio (docs/method.md has the figures). Bursts come in blocks of four, ABBA or BAAB by chance,
so that neither the order nor a drift within a block favours a side; the requests of the second two
are those of the first two, in the same order.
"""

import json
import os
import random
import sys
import time
import types
from collections import Counter
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import gevent
import gevent.select
from gevent.event import Event
from locust import User, events
from locust import main as locust_main
from locust.env import Environment

from toolkit.checked import Side
from toolkit.client.pace import Pace, arrivals
from toolkit.client.recorder import Series, Window
from toolkit.client.user import chance, course, recorder
from toolkit.histogram import LatencyHistogram
from toolkit.load.foreign import ForeignUsers, client_of
from toolkit.load.inside import Conductor, settle_memory
from toolkit.load.protocol import EVENTS_VARIABLE, LOAD_VARIABLE, decode

_ORDERS = (
    (Side.BASE, Side.CANDIDATE, Side.CANDIDATE, Side.BASE),
    (Side.CANDIDATE, Side.BASE, Side.BASE, Side.CANDIDATE),
)
_LONE_REQUESTS = 10
_WARM_UP_LIMIT = 20.0
_BURST_LIMIT = 15.0
_DRAIN_LIMIT = 15.0
"""Longer than a request may take until it fails of its time."""

_RATE_SLICE = 0.25
_RECONNECT_EVERY = 0.25
"""Seconds after which users connect anew: with several workers it is chance which of them gets how
many connections, and what a request costs depends on it."""

_TICK = 0.25
_LOOK = 0.002


class Counts:
    """What one side has done since it was made."""

    def __init__(self) -> None:
        self.window = Window()
        self.busy = 0.0
        self.bursts = 0
        self.tasks = 0

    def result(self) -> dict[str, Any]:
        """Give the fields of ``checked.SideLoad``."""
        errors = Counter(self.window.raised)
        endpoints = {}
        for (method, name), series in self.window.items():
            wrong = series.errors + series.new_errors
            errors += wrong
            endpoints[f"{method} {name}"] = _endpoint(series, wrong.total())
        return {
            "busy": self.busy,
            "bursts": self.bursts,
            # a user that repeats one request does not count its tasks
            "tasks": self.tasks if not _repeated() else sum(map(_count, self.window.values())),
            "endpoints": endpoints,
            "errors": dict(errors),
        }


class Ring:
    """Lets the users of the two sides take turns.

    Args:
        conductor: Tells the tool.
        paces: By which the users of each side go.
        client: Name of the class that makes the requests.
    """

    def __init__(self, conductor: Conductor, paces: dict[Side, Pace], client: str) -> None:
        self._conductor = conductor
        self._paces = paces
        self._client = client
        self._users = 0
        self._lone = 0.0
        self._counts = {side: Counts() for side in Side}
        self._idle = Event()
        self._ticked = perf_counter()
        self._seen = 0
        for pace in paces.values():
            pace.on_idle = self._idle.set

    def wait_for_users(self, expected: int) -> None:
        """Wait until the users are ready; what they do first, such as logging in, is no load."""
        deadline = time.monotonic() + _WARM_UP_LIMIT
        while time.monotonic() < deadline:
            if sum(pace.free for pace in self._paces.values()) >= expected:
                break
            gevent.sleep(_LOOK)
        self._users = min(pace.free for pace in self._paces.values())
        if not self._users:
            raise RuntimeError("no user became ready: does on_start wait for something?")

    def warm_up(self, *, seed: int, least: int) -> dict[str, Any]:
        """Send each side so many requests of each kind, then find how long one alone takes.

        Rare kinds of a mix are not waited for: ten times as many requests are enough in all.
        """
        for side in Side:
            self._counts[side] = Counts()
            began = perf_counter()
            while not self._is_warm(side, least) and perf_counter() - began < _WARM_UP_LIMIT:
                self._burst(side, seed, self._users, seconds=_TICK, least=least // 4)
        for side in Side:
            self._counts[side] = Counts()
            for number in range(_LONE_REQUESTS):
                self._burst(side, seed + number, 1, seconds=0.0, least=1)
        self._lone = max(self._median(side) for side in Side)
        return {}

    def bursts(
        self, *, seed: int, seconds: float, burst: float, least: int, latencies: float
    ) -> dict[str, Any]:
        """Load the sides with closed loops, in blocks of four bursts, for at least so long."""
        length = max(burst, latencies * self._lone)
        return self._take_turns(
            seed,
            seconds,
            lambda side, number: self._burst(
                side, number, self._users, seconds=length, least=least
            ),
        )

    def at_rate(self, *, seed: int, seconds: float, rate: float) -> dict[str, Any]:
        """Load the sides with open loops, in blocks of four slices, for at least so long."""
        return self._take_turns(seed, seconds, lambda side, number: self._slice(side, number, rate))

    def _take_turns(self, seed: int, seconds: float, act: Any) -> dict[str, Any]:  # noqa: ANN401
        self._counts = {side: Counts() for side in Side}
        draws = random.Random(seed)  # noqa: S311 - the order must be repeatable
        began, cpu = perf_counter(), time.process_time()
        connected = began
        while (now := perf_counter()) - began < seconds:
            if now - connected >= _RECONNECT_EVERY:
                connected = now
                for client in course.clients:
                    client.reconnect()
            order = draws.choice(_ORDERS)
            first, second = draws.getrandbits(32), draws.getrandbits(32)
            for side, number in zip(order, (first, first, second, second), strict=True):
                act(side, number)
        busy = sum(counts.busy for counts in self._counts.values())
        return {
            **{str(side): self._counts[side].result() for side in Side},
            "client": self._client,
            "client_cpu": (time.process_time() - cpu) / busy,
        }

    def _burst(self, side: Side, seed: int, users: int, *, seconds: float, least: int) -> None:
        """Let the users of a side go round for a time and until so many answers have come."""
        pace, counts = self._begin(side, seed)
        done = pace.done
        target = recorder.answered + recorder.failed + least
        began = perf_counter()
        pace.close_loop(users)
        if seconds:
            gevent.sleep(seconds)
        while (
            recorder.answered + recorder.failed < target and perf_counter() - began < _BURST_LIMIT
        ):
            gevent.sleep(_LOOK)
        self._end(pace, counts, began)
        counts.tasks += pace.done - done

    def _slice(self, side: Side, seed: int, rate: float) -> None:
        """Let requests of a side begin at their times for a while."""
        pace, counts = self._begin(side, seed)
        done, began = pace.done, perf_counter()
        pace.open_loop(arrivals(rate, seed, poisson=True), self._users)
        gevent.sleep(_RATE_SLICE)
        pace.stop_arrivals()
        while pace.backlog and perf_counter() - began < _BURST_LIMIT:
            gevent.sleep(_LOOK)
        self._end(pace, counts, began)
        counts.tasks += pace.done - done

    def _begin(self, side: Side, seed: int) -> tuple[Pace, Counts]:
        # the same tasks, in the same order, for whichever side comes with this seed
        random.seed(seed)
        chance().seed(seed)
        counts = self._counts[side]
        recorder.window = counts.window
        return self._paces[side], counts

    def _end(self, pace: Pace, counts: Counts, began: float) -> None:
        """Let nobody begin any more and wait for the last answer."""
        self._idle.clear()
        pace.pause()
        if pace.running and not self._idle.wait(_DRAIN_LIMIT):
            raise RuntimeError(f"{pace.running} requests never ended")
        now = perf_counter()
        counts.busy += now - began
        counts.bursts += 1
        if now - self._ticked >= _TICK:
            self._tick(now)

    def _tick(self, now: float) -> None:
        rate = (recorder.answered - self._seen) / (now - self._ticked)
        self._ticked, self._seen = now, recorder.answered
        self._conductor.tell(
            "tick", phase="measuring", throughput=rate, latency=None, errors=recorder.failed
        )

    def _is_warm(self, side: Side, least: int) -> bool:
        counts = [_count(series) for series in self._counts[side].window.values()]
        return bool(counts) and (min(counts) >= least or sum(counts) >= 10 * least)

    def _median(self, side: Side) -> float:
        histogram = LatencyHistogram()
        for series in self._counts[side].window.values():
            _record(series, histogram)
        return histogram.percentiles(50)[0] if histogram.count else 0.0


def _endpoint(series: Series, failed: int) -> dict[str, Any]:
    histogram = LatencyHistogram()
    _record(series, histogram)
    answered = histogram.count
    length = series.length + series.total_length
    return {
        "answered": answered,
        "failed": failed,
        "length": length / answered if answered else 0.0,
        "latency": histogram.encode(),
    }


def _repeated() -> bool:
    return any(driver.repeats for driver in course.drivers)


def _record(series: Series, histogram: LatencyHistogram) -> None:
    for counts in (series.total, series.fresh):
        for microseconds, count in counts.items():
            histogram.record(microseconds / 1e6, count)


def _count(series: Series) -> int:
    errors = series.errors.total() + series.new_errors.total()
    return sum(series.fresh.values()) + series.total.total() + errors


def _take_sides(
    classes: list[type[User]], urls: dict[Side, str], paces: dict[Side, Pace]
) -> list[type[User]]:
    """Make two of each class of users, one for each side."""
    found = []
    for side in Side:
        for kind in classes:
            sided = _subclass(kind, side, urls[side])
            course.paces[sided] = paces[side]
            found.append(sided)
    return found


def _subclass(kind: type[User], side: Side, host: str) -> type[User]:
    def fill(body: dict[str, Any]) -> None:
        body |= {"host": host, "__module__": kind.__module__}

    made: type[User] = types.new_class(f"{kind.__name__}_{side}", (kind,), exec_body=fill)
    return made


def _orders() -> Iterator[dict[str, Any]]:
    """Give what the tool says, until it says no more."""
    while True:
        gevent.select.select([sys.stdin.fileno()], [], [])
        line = sys.stdin.buffer.readline()
        if not line:
            return
        yield decode(line)


def _conduct(environment: Environment, conductor: Conductor, ring: Ring) -> None:
    """Do what the tool says; runs in a greenlet of its own."""
    runner = environment.runner
    assert runner is not None  # noqa: S101 - it has spawned the users
    try:
        ring.wait_for_users(runner.user_count)
        conductor.tell("started")
        for order in _orders():
            action = getattr(ring, order.pop("do"))
            conductor.tell("result", **action(**order))
    except (RuntimeError, OSError) as error:
        print(f"toolkit: {error}", file=sys.stderr)  # noqa: T201 - the tool quotes this log
    runner.quit()


def main() -> None:
    """Import everything, wait for the URLs, then become Locust."""
    settings = json.loads(os.environ[LOAD_VARIABLE])
    conductor = Conductor(int(os.environ[EVENTS_VARIABLE]))
    paces = {side: Pace(recorder) for side in Side}
    foreign = ForeignUsers(recorder)
    urls: dict[Side, str] = {}

    def lead(environment: Environment, **_: object) -> None:
        classes = list(environment.user_classes)
        foreign.listen(classes)
        client = ", ".join(sorted({client_of(kind) for kind in classes}))
        environment.user_classes = _take_sides(classes, urls, paces)
        environment.shape_class = None  # the bursts say how many users there are
        ring = Ring(conductor, paces, client)

        def start(**_: object) -> None:
            gevent.spawn(_conduct, environment, conductor, ring)

        environment.events.spawning_complete.add_listener(start)

    events.init.add_listener(lead)
    settle_memory()
    conductor.tell("ready")
    urls |= {Side(side): url for side, url in decode(sys.stdin.buffer.readline())["urls"].items()}
    sys.argv = ["locust", *settings["arguments"]]
    locust_main.main()


if __name__ == "__main__":
    main()
