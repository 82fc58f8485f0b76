"""Dockerfiles of a folder, and which of them an image's name means."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from toolkit.lint.dockerfiles import dockerfile
from toolkit.lint.facts import Container, Image, Unread, Where
from toolkit.reading import Files, ReadError

_KNOWN = re.compile(
    r"(?:adminer|alertmanager|busybox|caddy|cadvisor|certbot|consul|dpage|elasticsearch|envoy|etcd"
    r"|flower|grafana|haproxy|httpd|influxdb|jaeger|kafka|keycloak|kibana|localstack|logstash|loki"
    r"|mailcatcher|mailhog|mailpit|mariadb|memcached|minio|mongo|mongodb|mysql|nats|nginx|node"
    r"|opensearch|otel|percona|pgadmin\d?|pgbouncer|pgvector|php|phpmyadmin|postgis|postgres"
    r"|postgresql|prometheus|rabbitmq|redis|registry|selenium|statsd|swagger|tempo|traefik|valkey"
    r"|varnish|vault|zipkin|zookeeper)"
)
"""What others make: no app of the project."""

_NOT_DASH = re.compile(
    r"alpine|busybox|cgr\.dev/|chainguard|wolfi"
    r"|\bubi\d*\b|almalinux|amazonlinux|archlinux|aws/lambda|centos|fedora|\bleap\b|mariner|opensuse"
    r"|oraclelinux|photon|redhat|rockylinux|tumbleweed"
)


def is_known(image: str) -> bool:
    """Tell whether an image is of a program that is no app: a database, a proxy, a monitor."""
    parts = repository_of(image).lower().split("/")
    if len(parts) > 1 and ("." in parts[0] or ":" in parts[0]):
        del parts[0]  # a registry
    words = [word for part in parts for word in re.split(r"[-_.]", part)]
    return any(_KNOWN.fullmatch(word) for word in words)


def shell_makes_way(image: str) -> bool:
    """Tell whether /bin/sh of an image is not dash, but BusyBox's or bash.

    Those make way for the only command of ``sh -c``; most images of Python are made from Debian.
    """
    return _NOT_DASH.search(image.lower()) is not None


def repository_of(image: str) -> str:
    """Give an image's name without tag and digest."""
    name = image.partition("@")[0]
    return name[: name.rfind(":")] if name.rfind(":") > name.rfind("/") else name


_Key = tuple[str, str | None, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Images:
    """Reads Dockerfiles, each stage once.

    Attributes:
        unread: Of those that could not be read; filled while they are.
    """

    files: Files
    unread: dict[str, Unread] = field(default_factory=dict)
    _read: dict[_Key, Image | None] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        """All Dockerfiles."""
        return tuple(path for path in self.files.paths if dockerfile.is_dockerfile(path))

    def stage(
        self, path: str, target: str | None = None, given: Mapping[str, str] = MappingProxyType({})
    ) -> Image | None:
        """Give what a stage makes, None if the file is not there or cannot be read.

        Args:
            path: Of the Dockerfile.
            target: The stage, None: the last one.
            given: Values of ``ARG``.
        """
        key = path, target, frozenset(given.items())
        if key not in self._read:
            self._read[key] = self._read_stage(path, target, given)
        return self._read[key]

    def _read_stage(self, path: str, target: str | None, given: Mapping[str, str]) -> Image | None:
        if path not in self.files.paths:
            return None
        try:
            return dockerfile.read_stage(path, self.files.read(path), target, given)
        except ReadError as error:
            self.unread[path] = Unread(where=Where(path, error.line), reason=str(error))
            return None

    def built(self, containers: Sequence[Container]) -> Mapping[str, Container]:
        """Give, by the names of images, containers that are built here."""
        built: dict[str, Container] = {}
        for container in containers:
            if container.dockerfile is not None and container.image is not None:
                built.setdefault(repository_of(container.image.value), container)
        return built

    def only_one(self, containers: Iterable[Container]) -> tuple[str, str] | None:
        """Give the one Dockerfile and the one image that can only be made from it, if so it is.

        That is where files name one image that nobody else makes, and one Dockerfile is there.
        """
        names = {
            repository_of(container.image.value)
            for container in containers
            if container.image is not None
            and container.dockerfile is None
            and not is_known(container.image.value)
        }
        apps = [
            path
            for path in self.paths
            if (image := self.stage(path)) is not None and not is_known(image.base)
        ]
        return (apps[0], names.pop()) if len(apps) == 1 and len(names) == 1 else None
