"""Does a running service keep its app's contract? One request after the other, no load."""

import http.client
from collections.abc import Sequence
from urllib.parse import urlsplit

from toolkit.contract import Answer, Exchange, violations
from toolkit.errors import StackError
from toolkit.ports import Service

_TIMEOUT = 5.0


def find_violations(service: Service, exchanges: Sequence[Exchange]) -> tuple[str, ...]:
    """Send every exchange to a service and say what is wrong, one line each."""
    found = []
    for exchange in exchanges:
        try:
            answer = _send(service.url, exchange)
        except (OSError, http.client.HTTPException) as error:
            wrong: tuple[str, ...] = (f"no answer: {type(error).__name__}: {error}",)
        else:
            wrong = violations(exchange, answer)
        label = f"{exchange.name} ({exchange.method} {exchange.path})"
        found += [f"{label}: {problem}" for problem in wrong]
    return tuple(found)


def require_contract(service: Service, exchanges: Sequence[Exchange]) -> None:
    """Let only a service pass that keeps the contract.

    Raises:
        StackError: It does not; the message has the first violation, the log all of them and the
            last lines of the server.
    """
    found = find_violations(service, exchanges)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise StackError(
            f"breaks the contract: {found[0]}{more}",
            log="\n".join((*found, service.log_tail())).strip(),
        )


def _send(url: str, exchange: Exchange) -> Answer:
    address = urlsplit(url).netloc
    # a connection for each: what one answer does to it must not show in the next
    connection = http.client.HTTPConnection(address, timeout=_TIMEOUT)
    try:
        connection.request(
            exchange.method, exchange.path, body=exchange.body, headers=dict(exchange.headers)
        )
        response = connection.getresponse()
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Answer(status=response.status, content_type=media_type, body=response.read())
    finally:
        connection.close()
