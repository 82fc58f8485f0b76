"""What a kustomization says itself: which folders it builds upon, and the patches in it."""

from collections.abc import Callable, Iterator
from itertools import islice
from posixpath import dirname, join, normpath

from toolkit.lint.manifests.kubernetes_objects import Object
from toolkit.lint.manifests.lines import documents
from toolkit.lint.manifests.nodes import Kind, Node

Find = Callable[[str], str | None]
"""Gives the text of a file by its path from the folder that is looked at."""

MOST_PATCHES = 100
"""Of a kustomization; each of them is read as a file of its own."""

_BASES = ("bases", "components", "resources")
_PATCHES = ("patches", "patchesJson6902", "patchesStrategicMerge")


def bases_of(path: str, node: Node) -> Iterator[str]:
    """Give the folders and files that it builds upon.

    Args:
        path: Of the kustomization.
        node: What stands in it.
    """
    for key in _BASES:
        for entry in node.at(key).entries:
            if entry.text and "://" not in entry.text:
                yield _beside(path, entry.text)


def patches_of(path: str, node: Node, find: Find) -> Iterator[Object]:
    """Give its patches, but for manifests in files of their own, which are read as such.

    Args:
        path: Of the kustomization.
        node: What stands in it.
        find: Finds lists of changes.

    Raises:
        ReadError: One of them is not YAML.
    """
    entries = (entry for key in _PATCHES for entry in node.at(key).entries)
    for entry in islice(entries, MOST_PATCHES):
        written = entry if entry.text and "\n" in entry.text else entry.at("patch")
        if written.text:
            # the first line of its text is the one below its key
            found = documents(path, "\n" * written.where.line + written.text)
        elif (file := entry.at("path").text) is not None:
            there = _beside(path, file)
            found = documents(there, find(there) or "")
            found = tuple(item for item in found if item.kind is Kind.LIST)
        else:
            continue
        for item in found:
            yield _patch(dirname(path), entry.at("target"), item)


def _patch(folder: str, target: Node, node: Node) -> Object:
    metadata = node.at("metadata")
    return Object(
        kind=target.at("kind").text or node.at("kind").text or "",
        name=target.at("name").text or metadata.at("name").text or "",
        namespace=target.at("namespace").text or metadata.at("namespace").text or "",
        folder=folder,
        node=node,
        is_patch=True,
    )


def matches(patch: Object, item: Object) -> bool:
    """Tell whether a patch in a kustomization is meant for a manifest.

    Its name may be a pattern; without one it is meant for all of a kind.
    """
    if patch.kind != item.kind:
        return False
    if patch.name in {"", ".*", item.name}:
        return True
    # `web|shop`, and no other pattern: one of a stranger may take for ever
    return item.name in patch.name.split("|")


def _beside(path: str, named: str) -> str:
    there = normpath(join(dirname(path), named))
    return "" if there == "." else there


def changed(node: Node, changes: Node) -> Node:
    """Give a manifest after a list of changes (JSON Patch, RFC 6902) to it.

    Args:
        node: The manifest.
        changes: ``op``, ``path`` and ``value`` of each; other operations than add, replace and
            remove are not followed.
    """
    for change in changes.entries:
        keys = [
            part.replace("~1", "/").replace("~0", "~")
            for part in (change.at("path").text or "").split("/")[1:]
        ]
        operation, value = change.at("op").text, change.at("value")
        if 0 < len(keys) < 100 and operation in {"add", "replace", "remove"}:
            node = _with(node, keys, None if operation == "remove" else value, operation == "add")
    return node


def _with(node: Node, keys: list[str], value: Node | None, adds: bool) -> Node:
    key, *rest = keys
    if node.kind is Kind.LIST:
        return _with_entry(node, key, rest, value, adds)
    fields = dict(node.items())
    if rest and key in fields:
        fields[key] = _with(fields[key], rest, value, adds)
    elif value is not None and not rest:
        fields[key] = value
    elif not rest:
        fields.pop(key, None)
    return node.mapped(fields) if node.kind is Kind.MAP else node


def _with_entry(node: Node, key: str, rest: list[str], value: Node | None, adds: bool) -> Node:
    members = list(node.entries)
    at = int(key) if key.isascii() and key.isdecimal() and len(key) < 9 else len(members)
    there = at < len(members)
    if rest and there:
        members[at] = _with(members[at], rest, value, adds)
    elif value is None and there and not rest:
        del members[at]
    elif value is not None and adds and not rest:
        members.insert(at, value)
    elif value is not None and there and not rest:
        members[at] = value
    return node.listed(members)
