"""One connection of one user, driven by the event loop: no greenlet waits for it.

Two greenlet switches cost a load generator about as much as all of its own bookkeeping, so the
answer is read, judged and followed by the next request in the loop's callback. A task that wants to
wait for its answer in a greenlet does so on top (``user.Client``).
"""

import _socket
import errno
import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import Any

from gevent import get_hub

from toolkit.wire.cookies import Cookies
from toolkit.wire.http1 import Answer, AnswerReader, ProtocolError, Request
from toolkit.wire.origin import Origin, Tls

_READ, _WRITE = 1, 2
_CHUNK = 65_536
_REAP_EVERY = 0.1
_UNFINISHED = frozenset({errno.EINPROGRESS, errno.EAGAIN, errno.ENOTCONN})
TIMED_OUT = "no answer within"
"""How the error of a request begins that took longer than it may."""

_ENDED = frozenset({errno.EPIPE, errno.ECONNRESET})


class Channel:
    """Sends one request at a time and says when it has ended, over a kept or a new connection.

    Attributes:
        answer: The last answer; its ``error`` says what is wrong with it.
        begun: When the last request was sent (or its connection begun) ...
        ended: ... and when its answer was there to be read, both by ``perf_counter``.
        opened: Connections opened so far.
        busy: Whether a request is under way.
        done: Called when the request under way has ended.
    """

    __slots__ = (
        "_address",
        "_cookies",
        "_host",
        "_io",
        "_loop",
        "_origin",
        "_reached",
        "_reader",
        "_recv",
        "_request",
        "_rest",
        "_send",
        "_socket",
        "_tls",
        "_tried",
        "_used",
        "_writing",
        "answer",
        "begun",
        "busy",
        "done",
        "ended",
        "opened",
        "timeout",
    )

    def __init__(self, origin: Origin, done: Callable[[], None], *, timeout: float = 10.0) -> None:
        self._origin = origin
        self._host = origin.host_line
        self.done = done
        self._loop = get_hub().loop
        self._socket: _socket.socket | None = None
        self._tls: Tls | None = None
        self._io: Any = None
        self._writing: Any = None
        self._rest: bytes | memoryview = b""
        self._cookies: Cookies | None = None
        self._used = self._reached = False
        self._tried = 0
        self.timeout = timeout
        self.busy = False
        self.opened = 0
        self.begun = self.ended = 0.0
        self.answer = Answer(0, b"")
        _reaper.watch(self)
        _poll.watch()

    def start(self, request: Request) -> None:
        """Send a request; ``done`` is called once, later, when it has ended."""
        self._request = request
        self._tried = 0
        self.busy = True
        self.begun = perf_counter()
        if self._socket is None:
            self._connect()
            return
        self._used = True
        if request.to_head or self._tls is not None or self._cookies:
            self._transmit()
            return
        # what _transmit comes to here; two calls less count where a request costs nine microseconds
        if not self._reader.fresh:
            self._reader.expect()
        data = request.encode(self._host)
        try:
            sent = self._send(data)
        except OSError as error:
            self._unsent(data, error)
            return
        if sent < len(data):
            self._send_later(memoryview(data)[sent:])

    def cancel(self) -> None:
        """End the connection and whatever is under way, without a word to anybody."""
        self.busy = False
        self._drop()

    def close(self) -> None:
        """Cancel, for good."""
        _reaper.forget(self)
        self.cancel()

    def cookie(self, name: str) -> str | None:
        """Give the value of a cookie that the server has set."""
        return None if self._cookies is None else self._cookies.value(name)

    # connecting and sending

    def _connect(self) -> None:
        family, address = self._address = self._origin.address
        self.opened += 1
        self._used = self._reached = False
        try:
            sock = self._socket = _socket.socket(family, _socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            code = sock.connect_ex(address)
        except OSError as error:
            self._break(error)
            return
        if code not in (0, errno.EINPROGRESS):
            self._break(OSError(code, os.strerror(code)))
            return
        self._send, self._recv = sock.send, sock.recv
        self._reader = AnswerReader(self._origin.known)
        self._tls = self._origin.wrap()
        self._io = self._loop.io(sock.fileno(), _READ)
        self._io.start(self._on_readable)
        # on loopback the connection is there at once
        self._transmit()

    def _transmit(self) -> None:
        request = self._request
        if request.to_head:
            self._reader.expect(to_head=True)
        else:
            self._reader.expect()
        cookies = self._cookies.line(request.path) if self._cookies else b""
        data = request.encode(self._host, cookies)
        try:
            self._write(data if self._tls is None else self._tls.send(data))
        except ssl.SSLError as error:
            self._fail(f"TLS: {error}")

    def _write(self, data: bytes | memoryview) -> None:
        if self._rest:
            self._rest = bytes(self._rest) + data
            return
        try:
            sent = self._send(data)
        except OSError as error:
            self._unsent(data, error)
            return
        self._reached = True
        if sent < len(data):
            self._send_later(memoryview(data)[sent:])

    def _unsent(self, data: bytes | memoryview, error: OSError) -> None:
        if error.errno in _UNFINISHED:
            self._send_later(data)
        elif error.errno in _ENDED and (self._used or self._reached):
            # an answer from before the end may be there to be read, and if not, reading says so
            self._rest = data
        else:
            self._break(error)

    def _send_later(self, data: bytes | memoryview) -> None:
        self._rest = data
        if self._writing is None and self._socket is not None:
            self._writing = self._loop.io(self._socket.fileno(), _WRITE)
            self._writing.start(self._on_writable)

    def _on_writable(self) -> None:
        sock = self._socket
        if sock is None:
            return
        self._writing.stop()
        self._writing.close()
        self._writing = None
        rest, self._rest = self._rest, b""
        code = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if code:
            self._unsent(rest, OSError(code, os.strerror(code)))
        else:
            self._write(rest)

    # receiving

    def _on_readable(self) -> None:
        try:
            data = self._recv(_CHUNK)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                self._break(error)
            return
        if not self.busy:
            # the server closes an idle connection, or says what nobody asked for
            self._drop()
            return
        try:
            if not data:
                self._on_end()
                return
            answer = self._take(data)
        except ProtocolError as error:
            self._fail(str(error))
            return
        except ssl.SSLError as error:
            self._fail(f"TLS: {error}")
            return
        if answer is not None:
            # an answer before the end of the request leaves the connection of no use
            if not self._reader.keep_alive or self._rest:
                self._drop()
            self._finish(answer)

    def _take(self, data: bytes) -> Answer | None:
        """Read what was received, through TLS where there is one."""
        if self._tls is None:
            return self._reader.feed(data)
        data, wire = self._tls.receive(data)
        if wire:
            self._write(wire)
        return self._reader.feed(data) if data and self._socket is not None else None

    def _on_end(self) -> None:
        """Take the end of the connection: of the answer, or in its middle."""
        if self._may_retry():
            self._retry()
            return
        answer = self._reader.end()
        self._drop()
        self._finish(answer)

    def _may_retry(self) -> bool:
        """Tell whether a kept connection ended before it took the request (RFC 9112, 9.3.1)."""
        return self._used and not self._reader.begun and self._request.idempotent

    def _retry(self) -> None:
        """Send the request once more; on a new connection, so it does not come to this again."""
        self._drop()
        self._connect()

    def _finish(self, answer: Answer) -> None:
        # a request may be begun between the poll and what it found, such as what nobody asked for
        at, request = _poll.at, self._request
        self.ended = at if at > self.begun else perf_counter()
        if self._reader.sets_cookies:
            if self._cookies is None:
                self._cookies = Cookies(self._origin.url)
            self._cookies.take(answer, request.path)
        if request.redirects and answer.status in (301, 302, 303, 307, 308):
            location = answer.header("location")
            path = self._origin.path_of(location, request.path) if location else None
            if path is not None:
                self._follow(path, answer.status)
                return
        if answer.status != request.plain_status:
            error = request.judge(answer)
            if error is not None:
                answer = answer.but(error)
        self.answer = answer
        self.busy = False
        self.done()

    def _follow(self, path: str, status: int) -> None:
        self._request = self._request.redirected(path, status)
        if self._socket is None:
            self._connect()
        else:
            self._used = True
            self._transmit()

    # failing

    def _break(self, error: OSError) -> None:
        """Take an error of the connection."""
        if not self.busy:
            self._drop()
        elif self._may_retry():
            self._retry()
        elif (
            not (self._used or self._reached)
            and self._tried < self._origin.others
            and error.errno != errno.EMFILE
        ):
            self._tried += 1
            self._origin.avoid(self._address)
            self._drop()
            self._connect()
        else:
            self._fail(error.strerror or str(error))

    def fail_if_late(self, now: float) -> None:
        """End the request under way if its time is over."""
        if self.busy and now - self.begun > self.timeout:
            self._fail(f"{TIMED_OUT} {self.timeout:g} s")

    def _fail(self, reason: str) -> None:
        """End the request with an error; in a later turn of the loop, so that nothing recurses."""
        self._drop()
        self.ended = perf_counter()
        self.answer = answer = Answer(0, b"", error=reason)
        self._loop.run_callback(self._report_failure, answer)

    def _report_failure(self, answer: Answer) -> None:
        # it may have failed once more since then, of its time for instance, and must end only once
        if self.busy and self.answer is answer:
            self.busy = False
            self.done()

    def _drop(self) -> None:
        """Close the connection at once: gunicorn has the next client wait for one that lingers."""
        sock, self._socket = self._socket, None
        self._rest = b""
        for watcher in (self._io, self._writing):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._io = self._writing = None
        if sock is not None:
            with suppress(OSError):
                sock.close()


class _Reaper:
    """Ends requests whose time is over: one timer for all, for one per request would cost more."""

    def __init__(self) -> None:
        self._channels: set[Channel] = set()
        self._timer: Any = None

    def watch(self, channel: Channel) -> None:
        self._channels.add(channel)
        if self._timer is None:
            self._timer = get_hub().loop.timer(_REAP_EVERY, _REAP_EVERY, ref=False)
            self._timer.start(self._reap)

    def forget(self, channel: Channel) -> None:
        self._channels.discard(channel)
        if not self._channels and self._timer is not None:
            self._timer.close()
            self._timer = None

    def _reap(self) -> None:
        now = perf_counter()
        for channel in tuple(self._channels):
            channel.fail_if_late(now)


_reaper = _Reaper()


class _Poll:
    """When the loop last learned which connections have something to read.

    Dozens of answers may be there at once, and each takes microseconds to be dealt with. That those
    further behind have to wait for it is no latency of the server's; so they count as arrived when
    the loop learned of them all.

    libev calls watchers of this kind before those of the connections (``ev_check`` in its manual);
    libuv, which gevent has on Windows, after them: no use.

    Attributes:
        at: By ``perf_counter``; 0 where it is not known.
    """

    def __init__(self) -> None:
        self.at = 0.0
        self._watcher: Any = None

    def watch(self) -> None:
        """Begin, once."""
        loop = get_hub().loop
        if self._watcher is None and "libev" in type(loop).__module__:
            self._watcher = loop.check(ref=False)
            self._watcher.start(self._polled)

    def _polled(self) -> None:
        self.at = perf_counter()


_poll = _Poll()
