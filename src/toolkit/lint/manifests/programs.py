"""Programs that a supervisor starts, on a machine or in a container."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from toolkit.lint.facts import Container, Fact, Platform, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that a supervisor starts, without a shell.

    Attributes:
        supervisor: "supervisord" or "s6".
        directory: In which; "" where that is not said.
        grace: Between asking it to stop and killing it.
        grace_setting: How that is set, with ``{seconds}`` or ``{milliseconds}`` in it.
        as_group: Whether the signal goes to all of its processes.
        copies: That are started, None: one.
    """

    supervisor: str
    name: str
    where: Where
    command: Fact[tuple[str, ...]]
    directory: str = ""
    env: Mapping[str, Fact[str]] = field(default_factory=lambda: MappingProxyType({}))
    grace: Fact[float]
    grace_setting: str
    stop_signal: Fact[str]
    as_group: bool = False
    copies: Fact[int] | None = None

    def container(self) -> Container:
        """Give it as a service of the machine."""
        return Container(
            platform=Platform.SUPERVISORD,
            name=self.name,
            where=self.where,
            command=self.command,
            workdir=self.directory,
            env=self.env,
            grace=self.grace,
            stop_signal=self.stop_signal,
            replicas=self.copies,
            supervisor=self.supervisor,
            stops_group=self.as_group,
            grace_setting=self.grace_setting,
        )

    def inside(self, container: Container) -> Container:
        """Give it as what a container comes to in which its supervisor runs.

        Whoever stops the container asks the supervisor, which asks the program; both lose patience.
        """
        # how long a container is waited for that only `docker run` starts, no file says
        outer = None if container.platform is Platform.DOCKER else container.grace
        first = outer is None or self.grace.value <= outer.value
        return replace(
            container,
            workdir=self.directory or container.workdir,
            env=MappingProxyType({**container.env, **self.env}),
            grace=self.grace if first else outer,
            stop_signal=self.stop_signal,
            supervisor=self.supervisor,
            stops_group=self.as_group,
            grace_setting=self.grace_setting if first else "",
        )
