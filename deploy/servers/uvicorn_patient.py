"""Uvicorn's HTTP, with patience for connections whose first request is still to come.

A server that stops, or a worker that is replaced, closes at once what is idle. That includes a
connection that has just been accepted: the request that follows it, perhaps sent already, is reset,
and a proxy may not send a POST again (0.54.0, ``HttpToolsProtocol.shutdown``).
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_PATIENCE = 1.0
"""Seconds for the first request of a connection; who has connected is about to send it."""

_LAST = (b"connection", b"close")


class Protocol(HttpToolsProtocol):
    """A connection that is ended after its first request, and not before."""

    def shutdown(self) -> None:
        """Begin to end it: the server calls this when it stops."""
        headers = self.server_state.default_headers
        if _LAST not in headers:
            # of all answers that begin from now on; the server no longer changes them
            self.server_state.default_headers = [*headers, _LAST]
        if self.cycle is None:
            self.loop.call_later(_PATIENCE, self._end)
        else:
            super().shutdown()

    def _end(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()
