"""Proxies and what the app and its server believe of them."""

from collections.abc import Iterator

from toolkit.lint.facts import Deployment, Fact, Hops, Proxy, Server, ServerKind, Unit, Where
from toolkit.lint.finding import Check, Finding, Measured, NotJudged, Rule, Severity
from toolkit.lint.rules.fronts import (
    is_for_development,
    is_local,
    is_unit_for_development,
    published_directly,
)
from toolkit.lint.rules.serving import is_development_server, serves_asgi
from toolkit.lint.rules.sources import may_hold

PROXY_HOPS = Rule(
    name="proxy-hops",
    summary="ProxyFix believes as many proxies as there are in front of the app.",
    reason="With too many, a client writes its own X-Forwarded-For and chooses its address, scheme "
    "and host. With too few or without ProxyFix, the app takes the proxy for the client and builds "
    "http:// links on an https:// site.",
    fix="Set x_for, x_proto and x_host to the number of proxies that set these headers, and let "
    "clients reach the app through them only.",
    source="Werkzeug, X-Forwarded-For Proxy Fix: "
    "https://werkzeug.palletsprojects.com/en/stable/middleware/proxy_fix/",
)

TRUSTED_PROXIES = Rule(
    name="trusted-proxies",
    summary="A server that anybody can reach does not believe forwarded headers from anybody.",
    reason="Whoever sends the headers chooses the scheme and, with uvicorn, the client address "
    "that the app sees: rate limits, audit logs and redirects to https can be got around.",
    fix="Name the proxies' addresses or network in place of *, or do not publish the port.",
    source='gunicorn, Deploying ("dangerous if untrusted clients can reach Gunicorn directly"): '
    "https://gunicorn.org/deploy/",
)

_EVERYBODY = frozenset({"*", "0.0.0.0/0", "::/0"})
_TRUST = {
    ServerKind.GUNICORN: "forwarded_allow_ips",
    ServerKind.UVICORN: "--forwarded-allow-ips",
    ServerKind.WAITRESS: "--trusted-proxy",
}


# ProxyFix


def _proxy_hops(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for hops in deployment.hops:
        forgeable = list(_forgeable(hops, deployment))
        # one of them is enough: to put it right is to look at the number anyway
        yield from forgeable or _wrong_number(hops, deployment)
    if not deployment.hops and deployment.routes and not deployment.reads_forwarded:
        yield from _not_believed(deployment)


def _forgeable(hops: Hops, deployment: Deployment) -> Iterator[Finding]:
    believed = max(hops.x_for or 0, hops.x_proto or 0, hops.x_host or 0)
    if not believed:
        return
    for unit in deployment.units:
        if is_development_server(unit.server) or not may_hold(unit, hops.where):
            continue
        for published in published_directly(unit)[:1]:
            # a cloud's load balancer may set the headers, or pass connections on as they are
            balanced = published.by == "LoadBalancer"
            around = f", around the proxy ({unit.proxies[0].where})" if unit.proxies else ""
            yield Finding(
                rule=PROXY_HOPS.name,
                severity=Severity.ERROR if hops.always and not balanced else Severity.WARNING,
                where=hops.where,
                message=f"ProxyFix{_sometimes(hops)} believes {_proxies(believed)}, but clients "
                f"reach {unit.name} directly ({published.by}, {published.where}){around}: they "
                "can forge their address",
                fix="let only the proxy reach the app (no published port), or remove ProxyFix",
                others=(published.where, *(proxy.where for proxy in unit.proxies[:1])),
            )
        if hops.x_for:
            yield from _passed_on(hops, unit)


def _sometimes(hops: Hops) -> str:
    return "" if hops.always else ", where it is in use,"


def _passed_on(hops: Hops, unit: Unit) -> Iterator[Finding]:
    """Find a proxy that hands on what a client says of itself, where ProxyFix believes it."""
    for proxy in _http(unit):
        sets, appends = proxy.sets_forwarded, proxy.appends_forwarded
        if sets is None or appends is None or sets.value or appends.value:
            continue
        yield Finding(
            rule=PROXY_HOPS.name,
            severity=Severity.WARNING,
            where=sets.where,
            message=f"{unit.name}: the proxy passes a client's own X-Forwarded-For on, which "
            f"ProxyFix believes ({hops.where}): clients can forge their address",
            fix="proxy_set_header X-Forwarded-For $remote_addr; (or $proxy_add_x_forwarded_for)",
            others=(hops.where,),
        )
        return


def _wrong_number(hops: Hops, deployment: Deployment) -> Iterator[Finding]:
    units = [unit for unit in deployment.units if may_hold(unit, hops.where)]
    counted = [(unit, _in_front(unit)) for unit in units]
    if not hops.x_for or any(hops.x_for in numbers for _, numbers in counted):
        return
    for unit, numbers in counted:
        if not numbers:
            continue
        fronts = _fronts(unit)
        more = hops.x_for > max(numbers)
        outcome = (
            "unless another one stands before, the address is wrong or can be forged"
            if more
            else "the app takes a proxy for the client"
        )
        right = max(numbers)
        yield Finding(
            rule=PROXY_HOPS.name,
            severity=Severity.WARNING,
            where=hops.where,
            message=f"ProxyFix{_sometimes(hops)} believes {_proxies(hops.x_for)}, but {right} "
            f"{'is' if right == 1 else 'are'} in front of {unit.name} "
            f"({', '.join(map(str, fronts))}): {outcome}",
            fix=f"ProxyFix(..., x_for={right}, x_proto={right}, x_host={right})",
            others=fronts,
        )
        return


def _not_believed(deployment: Deployment) -> Iterator[Finding]:
    for unit in deployment.units:
        server, proxies = unit.server, list(_http(unit))
        if server is None or not proxies or server.kind not in _TRUST or _trusts(server):
            continue
        if is_for_development(proxies[0].where) or is_unit_for_development(unit):
            continue
        # what all these servers trust unasked: a proxy on the same machine
        local = all(is_local(target) for proxy in proxies for target in proxy.targets)
        is_asgi = server.kind is ServerKind.UVICORN or serves_asgi(server)
        if local and is_asgi:
            continue
        yield Finding(
            rule=PROXY_HOPS.name,
            severity=Severity.WARNING,
            where=server.where,
            message=f"{unit.name}: a proxy is in front ({proxies[0].where}), but nothing makes the "
            "app believe its X-Forwarded headers: it takes the proxy for the client"
            + ("" if local else " and http for the scheme"),
            fix="--forwarded-allow-ips with the proxy's address or network"
            if is_asgi
            else "app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)",
            others=(proxies[0].where,),
        )


def _trusts(server: Server) -> bool:
    trusted = server.trusted_proxies
    return trusted is not None and not trusted.default


def _http(unit: Unit) -> Iterator[Proxy]:
    return (proxy for proxy in unit.proxies if proxy.protocol == "http")


def _fronts(unit: Unit) -> tuple[Where, ...]:
    """Give a place of each kind of proxy in front."""
    proxies = [proxy.where for proxy in _http(unit)][:1]
    rewriting = [item.where for item in unit.container.published if not item.direct][:1]
    return (*proxies, *rewriting)


def _in_front(unit: Unit) -> range:
    """Give the numbers of proxies that may be in front; an empty range: nothing is known.

    An Ingress may have a load balancer before it. An nginx beside one may be of another
    deployment of the same app, such as a compose file's.
    """
    if published_directly(unit):
        return range(0)
    passes = any(True for _ in _http(unit))
    ingress = any(not item.direct for item in unit.container.published)
    if ingress:
        return range(1, 4 if passes else 3)
    return range(1, 2) if passes else range(0)


def _proxies(number: int) -> str:
    return f"{number} {'proxy' if number == 1 else 'proxies'}"


# What the server trusts


def _trusted_proxies(deployment: Deployment, measured: Measured) -> Iterator[Finding | NotJudged]:
    for unit in deployment.units:
        server = unit.server
        trusted = server.trusted_proxies if server else None
        if server is None or trusted is None or not _is_everybody(trusted):
            continue
        for published in published_directly(unit)[:1]:
            if is_for_development(trusted.where):
                continue
            # a cloud's load balancer may set the headers, or pass connections on as they are
            balanced = published.by == "LoadBalancer"
            yield Finding(
                rule=TRUSTED_PROXIES.name,
                severity=Severity.WARNING if balanced else Severity.ERROR,
                where=trusted.where,
                message=f"{unit.name}: {server.kind} believes forwarded headers from everybody "
                f"({trusted.value}), and clients reach it directly ({published.by}, "
                f"{published.where})",
                fix=f"{_TRUST.get(server.kind, 'trusted proxies')}: the proxy's address or network "
                "in place of *, or do not publish the port",
                others=(published.where,),
            )


def _is_everybody(trusted: Fact[str]) -> bool:
    return not _EVERYBODY.isdisjoint(part.strip() for part in trusted.value.split(","))


RULES: tuple[tuple[Rule, Check], ...] = (
    (PROXY_HOPS, _proxy_hops),
    (TRUSTED_PROXIES, _trusted_proxies),
)
