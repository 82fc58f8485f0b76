"""The containers of a pod."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from toolkit.lint.amounts import quantity
from toolkit.lint.facts import Container, Fact, Platform, Published
from toolkit.lint.manifests.kubernetes_checks import pre_stop_of, probes_of
from toolkit.lint.manifests.kubernetes_objects import Object
from toolkit.lint.manifests.nodes import Node
from toolkit.lint.variables import unknown

GRACE = 30.0
"""https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination"""

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][\w.-]*)\)")
_MOST_LENGTH = 10_000
"""Of a text with its variables put in."""
_COUNTED = frozenset({"Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"})
"""Kinds that start one pod unless told otherwise."""


def containers_of_pod(workload: Object, configs: Mapping[str, Node]) -> tuple[Container, ...]:
    """Give the containers of a workload, without what Services and autoscalers say.

    Args:
        workload: A Deployment or the like.
        configs: ``data`` of ConfigMaps, by name.
    """
    return tuple(
        _container(workload, node, configs)
        for node in workload.pod.at("spec", "containers").entries
    )


def _container(workload: Object, node: Node, configs: Mapping[str, Node]) -> Container:
    spec = workload.pod.at("spec")
    limits = node.at("resources", "limits")
    env = _env(node, configs)
    mounts = list(_mounts(node, spec))
    ports = _ports(node)
    grace = spec.at("terminationGracePeriodSeconds")
    return Container(
        platform=Platform.KUBERNETES,
        name=f"{workload.kind.lower()}/{workload.name}",
        container=node.at("name").text or "",
        where=node.where,
        image=node.at("image").text_fact,
        entrypoint=_command(node.at("command"), env),
        command=_command(node.at("args"), env),
        workdir=node.at("workingDir").text or "",
        env=env,
        memory=_bytes(limits.at("memory")),
        cpus=_cpus(limits.at("cpu")),
        replicas=_replicas(workload),
        grace=_seconds(grace) if grace.given else Fact(GRACE, spec.where, "kubernetes"),
        pre_stop=pre_stop_of(node),
        stop_signal=node.at("lifecycle", "stopSignal").text_fact,
        read_only=node.at("securityContext", "readOnlyRootFilesystem").truth_fact,
        writable=tuple(mount.folder for mount in mounts),
        memory_folders=tuple(mount.folder for mount in mounts if mount.in_memory),
        probes=probes_of(node),
        no_health_check=True,
        ports=tuple(ports.values()),
        port_names=_port_names(node),
        published=tuple(_host_ports(node)),
        sysctls=_sysctls(spec),
        pods=_labels(workload.pod),
        # with a common process namespace the pause container is process 1
        init=spec.at("shareProcessNamespace").truth_fact,
    )


# Commands and variables


def _command(node: Node, env: Mapping[str, Fact[str]]) -> Fact[tuple[str, ...]] | None:
    words = node.words
    if words is None:
        return None
    return Fact(tuple(_expanded(word, env) for word in words), node.where)


def _expanded(text: str, env: Mapping[str, Fact[str]]) -> str:
    """Put in ``$(NAME)``, which stays as it is where nobody gives the variable."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        fact = env.get(found[1])
        return found[0] if fact is None else fact.value

    if "$" not in text or len(text) > _MOST_LENGTH:
        return text
    whole = _REFERENCE.sub(value, text)
    return whole if len(whole) <= _MOST_LENGTH else text


def _env(node: Node, configs: Mapping[str, Node]) -> Mapping[str, Fact[str]]:
    found: dict[str, Fact[str]] = {}
    for source in node.at("envFrom").entries:
        prefix = source.at("prefix").text or ""
        data = configs.get(source.at("configMapRef", "name").text or "")
        if data is not None:
            for name, value in data.items():
                found[prefix + name] = Fact(value.text or "", value.where)
    for entry in node.at("env").entries:
        if wanted := entry.at("name").text:
            found[wanted] = Fact(_value(wanted, entry, found, configs), entry.where)
    return MappingProxyType(found)


def _value(
    name: str, entry: Node, known: Mapping[str, Fact[str]], configs: Mapping[str, Node]
) -> str:
    source = entry.at("valueFrom")
    if not source.given:
        return _expanded(entry.at("value").text or "", known)
    key = source.at("configMapKeyRef")
    data = configs.get(key.at("name").text or "")
    text = data.at(key.at("key").text or "").text if data is not None else None
    return unknown(name) if text is None else text


# Limits and times


def _bytes(node: Node) -> Fact[int] | None:
    value = quantity(node.text or "")
    return Fact(int(value), node.where) if value else None


def _cpus(node: Node) -> Fact[float] | None:
    value = quantity(node.text or "")
    return Fact(value, node.where) if value else None


def _seconds(node: Node) -> Fact[float] | None:
    value = node.integer
    return None if value is None else Fact(float(value), node.where)


def _replicas(workload: Object) -> Fact[int] | None:
    replicas = workload.node.at("spec", "replicas")
    if replicas.given or workload.kind not in _COUNTED:
        return replicas.integer_fact
    return Fact(1, workload.node.at("spec").where, "kubernetes")


# Folders


@dataclass(frozen=True, slots=True)
class _Mount:
    folder: Fact[str]
    in_memory: bool


def _mounts(node: Node, spec: Node) -> Iterator[_Mount]:
    """Give the mounts that can be written to."""
    volumes = {volume.at("name").text: volume for volume in spec.at("volumes").entries}
    for mount in node.at("volumeMounts").entries:
        path, volume = mount.at("mountPath").text, volumes.get(mount.at("name").text)
        if not path or mount.at("readOnly").truth or _is_read_only(volume):
            continue
        medium = volume.at("emptyDir", "medium").text if volume is not None else None
        yield _Mount(Fact(path.rstrip("/") or "/", mount.where), medium == "Memory")


def _is_read_only(volume: Node | None) -> bool:
    kinds = ("configMap", "secret", "projected", "downwardAPI", "image")
    return volume is not None and any(kind in volume.fields for kind in kinds)


# Ports, kernel parameters and labels


def _ports(node: Node) -> dict[int, Fact[int]]:
    found: dict[int, Fact[int]] = {}
    for entry in node.at("ports").entries:
        port = entry.at("containerPort").integer
        if port is not None and (entry.at("protocol").text or "TCP") == "TCP":
            found.setdefault(port, Fact(port, entry.at("containerPort").where))
    return found


def _port_names(node: Node) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for entry in node.at("ports").entries:
        name, port = entry.at("name").text, entry.at("containerPort").integer
        if name and port is not None:
            found[name] = port
    return MappingProxyType(found)


def _host_ports(node: Node) -> Iterator[Published]:
    for entry in node.at("ports").entries:
        host = entry.at("hostPort")
        local = (entry.at("hostIP").text or "").startswith("127.")
        if host.integer is not None and not local:
            yield Published(
                container=entry.at("containerPort").integer, where=host.where, by="hostPort"
            )


def _sysctls(spec: Node) -> Mapping[str, Fact[str]]:
    found: dict[str, Fact[str]] = {}
    for entry in spec.at("securityContext", "sysctls").entries:
        name, value = entry.at("name").text, entry.at("value")
        if name and value.text is not None:
            found[name] = Fact(value.text, value.where)
    return MappingProxyType(found)


def _labels(pod: Node) -> Mapping[str, str]:
    labels = pod.at("metadata", "labels")
    return MappingProxyType({name: value.text or "" for name, value in labels.items()})
