"""Ports of a service of a compose file, and the names by which others reach it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from toolkit.lint.facts import Address, Fact, Published
from toolkit.lint.manifests.nodes import Kind, Node

MOST_PORTS = 100
"""Of a range that is listed; more of them is no web server's."""

_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Port:
    """An entry of ``ports``.

    Attributes:
        numbers: In the container; none if they are not known.
        everywhere: Whether it is published on every address; None: not known.
    """

    node: Node
    numbers: tuple[int, ...]
    everywhere: bool | None


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports that a service names.

    Attributes:
        named: Of ``expose`` and ``ports``.
        entries: Of ``ports``.
    """

    named: tuple[Fact[int], ...]
    entries: tuple[_Port, ...]


def ports_of(service: Node) -> Ports:
    """Read ``ports`` and ``expose``."""
    entries = tuple(
        port
        for node in service.at("ports").entries
        if (port := _long(node) if node.kind is Kind.MAP else _short(node)) is not None
    )
    named: dict[int, Fact[int]] = {}
    for node in service.at("expose").entries:
        for number in _numbers((node.text or "").removesuffix("/tcp")):
            named[number] = Fact(number, node.where)
    for port in entries:
        service.steps.take(len(port.numbers))
        for number in port.numbers:
            named.setdefault(number, Fact(number, port.node.where))
    return Ports(tuple(named.values()), entries)


def published_by(service: Node, ports: Ports) -> tuple[Published, ...]:
    """Give the ports that are reachable from outside.

    Of a service in the network of the host nothing is said: it depends on what it binds to.
    """
    if (service.at("network_mode").text or "") == "host":
        return ()
    return tuple(dict.fromkeys(_published(ports)))


def _published(ports: Ports) -> Iterator[Published]:
    for port in ports.entries:
        if port.everywhere is not True:
            continue
        for number in port.numbers or (None,):
            yield Published(container=number, where=port.node.where, by="ports")


def addresses_of(name: str, service: Node) -> tuple[Address, ...]:
    """Give the names that a service has in its networks."""
    found = {name: Address(name=name, where=service.where)}
    for key in ("container_name", "hostname"):
        node = service.at(key)
        if node.text:
            found.setdefault(node.text, Address(name=node.text, where=node.where))
    for network in dict(service.at("networks").items()).values():
        for alias in network.at("aliases").entries:
            if alias.text:
                found.setdefault(alias.text, Address(name=alias.text, where=alias.where))
    return tuple(found.values())


def _short(node: Node) -> _Port | None:
    """Read ``[[IP:][PUBLISHED]:]CONTAINER[/PROTOCOL]``."""
    text, _, protocol = (node.text or "").partition("/")
    if not text or protocol not in {"", "tcp"}:
        return None
    rest, _, container = text.rpartition(":")
    # [::1]:80 or 127.0.0.1:80: what stands in front of the published port
    address, separator, _ = rest.rpartition(":")
    everywhere = _is_everywhere(address.strip("[]")) if separator else True
    if not separator and "$" in rest:
        everywhere = None  # the variable may hold an address
    return _Port(node, _numbers(container), everywhere)


def _long(node: Node) -> _Port | None:
    if (node.at("protocol").text or "tcp") != "tcp":
        return None
    address = node.at("host_ip").text or ""
    return _Port(node, _numbers(node.at("target").text or ""), _is_everywhere(address))


def _is_everywhere(address: str) -> bool | None:
    """Tell whether an address can be reached from other machines; None: a variable has it."""
    if address in {"", "localhost"}:
        return not address
    try:
        return not ip_address(address).is_loopback
    except ValueError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    found = _RANGE.fullmatch(text)
    if found is None:
        return ()
    first, last = int(found[1]), int(found[2] or found[1])
    return tuple(range(first, min(last, first + MOST_PORTS - 1) + 1)) if first < 65_536 else ()
