"""What arguments of nginx's directives mean: times, switches and addresses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "w": 604_800.0,
    "M": 2_592_000.0,
    "y": 31_536_000.0,
    "": 1.0,
}
_TIME = re.compile(r"(\d{1,12})(ms|[smhdwMy]|)\s*")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_PORTS = {"https": 443, "grpcs": 443}


def seconds(text: str) -> float | None:
    """Read a time, such as "60", "1m 30s" or "500ms"; None: it is none, such as a variable."""
    total = 0.0
    at = 0
    while at < len(text):
        found = _TIME.match(text, at)
        if not found:
            return None
        total += float(found[1]) * _UNITS[found[2]]
        at = found.end()
    return total if text else None


def is_on(text: str) -> bool | None:
    """Read a switch; None: it is none."""
    return {"on": True, "off": False}.get(text.lower())


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go.

    Attributes:
        name: By which an upstream may be known.
        address: With its port, or "unix:/path".
    """

    name: str
    address: str


def target_of(url: str, protocol: str, variables: Mapping[str, str]) -> Target | None:
    """Read the argument of ``proxy_pass`` and the like; None: a variable tells where to.

    Args:
        url: The argument.
        protocol: "http", "uwsgi", ...
        variables: Of ``set``.
    """
    plain = _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], found[0]), url)
    scheme, separator, rest = plain.partition("://")
    if not separator:
        if protocol == "http":
            return None
        scheme, rest = "", plain
    if scheme == "unix":  # uwsgi_pass unix:///run/app.sock
        rest = f"unix:/{rest}"
    if rest.startswith("unix:"):
        address = add_port(rest, 0)
        return Target(address, address)
    host = rest.partition("/")[0].partition("?")[0]
    if not host or "$" in host:
        return None
    return Target(host, add_port(host, _PORTS.get(scheme, 80)))


def add_port(address: str, port: int) -> str:
    """Complete an address; of a socket in the file system give the path alone."""
    if address.startswith("unix:"):
        path = address.removeprefix("unix:").partition(":")[0]
        return "unix:/" + path.lstrip("/")
    last = address.rpartition(":")[2]
    return address if ":" in address and last.isdigit() else f"{address}:{port}"
