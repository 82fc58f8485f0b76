"""What a service of a compose file can write, and which files of the project it sees."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath

from toolkit.lint.facts import Copied, Fact
from toolkit.lint.manifests.compose_layers import listed
from toolkit.lint.manifests.nodes import Kind, Node

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True)
class _Mount:
    """A folder or file that is put into the container.

    Attributes:
        source: Of a bind mount, as written; "" of everything else.
        target: In the container.
    """

    node: Node
    source: str
    target: str
    writable: bool
    in_memory: bool = False


@dataclass(slots=True)
class Mounts:
    """What is mounted into a container, as ``facts.Container`` has it."""

    writable: tuple[Fact[str], ...] = ()
    in_memory: tuple[Fact[str], ...] = ()
    files: tuple[Copied, ...] = field(default=())


def mounts_of(service: Node, document: Node) -> Mounts:
    """Read volumes, tmpfs and configs.

    Args:
        service: With what it extends.
        document: Of the compose file, for its top-level configs.
    """
    mounts: dict[str, _Mount] = {}
    for node in service.at("volumes").entries:
        mount = _long(node) if node.kind is Kind.MAP else _short(node)
        if mount is not None:
            mounts[mount.target] = mount
    for node in listed(service.at("tmpfs")):
        target, _, options = (node.text or "").partition(":")
        if target.startswith("/"):
            writable = "ro" not in options.split(",")
            mounts[_plain(target)] = _Mount(node, "", _plain(target), writable, in_memory=True)
    found = mounts.values()
    return Mounts(
        writable=tuple(Fact(item.target, item.node.where) for item in found if item.writable),
        in_memory=tuple(Fact(item.target, item.node.where) for item in found if item.in_memory),
        files=(*_bound(found), *_configs(service, document)),
    )


def _short(node: Node) -> _Mount | None:
    """Read ``[SOURCE:]TARGET[:MODE]``."""
    text = node.text or ""
    if _DRIVE.match(text):
        return None
    parts = text.split(":")
    if len(parts) == 1:
        return _Mount(node, "", _plain(text), writable=True) if text.startswith("/") else None
    source, target, mode = parts[0], parts[1], "".join(parts[2:3])
    if not target.startswith("/"):
        return None
    bound = source if source.startswith((".", "/", "~")) else ""
    return _Mount(node, bound, _plain(target), writable="ro" not in mode.split(","))


def _long(node: Node) -> _Mount | None:
    target, kind = node.at("target").text or "", node.at("type").text or "volume"
    if not target.startswith("/"):
        return None
    return _Mount(
        node,
        (node.at("source").text or "") if kind == "bind" else "",
        _plain(target),
        writable=node.at("read_only").truth is not True and kind != "image",
        in_memory=kind == "tmpfs",
    )


def _plain(target: str) -> str:
    return normpath(target)


def _bound(mounts: Iterable[_Mount]) -> tuple[Copied, ...]:
    return tuple(
        Copied(source=source, target=item.target)
        for item in mounts
        if item.source and (source := _of_project(item.node, item.source)) is not None
    )


def _of_project(node: Node, source: str) -> str | None:
    """Give the path of a file of the project, None of one that is elsewhere."""
    if source.startswith(("/", "~")) or "$" in source:
        return None
    path = normpath(join(dirname(node.where.path), source))
    return None if path.startswith("..") else path


def _configs(service: Node, document: Node) -> tuple[Copied, ...]:
    found: list[Copied] = []
    for entry in service.at("configs").entries:
        name = entry.text or entry.at("source").text
        if not name:
            continue
        file = document.at("configs", name, "file")
        path = _of_project(file, file.text) if file.text else None
        if path is not None:
            target = entry.at("target").text or f"/{name}"
            found.append(Copied(source=path, target=_plain(join("/", target))))
    return tuple(found)
