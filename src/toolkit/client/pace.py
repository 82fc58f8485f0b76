"""When a user may begin its next task: at once (closed loop), at given times (open loop), or never.

Bare Locust has the first. The toolkit's phases switch between them while the users stay.
"""

import ctypes
import ctypes.util
import os
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from operator import itemgetter
from time import perf_counter
from typing import Any, Protocol

from gevent import get_hub

from toolkit.client.recorder import Recorder, Window

_READ = 1
_BURST = 0.05
"""Seconds for which an allowance that was not used is kept."""


class Turn(Protocol):
    """A user that wants to begin its next task.

    Attributes:
        kind: Its class, None: not known yet.
    """

    @property
    def kind(self) -> type | None: ...  # noqa: D102 - see Attributes

    def go(self, due: float | None, window: Window | None) -> None:
        """Begin now.

        Args:
            due: Open loop: when it was meant to, by ``perf_counter``.
            window: Open loop: where it counts, whenever the answer comes.
        """
        ...


def arrivals(rate: float, seed: int, *, poisson: bool, shift: float = 0.0) -> Iterator[float]:
    """Give the intended starts of an open loop, seconds from its begin, for ever.

    Args:
        rate: Mean number per second.
        seed: Of the random ones; the same gives the same.
        poisson: Independent of each other (exponential gaps) or at equal distances.
        shift: Seconds by which all are later.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret, and it must be repeatable
    at = shift
    while True:
        at += chance.expovariate(rate) if poisson else 1 / rate
        yield at


class Allowance:
    """So many requests/s at most: a bucket of tokens, of which each request takes one.

    Args:
        rate: Requests/s.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._most = max(1.0, rate * _BURST)
        self._tokens = 1.0
        self._at = perf_counter()

    def take(self, more: int) -> float:
        """Take a token for a task's first request; or give the seconds until there is one.

        Args:
            more: Requests since the last call that were not the first of their task.
        """
        now = perf_counter()
        self._tokens = min(self._tokens + (now - self._at) * self._rate, self._most) - more
        self._at = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0


class Pace:
    """Lets the users of a process begin; one for all of them.

    Attributes:
        closed: Closed loop: how many users may run; one that ends a task may begin the next at once
            while no more do. None: no closed loop, or one that may not go as fast as it can.
        offered: Open loop: starts that have come so far ...
        late: ... and those of them that found every user busy.
        lags: Open loop: seconds by which those were late that found one free.
        thoughtful: Whether users wait after a task as their locustfile says before they ask again.
        running: Users that have begun a task and not ended it.
        thinking: Users that have ended one, and think before they ask for the next.
        done: Tasks that have ended so far.
        on_idle: Called when the last of those has ended theirs.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._free: deque[Turn] = deque()
        self._waiting: deque[tuple[float, Window]] = deque()
        self.closed: int | None = None
        self._restrained: int | None = None
        self._allowance: Allowance | None = None
        self._further = 0
        self._most = 0
        self.thoughtful = False
        self.running = self.thinking = self.done = 0
        self._starts: Iterator[float] | None = None
        self._base = self._due = 0.0
        self._alarm: _Alarm | None = None
        self.offered = self.late = 0
        self.lags: list[float] = []
        self.on_idle: Callable[[], None] | None = None

    @property
    def free(self) -> int:
        """Users that want to begin and may not."""
        return len(self._free)

    @property
    def active(self) -> int:
        """Users that have a place in the loop: who thinks keeps it."""
        return self.running + self.thinking if self.thoughtful else self.running

    @property
    def backlog(self) -> int:
        """Starts whose time has come and that nobody was free for."""
        return len(self._waiting)

    def ask(self, turn: Turn) -> None:
        """Take a user that wants to begin; its ``go`` is called now or later."""
        if self._waiting and self.running < self._most:
            due, window = self._waiting.popleft()
            self.running += 1
            turn.go(due, window)
        elif self.closed is not None and self.active < self.closed:
            self.running += 1
            turn.go(None, None)
        else:
            self._free.append(turn)
            if self._restrained is not None:
                self._fill()

    def ended(self) -> None:
        """Take that the task of a user has ended."""
        self.running -= 1
        self.done += 1
        if self.running == 0 and self.on_idle is not None:
            self.on_idle()

    def think(self) -> None:
        """Take that the task of a user has ended, and that it thinks."""
        self.thinking += 1
        self.ended()

    def thought(self) -> None:
        """Take that a user has thought; it asks at once, or goes."""
        self.thinking -= 1

    def leave(self, turn: Turn) -> None:
        """Forget a user that goes; another one takes its place in a closed loop."""
        if turn in self._free:
            self._free.remove(turn)
        self._fill()

    def _mix(self) -> None:
        """Have the users of all classes take turns, each as often as there are of it.

        Locust starts one class after the other, and in a closed loop of fewer users than there are
        those that asked first would go round for ever, all of one class.
        """
        kinds = Counter(turn.kind for turn in self._free)
        if len(kinds) < 2:
            return
        seen: Counter[type | None] = Counter()

        def place(turn: Turn) -> float:
            seen[turn.kind] += 1
            return (seen[turn.kind] - 0.5) / kinds[turn.kind]

        places = [(place(turn), number, turn) for number, turn in enumerate(self._free)]
        self._free = deque(turn for _, _, turn in sorted(places, key=itemgetter(0, 1)))

    def pause(self) -> None:
        """Let nobody begin any more; what was due is dropped."""
        self.stop_arrivals()
        self._waiting.clear()

    def stop_arrivals(self) -> None:
        """Let no new start come; those that wait for a free user still do."""
        self.closed, self._restrained, self._starts = None, None, None
        self.thoughtful = False
        if self._alarm is not None:
            self._alarm.close()
            self._alarm = None

    def close_loop(self, users: int, most_rate: float | None = None) -> None:
        """Let so many users go round and round.

        Args:
            users: How many.
            most_rate: Requests/s that they may send together; None: as many as they can.
        """
        self.pause()
        self._mix()
        if most_rate is None:
            self.closed = users
        else:
            self._restrained, self._allowance = users, Allowance(most_rate)
            self._further = self._furthers()
        self._fill()

    def play(self, users: int) -> None:
        """Let so many users go as their locustfile says, with its waits.

        Args:
            users: How many; those that are too many end what they are at.
        """
        if not self.thoughtful:
            self.pause()
            self._mix()
            self.thoughtful = True
        self.closed = users
        self._fill()

    def open_loop(self, starts: Iterator[float], most: int) -> None:
        """Let users begin at given times from now; what is due already stays due.

        Args:
            starts: Seconds from now, rising.
            most: How many users may be at a task at once.
        """
        if self._restrained is not None:
            self.stop_arrivals()
        self.closed = None
        self._mix()
        self._most = most
        self._starts = starts
        self._base = perf_counter()
        self._due = self._base + next(starts)
        if self._alarm is None:
            self._alarm = _Alarm(self._ring)
        self._alarm.set(self._due)

    def _fill(self) -> None:
        """Let users begin until the closed loop is full, or has sent what it may."""
        while self._free and self._has_room():
            self.running += 1
            self._free.popleft().go(None, None)

    def _has_room(self) -> bool:
        if self.closed is not None:
            return self.active < self.closed
        return self._restrained is not None and self._may_begin()

    def _may_begin(self) -> bool:
        """Take the allowance for a task, or ask to be called when there is one."""
        if self._restrained is None or self.running >= self._restrained or self._allowance is None:
            return False
        further = self._furthers()
        wait = self._allowance.take(further - self._further)
        self._further = further
        if wait:
            if self._alarm is None:
                self._alarm = _Alarm(self._fill)
            self._alarm.set(perf_counter() + wait)
        return not wait

    def _furthers(self) -> int:
        """Count the requests so far that were not the first of their task."""
        return self._recorder.answered + self._recorder.failed - self.done

    def _ring(self) -> None:
        """Let everybody begin whose time has come."""
        now = perf_counter()
        starts, free, window = self._starts, self._free, self._recorder.window
        if starts is None or self._alarm is None:
            return
        due = self._due
        while due <= now:
            self.offered += 1
            if free and self.running < self._most:
                self.lags.append(now - due)
                self.running += 1
                free.popleft().go(due, window)
                now = perf_counter()
            else:
                self.late += 1
                self._waiting.append((due, window))
            due = self._base + next(starts)
        self._due = due
        self._alarm.set(due)


class _Alarm:
    """Calls back at a time, to some ten microseconds.

    The loop's own timers go by whole milliseconds, which is more than many servers take to answer.
    Where Linux's timerfd is to be had it is used, as wrk2 does not and therefore measures up to a
    millisecond too much.
    """

    def __init__(self, ring: Any) -> None:  # noqa: ANN401
        self._ring = ring
        self._loop = get_hub().loop
        self._fd = _timerfd.create() if _timerfd is not None else -1
        if self._fd >= 0:
            self._io: Any = self._loop.io(self._fd, _READ)
            self._io.start(self._on_time)
        else:
            self._io = self._loop.timer(0.0)

    def set(self, at: float) -> None:
        """Ring at a time of ``perf_counter``, at once if it is over."""
        left = at - perf_counter()
        if self._fd >= 0 and _timerfd is not None:
            _timerfd.set(self._fd, max(left, 1e-9))
        else:
            self._io.stop()
            self._io.close()
            self._io = self._loop.timer(max(left, 0.0))
            self._io.start(self._ring)

    def _on_time(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return
        self._ring()

    def close(self) -> None:
        """Never ring again."""
        self._io.stop()
        self._io.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class _Timerfd:
    """Linux's timerfd_create(2); Python has it itself from 3.13 on."""

    _NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC

    def __init__(self, library: ctypes.CDLL) -> None:
        self._create = library.timerfd_create
        self._settime = library.timerfd_settime
        self._setting = _Setting()
        self._pointer = ctypes.byref(self._setting)

    def create(self) -> int:
        """Make one on the monotonic clock; -1 where the kernel refuses."""
        return int(self._create(time.CLOCK_MONOTONIC, self._NONBLOCK_CLOEXEC))

    def set(self, fd: int, seconds: float) -> None:
        """Let it become readable after so long."""
        whole = int(seconds)
        self._setting.value.seconds = whole
        self._setting.value.nanoseconds = max(int((seconds - whole) * 1e9), 1)
        self._settime(fd, 0, self._pointer, None)


def _find_timerfd() -> _Timerfd | None:
    if sys.platform != "linux":
        return None
    try:
        return _Timerfd(ctypes.CDLL(None, use_errno=True))
    except (OSError, AttributeError):
        return None


_timerfd = _find_timerfd()
