"""A server that answers after a known time, and knows how long it really took.

``python delay_server.py PORT SECONDS [FREEZE EVERY]``, on loopback: with the last two it does
nothing at all for so many seconds, every so many seconds. ``GET /truth`` gives the percentiles
of the times from the reading of a request to the writing of its answer since it was last asked, in
seconds. Stand-alone: imports nothing of the toolkit.
"""

import json
import select
import socket
import sys
from collections import deque
from time import perf_counter, sleep

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
_RANKS = (50, 90, 99, 99.9)


def serve(port: int, delay: float, freeze: float = 0.0, every: float = float("inf")) -> None:
    """Answer until the process is ended."""
    next_freeze = perf_counter() + every
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    listener.setblocking(False)
    readers = [listener]
    # all wait equally long, so whoever came first is due first
    waiting: deque[tuple[float, socket.socket]] = deque()
    took: list[float] = []
    print("ready", flush=True)
    while True:
        # select() waits to the microsecond, epoll only to the millisecond
        until = min(waiting[0][0] + delay if waiting else next_freeze, next_freeze)
        left = None if until == float("inf") else max(until - perf_counter(), 0)
        readable, _, _ = select.select(readers, (), (), left)
        if perf_counter() >= next_freeze:
            sleep(freeze)
            next_freeze += every
        while waiting and perf_counter() >= waiting[0][0] + delay:
            came, connection = waiting.popleft()
            try:
                connection.send(_ANSWER)
            except OSError:
                continue
            took.append(perf_counter() - came)
        for ready in readable:
            if ready is listener:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                readers.append(connection)
                continue
            came = perf_counter()
            try:
                data = ready.recv(65_536)
            except OSError:
                data = b""
            if not data:
                readers.remove(ready)
                ready.close()
            elif data.startswith(b"GET /truth "):
                body = json.dumps(_percentiles(took)).encode()
                took = []
                ready.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            else:
                waiting.append((came, ready))


def _percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        str(rank): ordered[min(int(len(ordered) * rank / 100), len(ordered) - 1)]
        for rank in _RANKS
        if ordered
    }


if __name__ == "__main__":
    serve(int(sys.argv[1]), *map(float, sys.argv[2:]))
