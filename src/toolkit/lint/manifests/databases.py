"""PostgreSQL servers among the containers of a platform."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from toolkit.lint.facts import Container, Database, Fact

DEFAULT = 100
"""https://www.postgresql.org/docs/current/runtime-config-connection.html"""

_IMAGE = re.compile(
    r"(?:[\w-]+[.:][\w.:-]*/)?"  # a registry
    r"(?:(?:library/)?postgres|postgis/postgis|pgvector/pgvector|bitnami(?:legacy)?/postgresql)"
    r"(?:[:@].*)?"
)
"""Those that start with PostgreSQL's own limit; others tune themselves."""

_POOLER = re.compile(r"pgbouncer|pgcat|pgpool|pgdog|odyssey|supavisor", re.IGNORECASE)
_SETTING = re.compile(r"max[_-]connections\s*=\s*['\"]?(\d{1,6})['\"]?")
_NUMBER = re.compile(r"\d{1,6}", re.ASCII)
_CONFIGURED = re.compile(r"config[_-]file\s*=")
_VARIABLE = "POSTGRESQL_MAX_CONNECTIONS"
"""Of Bitnami's image; the official one takes the limit from its command only."""


def databases(containers: Iterable[Container]) -> tuple[Database, ...]:
    """Give the PostgreSQL servers whose limit is known.

    One that has a configuration file of its own, or whose limit is a variable, is left out. Where a
    pooler is among the containers, which opens fewer connections than it takes, all of them are.

    Args:
        containers: Of compose files and Kubernetes.
    """
    every = tuple(containers)
    if any(item.image is not None and _POOLER.search(item.image.value) for item in every):
        return ()
    return tuple(
        Database(name=container.name, where=container.where, max_connections=limit)
        for container in every
        if container.image is not None
        and _IMAGE.fullmatch(container.image.value)
        and (limit := _limit(container, container.image.value)) is not None
    )


def _limit(container: Container, image: str) -> Fact[int] | None:
    for command in (container.command, container.entrypoint):
        if command is None:
            continue
        text = " ".join(command.value)
        if found := _said(command.value):
            return Fact(found, command.where)
        if "max_connections" in text or _CONFIGURED.search(text):
            return None
    if "bitnami" in image and (fact := container.env.get(_VARIABLE)) is not None:
        number = _NUMBER.fullmatch(fact.value)
        return Fact(int(fact.value), fact.where) if number else None
    mounted = (copied.target for copied in container.files)
    if any(target.endswith(".conf") for target in mounted):
        return None
    return Fact(DEFAULT, container.where, "PostgreSQL")


def _said(words: Sequence[str]) -> int | None:
    text = " ".join(words)
    if found := _SETTING.search(text):
        return int(found[1])
    for option, value in pairwise(words):
        if option == "-N" and _NUMBER.fullmatch(value):
            return int(value)
    return None
