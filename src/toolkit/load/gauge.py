"""What one load process records of a phase, as plain values that can be added up."""

import resource
import socket
from collections import Counter
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Any

import gevent
import psutil
from locust.env import Environment

from toolkit.client.pace import Pace, arrivals
from toolkit.client.recorder import Recorder, Window
from toolkit.client.user import Client, Driver, GreenletTurn, course, turns
from toolkit.histogram import LatencyHistogram
from toolkit.load.foreign import ForeignUsers, client_of, tells_connections
from toolkit.model import Arrivals, Phase
from toolkit.plan import recovery_limit
from toolkit.wire.channel import TIMED_OUT

SLICES = 12
_BEAT = 0.01
_DRAIN_LIMIT = 3.0
_TIMEOUT = 12.0
"""Seconds after which every request of ours has failed of its time, so that the next phase begins
with nothing under way."""

_RECOVERY_PART = 0.5
"""After overload the rate falls to this part of the baseline's capacity."""


class Gauge:
    """Begins, watches and ends the phases of one load process.

    Args:
        environment: Locust's.
        recorder: Where users count.
        pace: By which they go.
        foreign: Counts users with clients of Locust's.
    """

    def __init__(
        self, environment: Environment, recorder: Recorder, pace: Pace, foreign: ForeignUsers
    ) -> None:
        self._environment = environment
        self._recorder = recorder
        self._pace = pace
        self._foreign = foreign
        self._phase = Phase(users=0, duration=1.0)
        self._window = Window()
        self._opened_at: float | None = None
        self._result: dict[str, Any] = {}
        self._silence = 0.0
        self._lags: list[float] = []
        self._slices: list[int] = []
        self._marks: dict[str, Any] = {}
        self._recovery: float | None = None
        self._unanswered = 0
        self.shipped = 0
        self._player: gevent.Greenlet | None = None
        gevent.spawn(self._beat)

    def progress(self) -> tuple[int, int]:
        """Verified answers and errors so far."""
        return self._recorder.answered, self._recorder.failed

    @property
    def free(self) -> int:
        """Users that are ready for a task."""
        return self._pace.free

    def begin(self, phase: Phase) -> None:
        """Let the load of a phase begin."""
        self._phase = phase
        if phase.shape:
            return  # its first second is the first of the window
        if phase.rate is None:
            self._pace.close_loop(phase.users, phase.most_rate)
        else:
            poisson = phase.arrivals is Arrivals.POISSON
            starts = arrivals(phase.rate, phase.seed, poisson=poisson, shift=phase.shift)
            self._pace.open_loop(starts, phase.users)

    def _play(self, shape: Sequence[int]) -> None:
        """Let as many users go as a shape says, second after second."""
        began = perf_counter()
        for number, users in enumerate(shape, start=1):
            self._pace.play(users)
            gevent.sleep(max(began + number - perf_counter(), 0))

    def open(self) -> None:
        """Begin the measured window."""
        self._recorder.turn()
        self._window = self._recorder.window
        self._pace.offered = self._pace.late = 0
        self._pace.lags = []
        self._lags, self._slices, self._silence = [], [], 0.0
        self._recovery = None
        self._unanswered = 0
        self._marks = {
            "answered": self._recorder.answered,
            "kept": self._recorder.kept,
            "done": self._pace.done,
            "opened": self._opened(),
            "users": self._answers_by_user(),
            "usage": resource.getrusage(resource.RUSAGE_SELF),
        }
        self._opened_at = perf_counter()
        if self._phase.shape:
            self._player = gevent.spawn(self._play, self._phase.shape)

    def close(self) -> None:
        """End the measured window; the load goes on."""
        assert self._opened_at is not None  # noqa: S101 - the conductor opens before it closes
        duration = perf_counter() - self._opened_at
        self._opened_at = None
        self._recorder.turn()
        marks, usage = self._marks, resource.getrusage(resource.RUSAGE_SELF)
        opened_loop = self._phase.rate is not None
        before = marks["users"]
        classes = self._environment.user_classes
        self._result = {
            "duration": duration,
            "requests": self._recorder.answered - marks["answered"],
            "connections": (
                self._opened() - marks["opened"] if tells_connections(classes) else None
            ),
            "answers": self._active(
                count - before.get(user, 0) for user, count in self._answers_by_user().items()
            ),
            "silence": self._silence,
            "slices": self._slices_of(duration),
            "offered": self._pace.offered if opened_loop else None,
            "late": self._pace.late if opened_loop else None,
            "kept": self._recorder.kept - marks["kept"] if opened_loop else None,
            "tasks": self._tasks(marks["done"]),
            "client": ", ".join(sorted({client_of(user) for user in classes})),
            "name": socket.gethostname(),
            "cpu_user": (usage.ru_utime - marks["usage"].ru_utime) / duration,
            "cpu_system": (usage.ru_stime - marks["usage"].ru_stime) / duration,
            "lag": _percentile(self._pace.lags if opened_loop else self._lags, 0.99),
            "switches": (_switches(usage) - _switches(marks["usage"])) / duration,
            **_process(),
        }

    def rest(self) -> None:
        """End the load; in an open loop after all that was meant for the window has ended."""
        if self._player is not None:
            self._player.kill()
            self._player = None
        began = perf_counter()
        limit = _DRAIN_LIMIT
        if self._phase.overload and self._phase.rate is not None and self._phase.part is not None:
            calm = self._phase.rate / self._phase.part * _RECOVERY_PART
            poisson = self._phase.arrivals is Arrivals.POISSON
            starts = arrivals(calm, self._phase.seed + 1, poisson=poisson)
            self._pace.open_loop(starts, self._phase.users)
            limit = recovery_limit(self._phase.duration)
        else:
            self._pace.stop_arrivals()
        if self._phase.rate is not None:
            while perf_counter() - began < limit:
                if not self._pace.backlog and not self._missing():
                    if self._phase.overload:
                        self._recovery = perf_counter() - began
                    break
                gevent.sleep(_BEAT)
        self._pace.pause()
        while self._pace.running and perf_counter() - began < limit + _TIMEOUT:
            gevent.sleep(_BEAT)
        if self._phase.rate is None:
            self._unanswered = _timed_out(self._recorder.window) + self._pace.running
        else:
            self._unanswered = max(self._missing(), 0)

    def result(self) -> dict[str, Any]:
        """Give what the window held."""
        self._recorder.flush()
        errors = Counter(self._window.raised)
        latency, service = LatencyHistogram(), LatencyHistogram()
        for series in self._window.values():
            # the flush above may have left what came since it began
            errors += series.errors + series.new_errors
            for counts in (series.total, series.fresh):
                for microseconds, count in counts.items():
                    latency.record(microseconds / 1e6, count)
            for microseconds, count in series.service.items():
                service.record(microseconds / 1e6, count)
        stats = self._environment.stats.total.num_requests
        return {
            **self._result,
            "errors": dict(errors),
            "unanswered": self._unanswered,
            "latency": latency.encode(),
            "service": service.encode() if self._phase.rate is not None else None,
            "recovery": self._recovery,
            "seen": self._recorder.answered + self._recorder.failed,
            "locust_seen": self.shipped + stats,
        }

    def latest(self) -> float | None:
        """Give a median of the latencies counted lately in seconds, None without any."""
        counts: Counter[int] = Counter()
        for series in tuple(self._recorder.window.values()):
            counts.update(series.fresh or series.total)
        half = counts.total() / 2
        for microseconds in sorted(counts):
            half -= counts[microseconds]
            if half <= 0:
                return microseconds / 1e6
        return None

    def _missing(self) -> int:
        """Say how many intended starts of the window have neither an answer nor an error."""
        return int(self._result["offered"]) - self._window.ended

    def _beat(self) -> None:
        """Feel the pulse: how late a sleeper wakes, and how long no answer has come."""
        ended, since = 0, perf_counter()
        while True:
            slept = perf_counter()
            gevent.sleep(_BEAT)
            now = perf_counter()
            # a wrong answer is one, too
            if sum(self.progress()) != ended or not self._pace.running:
                ended, since = sum(self.progress()), now
            if self._opened_at is None:
                continue
            self._lags.append(now - slept - _BEAT)
            self._silence = max(self._silence, now - max(since, self._opened_at))
            passed = int((now - self._opened_at) / self._phase.duration * SLICES)
            while len(self._slices) < min(passed, SLICES):
                self._slices.append(self._recorder.answered - self._marks["answered"])

    def _slices_of(self, duration: float) -> list[float]:
        """Give answers/s in the equal parts of the window."""
        ends = [*self._slices[: SLICES - 1], self._recorder.answered - self._marks["answered"]]
        counts = [end - start for start, end in zip([0, *ends], ends, strict=False)]
        return [count / (duration / len(ends)) for count in counts]

    def _active(self, answers: Iterable[int]) -> list[int]:
        """Leave out the users that a closed loop of this size does not use, not the starved."""
        counts = sorted(answers, reverse=True)
        return counts if self._phase.rate is not None else counts[: self._phase.users]

    def _opened(self) -> int:
        """Count connections that took the place of one; that each user has to open one is given."""
        ours: list[Driver | Client] = [*course.drivers, *course.clients]
        return sum(max(user.opened - 1, 0) for user in ours) + self._foreign.reopened

    def _tasks(self, before: int) -> int | None:
        """Count the tasks that ended; None where a user that repeats one request counts none."""
        uncounted = any(driver.repeats for driver in course.drivers)
        return None if uncounted else self._pace.done - before

    def _answers_by_user(self) -> dict[int, int]:
        users: list[Driver | GreenletTurn] = [*course.drivers, *turns.values()]
        return {id(user): user.answered for user in users}


def merge(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Make the fields of ``LoadResult`` of what several load processes recorded.

    The rate is the sum of the processes' rates; each has a clock of its own, and their windows
    differ by the delay of a message.
    """
    requests = sum(part["requests"] for part in parts)
    rate = sum(part["requests"] / part["duration"] for part in parts)
    errors: Counter[str] = Counter()
    for part in parts:
        errors.update(part["errors"])
    busiest = max(parts, key=lambda part: part["cpu_user"] + part["cpu_system"])
    recoveries = [part["recovery"] for part in parts]
    return {
        "duration": requests / rate if rate else max(part["duration"] for part in parts),
        "requests": requests,
        "errors": dict(errors),
        "unanswered": sum(part["unanswered"] for part in parts),
        "latency": LatencyHistogram.merged(part["latency"] for part in parts).encode(),
        "service": (
            None
            if parts[0]["service"] is None
            else LatencyHistogram.merged(part["service"] for part in parts).encode()
        ),
        "connections": _sum(part["connections"] for part in parts),
        "fairness": fairness([count for part in parts for count in part["answers"]]),
        "silence": max(part["silence"] for part in parts),
        "slices": [sum(values) for values in zip(*(p["slices"] for p in parts), strict=False)],
        "offered": _sum(part["offered"] for part in parts),
        "late": _sum(part["late"] for part in parts),
        "kept": _sum(part["kept"] for part in parts),
        "recovery": None if None in recoveries else max(recoveries),
        "tasks": _sum(part["tasks"] for part in parts),
        "client": parts[0]["client"],
        "use": {
            "cpu_user": busiest["cpu_user"],
            "cpu_system": busiest["cpu_system"],
            "total": sum(part["cpu_user"] + part["cpu_system"] for part in parts),
            "processes": len(parts),
            "lag": max(part["lag"] for part in parts),
            "memory": sum(part["memory"] for part in parts),
            "switches": sum(part["switches"] for part in parts),
            "threads": sum(part["threads"] for part in parts),
            "open_files": max(part["open_files"] for part in parts),
        },
        "workers": [_worker(part) for part in parts] if len(parts) > 1 else [],
        "seen": sum(part["seen"] for part in parts),
        "locust_seen": sum(part["locust_seen"] for part in parts),
    }


def _worker(part: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": part["name"],
        "requests": part["requests"],
        "cpu": part["cpu_user"] + part["cpu_system"],
        "lag": part["lag"],
        "offered": part["offered"],
    }


def fairness(answers: list[int]) -> float | None:
    """Give Jain's index of the answers per connection: 1 is even, 1/n is all to one of n.

    R. Jain, D. Chiu, W. Hawe, A Quantitative Measure of Fairness and Discrimination, 1984. None
    without any answer.
    """
    squares = sum(count * count for count in answers)
    return sum(answers) ** 2 / (len(answers) * squares) if squares else None


def _timed_out(window: Window) -> int:
    return sum(
        count
        for series in window.values()
        for errors in (series.errors, series.new_errors)
        for message, count in errors.items()
        if message.startswith(TIMED_OUT)
    )


def _switches(usage: resource.struct_rusage) -> int:
    return usage.ru_nvcsw + usage.ru_nivcsw


def _process() -> dict[str, int]:
    process = psutil.Process()
    return {
        "memory": process.memory_info().rss,
        "threads": process.num_threads(),
        "open_files": process.num_fds(),
    }


def _sum(values: Iterable[int | None]) -> int | None:
    known = list(values)
    return None if None in known else sum(value for value in known if value is not None)


def _percentile(values: list[float], part: float) -> float:
    ranked = sorted(values)
    return ranked[min(int(len(ranked) * part), len(ranked) - 1)] if ranked else 0.0
