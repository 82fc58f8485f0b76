"""How what runs in containers is reached: on loopback, or on a machine elsewhere."""

import random
import socket
import time
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from toolkit.errors import ConfigError, EnvironmentFault
from toolkit.runtime.engine import Engine
from toolkit.runtime.ready import free_port, refusal

LOOPBACK = "127.0.0.1"
ANYWHERE = "0.0.0.0"  # noqa: S104 - in a container, published on one address

_PORTS = range(20_000, 32_768)
"""Where a port is looked for elsewhere: below those that kernels give to clients."""

_TRIES = 20

_NOBODYS = 1
"""A port that nobody listens on (tcpmux, of 1988)."""

_BEAT = 2.0
"""Seconds between two looks, and within which a port refuses."""

_ENOUGH = 2
"""Looks in vain after which a machine is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How containers of an engine are reached.

    Attributes:
        address: Of its machine: loopback, or where it is found on the network.
        host_network: Whether stacks and services are in that machine's own network; otherwise each
            has one of its own, and a port that is published at the address.
        direct: Whether a container in a network of its own is reached at that one's address.
        elsewhere: Whether that is another machine, or as good as one: others may reach it, too.
        wanted: Port of servers, 0 for any that is free.
    """

    address: str = LOOPBACK
    elsewhere: bool = False
    host_network: bool
    direct: bool
    wanted: int = 0

    @classmethod
    def here(cls, engine: Engine, network: str, port: int = 0) -> Self:
        """Reach an engine's containers over loopback.

        Args:
            engine: The engine in use.
            network: auto, host or bridge.
            port: Of servers, 0 for any.

        Raises:
            EnvironmentFault: It is on another machine, or cannot give the network asked for.
        """
        if not engine.is_loopback:
            raise EnvironmentFault(
                f"the Docker engine at {engine.address} is on another machine",
                hint="Servers are measured over loopback; unset DOCKER_HOST or switch the context, "
                "take --runtime process, or measure over the network with --target-host.",
            )
        if network == "host" and not engine.shares_host_network:
            raise EnvironmentFault(
                "this engine's host network is not this machine's (virtual machine or rootless)",
                hint="Take --network bridge: a port published on loopback.",
            )
        return cls(
            host_network=network == "host" or (network == "auto" and engine.shares_host_network),
            direct=engine.shares_host_network,
            wanted=port,
        )

    @classmethod
    def there(cls, engine: Engine, network: str, address: str = "", port: int = 0) -> Self:
        """Reach the containers of an engine elsewhere over the network.

        Args:
            engine: That engine.
            network: auto, host or bridge.
            address: Of its machine; empty: what its own address names.
            port: Of servers, 0 for any.

        Raises:
            ConfigError: It is not said at which address.
        """
        host = address or urlsplit(engine.address).hostname
        if host is None:
            raise ConfigError(
                f"the target host at {engine.address} is reached by no network",
                hint="Say with --target-address where servers answer there.",
            )
        return cls(
            address=_number(host),
            elsewhere=True,
            host_network=network != "bridge",
            direct=False,
            wanted=port,
        )

    def port_of_server(self) -> int:
        """Give the port for a server: the wanted one, or any that is free.

        Raises:
            EnvironmentFault: The wanted port is taken.
        """
        return self._port(self.wanted)

    def any_port(self) -> int:
        """Give a port that is free."""
        return self._port(0)

    def listening(self, port: int, inside: int) -> tuple[str, int]:
        """Say where a process in a container listens, for a port at the address to lead there."""
        return (self.address, port) if self.host_network else (ANYWHERE, inside)

    def _port(self, wanted: int) -> int:
        if not self.elsewhere:
            return free_port(wanted)
        # nobody here can take a port there to see whether it is free: that nobody answers will do
        for port in (wanted,) if wanted else random.sample(_PORTS, _TRIES):
            if refusal(self.address, port) is not None:
                return port
        tried = f"port {wanted}" if wanted else f"each of {_TRIES} ports"
        raise EnvironmentFault(
            f"{tried} at {self.address} is taken: somebody answers there",
            hint="Give another one with --target-port, or another address.",
        )


class Pulse:
    """Tells whether a machine elsewhere can still be reached, even if its engine can another way.

    A port on which nobody listens refuses at once as long as the machine is there. Behind a
    firewall that says nothing of such ports, nor does this.

    Args:
        address: Of the machine.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._telling = self._feel() is None
        self._looked = time.monotonic()
        self._missed = 0

    def lost(self) -> str | None:
        """Say that it cannot be reached, None while it can or nobody knows."""
        if not self._telling or time.monotonic() - self._looked < _BEAT:
            return None
        reason = self._feel()
        self._looked = time.monotonic()
        self._missed = 0 if reason is None else self._missed + 1
        if self._missed < _ENOUGH:
            return None
        return f"its machine, {self._address}, cannot be reached any more ({reason})"

    def _feel(self) -> str | None:
        try:
            socket.create_connection((self._address, _NOBODYS), timeout=_BEAT).close()
        except ConnectionRefusedError:
            return None
        except OSError as error:
            return error.strerror or str(error)
        return None


def _number(host: str) -> str:
    """Give the address that a name stands for: what a server there binds, and clients connect to.

    Raises:
        ConfigError: There is none.
    """
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(
            f"{host} has no IPv4 address: {getattr(error, 'strerror', None) or error}",
            hint="Say with --target-address where servers answer on the target host.",
        ) from error
    return str(found[0][4][0])
