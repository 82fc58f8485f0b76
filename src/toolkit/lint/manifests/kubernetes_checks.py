"""Probes of a pod's container, and what its preStop hook waits for."""

import re
from collections.abc import Iterator, Sequence
from posixpath import basename

from toolkit.lint.dockerfiles.check_commands import asked_by
from toolkit.lint.facts import Fact, Probe, ProbeRole
from toolkit.lint.manifests.nodes import Node

_ROLES = {
    "startupProbe": ProbeRole.STARTUP,
    "readinessProbe": ProbeRole.READINESS,
    "livenessProbe": ProbeRole.LIVENESS,
}
_SLEEP = re.compile(r"\bsleep[ \t(]+(\d{1,6}(?:\.\d{1,6})?)([smh]?)(?![\w.])")
_LOOP = re.compile(r"\b(?:while|until|for)\b")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def probes_of(container: Node) -> tuple[Probe, ...]:
    """Give the probes of a container; defaults are those of Kubernetes.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Probe
    """
    return tuple(_probes(container))


def _probes(container: Node) -> Iterator[Probe]:
    for key, role in _ROLES.items():
        node = container.at(key)
        if not node.given:
            continue
        words, path, port = _asked(node)
        yield Probe(
            role=role,
            where=node.where,
            words=words,
            path=path,
            port=port,
            period=_seconds(node, "periodSeconds", 10.0),
            timeout=_seconds(node, "timeoutSeconds", 1.0),
            failures=node.at("failureThreshold").integer_fact or Fact(3, node.where, "kubernetes"),
        )


def _asked(node: Node) -> tuple[tuple[str, ...], str | None, str | None]:
    """Give the command, the path and the port."""
    if node.at("httpGet").given:
        request = node.at("httpGet")
        return (), request.at("path").text or "/", request.at("port").text
    words = node.at("exec", "command").words
    if words:
        return (words, *asked_by(words))
    for kind in ("tcpSocket", "grpc"):
        if node.at(kind).given:
            return (), None, node.at(kind, "port").text
    return (), None, None


def _seconds(node: Node, key: str, default: float) -> Fact[float]:
    value = node.at(key).integer
    if not value:
        return Fact(default, node.where, "kubernetes")
    return Fact(float(value), node.at(key).where)


def pre_stop_of(container: Node) -> Fact[float] | None:
    """Give the seconds that the preStop hook sleeps; None: there is none, or it does other things.

    In the meantime the endpoint is taken from the Services, and what was sent to it is answered.
    """
    hook = container.at("lifecycle", "preStop")
    seconds = hook.at("sleep", "seconds")
    if (whole := seconds.integer) is not None:
        return Fact(float(whole), seconds.where)
    command = hook.at("exec", "command")
    slept = _slept(command.words or ())
    return None if slept is None else Fact(slept, command.where)


def _slept(words: Sequence[str]) -> float | None:
    if words and basename(words[0]) == "sleep":
        words = ("sleep", *words[1:])
    text = " ".join(words)[:10_000]
    found = _SLEEP.findall(text)
    if not found or _LOOP.search(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in found)
