"""A user's own app for ``toolkit bench``: found, laid out beside the servers, and its traffic."""

import contextlib
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from toolkit.catalog import Catalog
from toolkit.cli.benched import (
    Benched,
    beside,
    health_of,
    named,
    needs_of,
    traffic_of,
    twice,
    words,
)
from toolkit.cli.wiring import catalog
from toolkit.config import AppConfig, Config
from toolkit.errors import ConfigError
from toolkit.model import Interface, Server
from toolkit.project.apps.lookup import FoundApp, find_app
from toolkit.project.limiting import limits_of
from toolkit.project.packages.dependencies import (
    NothingSaid,
    Requirements,
    find_requirements,
    with_more,
)
from toolkit.project.staging import OwnApp, stage
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.sources import sources_of

USUAL_SERVERS = {
    Interface.WSGI: ("gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "granian-wsgi"),
    Interface.ASGI: ("uvicorn", "gunicorn-uvicorn", "granian-asgi", "hypercorn"),
}
"""Where none is named."""


@contextlib.contextmanager
def laid_out(config: Config, folder: Path, *, against_itself: str | None) -> Iterator[Benched]:
    """Find a user's own app and lay it out beside the servers, until the end.

    Args:
        config: Settings; ``app.target`` may be empty.
        folder: The project's.
        against_itself: A stack of it that is measured against itself.

    Raises:
        ConfigError: No app is found, or what it installs, or what is requested of it.
        EnvironmentFault: Its files cannot be copied.
    """
    app = config.app
    workloads, others = traffic_of(app), beside(config)
    if others and against_itself:
        raise ConfigError(
            "--beside does not go with --aa", hint="What is measured against itself stands alone."
        )
    with staged(config, folder, beside_reference=bool(others)) as laid:
        found, own = laid.found, laid.own
        servers = app.servers or USUAL_SERVERS[Interface(own.interface)]
        stacks = (
            twice(laid.catalog, against_itself)
            if against_itself
            else laid.catalog.combine([own.name], servers)
        )
        yield Benched(
            catalog=laid.catalog,
            stacks=(*stacks, *others),
            workloads=workloads,
            own=needs_of(config),
            remarks=(
                *_remarks(found, laid.requirements, own, [stack.server for stack in stacks]),
                *_left_out(folder, found, app),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A user's own app, found and laid out.

    Attributes:
        catalog: Where it lies beside the servers, while the context is open.
        own: What it is.
        found: Where it was found; ``file`` is empty if a package is all of it.
        requirements: What it installs.
    """

    catalog: Catalog
    own: OwnApp
    found: FoundApp
    requirements: Requirements


@contextlib.contextmanager
def staged(config: Config, folder: Path, *, beside_reference: bool = False) -> Iterator[Laid]:
    """Find a user's own app and lay it out as reference apps are, until the end.

    Args:
        config: Settings; ``app.target`` may be empty.
        folder: The project's.
        beside_reference: Whether reference apps are measured beside it.

    Raises:
        ConfigError: No app is found, or what it installs.
        EnvironmentFault: Its files cannot be copied.
    """
    found = find_app(folder, config.app.target)
    requirements = _requirements(config.app, folder, found)
    own = _describe(config.app, folder, found, requirements)
    if beside_reference and own.name in {app.name for app in catalog().apps}:
        # what is known of a reference app does not hold for it
        own = replace(own, name=f"own-{own.name}")
    with contextlib.ExitStack() as opened:
        guardian = opened.enter_context(Guardian())
        sources = (
            opened.enter_context(sources_of(folder, guardian, without=config.results))
            if found.file
            else None
        )
        name = opened.enter_context(tempfile.TemporaryDirectory(prefix="toolkit-app-"))
        opened.enter_context(guardian.watching_folder(name))
        laid = stage(own, sources, catalog(), Path(name))
        yield Laid(catalog=laid, own=own, found=found, requirements=requirements)


def _requirements(app: AppConfig, folder: Path, found: FoundApp) -> Requirements:
    """Say what is installed: what the project says, and what the user adds."""
    if app.install and not found.file and not app.requirements:
        return with_more(None, app.install)
    try:
        said = find_requirements(folder, app.requirements, beside=found.file)
    except NothingSaid:
        if not app.install:
            raise
        return with_more(None, app.install)
    return with_more(said, app.install)


def _describe(app: AppConfig, folder: Path, found: FoundApp, requirements: Requirements) -> OwnApp:
    interface = found.interface if app.interface == "auto" else Interface(app.interface)
    if interface is None:
        raise ConfigError(
            f"whether {found.target} is a WSGI or an ASGI app does not show in its source",
            hint=f"{_not_here(folder, found)}Say --interface wsgi (Flask, Django, Bottle) or asgi.",
        )
    return OwnApp(
        name=_name(folder, found),
        summary=f"{found.target}{f' ({found.framework})' if found.framework else ''}",
        target=found.target,
        interface=interface,
        search=tuple(part for part in found.search if part),
        health=health_of(app),
        prepare=tuple(words("--prepare", text) for text in app.prepare),
        before=tuple(words("--before", text) for text in app.before if text.strip()),
        writable=tuple(map(_inside, app.writable)),
        requirements=requirements,
    )


def _not_here(folder: Path, found: FoundApp) -> str:
    if found.file:
        return ""
    module = found.target.partition(":")[0]
    return f"There is no module {module} in {folder}. If a package has it: "


def _inside(folder: str) -> str:
    """See that what an app may write to is of its own: other places are the container's."""
    if PurePosixPath(folder).is_absolute() or ".." in PurePosixPath(folder).parts:
        raise ConfigError(
            f"--writable {folder}: that is no folder within the app's own",
            hint="Name one as seen from there, such as instance; /tmp can be written to anyway.",
        )
    return folder


def _name(folder: Path, found: FoundApp) -> str:
    """Give the project's name as it may be that of an image."""
    name = folder.resolve().name if found.file else found.target.partition(":")[0]
    if found.file:
        with contextlib.suppress(OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            said = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
            project = said.get("project")
            if isinstance(project, dict) and isinstance(project.get("name"), str):
                name = project["name"]
    return named(name)


def _remarks(
    found: FoundApp, requirements: Requirements, own: OwnApp, servers: Iterable[Server]
) -> Iterator[str]:
    yield f"App: {found.target}, {own.interface.upper()}; {found.reason}."
    if found.interface not in (None, own.interface):
        yield f"By its source it is {found.interface.upper()}, and --interface says otherwise."
    for other in found.others:
        yield f"Not taken: {other.target} in {other.file}:{other.line}."
    yield f"Packages: from {requirements.source}."
    if requirements.passed_over:
        yield f"Not read: {', '.join(requirements.passed_over)}."
    yield from requirements.notes
    yield from _limited(requirements, servers)


def _limited(requirements: Requirements, servers: Iterable[Server]) -> Iterator[str]:
    """Say which packages of the servers are not as the toolkit pins them."""
    installed = {server.name: server for server in catalog().servers}
    locks = [
        (installed[server.name].path / "requirements.txt").read_text(encoding="utf-8")
        for server in servers
    ]
    excluded = limits_of(requirements, locks).excluded
    if excluded:
        said = (f"{name} {wanted}, not {ours}" for name, (ours, wanted) in sorted(excluded.items()))
        yield f"By the project's constraints: {'; '.join(said)}."


def _left_out(folder: Path, found: FoundApp, app: AppConfig) -> Iterator[str]:
    if found.file and not app.environment and (folder / ".env").is_file():
        yield "Not read: .env; its variables are given to the servers by --env-file .env."
