"""``SocketUser``: a Locust user whose client costs about as much as one written in C.

A task may be

- a ``Request``: it is sent, nothing else;
- a generator function: every request it yields is sent, and the answer is the value of the yield;
- any other function, as with Locust's own users: it calls ``self.client`` and waits for it.

Users with tasks of the first two kinds only are driven by the event loop, which doubles the rate.
Their code runs in the loop, so it must not wait for anything but the answers it yields for.
"""

import inspect
import random
from collections.abc import Callable, Generator
from functools import cache
from time import perf_counter
from typing import Any, ClassVar

import gevent
from gevent import get_hub, getcurrent
from gevent.event import AsyncResult
from gevent.pool import Group
from locust import User, events
from locust.env import Environment
from locust.exception import StopTest, StopUser

from toolkit.client.pace import Pace
from toolkit.client.recorder import Recorder, Window
from toolkit.wire.channel import Channel
from toolkit.wire.http1 import Answer, Check, Request
from toolkit.wire.origin import Origin

_STOPPING = "stopping"
Scenario = Generator[Request, Answer, None]

recorder = Recorder()
"""Where the users of this process count."""

events.init.add_listener(lambda environment, **_: recorder.attach(environment))


class _Course:
    """What all users of a process go by: set by the toolkit, free in bare Locust.

    Attributes:
        pace: That of every user ...
        paces: ... but for those of these classes.
    """

    pace: Pace | None = None
    paces: ClassVar[dict[type, Pace]] = {}
    drivers: ClassVar[list["Driver"]] = []
    clients: ClassVar[list["Client"]] = []

    def pace_of(self, user: User) -> Pace | None:
        """Give the pace that a user goes by, None in bare Locust."""
        return self.paces.get(type(user), self.pace)


course = _Course()


@cache
def chance() -> random.Random:
    """Draw which task comes next: one for all users of a process, so that it can be repeated.

    Made when it is first asked for, which is after Locust has forked its load processes.
    """
    return random.Random(perf_counter())  # noqa: S311 - no secret


class SocketUser(User):
    """A user with one connection and its cookies, kept as long as the server keeps it.

    What ``on_start`` and ``on_stop`` do with ``client``, such as logging in, is done with the same.

    Attributes:
        timeout: Seconds from the start of a request until it is given up.
        verify: Whether a TLS certificate must be right.
        client: For tasks that wait for their answers; see ``Client``.
    """

    abstract = True
    tasks: list[Any] = []  # noqa: RUF012 - as Locust has it
    timeout: float = 10.0
    verify: bool = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        try:
            self.origin = _origin_of(self.host or "", verify=self.verify)
        except (ValueError, OSError) as error:
            environment.process_exit_code = 1
            raise StopTest(f"the host (--host http://127.0.0.1:8000): {error}") from error
        recorder.attach(environment)
        self.client = Client(self)
        self._tasks = list(self.tasks)
        if self._tasks and all(_is_driven(task) for task in self._tasks):
            self.tasks = [drive]
        else:
            self.tasks = [_in_greenlet(task) if _is_driven(task) else task for task in self._tasks]

    @property
    def stopping(self) -> bool:
        """Whether Locust has told this user to stop."""
        return self._state == _STOPPING

    def start(self, group: Group) -> gevent.Greenlet:
        """Start the user in a greenlet, after which, however it ends, its connection is closed."""
        greenlet = super().start(group)
        greenlet.link(lambda _: self.client.close())
        return greenlet


class Client:
    """Sends requests for a user and waits for the answers in its greenlet."""

    def __init__(self, user: SocketUser) -> None:
        self._user = user
        self._channel: Channel | None = None
        self._lent = False
        self._switch: Callable[[], None] | None = None
        self._known: dict[tuple[str, str, str | None], Request] = {}

    def send(self, request: Request) -> Answer:
        """Send a request, count it and give its answer; ``error`` says what is wrong with it.

        Raises:
            RuntimeError: The user is at another request.
        """
        if self._lent:
            raise RuntimeError("a scenario yields its requests; it cannot wait for self.client")
        if self._switch is not None:
            raise RuntimeError("a user sends one request at a time")
        channel = self._channel or self._connected()
        turn = turns.get(getcurrent())
        due, window = (None, None) if turn is None else turn.take()
        channel.start(request)
        if channel.busy:
            self._switch = getcurrent().switch
            try:
                get_hub().switch()
            finally:
                self._switch = None
                if channel.busy:  # this user is being killed
                    channel.cancel()
        _count(self._user, channel, request, due, window)
        if turn is not None and channel.answer.error is None:
            turn.answered += 1
        return channel.answer

    def request(self, method: str, path: str, **options: Any) -> Answer:  # noqa: ANN401 - Request's
        """Send a request made of the arguments of ``Request``."""
        return self.send(Request(method, path, **options))

    def get(
        self,
        path: str,
        *,
        name: str | None = None,
        expect: int | None = None,
        check: Check | None = None,
        **options: Any,  # noqa: ANN401 - Request's
    ) -> Answer:
        """Send a GET; one that was sent before is not encoded again."""
        if options:
            return self.request("GET", path, name=name, expect=expect, check=check, **options)
        request = self._known.get(("GET", path, name))
        if request is None or request.check is not check or request.expect != expect:
            request = Request("GET", path, name=name, expect=expect, check=check)
            if len(self._known) < 1000:
                self._known["GET", path, name] = request
        return self.send(request)

    def head(self, path: str, **options: Any) -> Answer:  # noqa: ANN401
        """Send a HEAD."""
        return self.request("HEAD", path, **options)

    def post(self, path: str, **options: Any) -> Answer:  # noqa: ANN401
        """Send a POST."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Answer:  # noqa: ANN401
        """Send a PUT."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Answer:  # noqa: ANN401
        """Send a PATCH."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Answer:  # noqa: ANN401
        """Send a DELETE."""
        return self.request("DELETE", path, **options)

    def cookie(self, name: str) -> str | None:
        """Give the value of a cookie that the server has set."""
        return None if self._channel is None else self._channel.cookie(name)

    @property
    def opened(self) -> int:
        """Connections opened so far; while a driver has the connection, it knows."""
        return 0 if self._channel is None or self._lent else self._channel.opened

    def reconnect(self) -> None:
        """End the connection, between two requests; the next one opens another. Cookies stay."""
        if self._channel is not None:
            self._channel.cancel()

    def close(self) -> None:
        """End the connection and forget the cookies."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self in course.clients:
            course.clients.remove(self)

    def lend(self, done: Callable[[], None]) -> Channel:
        """Give the connection to a driver; what it sends ends with a call of ``done``."""
        channel = self._channel or self._connected()
        channel.done, self._lent = done, True
        return channel

    def take_back(self) -> None:
        """Take the connection back; what the driver has not ended is cancelled."""
        channel, self._lent = self._channel, False
        if channel is not None:
            channel.done = self._resume
            if channel.busy:
                channel.cancel()

    def _connected(self) -> Channel:
        user = self._user
        channel = self._channel = Channel(user.origin, self._resume, timeout=user.timeout)
        course.clients.append(self)
        return channel

    def _resume(self) -> None:
        if self._switch is not None:
            self._switch()


class Driver:
    """Runs the tasks of one user in callbacks of the event loop.

    Attributes:
        answered: Verified answers of its connection so far.
        repeats: Whether it does nothing but send one request again and again; then the ends of its
            tasks are not told to the pace.
    """

    def __init__(self, user: SocketUser, tasks: list[Any]) -> None:
        self._user = user
        self.kind: type | None = type(user)
        self._pace = course.pace_of(user)
        self._pick = _picker(tasks)
        self._channel = user.client.lend(self._on_answer)
        self._scenario: Scenario | None = None
        self._request = Request("GET", "/")
        self._due: float | None = None
        self._window: Window | None = None
        self._waits = type(user).wait_time is not User.wait_time
        self.repeats = len(tasks) == 1 and isinstance(tasks[0], Request) and not self._waits
        self._gone = self._at_work = self._thinking = False
        self._result: AsyncResult = AsyncResult()
        self.answered = 0

    @property
    def opened(self) -> int:
        """Connections opened so far."""
        return self._channel.opened

    def run(self) -> None:
        """Go round until the user is stopped; called in its greenlet.

        Raises:
            Exception: What a task raised.
        """
        course.drivers.append(self)
        try:
            get_hub().loop.run_callback(self._ask)
            self._result.get()
        finally:
            self._gone = True
            course.drivers.remove(self)
            if self._pace is not None:
                if self._at_work:
                    self._pace.ended()
                self._end_thinking()
                self._pace.leave(self)
            self._user.client.take_back()

    def go(self, due: float | None, window: Window | None) -> None:
        """See ``pace.Turn``."""
        self._due, self._window = due, window
        self._at_work = True
        task = self._pick()
        try:
            if isinstance(task, Request):
                self._start(task)
            else:
                self._scenario = task(self._user)
                self._start(next(self._scenario))
        except StopIteration:
            # not at once: a user with nothing to do must not keep the others from their turn
            get_hub().loop.run_callback(self._task_ended)
        except Exception as error:  # noqa: BLE001 - a locustfile's code; raised in its greenlet
            self._result.set_exception(error)

    def _start(self, request: Request) -> None:
        self._request = request
        self._channel.start(request)

    def _on_answer(self) -> None:
        """Count what came, and go on. This is the path that decides how fast the client is."""
        channel, request = self._channel, self._request
        answer = channel.answer
        if answer.error is None and self._due is None and not recorder.listened:
            self.answered += 1
            recorder.answered += 1
            series = recorder.window[request.key]
            series.fresh[int((channel.ended - channel.begun) * 1e6)] += 1
            series.length += len(answer.body)
        else:
            _count(self._user, channel, request, self._due, self._window)
            self.answered += answer.error is None
            # what follows in the same task counts when it comes
            self._due = self._window = None
        if self._scenario is not None:
            self._continue(answer)
        elif self.repeats and self._may_repeat():
            # what _task_ended and go() come to for a user that does one thing over and over
            channel.start(request)
        else:
            self._task_ended()

    def _may_repeat(self) -> bool:
        pace = self._pace
        if pace is not None and (pace.closed is None or pace.active > pace.closed):
            return False
        return self._user._state != _STOPPING  # noqa: SLF001 - Locust has no other way

    def _continue(self, answer: Answer) -> None:
        """Take the next step of a scenario."""
        assert self._scenario is not None  # noqa: S101 - for the type checker
        try:
            self._start(self._scenario.send(answer))
        except StopIteration:
            self._task_ended()
        except Exception as error:  # noqa: BLE001 - a locustfile's code; raised in its greenlet
            self._result.set_exception(error)

    def _task_ended(self) -> None:
        if self._gone:
            return
        self._scenario = None
        self._at_work = False
        pace = self._pace
        # under the toolkit the phases say when a task begins, but for those that play a shape
        if not self._waits or not (pace is None or pace.thoughtful):
            if pace is not None:
                pace.ended()
            self._ask()
            return
        if pace is not None:
            pace.think()
            self._thinking = True
        try:
            seconds = self._user.wait_time()
        except Exception as error:  # noqa: BLE001 - a locustfile's code; raised in its greenlet
            self._result.set_exception(error)
            return
        if seconds > 0:
            gevent.spawn_later(seconds, get_hub().loop.run_callback, self._ask)
        else:
            self._ask()

    def _end_thinking(self) -> None:
        if self._thinking and self._pace is not None:
            self._thinking = False
            self._pace.thought()

    def _ask(self) -> None:
        if self._gone:
            return
        self._end_thinking()
        if self._user.stopping:
            self._result.set(None)
        elif self._pace is None:
            self.go(None, None)
        else:
            self._pace.ask(self)


class GreenletTurn:
    """The turn of a user that waits in its greenlet, whatever its client is.

    Attributes:
        answered: Verified answers so far.
        at_work: Whether the user is within a task.
        thinking: Whether it thinks after one, and keeps its place meanwhile.
        kind: See ``pace.Turn``.
    """

    def __init__(self) -> None:
        self.kind: type | None = None
        self.answered = 0
        self.at_work = self.thinking = False
        self._pace: Pace | None = None
        self._due: float | None = None
        self._window: Window | None = None
        self._event: AsyncResult = AsyncResult()

    def go(self, due: float | None, window: Window | None) -> None:
        """See ``pace.Turn``."""
        self._event.set((due, window))

    def wait(self, pace: Pace) -> None:
        """Wait until the next task may begin."""
        self.end_thinking()
        self._event = AsyncResult()
        self._pace = pace
        pace.ask(self)
        try:
            self._due, self._window = self._event.get()
        except BaseException:
            pace.leave(self)
            raise

    def task_ended(self, pace: Pace) -> None:
        """Say that its task has ended; where users think after one, it begins to."""
        self.at_work = False
        if pace.thoughtful:
            self.thinking = True
            pace.think()
        else:
            pace.ended()

    def end_thinking(self) -> None:
        """Say that it has thought, if it did."""
        if self.thinking and self._pace is not None:
            self.thinking = False
            self._pace.thought()

    def leave(self) -> None:
        """Give up its place among those that want to begin."""
        self.end_thinking()
        if self._pace is not None:
            self._pace.leave(self)

    def take(self) -> tuple[float | None, Window | None]:
        """Give when the next request was meant to begin, once; later ones follow their answers."""
        due, self._due = self._due, None
        return due, self._window if due is not None else None


turns: dict[Any, GreenletTurn] = {}
"""By the greenlet of its user."""


def turn_of_this_greenlet() -> GreenletTurn:
    """Give the turn of the user that runs in the current greenlet."""
    greenlet = getcurrent()
    turn = turns.get(greenlet)
    if turn is None:
        turn = turns[greenlet] = GreenletTurn()
        if isinstance(greenlet, gevent.Greenlet):
            greenlet.link(_forget)
    return turn


def _forget(greenlet: gevent.Greenlet) -> None:
    turn = turns.pop(greenlet, None)
    if turn is not None:
        turn.leave()


def _count(
    user: SocketUser, channel: Channel, request: Request, due: float | None, window: Window | None
) -> None:
    """Count an answer of any kind."""
    answer = channel.answer
    service = channel.ended - channel.begun
    seconds = service if due is None else channel.ended - due
    series = (recorder.window if window is None else window)[request.key]
    if due is not None and window is not None:
        window.ended += 1
        recorder.kept += answer.error is None
    if answer.error is None:
        recorder.answered += 1
        series.fresh[int(seconds * 1e6)] += 1
        if due is not None:
            series.service[int(service * 1e6)] += 1
        series.length += len(answer.body)
    else:
        recorder.failed += 1
        series.new_errors[answer.error] += 1
    if recorder.listened:
        recorder.fire(user, request.key, seconds, len(answer.body), answer.error)


def _is_driven(task: Any) -> bool:  # noqa: ANN401 - a locustfile may hold anything
    return isinstance(task, Request) or inspect.isgeneratorfunction(task)


def drive(user: SocketUser) -> None:
    """Be the only task of a user that is driven by the loop."""
    Driver(user, user._tasks).run()  # noqa: SLF001 - its own module
    raise StopUser


def _in_greenlet(task: Any) -> Callable[[SocketUser], None]:  # noqa: ANN401
    """Make a task of a request or scenario for a user that has other tasks besides."""

    def run(user: SocketUser) -> None:
        if isinstance(task, Request):
            user.client.send(task)
            return
        scenario: Scenario = task(user)
        try:
            request = next(scenario)
            while True:
                request = scenario.send(user.client.send(request))
        except StopIteration:
            return

    run.__name__ = task.__name__
    return run


def _picker(tasks: list[Any]) -> Callable[[], Any]:
    """Give a function that picks a task; as often as it is in the list."""
    if len(tasks) == 1:
        (task,) = tasks
        return lambda: task
    count, draw = len(tasks), chance().random
    return lambda: tasks[int(draw() * count)]


_origins: dict[tuple[str, bool], Origin] = {}


def _origin_of(host: str, *, verify: bool) -> Origin:
    """Resolve each host once per process."""
    origin = _origins.get((host, verify))
    if origin is None:
        origin = Origin(host, verify=verify)
        origin.resolve()
        _origins[host, verify] = origin
    return origin
