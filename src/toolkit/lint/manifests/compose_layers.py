"""A compose file over another, and a service that extends another, as Compose merges them.

The rules are those of ``override/merge.go`` of github.com/compose-spec/compose-go: maps are merged,
lists joined, commands replaced, and ``!reset`` and ``!override`` do as they say.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from posixpath import dirname, join, normpath

from toolkit.lint.manifests.nodes import Kind, Node

MOST_EXTENDED = 20
"""Services that a service may extend, one the other."""

_REPLACED = frozenset({"command", "entrypoint", "test"})
_PAIRS = frozenset({"annotations", "args", "environment", "labels", "sysctls"})
"""``NAME=value`` in a list, or a map."""
_KEYS = frozenset({"depends_on", "networks"})
"""Names in a list, or keys of a map."""
_LISTS = frozenset({"dns", "dns_search", "env_file", "tmpfs"})
"""A list, or its only entry."""


def overlay(base: Node, over: Node, *, key: str = "") -> Node:
    """Give a value of a compose file with the same of a file over it.

    Args:
        base: Of the file below.
        over: Of the file above.
        key: Under which both stand.
    """
    if over.kind is Kind.MISSING or over.tag == "!reset":
        return base.null() if over.tag == "!reset" else base
    if over.tag == "!override" or key in _REPLACED or not base.given:
        return over
    if over.kind is Kind.NULL:
        return base
    base, over = _alike(base, key), _alike(over, key)
    if base.kind is Kind.MAP and over.kind is Kind.MAP:
        fields = dict(base.items())
        for name, value in over.items():
            found = fields.get(name)
            fields[name] = value if found is None else overlay(found, value, key=name)
        return base.mapped(fields)
    if base.kind is Kind.LIST and over.kind is Kind.LIST:
        return base.listed((*base.entries, *over.entries))
    return over


def pairs(node: Node) -> Mapping[str, Node]:
    """Give names and values of ``environment`` and the like, a map or a list.

    The value of a name alone is null.
    """
    if node.kind is not Kind.LIST:
        return dict(node.items())
    found: dict[str, Node] = {}
    for entry in node.entries:
        name, separator, value = (entry.text or "").partition("=")
        if name:
            found[name] = entry.scalar(value) if separator else entry.null()
    return found


def listed(node: Node) -> tuple[Node, ...]:
    """Give the entries of a list, or what stands there in its place."""
    if node.kind is Kind.LIST:
        return node.entries
    return (node,) if node.kind is Kind.SCALAR else ()


def _alike(node: Node, key: str) -> Node:
    if key in _PAIRS:
        return node.mapped(pairs(node))
    if key in _LISTS:
        return node.listed(listed(node))
    if key in _KEYS and node.kind is Kind.LIST:
        return node.mapped({entry.text or "": entry.null() for entry in node.entries})
    if key == "build" and node.kind is Kind.SCALAR:
        return node.mapped({"context": node})
    return node


def extended(
    services: Node, name: str, load: Callable[[str], Node | None], *, depth: int = 0
) -> Node:
    """Give a service with what it extends.

    Args:
        services: Of the file in which it stands.
        name: Of the service.
        load: Gives the services of another file by its path from the folder, None if it is not to
            be had.
        depth: How many services extend it already.
    """
    service = services.at(name)
    extends = service.at("extends")
    if not extends.given or depth >= MOST_EXTENDED:
        return service
    below: Node | None = services
    if (file := extends.at("file").text) is not None:
        below = load(normpath(join(dirname(extends.where.path), file)))
    wanted = extends.at("service").text or extends.text
    if below is None or wanted is None or not below.at(wanted).given:
        return service
    base = extended(below, wanted, load, depth=depth + 1)
    # what stands in the service above decides where the service is
    return replace(overlay(base, service), where=service.where)
