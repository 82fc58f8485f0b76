"""Traefik in front of an app: labels of compose services, its flags, and its YAML files.

Sources: https://doc.traefik.io/traefik/reference/routing-configuration/http/load-balancing/
serverstransport/ and https://doc.traefik.io/traefik/reference/install-configuration/entrypoints/.
It streams requests unless a middleware buffers them, takes what clients say in X-Forwarded headers
for forged unless it is told whom to trust, and gives an app as long as it takes for its answer.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from toolkit.lint.amounts import fraction, go_seconds, whole
from toolkit.lint.facts import Container, Fact, Proxy, Where
from toolkit.lint.images import repository_of
from toolkit.lint.manifests.lines import documents
from toolkit.lint.manifests.nodes import Kind, Node
from toolkit.reading import Files, ReadError

NAME = "Traefik"
IDLE = 90.0
"""Default of ``idleConnTimeout``, seconds."""
KEPT = 200
"""Default of ``maxIdleConnsPerHost``."""

Settings = Mapping[str, Fact[str]]
"""By their paths in lower case: ``serverstransport.forwardingtimeouts.idleconntimeout``."""

_IMAGE = re.compile(r"(?:.*/)?traefik")
_FLAG = re.compile(r"--?([A-Za-z][\w.\[\]-]*)(?:=(.*))?", re.DOTALL)
_PORT = re.compile(r"traefik\.http\.services\.([^.]+)\.loadbalancer\.server\.port", re.IGNORECASE)
_SERVER = re.compile(r"(http\.services\..+)\.loadbalancer\.servers\.\d+\.url")
_ROUTED = re.compile(r"traefik\.http\.(?:routers|services)\.", re.IGNORECASE)
_BUFFERS = re.compile(r"(?:traefik\.)?http\.middlewares\.[^.]+\.buffering(?:\.|$)", re.IGNORECASE)
_DYNAMIC = re.compile(r"^\s+loadBalancer\s*:", re.IGNORECASE | re.MULTILINE)
_STATIC = re.compile(r"^entryPoints\s*:", re.IGNORECASE | re.MULTILINE)
_OFF = frozenset({"false", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What Traefik is told.

    Attributes:
        paths: Of its files.
        unread: Of those that could not be read.
    """

    proxies: tuple[Proxy, ...] = ()
    paths: tuple[str, ...] = ()
    unread: Mapping[str, ReadError] = field(default_factory=dict)


def read_folder(files: Files, containers: Iterable[Container]) -> Found:
    """Read all that configures Traefik.

    Args:
        files: Of the folder.
        containers: Of compose files, with what they are told by their labels.
    """
    every = tuple(containers)
    written: list[Settings] = []
    paths: list[str] = []
    unread: dict[str, ReadError] = {}
    for path in files.paths:
        text = files.text(path) if path.endswith((".yml", ".yaml")) else None
        if text is None or not (_STATIC.search(text) or _is_dynamic(text)):
            continue
        try:
            written += [flat(document) for document in documents(path, text)]
        except ReadError as error:
            unread[path] = error
        else:
            paths.append(path)
    flags = [_flags(container) for container in every if _is_traefik(container)]
    labels = [container.labels for container in every]
    behaves = _Behaviour(_joined([*written, *flags]), _joined([*written, *labels]))
    proxies = [
        *(proxy for container in every for proxy in _of_labels(container, behaves)),
        *(proxy for settings in written for proxy in _of_file(settings, behaves)),
    ]
    return Found(proxies=tuple(proxies), paths=tuple(paths), unread=unread)


def _is_dynamic(text: str) -> bool:
    return text.startswith("http:") or ("\nhttp:" in text and bool(_DYNAMIC.search(text)))


def _is_traefik(container: Container) -> bool:
    image = container.image
    return image is not None and _IMAGE.fullmatch(repository_of(image.value)) is not None


def _joined(several: Sequence[Settings]) -> Settings:
    return {name: fact for settings in several for name, fact in settings.items()}


def flat(node: Node, above: str = "") -> dict[str, Fact[str]]:
    """Give the scalars of a tree by their paths in lower case; entries of lists by number."""
    found: dict[str, Fact[str]] = {}
    waiting = [(above, node)]
    while waiting:
        path, at = waiting.pop()
        inside = f"{path}." if path else ""
        if at.kind is Kind.MAP:
            waiting += [(f"{inside}{key.lower()}", value) for key, value in at.items()]
        elif at.kind is Kind.LIST:
            waiting += [(f"{inside}{number}", each) for number, each in enumerate(at.entries)]
        elif at.text is not None:
            found[path] = Fact(at.text, at.where)
    return found


def _flags(container: Container) -> dict[str, Fact[str]]:
    """Read the static configuration of a container: its flags and its variables."""
    found = {
        name.removeprefix("TRAEFIK_").lower().replace("_", "."): fact
        for name, fact in container.env.items()
        if name.startswith("TRAEFIK_")
    }
    for words in (container.entrypoint, container.command):
        for word in words.value if words is not None else ():
            match = _FLAG.fullmatch(word)
            if match and words is not None:
                value = "true" if match[2] is None else match[2]
                found[match[1].lower()] = Fact(value, words.where)
    return found


# What it does with requests


@dataclass(frozen=True, slots=True)
class _Behaviour:
    """How Traefik passes requests on, by its static and by all of its configuration."""

    static: Settings
    every: Settings

    def proxy(self, where: Where, targets: Sequence[str], transport: str) -> Proxy:
        """Make one of a service."""
        inside = f"http.serverstransports.{transport}" if transport else "serverstransport"
        timeouts = f"{inside}.forwardingtimeouts"
        patience = self._seconds(f"{timeouts}.responseheadertimeout")
        trusting = self._trusts()
        return Proxy(
            where=where,
            targets=tuple(targets),
            software=NAME,
            read_timeout=patience if patience is not None and patience.value else None,
            kept=self._kept(f"{inside}.maxidleconnsperhost", where),
            keep_alive=self._seconds(f"{timeouts}.idleconntimeout") or Fact(IDLE, where, NAME),
            sets_forwarded=Fact(trusting is None, trusting or where, NAME),
            appends_forwarded=Fact(trusting is not None, trusting or where, NAME),
            buffers=None if self._buffers() else Fact(value=False, where=where, default=NAME),
        )

    def _seconds(self, name: str) -> Fact[float] | None:
        fact = self.every.get(name) or self.static.get(name)
        if fact is None:
            return None
        number = fraction(fact.value)
        seconds = go_seconds(fact.value) if number is None else number
        return None if seconds is None else Fact(seconds, fact.where)

    def _kept(self, name: str, where: Where) -> Fact[int]:
        fact = self.every.get(name) or self.static.get(name)
        if fact is None:
            return Fact(KEPT, where, NAME)
        # fewer than none: connections are not kept; 0 is Go's own default, some
        number = whole(fact.value)
        return Fact(0 if number is None else number or KEPT, fact.where)

    def _trusts(self) -> Where | None:
        """Give what makes it believe forwarded headers, None if nothing does."""
        for name, fact in self.static.items():
            if not name.startswith("entrypoints.") or ".forwardedheaders." not in name:
                continue
            if name.endswith(".insecure") and fact.value.lower() in _OFF:
                continue
            return fact.where
        return None

    def _buffers(self) -> bool:
        """Tell whether there is a middleware that buffers; which router has it is not asked."""
        return any(_BUFFERS.match(name) for name in self.every)


# Who it passes them to


def _of_labels(container: Container, behaves: _Behaviour) -> Iterator[Proxy]:
    """Give what a service's labels say: nobody else's name stands in them."""
    labels = container.labels
    enabled = labels.get("traefik.enable")
    routed = [fact for name, fact in labels.items() if _ROUTED.match(name)]
    if _is_traefik(container) or (enabled is not None and enabled.value.lower() in _OFF):
        return
    if enabled is None and not routed:
        return
    ports = [(name, fact) for name, fact in labels.items() if _PORT.fullmatch(name)]
    for name, fact in ports:
        service = name.rpartition(".loadbalancer.")[0]
        transport = labels.get(f"{service}.loadbalancer.serverstransport")
        yield behaves.proxy(fact.where, [f"{container.name}:{fact.value}"], _transport(transport))
    if not ports:
        where = (enabled or routed[0]).where
        # the port that the container exposes, if there is one alone
        port = container.ports[0].value if len(container.ports) == 1 else ""
        yield behaves.proxy(where, [f"{container.name}:{port}"], "")


def _of_file(settings: Settings, behaves: _Behaviour) -> Iterator[Proxy]:
    """Give the services of a file, each with all of its servers."""
    found: dict[str, list[Fact[str]]] = {}
    for name, fact in sorted(settings.items()):
        if match := _SERVER.fullmatch(name):
            found.setdefault(match[1], []).append(fact)
    for service, urls in found.items():
        targets = [target for fact in urls if (target := _target(fact.value))]
        transport = settings.get(f"{service}.loadbalancer.serverstransport")
        if targets:
            yield behaves.proxy(urls[0].where, targets, _transport(transport))


def _transport(named: Fact[str] | None) -> str:
    return named.value.partition("@")[0].lower() if named is not None else ""


def _target(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if not parts.hostname:
        return ""
    return f"{parts.hostname}:{port or (443 if parts.scheme == 'https' else 80)}"
