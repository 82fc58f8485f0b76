"""Images that are measured as they are, each in the place of a stack; others may stand beside."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from toolkit.errors import StackError
from toolkit.measured import RuntimeFacts, StackFacts
from toolkit.model import BackingImage, Need, Project, Stack
from toolkit.ports import Backing, Observer, Platform, Service


class GivenImages:
    """A runtime some of whose stacks are images that somebody else made.

    Args:
        platform: Runs them, and all other stacks as it always does.
        projects: The image of each such stack, by its id.
    """

    def __init__(self, platform: Platform, projects: Mapping[str, Project]) -> None:
        self._platform = platform
        self._projects = projects

    @property
    def facts(self) -> RuntimeFacts:
        """See ``ports.Runtime``."""
        return self._platform.facts

    def prepare(self, stack: Stack, observer: Observer) -> StackFacts:
        """See ``ports.Runtime``."""
        if stack.id not in self._projects:
            return self._platform.prepare(stack, observer)
        found = self._platform.prepare_project(self._projects[stack.id], observer)
        return replace(found, id=stack.id, summary=stack.app.summary)

    def backing(self, need: Need, observer: Observer) -> AbstractContextManager[Backing]:
        """See ``ports.Runtime``."""
        return self._platform.backing(need, observer)

    def backing_image(
        self, image: BackingImage, observer: Observer
    ) -> AbstractContextManager[Backing]:
        """See ``ports.Platform``."""
        return self._platform.backing_image(image, observer)

    def run_once(
        self, stack: Stack, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """See ``ports.Runtime``; an image has no such commands.

        Raises:
            StackError: It is one, or the command failed.
        """
        if stack.id not in self._projects:
            self._platform.run_once(stack, command, environment)
            return
        raise StackError(f"{' '.join(command)} cannot be run in an image as it is")

    def serve(
        self, stack: Stack, environment: Mapping[str, str]
    ) -> AbstractContextManager[Service]:
        """See ``ports.Runtime``."""
        if stack.id not in self._projects:
            return self._platform.serve(stack, environment)
        project = self._projects[stack.id]
        variables = {**environment, **project.environment}
        return self._platform.serve_project(replace(project, environment=variables))
