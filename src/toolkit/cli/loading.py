"""Puts together what ``toolkit deploy --component load`` writes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import toolkit
from toolkit.catalog import root
from toolkit.cli.targets import origin_of, require_consent
from toolkit.config import AppConfig, Config
from toolkit.deployment.loading import TARGETS, LoadDeployment, render_load
from toolkit.deployment.rendering import Written
from toolkit.errors import ConfigError
from toolkit.spelling import did_you_mean

_NAME = "load"
_IMAGE = "toolkit/load"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLoad:
    """What the command line says beside settings.

    Attributes:
        against: URL of the server that is loaded.
        workers: Load processes.
        mine: Whether the user says that it may be loaded.
        keep_off: Name of the server's pods; empty: it runs elsewhere.
        how: The command.
    """

    against: str
    workers: int
    mine: bool
    keep_off: str
    how: str


def load_deployed(config: Config, targets: Sequence[str], asked: AskedLoad) -> dict[str, Written]:
    """Give every file that makes load in a cluster, by its path in the output folder.

    Args:
        config: Settings of the traffic, of the load, and of the image.
        targets: Clusters; none: Kubernetes.
        asked: What the command line says.

    Raises:
        ConfigError: It is not said what is loaded with what, or whether that may be.
    """
    for name in targets:
        if name not in TARGETS:
            raise ConfigError(
                f"load is not made by {name!r}",
                hint=did_you_mean(name, TARGETS) or f"There are {' and '.join(TARGETS)}.",
            )
    url = origin_of("--against", asked.against)
    require_consent(url, mine=asked.mine, most_rate=config.bench.most_rate)
    parts = urlsplit(url)
    arguments = (*_traffic(config.app), *_load(config))
    load = LoadDeployment(
        name=_NAME,
        image=_tagged(config.deploy.image or _IMAGE),
        workers=asked.workers,
        against=url,
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        arguments=arguments,
        locustfile=_locustfile(config.app),
        server=asked.keep_off,
        targets=tuple(targets) or TARGETS[:1],
        how=asked.how,
        toolkit=toolkit.__version__,
    )
    return render_load(load, root() / "deploy" / "templates")


def _traffic(app: AppConfig) -> Iterator[str]:
    if not (app.get or app.post or app.locustfile):
        raise ConfigError(
            "what is requested is not said",
            hint="Give --get / (repeatable), --post /items={...}, or a --locustfile.",
        )
    for path in app.get:
        yield from ("--get", path)
    for text in app.post:
        if "=@" in text:
            raise ConfigError(
                f"--post {text}: the file is not in the cluster",
                hint='Write the body itself, --post \'/items={"name": "a"}\', or a locustfile.',
            )
        yield from ("--post", text)
    if app.health:
        yield from ("--health", app.health)


def _load(config: Config) -> Iterator[str]:
    bench = config.bench
    yield from ("--yes-this-is-mine", "--most-rate", f"{bench.most_rate:.10g}")
    yield from ("--rounds", str(bench.rounds), "--duration", f"{bench.duration:g}")
    if bench.users:
        yield from ("--users", str(bench.users))


def _locustfile(app: AppConfig) -> str | None:
    if not app.locustfile:
        return None
    try:
        return Path(app.locustfile).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the locustfile {app.locustfile} cannot be read: {error}") from error


def _tagged(image: str) -> str:
    """Give an image a tag that has none: that of this version."""
    has_tag = ":" in image.rpartition("/")[2] or "@" in image
    return image if has_tag else f"{image}:{toolkit.__version__}"
