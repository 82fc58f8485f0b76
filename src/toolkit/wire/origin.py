"""Where requests go: scheme, host and port of a URL, its addresses, and TLS if it has it."""

import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from toolkit.wire.http1 import Head

_Address = tuple[int, tuple[str, int] | tuple[str, int, int, int]]


class Origin:
    """The target of a user.

    Attributes:
        known: Headers that its answers began with, for ``AnswerReader``.

    Args:
        url: ``http://host[:port]`` or ``https://...``; a path is not part of an origin.
        verify: Whether a certificate must be right.

    Raises:
        ValueError: It is no such URL.
    """

    def __init__(self, url: str, *, verify: bool = True) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not a URL such as http://127.0.0.1:8000")
        self._place = _place(url)
        self.name, self.port = parts.hostname, self._place[2]
        authority = parts.netloc.rpartition("@")[2]
        self.host_line = f"Host: {authority}\r\n".encode("ascii")
        self.url = f"{parts.scheme}://{authority}"
        self.known: dict[bytes, Head] = {}
        self._addresses: list[_Address] = []
        self._context = _context(verify=verify) if parts.scheme == "https" else None

    def resolve(self) -> None:
        """Look the name up; once, for what the resolver costs is none of the server's business.

        Raises:
            OSError: It has no address.
        """
        found = socket.getaddrinfo(self.name, self.port, type=socket.SOCK_STREAM)
        self._addresses = [(family, address) for family, _, _, _, address in found]  # type: ignore[misc]

    @property
    def address(self) -> _Address:
        """Family and address to connect to."""
        return self._addresses[0]

    @property
    def others(self) -> int:
        """How many addresses there are besides that one."""
        return len(self._addresses) - 1

    def avoid(self, address: _Address) -> None:
        """Connect to the next address from now on (localhost is ::1 before it is 127.0.0.1).

        Args:
            address: The one that did not work; nothing changes if it is not the one in use.
        """
        if self._addresses[0] == address:
            self._addresses.append(self._addresses.pop(0))

    def path_of(self, reference: str, path: str) -> str | None:
        """Give the path and query that a reference in the answer for a path leads to.

        Returns:
            None if it is no URL or leads to another origin.
        """
        try:
            url = urljoin(self.url + path, reference)
            if _place(url) != self._place:
                return None
        except ValueError:
            return None
        parts = urlsplit(url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def wrap(self) -> "Tls | None":
        """Begin TLS for a new connection, None for plain HTTP."""
        return None if self._context is None else Tls(self._context, self.name)


class Tls:
    """TLS of one connection, without I/O: bytes in, bytes out."""

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._waiting = b""
        self._agreed = False

    def send(self, data: bytes) -> bytes:
        """Take what is to be sent, give what goes over the wire now.

        Raises:
            ssl.SSLError: The handshake failed.
        """
        self._waiting += data
        return self._advance()

    def receive(self, data: bytes) -> tuple[bytes, bytes]:
        """Take what came over the wire; give what it says and what goes out in return.

        Raises:
            ssl.SSLError: It is not TLS, or the certificate is not right.
        """
        self._incoming.write(data)
        wire = self._advance()
        plain = []
        while self._agreed:
            try:
                part = self._tls.read(65_536)
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                break
            if not part:
                break
            plain.append(part)
        return b"".join(plain), wire + self._outgoing.read()

    def _advance(self) -> bytes:
        try:
            if not self._agreed:
                self._tls.do_handshake()
                self._agreed = True
            if self._waiting:
                self._tls.write(self._waiting)
                self._waiting = b""
        except ssl.SSLWantReadError:
            pass
        return self._outgoing.read()


def _place(url: str) -> tuple[str, str | None, int]:
    """Give what makes an origin (RFC 6454): scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _context(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
