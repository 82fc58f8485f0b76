"""Ports and addresses: where a server listens, and where others look for it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from toolkit.lint.facts import Deployment, Platform, Probe, ProbeRole, Proxy, Unit, Where
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Rule, Severity
from toolkit.lint.rules.binds import Bind, binds_of
from toolkit.lint.rules.fronts import CONTAINERS, host_of, is_proxied_inside, port_of

PORTS_AGREE = Rule(
    name="ports-agree",
    summary="Published ports, proxies, probes and EXPOSE name a port on which the server listens.",
    reason="On another port nobody answers: the proxy gives 502, the probe restarts a server that "
    "is well, the published port refuses connections.",
    fix="Write one port in all places; the server's own is decided by its bind setting.",
    source="Docker, Port publishing (-p 8080:80 leads to the container's port 80): "
    "https://docs.docker.com/engine/network/port-publishing/",
)

REACHABLE_BIND = Rule(
    name="reachable-bind",
    summary="A server in a container listens on more than the container's own loopback address.",
    reason="Published ports, proxies in other containers and Kubernetes' probes come over the "
    "network and find nobody on 127.0.0.1, which is the default of gunicorn, uvicorn and Flask.",
    fix="Bind to 0.0.0.0 (or [::]) in containers.",
    source="gunicorn, bind (127.0.0.1:8000 unless told otherwise): "
    "https://gunicorn.org/reference/settings/#bind",
)

_ITSELF = re.compile(r"\blocalhost\b|\b127\.|\b0\.0\.0\.0\b|::1\b|HOSTNAME")


# ports-agree


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sought:
    """A place that names ports of the server; it is right if one of them is.

    Attributes:
        how: What it does with them, after "port 80 is".
    """

    how: str
    ports: frozenset[int]
    where: Where
    severity: Severity = Severity.ERROR


def _ports_agree(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        binds = _binds(unit)
        listens = frozenset(bind.port for bind in binds if bind.port is not None)
        if not listens or len(listens) != len(binds):
            continue
        named = frozenset(fact.value for fact in unit.container.ports)
        # beside the server's the container names ports of something else in it: metrics
        known = listens | named if named & listens else listens
        wrong: dict[frozenset[int], list[_Sought]] = {}
        for sought in _all_sought(unit):
            if sought.ports.isdisjoint(known):
                wrong.setdefault(sought.ports, []).append(sought)
        for places in wrong.values():
            yield _elsewhere(unit, binds[0], places, listens)


def _elsewhere(
    unit: Unit, bind: Bind, places: Sequence[_Sought], listens: frozenset[int]
) -> Finding:
    kind = unit.server.kind if unit.server else "the server"
    right, wrong = _listed(listens), _listed(places[0].ports)
    errors = [place for place in places if place.severity is Severity.ERROR]
    named = [place for place in places if place.severity is not Severity.ERROR]
    # others lead there by its name
    by_name = unit.container.platform is Platform.KUBERNETES and named
    first = (named if by_name or not errors else errors)[0]
    hows = ", ".join(f"{place.how} ({place.where})" for place in places)
    others = dict.fromkeys((*(place.where for place in places), bind.fact.where))
    return Finding(
        rule=PORTS_AGREE.name,
        severity=Severity.ERROR if errors else Severity.WARNING,
        where=first.where,
        message=f"{unit.name}: port {wrong} is {hows}, but {kind} listens on port {right}"
        f"{bind.fact.said} ({bind.fact.where})",
        fix=f"{right} in place of {wrong}, or bind the server to port {min(first.ports)}",
        others=tuple(place for place in others if place != first.where),
    )


def _listed(ports: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(ports)))


def _binds(unit: Unit) -> tuple[Bind, ...]:
    """Give where a server listens in a container, nothing if it is not known or hides in it."""
    if unit.server is None or unit.container.platform not in CONTAINERS or is_proxied_inside(unit):
        return ()
    return binds_of(unit.server) or ()


def _all_sought(unit: Unit) -> Iterator[_Sought]:
    yield from _sought_by_platform(unit)
    for proxy in unit.proxies:
        asked = frozenset(_asked(unit, proxy))
        if asked:
            yield _Sought(how="asked by a proxy", ports=asked, where=proxy.where)
    for probe in unit.container.probes:
        port = _probed(unit, probe)
        if port is not None:
            how = f"asked by the {probe.role}"
            yield _Sought(how=how, ports=frozenset({port}), where=probe.where)


def _sought_by_platform(unit: Unit) -> Iterator[_Sought]:
    container = unit.container
    if container.platform is Platform.KUBERNETES:
        # all that publishes a port does so through a Service
        led = [item for item in container.addresses if item.container is not None]
        if led:
            ports = frozenset(item.container for item in led if item.container is not None)
            how = f"what Service {led[0].name} leads to"
            yield _Sought(how=how, ports=ports, where=led[0].where)
    else:
        published = [item for item in container.published if item.container is not None]
        if published:
            ports = frozenset(item.container for item in published if item.container is not None)
            yield _Sought(how="published", ports=ports, where=published[0].where)
    # `ports` of a compose file are both published and named
    if container.ports and container.ports[0].where not in {it.where for it in container.published}:
        yield _Sought(
            how="named by the container",
            ports=frozenset(fact.value for fact in container.ports),
            where=container.ports[0].where,
            # that tells people and tools, and opens nothing
            severity=Severity.WARNING,
        )


def _asked(unit: Unit, proxy: Proxy) -> Iterator[int]:
    """Find the ports in the container that a proxy's requests arrive at."""
    for target in proxy.targets:
        host, port = host_of(target), port_of(target)
        if not host or "$" in target:
            continue
        named = [item for item in unit.container.addresses if _is_name(host, item.name)]
        for address in named:
            if address.port in {None, port}:
                led = address.container or (port if address.port is None else None)
                if led is not None:
                    yield led
        if not named and unit.container.platform is Platform.COMPOSE and port is not None:
            yield port


def _is_name(host: str, name: str) -> bool:
    # web, or web.shop.svc.cluster.local
    return host == name or host.startswith(f"{name}.")


def _probed(unit: Unit, probe: Probe) -> int | None:
    if probe.role is ProbeRole.HEALTH and unit.container.no_health_check:
        return None
    # a command may ask another container
    asks_itself = not probe.words or _ITSELF.search(" ".join(probe.words))
    if probe.port is None or not asks_itself:
        return None
    if probe.port.isdecimal():
        return int(probe.port)
    return unit.container.port_names.get(probe.port)


# reachable-bind


def _reachable_bind(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        binds = _binds(unit)
        if not binds or not all(bind.is_loopback for bind in binds):
            continue
        seeker = _seeker(unit)
        if seeker is None:
            continue
        what, where = seeker
        bind, kind = binds[0], unit.server.kind if unit.server else "the server"
        # how an image is started that no file starts is not known
        bare = unit.container.platform is Platform.DOCKER
        yield Finding(
            rule=REACHABLE_BIND.name,
            severity=Severity.WARNING if bare else Severity.ERROR,
            where=bind.fact.where,
            message=f"{unit.name}: {kind} listens on {bind.fact.value}{bind.fact.said}, which "
            f"nobody outside the container reaches, but {what}",
            fix=f"bind to 0.0.0.0:{bind.port}",
            others=(where,) if where != bind.fact.where else (),
        )


def _seeker(unit: Unit) -> tuple[str, Where] | None:
    """Find what wants to reach a server from outside its container."""
    container = unit.container
    for probe in container.probes:
        # others run inside
        if not probe.words and probe.role is not ProbeRole.HEALTH:
            return f"the {probe.role} asks it from there ({probe.where})", probe.where
    for published in container.published:
        place = published.where
        return f"its port is published ({published.by}, {place})", place
    for proxy in unit.proxies:
        return f"a proxy asks it from there ({proxy.where})", proxy.where
    if container.platform is Platform.KUBERNETES and container.addresses:
        address = container.addresses[0]
        return f"Service {address.name} leads to it ({address.where})", address.where
    if container.platform is Platform.DOCKER and container.ports:
        place = container.ports[0].where
        return f"its port is EXPOSEd ({place})", place
    return None


RULES: tuple[tuple[Rule, Check], ...] = (
    (PORTS_AGREE, _ports_agree),
    (REACHABLE_BIND, _reachable_bind),
)
