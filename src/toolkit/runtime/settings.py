"""The environment a server is started with, and the command it makes of it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from toolkit.measured import StackFacts
from toolkit.model import Knobs, Project, Stack
from toolkit.serve import knob_values, render_argv


def environment_of(knobs: Knobs, *, host: str, port: int) -> dict[str, str]:
    """Give the variables that ``toolkit.serve`` reads."""
    return {
        "HOST": host,
        "PORT": str(port),
        **{name.upper(): str(int(value)) for name, value in asdict(knobs).items()},
    }


def argv_of(stack: Stack, environment: dict[str, str]) -> tuple[str, ...]:
    """Say which command ``toolkit.serve`` makes of that environment, for plans and results."""
    values: dict[str, str | int | bool] = {
        "host": environment["HOST"],
        "port": environment["PORT"],
        **knob_values(environment),
    }
    template = {"argv": stack.server.argv, "switches": stack.server.switches}
    folder = f"deploy/servers/{stack.server.name}"
    return tuple(render_argv(template, values, stack.app.target, folder))


def facts_of(
    stack: Stack,
    environment: dict[str, str],
    made_of: Mapping[str, Any],
    *,
    image: str | None = None,
) -> StackFacts:
    """Say what a stack consists of.

    Args:
        stack: Which.
        environment: Variables of its server.
        made_of: What ``probe`` found in its image or environment.
        image: Id of its image.
    """
    return StackFacts(
        id=stack.id,
        summary=f"{stack.app.summary}; {stack.server.summary}",
        keep_alive=stack.server.keep_alive,
        argv=argv_of(stack, environment),
        settings=environment,
        python=made_of["python"],
        packages=made_of["packages"],
        image=image,
        knobs=tuple(sorted(stack.server.knobs)),
        environment=dict(stack.app.environment),
        caution=stack.server.caution,
        varied=tuple(name for name, _ in stack.variant),
    )


def project_command(project: Project, *, host: str, port: str) -> tuple[str, ...]:
    """Give the command of a user's own app, with where it listens; other braces are its own."""
    return tuple(text.replace("{host}", host).replace("{port}", port) for text in project.command)


def project_environment(project: Project, *, host: str, port: str) -> dict[str, str]:
    """Give the variables that the server of a user's own app is told besides those of its image."""
    return {"HOST": host, "PORT": port, **project.environment}


def facts_of_project(
    project: Project, made_of: Mapping[str, Any], *, image: str | None = None
) -> StackFacts:
    """Say what a user's own app consists of, as far as ``probe`` found out."""
    return StackFacts(
        id=project.name,
        summary="",
        keep_alive=True,
        argv=project.command,
        settings={},
        python=made_of.get("python", ""),
        packages=made_of.get("packages", {}),
        image=image,
    )
