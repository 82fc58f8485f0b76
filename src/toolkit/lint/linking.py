"""Which unit a proxy passes requests on to."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from posixpath import dirname

from toolkit.lint.facts import Container, Platform, Proxy, Unit
from toolkit.lint.locating import in_common

_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]", "0.0.0.0", "host.docker.internal"})  # noqa: S104
_ON_THE_HOST = frozenset(
    {Platform.DOCKER, Platform.SYSTEMD, Platform.SUPERVISORD, Platform.PROCFILE}
)


def link(
    units: Sequence[Unit], proxies: Sequence[Proxy], others: Sequence[Container] = ()
) -> tuple[Unit, ...]:
    """Give the units with the proxies in front of them.

    Args:
        units: Without.
        proxies: All there are.
        others: Containers that are no units, whose names mean them all the same.
    """
    known = _Known(units, others)
    found: dict[int, list[Proxy]] = {}
    for proxy in proxies:
        for index in sorted(
            {index for target in proxy.targets for index in known.meant(proxy, target)}
        ):
            found.setdefault(index, []).append(proxy)
    return tuple(
        replace(unit, proxies=tuple(found.get(index, ()))) for index, unit in enumerate(units)
    )


class _Known:
    """Who is known by which name, port and socket: indices, those of units first."""

    def __init__(self, units: Sequence[Unit], others: Sequence[Container]) -> None:
        self._units = units
        self._containers = [*(unit.container for unit in units), *others]
        self._named: dict[str, list[int]] = {}
        self._listening: dict[str, list[int]] = {}
        for index, container in enumerate(self._containers):
            for name in names_of(container):
                self._named.setdefault(name, []).append(index)
        for index, unit in enumerate(units):
            for address in (*_sockets(unit), *ports_of(unit)):
                self._listening.setdefault(address, []).append(index)

    def meant(self, proxy: Proxy, target: str) -> list[int]:
        """Give the indices of the units that a target means."""
        if target.startswith("unix:"):
            return self._single(self._listening.get(target, []))
        host, _, port = target.rpartition(":")
        named = self._named.get(host)
        if named:
            nearest = _nearest(self._containers, named, proxy.where.path)
            return [index for index in nearest if index < len(self._units)]
        listening = self._listening.get(port, [])
        if host in _LOCAL:
            containers = self._containers
            on_host = [i for i in listening if containers[i].platform in _ON_THE_HOST]
            return self._single(on_host or [i for i in listening if containers[i].published])
        # a name with dots is a host somewhere else
        return [] if "." in host else self._single(listening)

    def _single(self, indices: Sequence[int]) -> list[int]:
        """Give units that are one service, as variants of a compose file describe it."""
        names = {(self._containers[index].platform, self._units[index].name) for index in indices}
        return list(indices) if len(names) == 1 else []


def names_of(container: Container) -> frozenset[str]:
    """Give the names by which others reach a container."""
    names = {address.name for address in container.addresses}
    if container.platform is Platform.COMPOSE:
        names.add(container.name)
    return frozenset(names)


def _sockets(unit: Unit) -> Iterator[str]:
    for bind in unit.server.binds if unit.server else ():
        kind, colon, path = bind.value.partition(":")
        if kind == "unix" and colon:
            # "unix://run/a.sock" is the same place
            yield f"unix:/{path.lstrip('/')}"


def ports_of(unit: Unit) -> frozenset[str]:
    """Give the ports that a unit listens at, by its server or else by what it names."""
    binds = [bind.value for bind in unit.server.binds] if unit.server else []
    bound = {bind.rpartition(":")[2] for bind in binds if not bind.startswith("unix:")}
    return frozenset(bound or (str(port.value) for port in unit.container.ports))


def _nearest(containers: Sequence[Container], indices: Sequence[int], path: str) -> list[int]:
    """Choose those that are described nearest to a file: names repeat in a folder of examples.

    Of several folders that are equally near nobody knows which is meant.
    """
    near = {index: in_common(containers[index].where.path, path) for index in indices}
    most = max(near.values())
    nearest = [index for index in indices if near[index] == most]
    folders: dict[Platform, set[str]] = {}
    for index in nearest:
        container = containers[index]
        folders.setdefault(container.platform, set()).add(dirname(container.where.path))
    return [index for index in nearest if len(folders[containers[index].platform]) == 1]
