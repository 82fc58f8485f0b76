"""Put a deployment together: what it is, and every file of it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.catalog import CONSTRAINTS, Catalog
from toolkit.deployment.evidence import Evidence
from toolkit.deployment.layout import (
    APP,
    SERVER,
    SHARED,
    Deployment,
    Source,
    app_files,
    command,
    server_files,
)
from toolkit.deployment.rendering import Written, render
from toolkit.deployment.sizing import Numbers
from toolkit.errors import ConfigError
from toolkit.model import Stack

_PLAIN_TARGET = re.compile(r"[\w.]+:\w+")
_UV = re.compile(r"^uv==([\w.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A user's own app.

    Attributes:
        folder: Where its sources are, None: its packages are all of it.
        target: ``module:attribute``, or a factory with its call.
        shim: The module that servers import where the target is a call, by its name.
    """

    folder: Path | None
    target: str
    shim: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a deployment goes, and what it is called there.

    Attributes:
        folder: Where it is written.
        image: Name of the image, empty: that of the app.
        base: Base image.
        host: Name under which it is reached.
        index_url: Package index of the build.
        ca_bundle: Certificates for that, None: none.
        targets: What is rendered.
        database: Whether it has a PostgreSQL ...
        database_scheme: ... and how its URL begins.
        remarks: What a reader must know.
        how: The command that makes it.
        toolkit: Version of the toolkit.
    """

    folder: Path
    image: str
    base: str
    host: str
    index_url: str
    ca_bundle: Path | None
    targets: tuple[str, ...]
    database: bool
    database_scheme: str
    remarks: tuple[str, ...]
    how: str
    toolkit: str


def assemble(
    stack: Stack,
    numbers: Numbers,
    evidence: Evidence | None,
    place: Place,
    *,
    project: Project | None,
    catalog: Catalog,
    templates: Path,
) -> dict[str, Written]:
    """Give every file of a deployment, by its path in there.

    Args:
        stack: App and server, the app laid out as the toolkit builds it.
        numbers: See ``sizing``.
        evidence: What was measured, None: nothing.
        place: Where it goes.
        project: The user's own app, None: a reference app.
        catalog: Where app and server lie.
        templates: The folder deploy/templates.

    Raises:
        ConfigError: The folder is not within the project that the image is built of.
    """
    source = _source(place.folder, project)
    target, files = _code(stack, project, catalog)
    argv, flags = command(stack.server, numbers, target)
    files.update(
        {
            f"server/{k}": f
            for k, f in server_files(catalog, stack.server, (*argv, *flags.values())).items()
        }
    )
    lock = stack.app.path / "requirements.txt"
    files["requirements/app.txt"] = lock
    limits = stack.app.path / CONSTRAINTS
    if limits.is_file():
        files["requirements/limits.txt"] = limits
    files["requirements/server.txt"] = stack.server.path / "requirements.txt"
    files["requirements/uv.txt"] = templates / "uv" / "requirements.txt"
    if place.ca_bundle is not None:
        files["ca/bundle.crt"] = place.ca_bundle
    folders = [
        *(f"{APP}/{part}" for part in stack.app.search),
        *([str(SHARED)] if not project else []),
    ]
    deployment = Deployment(
        name=stack.app.name,
        app=stack.app,
        server=stack.server,
        target=target,
        argv=argv,
        flags=flags,
        search=(str(APP), *folders, SERVER),
        numbers=numbers,
        evidence=evidence,
        source=source,
        limited=limits.is_file(),
        hashed="--hash=" in lock.read_text(encoding="utf-8"),
        image=place.image or stack.app.name,
        base=place.base,
        database=place.database,
        database_scheme=place.database_scheme,
        host=place.host,
        index_url=place.index_url,
        targets=place.targets,
        remarks=place.remarks,
        how=place.how,
        toolkit=place.toolkit,
        uv=_uv_version(files["requirements/uv.txt"]),
    )
    return {**_read(files), **render(deployment, templates)}


def _source(folder: Path, project: Project | None) -> Source:
    if project is None or project.folder is None:
        return Source(context=".", prefix="", app="app", copied=True)
    place, home = folder.resolve(), project.folder.resolve()
    if not place.is_relative_to(home) or place == home:
        raise ConfigError(
            f"{folder} is not a folder within the project {project.folder}",
            hint="The image is built of the project's files, so what deploys it lies among them: "
            f"-o {project.folder / 'deploy'}.",
        )
    prefix = f"{place.relative_to(home).as_posix()}/"
    context = Path(os.path.relpath(home, place)).as_posix()
    return Source(context=context, prefix=prefix, app=".", copied=False)


def _code(stack: Stack, project: Project | None, catalog: Catalog) -> tuple[str, dict[str, Path]]:
    """Say what the server imports, and give the files that are copied for it."""
    if project is None:
        return stack.app.target, app_files(stack.app, catalog.path / "apps" / "shared")
    files = {} if project.folder else {"app/README.md": project.shim.parent / "app.toml"}
    if _PLAIN_TARGET.fullmatch(project.target):
        return project.target, files
    # a server that knows no factories imports a module that has called it
    return stack.app.target, {**files, f"server/{project.shim.name}": project.shim}


def _uv_version(lock: Path) -> str:
    found = _UV.search(lock.read_text(encoding="utf-8"))
    assert found is not None, lock  # noqa: S101 - it is our own
    return found[1]


def _read(files: Mapping[str, Path]) -> dict[str, Written]:
    return {
        name: Written(file.read_bytes(), executable=bool(file.stat().st_mode & 0o100))
        for name, file in files.items()
    }
