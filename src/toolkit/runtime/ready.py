"""Wait until a server answers; never sleep and hope."""

import contextlib
import http.client
import socket
import time
from collections.abc import Callable, Iterator

from toolkit.errors import EnvironmentFault, StackError
from toolkit.model import Stack

NO_SERVER_ERROR = 499
"""The highest status that shows that a server serves, whatever the path is."""

_INTERVAL = 0.02
_STACK_HINT = "`toolkit up` starts the stack by itself."
PROJECT_HINT = (
    "Does it listen where --port (for images) or --command (with {host} and {port}) says, and "
    "answer the path of --health with a status below 500?"
)
"""Where it may lie that an image, or a process, of a user's own app does not answer."""

_OWN_HINT = (
    "Does it need a variable (--env), a command beforehand (--before), a folder to write to "
    "(--writable)? Does the path of --health answer 200?"
)


def most_status(stack: Stack) -> int:
    """Give the highest status of its health path with which a stack serves.

    Of an app of the user's own it is judged later whether the answer is right: waiting makes no 200
    of a 404.
    """
    return NO_SERVER_ERROR if stack.app.contract is None else http.client.OK


def hint_for(stack: Stack) -> str:
    """Say where it may lie that a stack does not answer."""
    # reference apps keep the contract; an app of the user's own has none
    return _OWN_HINT if stack.app.contract is None else _STACK_HINT


def wait_until_ready(
    *,
    port: int,
    path: str,
    death: Callable[[], str | None],
    log_tail: Callable[[], str],
    timeout: float,
    host: str = "127.0.0.1",
    most: int = http.client.OK,
    hint: str = "",
) -> None:
    """Poll the health path until it answers 200.

    Args:
        port: Where.
        path: What is asked for.
        death: Says how the server ended, None while it runs.
        log_tail: Gives the last lines it printed.
        timeout: Seconds until it is given up.
        host: On loopback, or the address of a container of ours.
        most: The highest status that will do as well.
        hint: What to do if it does not answer.

    Raises:
        StackError: The server ended, or the deadline passed; with the last lines it printed.
    """

    def look() -> str | None:
        try:
            status = _ask(host, port, path)
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        return None if http.client.OK <= status <= most else f"status {status}"

    poll(
        look,
        wanted=f"good answer from GET {path}",
        death=death,
        log_tail=log_tail,
        timeout=timeout,
        hint=hint,
    )


def poll(
    look: Callable[[], str | None],
    *,
    wanted: str,
    death: Callable[[], str | None],
    log_tail: Callable[[], str],
    timeout: float,
    hint: str = "",
    interval: float = _INTERVAL,
) -> None:
    """Look again and again until nothing is missing.

    Args:
        look: Says what is missing, None if nothing is.
        wanted: What is waited for, for the message.
        death: Says how what is waited for ended, None while it runs.
        log_tail: Gives the last lines it printed.
        timeout: Seconds until it is given up.
        hint: What to do then.
        interval: Seconds between two looks.

    Raises:
        StackError: It ended, or the deadline passed; with the last lines it printed.
    """
    deadline = time.monotonic() + timeout
    last: str | None = "no answer yet"
    while time.monotonic() < deadline:
        ended = death()
        if ended is not None:
            raise StackError(
                f"the server ended before it answered: {ended}", hint=hint, log=log_tail()
            )
        last = look()
        if last is None:
            return
        time.sleep(interval)
    raise StackError(
        f"no {wanted} within {timeout:g} s; the last try: {last}", hint=hint, log=log_tail()
    )


def refusal(host: str, port: int) -> str | None:
    """Say why no connection can be made, None if one can."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return None


@contextlib.contextmanager
def as_fault(message: str) -> Iterator[None]:
    """Let what is wrong with one stack elsewhere be a fault of the environment here.

    Raises:
        EnvironmentFault: In the place of a StackError.
    """
    try:
        yield
    except StackError as error:
        raise EnvironmentFault(f"{message}: {error}", hint=error.hint, log=error.log) from error


def _ask(host: str, port: int, path: str) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse().status
    finally:
        connection.close()


def free_port(wanted: int = 0, address: str = "127.0.0.1") -> int:
    """Give a port that is free on an address: the wanted one, or any for 0.

    Raises:
        EnvironmentFault: The wanted port is taken or not allowed.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, wanted))
        except OSError as error:
            raise EnvironmentFault(
                f"port {wanted} on {address} cannot be used: {error.strerror}",
                hint="Give another one with --port, or 0 for any that is free.",
            ) from error
        return int(probe.getsockname()[1])
