"""Uvicorn's HTTP, with patience for connections whose first request is still to come.

A server that stops, or a worker that is replaced, closes at once what is idle. That includes a
connection that has just been accepted: the request that follows it, perhaps sent already, is reset,
and a proxy may not send a POST again (0.54.0, ``HttpToolsProtocol.shutdown``).
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_PATIENCE = 1.0
"""Seconds for the first request of a connection; who has connected is about to send it."""

_PAUSE = 0.02


class Protocol(HttpToolsProtocol):
    """A connection that is ended after its first request, and not before."""

    def shutdown(self) -> None:
        """Begin to end it: the server calls this when it stops."""
        self._end_by(self.loop.time() + _PATIENCE)

    def _end_by(self, deadline: float) -> None:
        if self.cycle is None and self.loop.time() < deadline and not self.transport.is_closing():
            self.loop.call_later(_PAUSE, self._end_by, deadline)
        else:
            super().shutdown()
