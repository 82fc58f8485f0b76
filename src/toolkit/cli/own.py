"""A user's own app for ``toolkit bench``: found, laid out beside the servers, and its traffic."""

import contextlib
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from toolkit.cli.benched import (
    Benched,
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
from toolkit.model import Interface
from toolkit.project.apps.lookup import FoundApp, find_app
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
    workloads = traffic_of(app)
    found = find_app(folder, app.target)
    requirements = _requirements(app, folder, found)
    own = _describe(app, folder, found, requirements)
    with contextlib.ExitStack() as opened:
        guardian = opened.enter_context(Guardian())
        sources = (
            opened.enter_context(sources_of(folder, guardian, without=config.results))
            if found.file
            else None
        )
        name = opened.enter_context(tempfile.TemporaryDirectory(prefix="toolkit-app-"))
        opened.enter_context(guardian.watching_folder(name))
        staged = stage(own, sources, catalog(), Path(name))
        servers = app.servers or USUAL_SERVERS[Interface(own.interface)]
        stacks = (
            twice(staged, against_itself) if against_itself else staged.combine([own.name], servers)
        )
        yield Benched(
            catalog=staged,
            stacks=stacks,
            workloads=workloads,
            own=needs_of(config),
            remarks=(*_remarks(found, requirements, own), *_left_out(folder, found, app)),
        )


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


def _remarks(found: FoundApp, requirements: Requirements, own: OwnApp) -> Iterator[str]:
    yield f"App: {found.target}, {own.interface.upper()}; {found.reason}."
    if found.interface not in (None, own.interface):
        yield f"By its source it is {found.interface.upper()}, and --interface says otherwise."
    for other in found.others:
        yield f"Not taken: {other.target} in {other.file}:{other.line}."
    yield f"Packages: from {requirements.source}."
    if requirements.passed_over:
        yield f"Not read: {', '.join(requirements.passed_over)}."
    if requirements.constraints:
        yield "Constraints on packages that others ask for are not applied."
    yield from requirements.notes


def _left_out(folder: Path, found: FoundApp, app: AppConfig) -> Iterator[str]:
    if found.file and not app.environment and (folder / ".env").is_file():
        yield "Not read: .env; its variables are given to the servers by --env-file .env."
