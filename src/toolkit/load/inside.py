"""The Locust process: warm-up, measured window, end. Started by ``engine``; imports Locust.

With one load process everything happens in it. With several (``--processes``) this code runs in
Locust's master and in its workers: the master conducts, each worker records its own window and
sends it as counts, which are added up.
"""

import gc
import json
import os
import sys
import time
from collections import Counter
from typing import Any, Protocol

import gevent
import gevent.select
from locust import events
from locust import main as locust_main
from locust.env import Environment
from locust.runners import MasterRunner, Runner, WorkerRunner

from toolkit.histogram import LatencyHistogram
from toolkit.load.protocol import EVENTS_VARIABLE, LOAD_VARIABLE, decode, encode
from toolkit.load.recorder import Recorder

_TICK = 0.5
_POLL = 0.02
_WARMUP_LIMIT = 15.0
"""A server too slow for the requests of the warm-up gets this many seconds more for them."""

_STOP_LIMIT = 5.0
_COLLECT_LIMIT = 10.0
_GC_THRESHOLD = 20_000
_MESSAGE = "toolkit"


class Crew(Protocol):
    """Those who make the load, seen from the conductor."""

    def progress(self) -> tuple[int, int, float | None]:
        """Requests and errors so far, and the median of the latest latencies."""
        ...

    def open(self) -> None:
        """Begin the measured window."""
        ...

    def close(self) -> None:
        """End it."""
        ...

    def windows(self) -> list[dict[str, Any]]:
        """Give what each load process recorded."""
        ...


class LocalCrew:
    """This process makes the load itself."""

    def __init__(self, recorder: Recorder, environment: Environment) -> None:
        self._recorder = recorder
        self._environment = environment

    def progress(self) -> tuple[int, int, float | None]:
        """See ``Crew``."""
        return self._recorder.seen, self._recorder.errors_seen, self._recorder.latency()

    def open(self) -> None:
        """See ``Crew``."""
        self._recorder.open()

    def close(self) -> None:
        """See ``Crew``."""
        self._recorder.close(self._environment)

    def windows(self) -> list[dict[str, Any]]:
        """See ``Crew``."""
        return [self._recorder.close(self._environment)]


class RemoteCrew:
    """Locust's workers make the load; messages of Locust's own carry what they record."""

    def __init__(self, runner: MasterRunner) -> None:
        self._runner = runner
        self._progress: dict[str, tuple[int, int, float | None]] = {}
        self._windows: dict[str, dict[str, Any]] = {}
        self._expected = len(runner.clients)
        runner.register_message(_MESSAGE, self._on_message)

    def _on_message(self, msg: Any, **_: object) -> None:  # noqa: ANN401 - Locust's
        data = msg.data
        if "window" in data:
            self._windows[msg.node_id] = data["window"]
        else:
            self._progress[msg.node_id] = (data["seen"], data["errors"], data["latency"])

    def progress(self) -> tuple[int, int, float | None]:
        """See ``Crew``; the latency is the worst worker's median."""
        states = list(self._progress.values())
        latencies = [latency for _, _, latency in states if latency is not None]
        seen, errors = sum(state[0] for state in states), sum(state[1] for state in states)
        return seen, errors, max(latencies, default=None)

    def open(self) -> None:
        """See ``Crew``."""
        self._runner.send_message(_MESSAGE, {"do": "open"})

    def close(self) -> None:
        """See ``Crew``."""
        self._runner.send_message(_MESSAGE, {"do": "close"})

    def windows(self) -> list[dict[str, Any]]:
        """See ``Crew``.

        Raises:
            RuntimeError: A worker did not send what it recorded.
        """
        deadline = time.monotonic() + _COLLECT_LIMIT
        while len(self._windows) < self._expected:
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"{self._expected - len(self._windows)} of {self._expected} load processes "
                    "did not send their counts"
                )
            gevent.sleep(_POLL)
        return list(self._windows.values())


class Conductor:
    """Leads through a trial and tells the tool about it."""

    def __init__(self, settings: dict[str, Any], events_fd: int) -> None:
        self._settings = settings
        self._fd = events_fd

    def tell(self, event: str, **fields: object) -> None:
        """Send one message to the tool."""
        os.write(self._fd, encode({"event": event, **fields}))

    def conduct(self, runner: Runner, crew: Crew) -> None:
        """Warm up, measure, report, end Locust; runs in a greenlet of its own."""
        try:
            self._warm_up(crew)
            crew.open()
            self.tell("opened")
            self._ticking(crew, "measuring", self._settings["duration"])
            crew.close()
            self.tell("closed")
            self._wait_for_stop()
            windows = crew.windows()
        except (RuntimeError, OSError) as error:
            print(f"toolkit: {error}", file=sys.stderr)  # noqa: T201 - the tool quotes this log
            windows = []
        if windows:
            self.tell("result", **merge(windows))
        runner.quit()

    def _warm_up(self, crew: Crew) -> None:
        began = time.monotonic()
        self._ticking(crew, "warm-up", self._settings["warmup"])
        while (
            crew.progress()[0] < self._settings["warmup_requests"]
            and time.monotonic() - began < self._settings["warmup"] + _WARMUP_LIMIT
        ):
            self._ticking(crew, "warm-up", _POLL)

    def _ticking(self, crew: Crew, phase: str, seconds: float) -> None:
        """Let the load run for a time and say twice a second how it goes."""
        end = time.monotonic() + seconds
        before, at = crew.progress()[0], time.monotonic()
        while (left := end - time.monotonic()) > 0:
            gevent.sleep(min(_TICK, left))
            seen, errors, latency = crew.progress()
            now = time.monotonic()
            if now - at >= _TICK / 2:
                rate = (seen - before) / (now - at)
                self.tell("tick", phase=phase, throughput=rate, latency=latency, errors=errors)
                before, at = seen, now

    def _wait_for_stop(self) -> None:
        gevent.select.select([sys.stdin.fileno()], [], [], _STOP_LIMIT)


def merge(windows: list[dict[str, Any]]) -> dict[str, Any]:
    """Add up the windows of several load processes, each with a clock of its own.

    The rate is the sum of the processes' rates; counts are scaled to one duration by none: the
    mean duration is reported, from which theirs differ by the delay of a message.
    """
    errors: Counter[str] = Counter()
    for window in windows:
        errors.update(window["errors"])
    connections = [window["connections"] for window in windows]
    requests = sum(window["requests"] for window in windows)
    rate = sum(window["requests"] / window["duration"] for window in windows)
    longest = max(window["duration"] for window in windows)
    return {
        "duration": requests / rate if rate else longest,
        "requests": requests,
        "errors": dict(errors),
        "latency": LatencyHistogram.merged(window["latency"] for window in windows).encode(),
        "connections": None if None in connections else sum(connections),
        "client_cpu": max(window["client_cpu"] for window in windows),
        "seen": sum(window["seen"] for window in windows),
        "locust_seen": sum(window["locust_seen"] for window in windows),
        "client": windows[0]["client"],
    }


def _lead(environment: Environment, conductor: Conductor, recorder: Recorder) -> None:
    """Start conducting when all users run; in workers, do as the master says."""
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        _follow(environment, runner, recorder)
        return

    def start(**_: object) -> None:
        crew: Crew
        if isinstance(runner, MasterRunner):
            crew = RemoteCrew(runner)
        else:
            crew = LocalCrew(recorder, environment)
        gevent.spawn(conductor.conduct, runner, crew)

    environment.events.spawning_complete.add_listener(start)


def _follow(environment: Environment, runner: WorkerRunner, recorder: Recorder) -> None:
    def shipped(data: dict[str, Any], **_: object) -> None:
        # after Locust's own listener, which starts its count anew with each report to the master
        recorder.locust_shipped += data["stats_total"]["num_requests"]

    def on_message(msg: Any, **_: object) -> None:  # noqa: ANN401 - Locust's
        if msg.data["do"] == "open":
            recorder.open()
        else:
            runner.send_message(_MESSAGE, {"window": recorder.close(environment)})

    def report() -> None:
        while True:
            gevent.sleep(_TICK / 2)
            state = {
                "seen": recorder.seen,
                "errors": recorder.errors_seen,
                "latency": recorder.latency(),
            }
            runner.send_message(_MESSAGE, state)

    environment.events.report_to_master.add_listener(shipped)
    runner.register_message(_MESSAGE, on_message)
    gevent.spawn(report)


def main() -> None:
    """Import everything, wait for the URL, then become Locust."""
    settings = json.loads(os.environ[LOAD_VARIABLE])
    conductor = Conductor(settings, int(os.environ[EVENTS_VARIABLE]))
    recorder = Recorder()

    def lead(environment: Environment, **_: object) -> None:
        _lead(environment, conductor, recorder)

    events.init.add_listener(lead)
    # what was imported stays; collecting it again and again costs the client's core time
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    conductor.tell("ready")
    url = decode(sys.stdin.buffer.readline())["url"]
    sys.argv = ["locust", *settings["arguments"], "--host", url]
    locust_main.main()


if __name__ == "__main__":
    main()
