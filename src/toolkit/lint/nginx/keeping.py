"""Whether nginx keeps connections to an app open, which changed in 1.29.7.

Since then ``proxy_http_version`` is 1.1, no "Connection: close" is sent, and an upstream keeps 32
connections by default: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive. Of
an app that is named without an upstream no connection is kept, in any version.
"""

import re
from collections.abc import Mapping

from toolkit.lint.facts import Fact, Where
from toolkit.lint.nginx.syntax import Directive
from toolkit.lint.nginx.values import seconds

Version = tuple[int, int, int]

KEPT_BY_DEFAULT: Version = (1, 29, 7)

_OFFICIAL = frozenset({"nginx", "nginx-unprivileged"})
_FLOATING = re.compile(r"(?:latest|stable|mainline|1)?(?:-?(?:alpine|slim|perl|otel)(?:-slim)?)?")
_PINNED = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?![\d.])")


def version_of(image: str) -> Version | None:
    """Give the version in an image's name; of a tag that moves, one that has today's defaults."""
    name, _, tag = image.partition("@")[0].rpartition(":")
    if not name or "/" in tag:
        name, tag = image, ""
    if name.rpartition("/")[2] not in _OFFICIAL:
        return None
    if _FLOATING.fullmatch(tag):
        return KEPT_BY_DEFAULT
    pinned = _PINNED.match(tag)
    # 1.29 is the last patch of 1.29, which is later than 1.29.7
    return (int(pinned[1]), int(pinned[2]), int(pinned[3] or 99)) if pinned else None


def kept(
    upstream: Mapping[str, Directive],
    where: Where,
    *,
    protocol: str,
    http: Directive | None,
    connection: Directive | None,
    version: Version | None,
) -> Fact[int] | None:
    """Say how many idle connections are kept; None: none, or that is not known.

    Args:
        upstream: What it sets.
        where: It stands.
        protocol: Of the proxy.
        http: The ``proxy_http_version`` that applies, if one is set.
        connection: The ``proxy_set_header Connection`` that applies, if one is set.
        version: Of nginx; None: not known.
    """
    if protocol not in {"http", "grpc"}:
        return None
    given = upstream.get("keepalive")
    if given and not given.first.isdecimal():
        return None
    if protocol == "http" and _closes(http, connection, version, asked=given is not None):
        return None
    if given:
        return Fact(int(given.first[:9]), given.where)
    if version and version >= KEPT_BY_DEFAULT:
        return Fact(32, where, "nginx")
    return None


def _closes(
    http: Directive | None, connection: Directive | None, version: Version | None, *, asked: bool
) -> bool:
    if http and http.first == "1.0":
        return True
    if connection:
        # of $connection_upgrade the map that is copied everywhere makes "close"
        return connection.args[1].lower() not in {"", "keep-alive"}
    # older ones close unless told otherwise; who asks for it without a version has a new one
    return version < KEPT_BY_DEFAULT if version else not asked


def kept_for(upstream: Mapping[str, Directive], kept_ones: Fact[int]) -> Fact[float] | None:
    """Say for how long idle connections are kept."""
    given = upstream.get("keepalive_timeout")
    if given is None:
        return Fact(60.0, kept_ones.where, "nginx")
    time = seconds(given.first)
    return None if time is None else Fact(time, given.where)
