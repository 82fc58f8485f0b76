"""Does a running service keep its app's contract? One request after the other, no load."""

import http.client
import select
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from toolkit.backing import Backings
from toolkit.contract import Answer, Exchange, violations
from toolkit.errors import StackError
from toolkit.model import Broken, Stack, unvaried
from toolkit.ports import Observer, Runtime, Served

_TIMEOUT = 5.0
_PIECE = 65_536
_EARLY = 0.2
"""Seconds in which a server may refuse a large body before it has been sent."""

_LARGE = 2**20

START = "start"
"""Name under which ``deploy/broken.toml`` lists a stack that does not even start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that is wrong with an answer."""

    exchange: str
    problem: str

    def __str__(self) -> str:
        return f"{self.exchange}: {self.problem}" if self.exchange != START else self.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the contract says of a stack.

    Attributes:
        wrong: What should not be so.
        known: What is broken upstream and listed as such ...
        healed: ... and what is listed, was checked, and works.
        log: Last lines of a server that did not start, or that does what it should not.
    """

    wrong: tuple[Violation, ...] = ()
    known: tuple[tuple[Violation, Broken], ...] = ()
    healed: tuple[Broken, ...] = ()
    log: str = ""

    @property
    def kept(self) -> bool:
        """Whether all is as it should be, and as the list says."""
        return not self.wrong and not self.healed


def verify(
    stack: Stack,
    exchanges: Sequence[Exchange],
    broken: Sequence[Broken],
    runtime: Runtime,
    backings: Backings,
    observer: Observer,
) -> Verdict:
    """Build and start a stack and see whether it keeps its contract."""
    try:
        runtime.prepare(stack, observer)
        backings.prepare(stack)
        with runtime.serve(stack, backings.environment(stack)) as service:
            found = find_violations(service, exchanges, keep_alive=stack.server.keep_alive)
            verdict = judge(stack, exchanges, found, broken)
            # while it is there to be asked: what happens once in many runs says why only here
            return replace(verdict, log=service.log_tail()) if verdict.wrong else verdict
    except StackError as error:
        found = (Violation(exchange=START, problem=str(error)),)
        return replace(judge(stack, exchanges, found, broken), log=error.log)


def find_violations(
    service: Served, exchanges: Sequence[Exchange], *, keep_alive: bool
) -> tuple[Violation, ...]:
    """Send every exchange to a service and say what is wrong.

    Args:
        service: Where.
        exchanges: What, in this order.
        keep_alive: Whether the server says that it keeps connections open.
    """
    jars: dict[str, dict[str, str]] = {}
    found = []
    for exchange in exchanges:
        cookies = jars.setdefault(exchange.session, {}) if exchange.session else {}
        try:
            wrong = _check_all(service.url, exchange, cookies, keep_alive=keep_alive)
        except (OSError, http.client.HTTPException, CookieError) as error:
            wrong = (f"no answer: {type(error).__name__}: {error}",)
        request = f" ({exchange.method} {exchange.path})"
        found += [
            Violation(exchange=exchange.name, problem=f"{problem}{request}") for problem in wrong
        ]
    return tuple(found)


def judge(
    stack: Stack,
    exchanges: Sequence[Exchange],
    found: Sequence[Violation],
    broken: Sequence[Broken],
) -> Verdict:
    """Compare what is wrong with what is listed as broken upstream."""
    listed = [item for item in broken if fnmatchcase(unvaried(stack.id), item.stack)]
    known, wrong = [], []
    for violation in found:
        reason = next((x for x in listed if fnmatchcase(violation.exchange, x.exchange)), None)
        if reason is None:
            wrong.append(violation)
        else:
            known.append((violation, reason))
    failed = {violation.exchange for violation in found}
    checked = {START} if START not in failed else set()
    checked |= {exchange.name for exchange in exchanges} if checked else set()
    healed = [
        item
        for item in listed
        if not item.sometimes
        and any(fnmatchcase(name, item.exchange) for name in checked)
        and not any(fnmatchcase(name, item.exchange) for name in failed)
    ]
    return Verdict(wrong=tuple(wrong), known=tuple(known), healed=tuple(healed))


def require_contract(
    service: Served, stack: Stack, exchanges: Sequence[Exchange], broken: Sequence[Broken]
) -> None:
    """Let only a service pass that keeps the contract, but for what is listed as broken upstream.

    Raises:
        StackError: It does not; the message has the first violation, the log all of them and the
            last lines of the server. Or it had too little memory, which is said instead.
    """
    found = find_violations(service, exchanges, keep_alive=stack.server.keep_alive)
    wrong = judge(stack, exchanges, found, broken).wrong
    if wrong:
        log = "\n".join((*map(str, wrong), service.log_tail())).strip()
        killed = _killed_for_memory(service)
        if killed:
            raise StackError(
                f"{killed} of its processes killed for want of memory while it was checked",
                log=log,
                hint="Give it more memory (--memory) or fewer workers.",
            )
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        # an app of the user's own has none
        fault = "breaks the contract" if stack.app.contract else "does not serve as it should"
        raise StackError(f"{fault}: {wrong[0]}{more}", log=log)


def _killed_for_memory(service: Served) -> int:
    """Count the processes of a service that were killed for want of memory; 0 if not known."""
    try:
        usage = service.usage()
    except StackError:
        return 0
    return (usage.oom_kills or 0) if usage else 0


def _check_all(
    url: str, exchange: Exchange, cookies: dict[str, str], *, keep_alive: bool
) -> tuple[str, ...]:
    def check(_: int) -> tuple[str, ...]:
        return tuple(_check(url, exchange, cookies, keep_alive=keep_alive))

    if exchange.at_once == 1:
        return check(0)
    with ThreadPoolExecutor(exchange.at_once) as pool:
        found = [wrong for wrong in pool.map(check, range(exchange.at_once)) if wrong]
    share = f"on {len(found)} of {exchange.at_once} connections at once: "
    return tuple(share + wrong for wrong in found[0]) if found else ()


def _check(
    url: str, exchange: Exchange, cookies: dict[str, str], *, keep_alive: bool
) -> Iterator[str]:
    # a connection for each: what one answer does to it must not show in the next
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=_TIMEOUT)
    try:
        for number in range(1, exchange.repeat + 1):
            answer = _send_again(
                connection, exchange, cookies, patient=number > 1 and not keep_alive
            )
            wrong = violations(exchange, answer)
            if wrong:
                place = f"answer {number} on one connection: " if number > 1 else ""
                yield from (f"{place}{problem}" for problem in wrong)
                return
            kept = connection.sock is not None or exchange.may_close or not keep_alive
            if not kept and number < exchange.repeat:
                yield f"the server closes the connection after answer {number}"
                return
    finally:
        connection.close()


def _send_again(
    connection: http.client.HTTPConnection,
    exchange: Exchange,
    cookies: dict[str, str],
    *,
    patient: bool,
) -> Answer:
    """Send on a new connection what found the old one closed, where that is no surprise."""
    try:
        return _send(connection, exchange, cookies)
    except (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected):
        if not patient:
            raise
        connection.close()
        return _send(connection, exchange, cookies)


def _send(
    connection: http.client.HTTPConnection, exchange: Exchange, cookies: dict[str, str]
) -> Answer:
    headers = dict(exchange.headers)
    if cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    connection.putrequest(exchange.method, exchange.path)
    for name, value in {**headers, **_framing(exchange)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    if exchange.body:
        _send_body(connection, exchange)
    response = connection.getresponse()
    answer = Answer(status=response.status, headers=response.headers, body=response.read())
    _keep_cookies(answer, cookies)
    return answer


def _framing(exchange: Exchange) -> Mapping[str, str]:
    if exchange.chunked:
        return {"Transfer-Encoding": "chunked"}
    if exchange.body is not None:
        return {"Content-Length": str(len(exchange.body))}
    return {"Content-Length": "0"} if exchange.method in {"POST", "PUT", "PATCH"} else {}


def _send_body(connection: http.client.HTTPConnection, exchange: Exchange) -> None:
    """Send the body in pieces, until the server has answered: it may refuse what is too large."""
    body = exchange.body or b""
    deadline = time.monotonic() + (_EARLY if len(body) > _LARGE else 0)
    while time.monotonic() < deadline:
        if _has_answered(connection):
            return
    try:
        for start in range(0, len(body), _PIECE):
            if _has_answered(connection):
                return
            piece = body[start : start + _PIECE]
            connection.send(b"%x\r\n%b\r\n" % (len(piece), piece) if exchange.chunked else piece)
        if exchange.chunked:
            connection.send(b"0\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        return  # what it said before may still be read


def _has_answered(connection: http.client.HTTPConnection) -> bool:
    readable, _, _ = select.select([connection.sock], (), (), 0.001)
    return bool(readable)


def _keep_cookies(answer: Answer, cookies: dict[str, str]) -> None:
    for line in answer.headers.get_all("Set-Cookie", ()):
        jar = SimpleCookie()
        jar.load(line)
        for name, morsel in jar.items():
            if morsel["max-age"] == "0" or "1970" in morsel["expires"] or not morsel.coded_value:
                cookies.pop(name, None)
            else:
                cookies[name] = morsel.coded_value
