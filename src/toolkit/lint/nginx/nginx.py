"""The places in nginx's configuration that pass requests on to an app.

Defaults and inheritance are nginx's, read in its source (1.31.5): a level has what it sets and
what the level around it has; of ``proxy_set_header`` all are lost where a level sets one.
"""

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from toolkit.lint.facts import Fact, Proxy, Where
from toolkit.lint.nginx.includes import Include, Includes
from toolkit.lint.nginx.keeping import Version, kept, kept_for
from toolkit.lint.nginx.syntax import Directive, is_nginx, is_site, may_be_nginx, parse
from toolkit.lint.nginx.values import add_port, is_on, seconds, target_of

__all__ = ["Include", "Read", "is_nginx", "is_site", "may_be_nginx", "read", "read_all"]

T = TypeVar("T")

PASSES = {
    "proxy_pass": "http",
    "uwsgi_pass": "uwsgi",
    "fastcgi_pass": "fastcgi",
    "grpc_pass": "grpc",
}
_PREFIXES = {"http": "proxy", "uwsgi": "uwsgi", "fastcgi": "fastcgi", "grpc": "grpc"}
_NOT_HTTP = frozenset({"stream", "mail", "events", "map", "geo", "types", "split_clients"})


@dataclass(frozen=True, slots=True)
class Read:
    """What configurations say.

    Attributes:
        included: Paths of the files that they took in.
    """

    proxies: tuple[Proxy, ...]
    included: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Level:
    """A block with all around it.

    Attributes:
        settings: By name, what applies here; several of those that may be repeated.
        complete: Whether all that is included was there.
        variables: Of ``set``.
    """

    settings: ChainMap[str, list[Directive]] = field(default_factory=ChainMap)
    complete: bool = True
    variables: ChainMap[str, str] = field(default_factory=ChainMap)

    def inside(self, block: Sequence[Directive], *, complete: bool) -> "_Level":
        """Give the level of a block in this one."""
        own: dict[str, list[Directive]] = {}
        variables: dict[str, str] = {}
        for item in block:
            own.setdefault(item.name, []).append(item)
            if item.name == "set" and len(item.args) == 2:
                variables[item.first.removeprefix("$")] = item.args[1]
        return _Level(
            self.settings.new_child(own),
            self.complete and complete,
            self.variables.new_child(variables),
        )

    def one(self, name: str) -> Directive | None:
        found = self.settings.get(name)
        return found[-1] if found else None

    def header(self, name: str) -> Directive | None:
        """Give the last ``proxy_set_header`` of a header."""
        for item in reversed(self.settings.get("proxy_set_header", ())):
            if item.first.lower() == name and len(item.args) == 2:
                return item
        return None


def read(path: str, text: str) -> tuple[Proxy, ...]:
    """Read one file by itself.

    Raises:
        ReadError: It is no configuration of nginx.
    """
    return read_all([(path, text)]).proxies


def read_all(
    files: Sequence[tuple[str, str]],
    *,
    include: Include = lambda path, pattern: (),
    version: Version | None = None,
    variables: Mapping[str, str] | None = None,
) -> Read:
    """Read files that one nginx reads, each on its own but for upstreams, which they share.

    Args:
        files: Paths and texts.
        include: Where included files are.
        version: Of nginx; None: not known.
        variables: Of its environment, for templates.

    Raises:
        ReadError: One of them is no configuration.
    """
    includes = Includes(include, variables or {})
    parsed = [includes.resolve(parse(path, text, variables)) for path, text in files]
    upstreams = [_upstreams(block) for block in parsed]
    shared = ChainMap(*upstreams)
    proxies = [
        proxy
        for block, own in zip(parsed, upstreams, strict=True)
        # of two files for different stages each means its own
        for proxy in _Reader(ChainMap(own, shared), version).proxies(block, _Level())
    ]
    return Read(tuple(proxies), frozenset(includes.paths))


@dataclass(frozen=True, slots=True)
class _Upstream:
    servers: tuple[str, ...]
    level: Mapping[str, Directive]
    where: Where


def _upstreams(block: Sequence[Directive]) -> dict[str, _Upstream]:
    found: dict[str, _Upstream] = {}
    inside_http = (inner for item in block if item.name == "http" for inner in item.block)
    for item in (*block, *inside_http):
        if item.name == "upstream":
            servers = tuple(
                add_port(server.first, 80)
                for server in item.block
                if server.name == "server" and "down" not in server.args
            )
            level = {inner.name: inner for inner in item.block}
            found.setdefault(item.first, _Upstream(servers, level, item.where))
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    upstreams: Mapping[str, _Upstream]
    version: Version | None

    def proxies(self, block: Sequence[Directive], around: _Level) -> Iterator[Proxy]:
        """Find what passes on, in a block and those in it."""
        complete = not any(item.name == "include" for item in block)
        level = around.inside(block, complete=complete)
        for item in block:
            if item.name in PASSES and item.args:
                yield self._proxy(item, level)
            elif item.name not in _NOT_HTTP and item.name != "upstream":
                yield from self.proxies(item.block, level)

    def _proxy(self, item: Directive, level: _Level) -> Proxy:
        protocol = PASSES[item.name]
        host = target_of(item.first, protocol, level.variables)
        upstream = self.upstreams.get(host.name) if host else None
        direct = (host.address,) if host else ()
        forwarded = level.header("x-forwarded-for")
        keeps = upstream and kept(
            upstream.level,
            upstream.where,
            protocol=protocol,
            http=level.one("proxy_http_version"),
            connection=level.header("connection"),
            version=self.version,
        )
        return Proxy(
            where=item.where,
            protocol=protocol,
            targets=upstream.servers if upstream else direct,
            read_timeout=_setting(level, item, "read_timeout", seconds, 60.0),
            kept=keeps or None,
            keep_alive=kept_for(upstream.level, keeps) if upstream and keeps else None,
            sets_forwarded=_forwarded(level, item, forwarded, sets=True),
            appends_forwarded=_forwarded(level, item, forwarded, sets=False),
            buffers=(
                None
                if protocol == "grpc"
                else _setting(level, item, "request_buffering", is_on, default=True)
            ),
        )


def _setting(
    level: _Level, passes: Directive, name: str, value: Callable[[str], T | None], default: T
) -> Fact[T] | None:
    prefix = _PREFIXES[PASSES[passes.name]]
    given = level.one(f"{prefix}_{name}")
    if given:
        read_value = value(given.first)
        return None if read_value is None else Fact(read_value, given.where)
    return Fact(default, passes.where, "nginx") if level.complete else None


def _forwarded(
    level: _Level, passes: Directive, header: Directive | None, *, sets: bool
) -> Fact[bool] | None:
    """Tell what becomes of X-Forwarded-For; of other protocols than HTTP it is not asked."""
    if passes.name != "proxy_pass":
        return None
    if header is None:
        return Fact(False, passes.where, "nginx") if level.complete else None
    value = header.args[1]
    client = "$http_x_forwarded_for" in value
    appends = "$proxy_add_x_forwarded_for" in value or (client and "$remote_addr" in value)
    if sets:
        return Fact(bool(value) and not client and not appends, header.where)
    return Fact(appends, header.where)
