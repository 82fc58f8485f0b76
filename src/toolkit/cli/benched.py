"""What ``toolkit bench`` measures: reference stacks, or images as they are. See also ``own``."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from toolkit.backing import OwnNeeds
from toolkit.catalog import Catalog
from toolkit.cli.traffic import own_traffic, request_path
from toolkit.cli.wiring import catalog
from toolkit.config import AppConfig, Config
from toolkit.errors import ConfigError
from toolkit.model import (
    App,
    BackingImage,
    Interface,
    Need,
    Project,
    Server,
    Stack,
    Workload,
)
from toolkit.units import parse_size

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Benched:
    """What is measured.

    Attributes:
        catalog: Where recipes and code lie.
        own: What its servers are given, None for the reference apps.
        projects: The image of each stack that is one as it is.
        targets: The URL of each stack that somebody else has started; then all are such.
        remarks: What was found of it, for people, a line each.
    """

    catalog: Catalog
    stacks: tuple[Stack, ...]
    workloads: tuple[Workload, ...]
    own: OwnNeeds | None = None
    projects: Mapping[str, Project] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def place_of(argument: str, here: Path) -> tuple[Path, str]:
    """Say in which folder an app of the user's own lies, and what of it is its target.

    Args:
        argument: A folder, a file (also with ``:attribute``), or ``module:attribute``.
        here: The folder that this is said in.
    """
    if (here / argument).is_dir():
        return here / argument, ""
    name, colon, attribute = argument.partition(":")
    file = Path(os.path.normpath(here / name))
    if file.suffix != ".py" or not file.is_file():
        return here, argument
    # its package and what it installs may be further up, but not above the folder one works in
    folder = here if file.is_relative_to(here) else file.parent
    return folder, f"{file.relative_to(folder).as_posix()}{colon}{attribute}"


def reference(config: Config, *, against_itself: str | None) -> Benched:
    """Choose reference stacks and workloads as the settings say.

    Args:
        config: Settings.
        against_itself: A stack that is measured against itself.

    Raises:
        ConfigError: There are none such.
    """
    found, bench = catalog(), config.bench
    if against_itself:
        stacks = twice(found, against_itself)
    elif bench.apps or bench.servers:
        stacks = found.combine(bench.apps or ("*",), bench.servers or ("*",))
    else:
        stacks = found.select_stacks(bench.stacks)
    return Benched(catalog=found, stacks=stacks, workloads=found.select_workloads(bench.workloads))


def as_they_are(config: Config, images: Sequence[str], port: int) -> Benched:
    """Take images that somebody made, each with its own server.

    Args:
        config: Settings of their traffic, health and services.
        images: Their names.
        port: Where their servers listen.

    Raises:
        ConfigError: It is not said what is requested.
    """
    app = config.app
    stacks: list[Stack] = []
    projects: dict[str, Project] = {}
    for image in dict.fromkeys(images):
        health = health_of(app)
        stack = brought(
            named(image),
            f"image {image}",
            health,
            server=("as-it-is", "the server of the image, with its own settings"),
        )
        if stack.id in projects:
            other = projects[stack.id].image
            raise ConfigError(f"{image} and {other} would both be {stack.app.name}")
        stacks.append(stack)
        projects[stack.id] = Project(name=stack.id, image=image, port=port, health=health)
    return Benched(
        catalog=catalog(),
        stacks=(*stacks, *beside(config)),
        workloads=traffic_of(app),
        own=needs_of(config),
        projects=projects,
    )


def beside(config: Config) -> tuple[Stack, ...]:
    """Give the reference stacks that are measured beside an app of the user's own.

    That has paths of its own, so they are asked for something else that they have.

    Raises:
        ConfigError: There are none such, or no such workloads.
    """
    app = config.app
    if not app.beside:
        return ()
    found = catalog()
    works = found.select_workloads(app.beside_workloads)
    return tuple(
        replace(stack, work=work) for stack in found.select_stacks(app.beside) for work in works
    )


def traffic_of(app: AppConfig) -> tuple[Workload, ...]:
    """Give the traffic that an app of the user's own is measured with.

    Raises:
        ConfigError: There is none.
    """
    workloads = tuple(own_traffic(app.get, app.post, app.locustfile))
    if not workloads:
        raise ConfigError(
            "what is requested is not said",
            hint="Give --get / (repeatable), --post /items=@body.json, or a --locustfile.",
        )
    needs = (Need.DATABASE,) if app.database else ()
    return tuple(replace(workload, needs=needs) for workload in workloads)


def needs_of(config: Config) -> OwnNeeds:
    """Say what the servers of an app of the user's own are given.

    Raises:
        ConfigError: A command cannot be read.
    """
    images = tuple(
        BackingImage(
            name=name,
            image=service.image,
            port=service.port,
            environment=service.environment,
            command=words(f"services.{name}.command", service.command),
            ready=words(f"services.{name}.ready", service.ready),
            memory=parse_size(service.memory),
        )
        for name, service in config.services.items()
    )
    return OwnNeeds(
        variables=config.app.environment,
        images=images,
        database_variable=config.app.database_variable,
        database_scheme=config.app.database,
    )


def words(name: str, text: str) -> tuple[str, ...]:
    """Split a command as a shell would.

    Raises:
        ConfigError: A quote is not closed.
    """
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"{name} {text!r}: {str(error).lower()}") from error


def health_of(app: AppConfig) -> str:
    """Give the path that answers 200 while an app of the user's own serves.

    Raises:
        ConfigError: It is none.
    """
    return request_path("--health", app.health or (app.get[0] if app.get else "/"))


def brought(name: str, summary: str, health: str, *, server: tuple[str, str]) -> Stack:
    """Make a stack of an app that comes with its server, of which nothing is known.

    Args:
        name: Of the app.
        summary: What it is.
        health: Path that answers while it serves.
        server: Name of its server, and what that is.
    """
    return Stack(
        app=App(
            name=name,
            summary=summary,
            interface=Interface.WSGI,
            target="",
            health=health,
            path=Path(),
        ),
        server=Server(
            name=server[0],
            summary=server[1],
            interfaces=(Interface.WSGI, Interface.ASGI),
            keep_alive=False,  # nobody promises it
            argv=(),
            path=Path(),
        ),
    )


def named(text: str) -> str:
    """Give a name that stacks and images may have."""
    return _NOT_IN_A_NAME.sub("-", text.lower()).strip("-") or "app"


def twice(found: Catalog, pattern: str) -> tuple[Stack, ...]:
    """Give a stack and itself.

    Raises:
        ConfigError: There is not one of that name.
    """
    stacks = found.select_stacks((pattern,))
    if len(stacks) > 1:
        names = ", ".join(stack.id for stack in stacks)
        raise ConfigError(f"{pattern!r} fits several stacks", hint=f"Name one of {names}.")
    return (stacks[0], replace(stacks[0], copy=2))
