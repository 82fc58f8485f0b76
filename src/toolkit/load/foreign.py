"""Users with Locust's own clients (``FastHttpUser``, ``HttpUser``, any other): paced and counted.

Their client stays as it is, and so does what it costs: the report names it.
"""

from functools import cache
from time import perf_counter
from typing import Any
from weakref import WeakSet

from geventhttpclient.connectionpool import ConnectionPool
from locust import FastHttpUser, events
from locust.exception import StopUser
from locust.user.task import TaskSet

from toolkit.client.recorder import Recorder
from toolkit.client.user import SocketUser, course, drive, turn_of_this_greenlet

_MESSAGE_LENGTH = 200
_STOPPING = "stopping"


class ForeignUsers:
    """Listens to the requests of users that are not ours, and lets them wait for their turn.

    Attributes:
        reopened: Connections that geventhttpclient has opened in place of one.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.reopened = 0
        _pace_tasks()
        self._watch_connections()

    def listen(self, classes: list[type]) -> None:
        """Begin to count, if any class of the locustfile needs it: it costs every request."""
        events.user_error.add_listener(self._on_user_error)
        if not all(issubclass(kind, SocketUser) for kind in classes):
            events.request.add_listener(self._on_request)

    def _on_request(
        self,
        request_type: str,
        name: str,
        response_time: float,
        response_length: int,
        exception: BaseException | None,
        **_: object,
    ) -> None:
        if self._recorder.firing:  # one of ours, counted already
            return
        turn = turn_of_this_greenlet()
        due, window = turn.take()
        window = self._recorder.window if window is None else window
        if due is not None:
            window.ended += 1
            self._recorder.kept += exception is None
        if exception is not None:
            self._recorder.failed += 1
            window[request_type, name].errors[_describe(exception)] += 1
            return
        turn.answered += 1
        service = response_time / 1e3
        if due is None:
            self._recorder.record(window, (request_type, name), service, None)
        else:
            self._recorder.record(window, (request_type, name), perf_counter() - due, service)
        window[request_type, name].total_length += response_length or 0

    def _on_user_error(self, exception: BaseException, **_: object) -> None:
        """A task that raises has found something wrong, though its requests may look right."""
        self._recorder.window.raised[f"a task raised {_describe(exception)}"] += 1

    def _watch_connections(self) -> None:
        """Count what geventhttpclient connects, and have it look addresses up once (FastHttpUser).

        It asks the resolver, through a thread, before every connect: a fifth of what a request
        costs the client where the server closes each connection, and none of the server's business.
        """
        connected, resolve = ConnectionPool.after_connect, ConnectionPool._resolve  # noqa: SLF001
        known: WeakSet[ConnectionPool] = WeakSet()

        def counted(pool: ConnectionPool, sock: object) -> None:
            self.reopened += pool in known
            known.add(pool)
            connected(pool, sock)

        @cache
        def resolved(host: str, port: int) -> Any:  # noqa: ANN401 - the library's
            return resolve(ConnectionPool(host, port, host, port))

        def resolve_once(pool: ConnectionPool) -> Any:  # noqa: ANN401 - the library's
            return resolved(pool._connection_host, pool._connection_port)  # noqa: SLF001

        ConnectionPool.after_connect = counted  # type: ignore[assignment,method-assign]
        ConnectionPool._resolve = resolve_once  # type: ignore[assignment,method-assign] # noqa: SLF001


def client_of(user: type) -> str:
    """Name the class whose client a user class has: the first of its ancestors that is known."""
    for kind in user.__mro__:
        if kind is SocketUser or kind.__module__.startswith("locust."):
            return kind.__name__
    return user.__name__


def tells_connections(classes: list[type]) -> bool:
    """Whether the connections that these users open can be counted."""
    return all(issubclass(kind, SocketUser | FastHttpUser) for kind in classes)


def _pace_tasks() -> None:
    """Have every task of a user that runs in a greenlet wait for its turn, and for nothing else.

    The time that a user takes to think between tasks is left out where the phases say when one
    begins, which is in all but those that play a shape.
    """
    execute: Any = TaskSet.execute_next_task
    wait: Any = TaskSet.wait

    def paced(tasks: TaskSet) -> None:
        following = tasks._task_queue[0]  # noqa: SLF001 - looked at, not taken
        pace = course.pace_of(tasks.user)
        # a nested set of tasks asks for each of its own; a driven user asks by itself
        if pace is None or following is drive or isinstance(following, type):
            execute(tasks)
            return
        turn = turn_of_this_greenlet()
        turn.kind = type(tasks.user)
        turn.wait(pace)
        turn.at_work = True
        try:
            execute(tasks)
        finally:
            turn.task_ended(pace)

    def unhurried(tasks: TaskSet) -> None:
        pace = course.pace_of(tasks.user)
        if pace is None or pace.thoughtful or turn_of_this_greenlet().at_work:
            wait(tasks)
        elif tasks.user._state == _STOPPING:  # noqa: SLF001 - as Locust's own does
            raise StopUser

    TaskSet.execute_next_task = paced  # type: ignore[method-assign]
    TaskSet.wait = unhurried  # type: ignore[method-assign]


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_MESSAGE_LENGTH]
