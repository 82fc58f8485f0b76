"""Addresses that a server listens on, as its settings write them."""

import re
from dataclasses import dataclass

from toolkit.lint.facts import Fact, Server, ServerKind

_DEFAULT_PORTS = {ServerKind.GUNICORN: 8000, ServerKind.HYPERCORN: 8000}
"""Of servers whose settings may give a host alone."""

_SCHEME = re.compile(r"^(?:tcp|https?)://")
_SOCKET = re.compile(r"^(?:unix:|fd://|[/.@])|\.sock(?:et)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """An address that a server listens on.

    Attributes:
        fact: The setting, as it is written.
        host: "" for every address of the machine, as "0.0.0.0".
        port: None of a socket in the file system or one that is passed on.
    """

    fact: Fact[str]
    host: str = ""
    port: int | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether only what runs in the same container can reach it."""
        return self.port is not None and is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Tell whether a host is the machine itself."""
    plain = host.strip("[]").lower()
    return plain in {"localhost", "::1", "ip6-localhost"} or plain.startswith("127.")


def binds_of(server: Server) -> tuple[Bind, ...] | None:
    """Read where a server listens, None if that is not known of every address."""
    found = [_read(fact, _DEFAULT_PORTS.get(server.kind)) for fact in server.binds]
    known = tuple(bind for bind in found if bind is not None)
    return known if known and len(known) == len(found) else None


def _read(fact: Fact[str], default_port: int | None) -> Bind | None:
    text = fact.value.strip()
    if not text or "$" in text:
        return None
    if _SOCKET.search(text):
        return Bind(fact=fact)
    text = _SCHEME.sub("", text)
    if text.isdecimal():
        return Bind(fact=fact, port=int(text))
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        return Bind(fact=fact, host=text, port=default_port) if default_port else None
    return Bind(fact=fact, host=host, port=int(port)) if port.isdecimal() else None
