"""Counts what comes back, by method and name, in windows; hands the counts to Locust once a second.

Locust's own way of counting costs a request more than the rest of the client together, and it
rounds latencies to milliseconds. So a request costs one count in a dictionary here, and everything
else is done with the sums: what Locust shows in its web UI, CSV files and on the master is fed
from them. Only where somebody besides Locust listens to ``events.request`` does every request fire
it.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import gevent
from locust import stats as locust_stats
from locust.env import Environment
from locust.stats import RequestStats, StatsError, bucket_response_time

Key = tuple[str, str]
FLUSH_EVERY = 1.0
_BATCH = 500
"""Distinct latencies that are handed over before the load gets its turn again."""

_KEPT = 8
"""Ended windows that are looked after though nothing came: there may be answers that take long."""


class Series:
    """Counts of one kind of request. Keys of ``fresh`` and ``service`` are microseconds.

    What ``_flush`` has handed over is in ``total``, ``total_length`` and ``errors``, and what came
    since in ``fresh``, ``length`` and ``new_errors``.
    """

    __slots__ = (
        "errors",
        "fresh",
        "length",
        "new_errors",
        "service",
        "total",
        "total_length",
    )

    def __init__(self) -> None:
        self.fresh: dict[int, int] = defaultdict(int)
        self.service: dict[int, int] = defaultdict(int)
        self.total: Counter[int] = Counter()
        self.length = self.total_length = 0
        self.new_errors: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()


class Window(dict[Key, Series]):
    """What belongs to one stretch of time, by method and name.

    Attributes:
        ended: Open loop: how many of the intended starts in it have their first answer, or error.
        raised: What tasks raised.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ended = 0
        self.raised: Counter[str] = Counter()

    def __missing__(self, key: Key) -> Series:
        series = self[key] = Series()
        return series


class Recorder:
    """Where all users of a process count.

    Attributes:
        window: Takes what comes now.
        answered: Verified answers so far ...
        failed: ... and failed or wrong ones.
        kept: Open loop: verified answers to the first request of an intended start, so far.
        listened: Whether somebody besides Locust wants every request.
    """

    def __init__(self) -> None:
        self.window = Window()
        self.answered = self.failed = self.kept = 0
        self.listened = False
        self.firing = False
        self._others: list[Window] = []
        self._flushing: Iterator[None] = iter(())
        self._environment: Environment | None = None

    def attach(self, environment: Environment) -> None:
        """Begin to feed an environment's statistics, once; a later call changes nothing."""
        if self._environment is not environment:
            self._environment = environment
            self.listened = any(_others(environment))
            environment.events.test_stopping.add_listener(lambda **_: self.flush())
            # what is not flushed when a worker reports would be missing from its last report
            environment.events.report_to_master._handlers.insert(0, lambda **_: self.flush())  # noqa: SLF001
            environment.events.quitting.add_listener(self._on_quitting)
            gevent.spawn(self._flush_now_and_then, environment)

    def turn(self) -> Window:
        """Begin a new window; give the one that ends, which those under way may still add to."""
        ended, self.window = self.window, Window()
        self._others.append(ended)
        return ended

    def record(self, window: Window, key: Key, seconds: float, service: float | None) -> None:
        """Count a verified answer that Locust has counted itself."""
        series = window[key]
        series.total[int(seconds * 1e6)] += 1
        if service is not None:
            series.service[int(service * 1e6)] += 1
        self.answered += 1

    def aside(self, key: Key, seconds: float, length: int, error: str | None) -> None:
        """Count a request that is no part of what is measured, and only disturbs it.

        Locust lists it under its name and leaves it out of the total; the phases know nothing of
        it, but for an error: a server that refuses it has not served all it was asked.
        """
        assert self._environment is not None  # noqa: S101 - nobody sends before attach()
        good = Counter({int(seconds * 1e6): 1} if error is None else {})
        bad = Counter({} if error is None else {error: 1})
        _log(self._environment.stats, key, good, bad, length, total=False)
        if error is not None:
            self.window.raised[f"{key[1]}: {error}"] += 1

    def fire(self, user: Any, key: Key, seconds: float, length: int, error: str | None) -> None:  # noqa: ANN401
        """Tell everybody who listens, Locust included, of one request."""
        assert self._environment is not None  # noqa: S101 - nobody listens before attach()
        self.firing = True
        try:
            self._environment.events.request.fire(
                request_type=key[0],
                name=key[1],
                response_time=seconds * 1e3,
                response_length=length,
                exception=None if error is None else RequestError(error),
                context=user.context(),
            )
        finally:
            self.firing = False

    def flush(self) -> None:
        """Hand over all counts at once, with what was left of an earlier time."""
        for flushing in (self._flushing, self._flush()):
            for _ in flushing:
                pass

    def _on_quitting(self, environment: Environment, **_: object) -> None:
        self.flush()
        options = environment.parsed_options
        if options is not None and options.csv_prefix:
            # Locust leaves out of its CSV files what comes after their last turn, so wait for one
            gevent.sleep(locust_stats.CSV_STATS_INTERVAL_SEC)

    def _flush_now_and_then(self, environment: Environment) -> None:
        while True:
            gevent.sleep(FLUSH_EVERY)
            self._flushing = self._flush()
            for _ in self._flushing:
                gevent.sleep(0)
            listened = any(_others(environment))
            if listened != self.listened:
                # what was counted up to now goes the way that it was counted for
                self.flush()
                self.listened = listened

    def _flush(self) -> Iterator[None]:
        """Hand over in parts, each consistent in itself: a long one must not hold up the load."""
        old = len(self._others) - _KEPT
        self._others = [
            window for at, window in enumerate(self._others) if at >= old or _has_news(window)
        ]
        for window in (*self._others, self.window):
            for key, series in tuple(window.items()):
                fresh, series.fresh = series.fresh, defaultdict(int)
                new_errors, series.new_errors = series.new_errors, Counter()
                length, series.length = series.length, 0
                series.total_length += length
                series.errors += new_errors
                if self._environment is not None and not self.listened:
                    _log(self._environment.stats, key, Counter(), new_errors, length)
                values = sorted(fresh.items())
                for start in range(0, len(values), _BATCH):
                    part = Counter(dict(values[start : start + _BATCH]))
                    series.total.update(part)
                    if self._environment is not None and not self.listened:
                        _log(self._environment.stats, key, part, Counter(), 0)
                    yield


class RequestError(Exception):
    """What listeners get as the exception of a failed or wrong answer."""


def _has_news(window: Window) -> bool:
    return any(series.fresh or series.new_errors for series in window.values())


def _others(environment: Environment) -> Iterator[Any]:
    """Give who listens to requests besides Locust's runner and the toolkit."""
    for handler in environment.events.request._handlers:  # noqa: SLF001 - there is no other way to know
        if not str(handler.__module__).startswith(("locust.runners", "toolkit.")):
            yield handler


def _log(
    stats: RequestStats,
    key: Key,
    counts: Counter[int],
    errors: Counter[str],
    length: int,
    *,
    total: bool = True,
) -> None:
    """Add many requests to Locust's statistics as if they had been logged one by one."""
    method, name = key
    failed = errors.total()
    requests = counts.total() + failed
    now = time.time()
    second = int(now)
    own = stats.entries[(name, method)]
    for entry in (stats.total, own) if total else (own,):
        last = entry.last_request_timestamp
        if entry.use_response_times_cache and last and second > int(last):
            entry._cache_response_times(second - 1)  # noqa: SLF001 - as Locust's own log() does
        entry.num_requests += requests
        entry.total_content_length += length
        if requests:
            entry.num_reqs_per_sec[second] += requests
            entry.last_request_timestamp = now
        if failed:
            entry.num_none_requests += failed
            entry.num_failures += failed
            entry.num_fail_per_sec[second] += failed
        if counts:
            least, most = min(counts) / 1e3, max(counts) / 1e3
            known = entry.min_response_time
            entry.min_response_time = least if known is None else min(known, least)  # type: ignore[assignment]
            entry.max_response_time = max(entry.max_response_time, most)  # type: ignore[assignment]
        for microseconds, count in counts.items():
            entry.total_response_time += count * microseconds / 1e3  # type: ignore[assignment]
            entry.response_times[bucket_response_time(microseconds / 1e3)] += count
    for reason, count in errors.items():
        known_as = StatsError.create_key(method, name, reason)
        error = stats.errors.setdefault(known_as, StatsError(method, name, reason))
        error.occurred()
        error.occurrences += count - 1
