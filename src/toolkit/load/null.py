"""A target that answers at once: what a load generator shows against it is the generator's own.

Started with ``python null.py PORT``, on loopback. Stand-alone: imports nothing of the toolkit, so
it starts at once. A request for ``/close`` is answered with the end of the connection.
"""

import select
import socket
import sys

_KEPT = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
_LAST = _KEPT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
_CHUNK = 65_536


def serve(port: int) -> None:
    """Answer every GET until the process is ended."""
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    listener.setblocking(False)
    poll = select.epoll() if hasattr(select, "epoll") else None
    if poll is None:
        raise SystemExit("this needs Linux")
    poll.register(listener.fileno(), select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    print("ready", flush=True)  # noqa: T201 - whom it was started by waits for it
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                _accept(listener, poll, connections)
                continue
            connection = connections[number]
            try:
                data = connection.recv(_CHUNK)
                last = data.startswith(b"GET /close ")
                if data:
                    connection.send(_LAST if last else _KEPT)
            except OSError:
                data, last = b"", True
            if last or not data:
                poll.unregister(number)
                connections.pop(number).close()


def _accept(
    listener: socket.socket, poll: "select.epoll", connections: dict[int, socket.socket]
) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections[connection.fileno()] = connection
        poll.register(connection.fileno(), select.EPOLLIN)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
