"""A client on a poor line: its requests come in pieces, and it takes the answers in pieces.

It is no user whose requests are measured. It runs beside them and disturbs them, as far as the
server lets it: one that reads a request or writes an answer with a worker's or a thread's time
serves nobody else in the meantime. A proxy that buffers, such as nginx, keeps such clients away.
"""

import re
from contextlib import suppress
from time import perf_counter

import gevent
from gevent import socket
from locust.exception import StopTest

from toolkit.client.user import SocketUser, recorder
from toolkit.wire.http1 import Answer, AnswerReader, ProtocolError, Request

PIECES = 20
"""In so many pieces a request is sent, or an answer read."""

_LIMIT = 60.0
"""Seconds until a request is given up; it may have to wait for others like it."""

_SEGMENT = 1400
"""Bytes in a packet, as on a line to the internet. Loopback's are 64 KiB, and with them the
kernel of the server takes an answer of 1 MiB at once, however slowly it is read."""

_BUFFER = 16_384
"""Bytes that this kernel takes of an answer before they are read."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_FIRST = 4096
_UNKNOWN = 2**20
"""Bytes that are expected of an answer that does not say its length."""


class SlowClient:
    """Sends requests over a new connection each, and waits for them in its greenlet.

    Args:
        user: Beside whom it runs; to the same host, by plain HTTP.

    Raises:
        StopTest: The host wants TLS.
    """

    def __init__(self, user: SocketUser) -> None:
        if user.origin.wrap() is not None:
            user.environment.process_exit_code = 1
            raise StopTest("slow clients speak plain HTTP; TLS ends at a proxy, which buffers")
        self._origin = user.origin

    def send(self, request: Request, *, sending: float = 0.0, reading: float = 0.0) -> Answer:
        """Send a request, count it aside (``Recorder.aside``) and give its answer.

        Args:
            request: Its check is done as for any other.
            sending: Seconds from the first piece of it to the last ...
            reading: ... and from the first piece of the answer to the last.
        """
        began = perf_counter()
        try:
            with gevent.Timeout(_LIMIT):
                answer = self._exchange(request, sending, reading)
            error = request.judge(answer)
        except gevent.Timeout:
            answer, error = Answer(0, b""), f"no answer within {_LIMIT:g} s"
        except ProtocolError as failure:
            answer, error = Answer(0, b""), str(failure)
        except OSError as failure:
            answer, error = Answer(0, b""), failure.strerror or str(failure)
        recorder.aside(request.key, perf_counter() - began, len(answer.body), error)
        return answer if error is None else answer.but(error)

    def _exchange(self, request: Request, sending: float, reading: float) -> Answer:
        family, address = self._origin.address
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT)
            sock.connect(address)
            _send(sock, request.encode(self._origin.host_line), sending)
            return _read(sock, request, reading)


def _send(sock: socket.socket, data: bytes, seconds: float) -> None:
    size = -(-len(data) // PIECES) if seconds else len(data)
    for at in range(0, len(data), size):
        if at:
            gevent.sleep(seconds / (PIECES - 1))
        sock.sendall(data[at : at + size])


def _read(sock: socket.socket, request: Request, seconds: float) -> Answer:
    """Read an answer, no faster than its length in these seconds.

    Raises:
        ProtocolError: It is none.
    """
    reader = AnswerReader()
    reader.expect(to_head=request.to_head)
    length = received = 0
    began = 0.0
    while True:
        data = sock.recv(length // PIECES or _FIRST)
        if not data:
            return reader.end()
        answer = reader.feed(data)
        if answer is not None:
            return answer
        if not length:
            found = _LENGTH.search(data)
            length = int(found[1]) if found else _UNKNOWN
            began = perf_counter()
        received += len(data)
        gevent.sleep(max(began + seconds * min(received / length, 1.0) - perf_counter(), 0.0))
