"""The app named by ``APP_TARGET``, an ASGI app, behind a proxy that says who asked and how.

For servers that cannot do so themselves. Who connects from an address or network of
``FORWARDED_ALLOW_IPS`` (with commas; 127.0.0.1 if it is not set, ``*`` for everybody) is a proxy:
of its ``X-Forwarded-For`` the last address that is no proxy's is the client, its
``X-Forwarded-Proto`` the scheme. Anybody else's are ignored. Uvicorn does the same with
``--proxy-headers``.
"""

import ipaddress
import os
import pkgutil
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_SCHEMES = frozenset({"http", "https"})


class Proxies:
    """Addresses that are believed.

    Args:
        text: Addresses and networks with commas, or ``*``.

    Raises:
        ValueError: One of them is neither.
    """

    def __init__(self, text: str) -> None:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        self._everybody = "*" in parts
        self._networks = [ipaddress.ip_network(part) for part in parts if part != "*"]

    def __contains__(self, host: str) -> bool:
        """Tell whether an address is one of theirs; what is no address is not."""
        if self._everybody:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def client_of(self, forwarded: Iterable[str]) -> str | None:
        """Give the address that the nearest of them saw; None if they name nobody.

        Args:
            forwarded: Addresses, the nearest last: each proxy adds the one that it was asked from.
        """
        hosts = [host for host in forwarded if host]
        return next((host for host in reversed(hosts) if host not in self), next(iter(hosts), None))


def behind(app: App, proxies: Proxies) -> App:
    """Give the app as it is asked through proxies."""

    async def forwarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            peer = scope.get("client")
            if peer and peer[0] in proxies:
                _believe(scope, proxies)
        await app(scope, receive, send)

    return forwarded


def _believe(scope: Scope, proxies: Proxies) -> None:
    client = proxies.client_of(_values(scope, b"x-forwarded-for"))
    if client is not None:
        scope["client"] = (client, 0)
    (*_, scheme) = ("", *_values(scope, b"x-forwarded-proto"))
    if scheme in _SCHEMES:
        websocket = scope["type"] == "websocket"
        scope["scheme"] = scheme.replace("http", "ws") if websocket else scheme


def _values(scope: Scope, name: bytes) -> list[str]:
    texts = [value.decode("latin-1") for header, value in scope["headers"] if header == name]
    return [part.strip() for text in texts for part in text.split(",")]


_app: App = pkgutil.resolve_name(os.environ["APP_TARGET"])
app = behind(_app, Proxies(os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")))
