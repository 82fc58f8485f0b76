"""Kubernetes manifests: what they describe, and the containers that this makes together.

Kustomize is followed as far as files show it: a manifest that is no whole one (it has no image, or
no selector) is a patch of the one of the same kind and name, and so are patches that stand inside a
kustomization. What generators and transformers make is not looked at.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from posixpath import dirname

from toolkit.lint.facts import Container, Fact
from toolkit.lint.manifests.kubernetes_kustomizations import Find, bases_of, patches_of
from toolkit.lint.manifests.kubernetes_network import Network
from toolkit.lint.manifests.kubernetes_objects import WORKLOADS, Manifests, Object, is_kustomization
from toolkit.lint.manifests.kubernetes_patches import variants
from toolkit.lint.manifests.kubernetes_pod import containers_of_pod
from toolkit.lint.manifests.lines import documents
from toolkit.lint.manifests.nodes import Node
from toolkit.reading import ReadError

_MANIFEST = re.compile(r"^[\"']?apiVersion[\"']?\s*:", re.MULTILINE)
_KIND = re.compile(r"^[\"']?kind[\"']?\s*:", re.MULTILINE)
_HELM = re.compile(r"\{\{-?\s*(?:\.(?:Values|Release|Chart|Capabilities)\b|include\s+\")")
_NOT_RENDERED = "a Helm template: render it first (helm template)"

_SCALERS = {"HorizontalPodAutoscaler": "maxReplicas", "ScaledObject": "maxReplicaCount"}


def is_manifest(path: str, text: str) -> bool:
    """Tell whether a file holds manifests, Helm templates of them or a kustomization."""
    if not path.endswith((".yaml", ".yml")):
        return False
    return is_kustomization(path) or bool(_MANIFEST.search(text) and _KIND.search(text))


def read(path: str, text: str, find: Find = lambda path: None) -> Manifests:
    """Read the manifests of a file.

    Args:
        path: Of the file, from the folder that is looked at.
        text: In it.
        find: Finds files that a kustomization names.

    Raises:
        ReadError: It is not YAML, or a template of Helm.
    """
    if (found := _HELM.search(text)) is not None:
        raise ReadError(_NOT_RENDERED, _line_of(text, found.start()))
    try:
        nodes = documents(path, text)
    except ReadError as error:
        if (brace := text.find("{{")) >= 0:
            raise ReadError(_NOT_RENDERED, _line_of(text, brace)) from error
        raise
    if is_kustomization(path):
        return Manifests(
            path,
            tuple(patch for node in nodes for patch in patches_of(path, node, find)),
            tuple(base for node in nodes for base in bases_of(path, node)),
        )
    return Manifests(path, tuple(item for node in nodes for item in _objects(path, node)))


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _objects(path: str, node: Node) -> Iterator[Object]:
    kind = node.at("kind").text or ""
    if kind == "List":
        for item in node.at("items").entries:
            yield from _objects(path, item)
    elif kind:
        metadata = node.at("metadata")
        yield Object(
            kind=kind,
            name=metadata.at("name").text or metadata.at("generateName").text or "",
            namespace=metadata.at("namespace").text or "",
            folder=dirname(path),
            node=node,
        )


def containers_of(manifests: Iterable[Manifests]) -> tuple[Container, ...]:
    """Give the containers that manifests describe, each with what Services say of it.

    With overlays of Kustomize there are those of each overlay.

    Args:
        manifests: Of all files that belong together.

    Raises:
        ReadError: Aliases in a file stand for too much.
    """
    every = list(manifests)
    roots = {dirname(item.path): item.bases for item in every if is_kustomization(item.path)}
    objects = [item for file in every for item in file.objects]
    found: dict[tuple[object, ...], Container] = {}
    for variant in variants(objects, roots):
        for container in _containers(variant):
            found.setdefault((container.where, container.container, repr(container)), container)
    return tuple(found.values())


def _containers(objects: Sequence[Object]) -> Iterator[Container]:
    network = Network(objects)
    scalers = _Scalers(objects)
    configs = {item.name: item.node.at("data") for item in objects if item.kind == "ConfigMap"}
    for workload in objects:
        if workload.kind in WORKLOADS:
            most = scalers.most(workload)
            for container in network.linked(workload, containers_of_pod(workload, configs)):
                yield replace(container, replicas=most) if most else container


class _Scalers:
    """Autoscalers, by what they scale."""

    def __init__(self, objects: Iterable[Object]) -> None:
        self._by_target: dict[tuple[str, str], list[Object]] = {}
        for item in objects:
            if item.kind in _SCALERS:
                target = item.node.at("spec", "scaleTargetRef")
                key = target.at("kind").text or "Deployment", target.at("name").text or ""
                self._by_target.setdefault(key, []).append(item)

    def most(self, workload: Object) -> Fact[int] | None:
        """Give the most replicas that are started."""
        for scaler in self._by_target.get((workload.kind, workload.name), []):
            most = scaler.node.at("spec", _SCALERS[scaler.kind]).integer_fact
            if most is not None and scaler.shares_namespace(workload):
                return most
        return None
