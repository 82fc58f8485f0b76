"""Servers that somebody else started: they have a URL, and nothing else is known of them."""

import contextlib
import ipaddress
import socket
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from toolkit.errors import StackError
from toolkit.measured import RuntimeFacts, StackFacts, Usage
from toolkit.model import Stack
from toolkit.ports import Observer

_PORTS = {"http": 80, "https": 443}


class Targets:
    """The servers of URLs, each in the place of a stack; see ``ports.Servers``.

    Args:
        urls: Of each stack, by its id: scheme, host and port.
    """

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls

    @property
    def facts(self) -> RuntimeFacts:
        """See ``ports.Servers``."""
        near = all(is_loopback(url) for url in self._urls.values())
        return RuntimeFacts(
            name="target",
            reason="--target",
            network="loopback" if near else "between the machines",
            memory_kind="not known",
            ours=False,
        )

    def prepare(self, stack: Stack, observer: Observer) -> StackFacts:
        """See ``ports.Servers``; there is nothing to be prepared.

        Raises:
            StackError: Its name has no address.
        """
        url = self._urls[stack.id]
        addresses(url)
        return StackFacts(
            id=stack.id,
            summary=url,
            keep_alive=stack.server.keep_alive,
            argv=(),
            settings={},
            python="",
            packages={},
        )

    def run_once(
        self, stack: Stack, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """See ``ports.Commands``.

        Raises:
            StackError: There is nowhere to run it.
        """
        raise StackError(f"{' '.join(command)} cannot be run at {self._urls[stack.id]}")

    @contextlib.contextmanager
    def serve(self, stack: Stack, environment: Mapping[str, str]) -> Iterator["Target"]:
        """See ``ports.Servers``; it serves already, and goes on when this is over."""
        yield Target(self._urls[stack.id])


class Target:
    """A server that was there before; see ``ports.Served``."""

    start_seconds = None

    def __init__(self, url: str) -> None:
        self.url = url

    def usage(self) -> Usage | None:
        """See ``ports.Served``; nobody can read it."""
        return None

    def stop(self) -> float | None:
        """See ``ports.Served``; it is not the toolkit's to stop."""
        return None

    def death(self) -> str | None:
        """See ``ports.Served``; what it answers tells."""
        return None

    def log_tail(self) -> str:
        """See ``ports.Served``; nobody can read it."""
        return ""


def addresses(url: str) -> tuple[str, ...]:
    """Look up the addresses of a URL's host.

    Raises:
        StackError: There are none.
    """
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(
            parts.hostname, parts.port or _PORTS[parts.scheme], type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise StackError(f"{parts.hostname} has no address: {error.strerror or error}") from error
    return tuple(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


def is_loopback(url: str) -> bool:
    """Tell whether a URL leads nowhere but to this machine; one without an address does not."""
    try:
        found = addresses(url)
    except StackError:
        return False
    return all(ipaddress.ip_address(item.partition("%")[0]).is_loopback for item in found)
