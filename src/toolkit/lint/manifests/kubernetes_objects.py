"""What Kubernetes manifests describe, one by one."""

from dataclasses import dataclass
from posixpath import basename

from toolkit.lint.manifests.nodes import Node

WORKLOADS = frozenset(
    {
        "DaemonSet",
        "Deployment",
        "DeploymentConfig",
        "Pod",
        "ReplicaSet",
        "ReplicationController",
        "Rollout",
        "StatefulSet",
    }
)
"""Kinds that run for as long as they are asked to; jobs serve nothing."""

_KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml"})


@dataclass(frozen=True, slots=True)
class Object:
    """A Deployment, a Service, ...

    Attributes:
        namespace: "" where the manifest leaves it to whoever applies it.
        folder: Of its file.
        is_patch: Whether it stands in a kustomization as a patch; its node may be a list of
            changes, its name a pattern.
    """

    kind: str
    name: str
    namespace: str
    folder: str
    node: Node
    is_patch: bool = False

    @property
    def pod(self) -> Node:
        """The template of a workload's pods, with ``metadata`` and ``spec``."""
        return self.node if self.kind == "Pod" else self.node.at("spec", "template")

    def shares_namespace(self, other: "Object") -> bool:
        """Tell whether both may be in one namespace."""
        return self.namespace == other.namespace or not (self.namespace and other.namespace)


@dataclass(frozen=True, slots=True)
class Manifests:
    """What a file describes.

    Attributes:
        bases: Of a kustomization: the folders and files that it builds upon.
    """

    path: str
    objects: tuple[Object, ...]
    bases: tuple[str, ...] = ()


def is_kustomization(path: str) -> bool:
    """Tell whether a file says what Kustomize is to do in its folder."""
    return basename(path) in _KUSTOMIZATIONS
