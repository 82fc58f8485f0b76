"""How the pods of Kubernetes are reached: Services, Ingresses and the like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from toolkit.lint.facts import Address, Container, Published
from toolkit.lint.manifests.kubernetes_objects import WORKLOADS, Object
from toolkit.lint.manifests.nodes import Node


@dataclass(frozen=True, slots=True)
class _Gate:
    """A Service that an Ingress or the like passes requests on to.

    Attributes:
        by: Kind of what passes them on.
        port: Of the Service, by number or name; "": any.
    """

    by: str
    of: Object
    service: str
    port: str
    node: Node


@dataclass(slots=True)
class _Reached:
    """How a container is reached, as it is found out."""

    addresses: list[Address] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)


class Network:
    """What of a set of manifests says how pods are reached."""

    def __init__(self, objects: Sequence[Object]) -> None:
        workloads = [item for item in objects if item.kind in WORKLOADS]
        self._gates: dict[str, list[_Gate]] = {}
        for item in objects:
            for gate in _gates(item):
                self._gates.setdefault(gate.service, []).append(gate)
        self._services: dict[int, list[Object]] = {}
        for item in objects:
            if item.kind == "Service":
                for workload in _chosen(item, workloads):
                    self._services.setdefault(id(workload), []).append(item)

    def linked(self, workload: Object, containers: Sequence[Container]) -> tuple[Container, ...]:
        """Give the containers of a workload, with what can be said of how they are reached."""
        reached = [_Reached() for _ in containers]
        for service in self._services.get(id(workload), []):
            gates = self._gates.get(service.name, [])
            gates = [gate for gate in gates if gate.of.shares_namespace(service)]
            for port in service.node.at("spec", "ports").entries:
                target = port.at("targetPort").text or port.at("port").text or ""
                index = _index(containers, target)
                if index is not None and (port.at("protocol").text or "TCP") == "TCP":
                    leads_to = _number(target) or containers[index].port_names.get(target)
                    _add(reached[index], service, port, leads_to, gates)
        return tuple(
            replace(
                container,
                addresses=tuple(dict.fromkeys(found.addresses)),
                published=tuple(dict.fromkeys((*container.published, *found.published))),
            )
            for container, found in zip(containers, reached, strict=True)
        )


def _chosen(service: Object, workloads: Sequence[Object]) -> list[Object]:
    """Give the workloads that a Service means.

    A folder often holds several variants of the same; then those beside it are meant.
    """
    service.node.steps.take(len(workloads))
    wanted = {name: value.text for name, value in service.node.at("spec", "selector").items()}
    if not wanted:
        return []
    found = [
        workload
        for workload in workloads
        if workload.shares_namespace(service) and _has(workload, wanted)
    ]
    return [item for item in found if item.folder == service.folder] or found


def _has(workload: Object, wanted: dict[str, str | None]) -> bool:
    labels = workload.pod.at("metadata", "labels")
    return all(labels.at(name).text == value for name, value in wanted.items())


def _add(
    reached: _Reached, service: Object, port: Node, leads_to: int | None, gates: Sequence[_Gate]
) -> None:
    spec, number = service.node.at("spec"), port.at("port")
    target = port.at("targetPort") if port.at("targetPort").given else number
    # without an address of its own, a Service gives those of the pods
    headless = spec.at("clusterIP").text == "None"
    reached.addresses.append(
        Address(
            name=service.name,
            where=target.where,
            port=None if headless else number.integer,
            container=None if headless else leads_to,
        )
    )
    for gate in gates:
        if gate.port in {"", number.text, port.at("name").text}:
            reached.published.append(
                Published(container=leads_to, where=gate.node.where, by=gate.by, direct=False)
            )
    kind = spec.at("type")
    # what is opened on every node is meant for the Ingress, if there is one
    if kind.text == "LoadBalancer" or (kind.text == "NodePort" and not gates):
        reached.published.append(Published(container=leads_to, where=kind.where, by=kind.text))


def _index(containers: Sequence[Container], target: str) -> int | None:
    """Tell which container of a pod has a port; None: that is not known."""
    for index, container in enumerate(containers):
        numbers = {str(port.value) for port in container.ports}
        if target in numbers or target in container.port_names:
            return index
    return 0 if len(containers) == 1 else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else None


# What passes requests on to Services


def _gates(item: Object) -> Iterator[_Gate]:
    spec = item.node.at("spec")
    if item.kind == "Ingress":
        for backend in _backends(spec):
            yield from _of_ingress(item, backend)
    elif item.kind == "HTTPRoute":
        for rule in spec.at("rules").entries:
            for backend in rule.at("backendRefs").entries:
                name, port = backend.at("name").text or "", backend.at("port").text or ""
                yield _Gate("HTTPRoute", item, name, port, backend)
    elif item.kind == "Route" and spec.at("to").given:
        name, port = spec.at("to", "name").text or "", spec.at("port", "targetPort").text or ""
        yield _Gate("Route", item, name, port, spec.at("to"))


def _backends(spec: Node) -> Iterator[Node]:
    yield spec.at("defaultBackend")
    yield spec.at("backend")
    for rule in spec.at("rules").entries:
        for path in rule.at("http", "paths").entries:
            yield path.at("backend")


def _of_ingress(item: Object, backend: Node) -> Iterator[_Gate]:
    service = backend.at("service")
    if service.given:
        port = service.at("port", "number").text or service.at("port", "name").text or ""
        yield _Gate("Ingress", item, service.at("name").text or "", port, backend)
    elif backend.at("serviceName").given:  # before networking.k8s.io/v1
        name, port = backend.at("serviceName").text or "", backend.at("servicePort").text or ""
        yield _Gate("Ingress", item, name, port, backend)
