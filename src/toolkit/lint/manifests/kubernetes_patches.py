"""Manifests of a base with the patches of each overlay, as Kustomize merges them."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from posixpath import basename, dirname

from toolkit.lint.manifests.kubernetes_objects import WORKLOADS, Object
from toolkit.lint.manifests.nodes import Kind, Node

MOST_OVERLAYS = 20

_MERGED_BY = {
    "containers": "name",
    "env": "name",
    "initContainers": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
"""Keys by which entries of lists are the same; other lists are replaced.

Source: patchMergeKey in https://github.com/kubernetes/api/blob/master/core/v1/types.go
"""
_DEVELOPMENT = re.compile(r"(^|[._-])(dev|devel|development|local|test|testing|ci)([._-]|$)")
_NEEDED = {
    "HorizontalPodAutoscaler": ("scaleTargetRef",),
    "Ingress": ("rules", "defaultBackend", "backend"),
    "ScaledObject": ("scaleTargetRef",),
    "Service": ("ports",),
}
"""What a manifest that stands alone has, one of these in its ``spec``."""


def variants(objects: Sequence[Object], roots: Collection[str]) -> tuple[tuple[Object, ...], ...]:
    """Give the sets of manifests that are applied together.

    Without patches that is one. With them it is one for each overlay that has some: the folder with
    a kustomization in or above which they lie. Overlays for development are left out if there
    are others.

    Args:
        objects: Of all files.
        roots: Folders that have a kustomization.
    """
    patches = [item for item in objects if not _is_whole(item)]
    whole = [item for item in objects if _is_whole(item)]
    named = {_key(item) for item in whole}
    overlays: dict[str, list[Object]] = {}
    for patch in patches:
        if _key(patch) in named:
            overlays.setdefault(_root(patch.folder, roots), []).append(patch)
        else:  # its base is elsewhere
            whole.append(patch)
    if not overlays:
        return (tuple(whole),)
    shipped = [root for root in overlays if not _DEVELOPMENT.search(basename(root))]
    return tuple(
        _patched(_without_others(whole, root, overlays), overlays[root])
        for root in (shipped or list(overlays))[:MOST_OVERLAYS]
    )


def _without_others(whole: Iterable[Object], root: str, overlays: Collection[str]) -> list[Object]:
    others = [other for other in overlays if other not in {root, ""}]
    return [item for item in whole if not any(_is_in(item.folder, other) for other in others)]


def _is_in(folder: str, root: str) -> bool:
    return folder == root or folder.startswith(f"{root}/")


def _root(folder: str, roots: Collection[str]) -> str:
    above = folder
    while above and above not in roots:
        above = dirname(above)
    return above if above in roots else folder


def _key(item: Object) -> tuple[str, str]:
    return item.kind, item.name


def _is_whole(item: Object) -> bool:
    if item.kind in _NEEDED:
        spec = item.node.at("spec")
        return any(spec.at(key).given for key in _NEEDED[item.kind])
    if item.kind not in WORKLOADS:
        return True
    labelled = item.pod.at("metadata", "labels").given or item.node.at("spec", "selector").given
    containers = item.pod.at("spec", "containers").entries
    return (
        (labelled or item.kind == "Pod")
        and bool(containers)
        and all(container.at("image").given for container in containers)
    )


def _patched(whole: Iterable[Object], patches: Iterable[Object]) -> tuple[Object, ...]:
    by_key: dict[tuple[str, str], list[Object]] = {}
    for patch in patches:
        by_key.setdefault(_key(patch), []).append(patch)
    found: list[Object] = []
    for item in whole:
        node = item.node
        for patch in by_key.get(_key(item), []):
            if item.shares_namespace(patch):
                node = merge(node, patch.node)
        found.append(replace(item, node=node))
    return tuple(found)


def merge(base: Node, patch: Node, *, key: str = "") -> Node:
    """Give a value with a patch of it: a strategic merge.

    Args:
        base: The value.
        patch: What stands for it in the patch.
        key: Under which both stand.
    """
    if patch.kind is Kind.MAP and base.kind is Kind.MAP:
        if patch.at("$patch").text == "replace":
            return patch
        fields = dict(base.items())
        for name, value in patch.items():
            found = fields.get(name)
            fields[name] = value if found is None else merge(found, value, key=name)
        return base.mapped(fields)
    if patch.kind is Kind.LIST and base.kind is Kind.LIST and key in _MERGED_BY:
        return _merged_list(base, patch, _MERGED_BY[key])
    return patch


def _merged_list(base: Node, patch: Node, by: str) -> Node:
    entries = {entry.at(by).text or f"#{number}": entry for number, entry in _numbered(base)}
    for number, entry in _numbered(patch):
        name = entry.at(by).text or f"#{len(entries) + number}"
        if entry.at("$patch").text == "delete":
            entries.pop(name, None)
        elif name in entries:
            entries[name] = merge(entries[name], entry)
        else:
            entries[name] = entry
    return base.listed(entries.values())


def _numbered(node: Node) -> Iterable[tuple[int, Node]]:
    return enumerate(node.entries)
