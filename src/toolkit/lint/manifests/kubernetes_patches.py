"""Manifests of a base with the patches of each overlay, as Kustomize merges them."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from posixpath import basename, dirname

from toolkit.lint.manifests.kubernetes_kustomizations import changed, matches
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


def variants(
    objects: Sequence[Object], roots: Mapping[str, Sequence[str]]
) -> tuple[tuple[Object, ...], ...]:
    """Give the sets of manifests that are applied together.

    Without patches that is one. With them it is one for each overlay that has some: the folder with
    a kustomization in or above which they lie, with the patches of the overlays that it builds
    upon, which are not applied by themselves. Overlays for development are left out if there are
    others.

    Args:
        objects: Of all files.
        roots: Folders that have a kustomization, and what each builds upon.
    """
    whole = [item for item in objects if _is_whole(item)]
    overlays: dict[str, list[Object]] = {}
    for patch in objects:
        if _is_whole(patch):
            continue
        if any(_is_of(patch, item) for item in whole):
            overlays.setdefault(_root(patch.folder, roots), []).append(patch)
        elif not patch.is_patch:  # its base is elsewhere
            whole.append(patch)
    if not overlays:
        return (tuple(whole),)
    below = {root: _below(root, roots) for root in {*overlays, *roots}}
    # an overlay without a patch of its own may be one of a base that has some
    applied = [root for root in below if not below[root].isdisjoint(overlays) or root in overlays]
    used = {base for root in applied for base in below[root]}
    # none is the highest of those that build upon each other, which Kustomize refuses
    highest = sorted(set(applied) - used) or sorted(applied)
    shipped = [root for root in highest if not _DEVELOPMENT.search(basename(root))] or highest
    return tuple(
        _variant(whole, (*sorted(below[root]), root), overlays) for root in shipped[:MOST_OVERLAYS]
    )


def _below(root: str, roots: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Give the folders with a kustomization that one builds upon, and those they build upon."""
    found: set[str] = set()
    waiting = [root]
    while waiting:
        for base in roots.get(waiting.pop(), ()):
            if base in roots and base not in found and base != root:
                found.add(base)
                waiting.append(base)
    return frozenset(found)


def _variant(
    whole: Iterable[Object], applied: Sequence[str], overlays: Mapping[str, Sequence[Object]]
) -> tuple[Object, ...]:
    others = [other for other in overlays if other not in {*applied, ""}]
    kept = [item for item in whole if not any(_is_in(item.folder, other) for other in others)]
    return _patched(kept, [patch for root in applied for patch in overlays.get(root, ())])


def _is_in(folder: str, root: str) -> bool:
    return folder == root or folder.startswith(f"{root}/")


def _root(folder: str, roots: Collection[str]) -> str:
    above = folder
    while above and above not in roots:
        above = dirname(above)
    return above if above in roots else folder


def _is_of(patch: Object, item: Object) -> bool:
    if patch.is_patch:
        return matches(patch, item)
    return (patch.kind, patch.name) == (item.kind, item.name)


def _is_whole(item: Object) -> bool:
    if item.is_patch:
        return False
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


def _patched(whole: Iterable[Object], patches: Sequence[Object]) -> tuple[Object, ...]:
    found: list[Object] = []
    for item in whole:
        node = item.node
        for patch in patches:
            if _is_of(patch, item) and item.shares_namespace(patch):
                is_list = patch.node.kind is Kind.LIST
                node = changed(node, patch.node) if is_list else merge(node, patch.node)
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
