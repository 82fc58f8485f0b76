"""The two versions of a check: stacks of two checkouts, two images, or a project at two commits."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from toolkit.backing import Backings
from toolkit.checked import VersionFacts
from toolkit.measured import StackFacts
from toolkit.model import Project, Stack
from toolkit.ports import Observer, Projects, Runtime, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a version comes from.

    Attributes:
        label: For people, as ``main (3f2a1c9)``.
        identity: What exactly it is, empty where only its image tells.
    """

    label: str
    identity: str = ""


class StackVersion:
    """A stack of the catalog of a checkout.

    Args:
        stack: Which.
        origin: Of the checkout.
        runtime: Where it is served.
        backings: Database and upstream, as far as there are any, for this side.
        observer: Told what is built.

    Raises:
        StackError: It cannot be built, or its database cannot be made.
        EnvironmentFault: Nothing can be built.
    """

    def __init__(
        self,
        stack: Stack,
        origin: Origin,
        runtime: Runtime,
        backings: Backings,
        observer: Observer,
    ) -> None:
        self._stack = stack
        self._runtime = runtime
        self._backings = backings
        found = runtime.prepare(stack, observer)
        backings.prepare(stack)
        self.facts = facts_of(origin, found)

    @contextlib.contextmanager
    def serve(self) -> Iterator[Service]:
        """See ``ports.Version``."""
        environment = self._backings.environment(self._stack)
        with self._runtime.serve(self._stack, environment) as service:
            yield service


class ProjectVersion:
    """A user's own app, at one of its commits or as an image.

    Args:
        project: Which.
        origin: Of its files.
        projects: Builds and serves it.
        observer: Told what is built.

    Raises:
        StackError: It cannot be built.
        EnvironmentFault: Nothing can be built.
    """

    def __init__(
        self, project: Project, origin: Origin, projects: Projects, observer: Observer
    ) -> None:
        self._project = project
        self._projects = projects
        found = projects.prepare_project(project, observer)
        self.facts = facts_of(origin, found)

    @contextlib.contextmanager
    def serve(self) -> Iterator[Service]:
        """See ``ports.Version``."""
        with self._projects.serve_project(self._project) as service:
            yield service


def facts_of(origin: Origin, found: StackFacts) -> VersionFacts:
    """Say what a version is, from what its runtime found out about it."""
    return VersionFacts(
        label=origin.label,
        identity=origin.identity or found.image or "",
        python=found.python,
        packages=found.packages,
        image=found.image,
        argv=found.argv,
    )
