"""What ``toolkit bench --target`` measures: servers that the toolkit did not start."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from toolkit.backing import OwnNeeds
from toolkit.cli.benched import Benched, brought, health_of, named, traffic_of
from toolkit.cli.wiring import catalog
from toolkit.config import Config
from toolkit.errors import ConfigError
from toolkit.runtime.targets import is_loopback

_THERE = ("as-it-stands", "a server that the toolkit did not start")
_OF_SERVERS = ("runtime", "server", "image")
_OF_LOAD = (
    *("runtime_client_cpus", "runtime_load_hosts", "runtime_load_workers", "runtime_load_address"),
    *("runtime_load_join", "runtime_load_port"),
    *("image_index_url", "image_ca_bundle", "image_rebuild", "image_base"),
)


def as_they_stand(config: Config, urls: Sequence[str], *, mine: bool) -> Benched:
    """Take servers that are there already.

    Args:
        config: Settings of their traffic and of the load.
        urls: Where they are.
        mine: Whether the user says that they are the user's to load.

    Raises:
        ConfigError: One is no URL, it is not said what is requested, or it may be a stranger's.
    """
    app = config.app
    health, workloads = health_of(app), traffic_of(app)
    stacks = []
    targets: dict[str, str] = {}
    for url in dict.fromkeys(origin_of("--target", text) for text in urls):
        if not is_loopback(url):
            require_consent(url, mine=mine, most_rate=config.bench.most_rate)
        stack = brought(named(url.partition("://")[2]), url, health, server=_THERE)
        if stack.id in targets:
            raise ConfigError(f"{url} and {targets[stack.id]} would both be {stack.app.name}")
        stacks.append(stack)
        targets[stack.id] = url
    return Benched(
        catalog=catalog(),
        stacks=tuple(stacks),
        workloads=workloads,
        own=OwnNeeds(),
        targets=targets,
    )


def refuse_with_targets(chosen: Sequence[str], given: Mapping[str, Any]) -> None:
    """See that nothing is asked for that only servers have which the toolkit starts.

    Args:
        chosen: Flags that say what is started.
        given: Settings by flags, such as ``server_workers``; None: not given.

    Raises:
        ConfigError: Something is.
    """
    settings = [
        f"--{name.partition('_')[2].replace('_', '-')}"
        for name, value in given.items()
        if name.partition("_")[0] in _OF_SERVERS and name not in _OF_LOAD and value is not None
    ]
    if chosen or settings:
        raise ConfigError(
            f"{', '.join((*chosen, *settings))} does not go with --target",
            hint="A target is a server as it stands; the toolkit neither starts nor limits it.",
        )


def origin_of(flag: str, text: str) -> str:
    """Give scheme, host and port of a server that is loaded.

    Args:
        flag: Where it was given, for the message.
        text: As it was given.

    Raises:
        ConfigError: It is none, or more than that.
    """
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # of the port
        parts, known = urlsplit(""), False
    if not known:
        raise ConfigError(
            f"{flag} {text} is no URL", hint="Write http://127.0.0.1:8000 or https://host."
        )
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigError(
            f"{flag} {text} has a path", hint=f"Paths are requested: --get {parts.path or '/'}."
        )
    if "@" in parts.netloc:
        raise ConfigError(
            f"{flag} takes no user and password, for it stands in results",
            hint="Send them from a --locustfile, which reads them from a variable.",
        )
    return f"{parts.scheme}://{parts.netloc}"


def require_consent(url: str, *, mine: bool, most_rate: float) -> None:
    """See that nobody loads a stranger's server by mistake, nor more than is meant.

    Raises:
        ConfigError: It is not said that it may be loaded, or how much.
    """
    missing = [
        *(() if mine else ("--yes-this-is-mine",)),
        *(() if most_rate else ("--most-rate REQ/S",)),
    ]
    if missing:
        raise ConfigError(
            f"{url} is not on this machine",
            hint=f"If you may load it, say so, and how much: {' '.join(missing)}.",
        )
