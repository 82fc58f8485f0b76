"""What stands between a server and those who ask it."""

import re

from toolkit.lint.facts import Platform, Published, Unit, Where
from toolkit.lint.rules.binds import binds_of, is_loopback

CONTAINERS = frozenset({Platform.DOCKER, Platform.COMPOSE, Platform.KUBERNETES})

_DEVELOPMENT = frozenset(
    {"ci", "debug", "dev", "devcontainer", "devel", "develop", "development", "e2e"}
    | {"local", "localdev", "localhost", "override", "sandbox", "test", "testing", "tests"}
)
_WORD = re.compile(r"[a-z0-9]+")


def is_for_development(where: Where) -> bool:
    """Tell whether a file is named as one that no production uses: ``compose.override.yaml``.

    Names are compared by word, as "devops" and "localization" mean something else.
    """
    return not _DEVELOPMENT.isdisjoint(_WORD.findall(where.path.lower()))


def is_unit_for_development(unit: Unit) -> bool:
    """Tell whether a unit is described in such a file, or made from a stage of such a name."""
    target = unit.container.target or ""
    named = not _DEVELOPMENT.isdisjoint(_WORD.findall(target.lower()))
    return named or is_for_development(unit.container.where)


def published_directly(unit: Unit) -> tuple[Published, ...]:
    """Give the ports by which clients reach a server without a proxy, but for development."""
    if is_proxied_inside(unit):
        return ()
    binds = binds_of(unit.server) if unit.server is not None else None
    listens = {bind.port for bind in binds or ()}
    return tuple(
        item
        for item in unit.container.published
        if item.direct
        and not is_for_development(item.where)
        # on another port somebody else in the container listens, or nobody
        and (item.container is None or not binds or item.container in listens)
    )


def host_of(target: str) -> str:
    """Give the host of a proxy's target, "" of a socket in the file system."""
    if target.startswith("unix:"):
        return ""
    host, colon, port = target.rpartition(":")
    return host if colon and port.isdecimal() else target


def port_of(target: str) -> int | None:
    """Give the port of a proxy's target, None of a socket and where a variable tells it."""
    _, colon, port = target.rpartition(":")
    return int(port) if colon and port.isdecimal() else None


def is_local(target: str) -> bool:
    """Tell whether a proxy's target is on its own machine: a socket file or a loopback address."""
    host = host_of(target)
    return not host or is_loopback(host)


def is_proxied_inside(unit: Unit) -> bool:
    """Tell whether a proxy runs in the container itself, so that the server may hide behind it."""
    return unit.container.platform in CONTAINERS and any(
        is_local(target) for proxy in unit.proxies for target in proxy.targets
    )
