"""What the bench needs from the world: somebody to serve, somebody to load, somebody to tell."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from toolkit.measured import (
    BackingFacts,
    LoadResult,
    Outcome,
    RuntimeFacts,
    StackFacts,
    Usage,
)
from toolkit.model import (
    Need,
    Phase,
    Plan,
    Stack,
    Trial,
    Workload,
)


class Service(Protocol):
    """A started server.

    Attributes:
        url: Where it answers, on loopback.
        start_seconds: From its start to its first good answer.
    """

    @property
    def url(self) -> str: ...  # noqa: D102 - see Attributes

    @property
    def start_seconds(self) -> float: ...  # noqa: D102

    def usage(self) -> Usage:
        """Read what the whole process tree has used.

        Raises:
            StackError: The server is gone.
        """
        ...

    def stop(self) -> float | None:
        """End it as its operator would (SIGTERM); give the seconds that took.

        Returns:
            None where it had to be killed.

        Raises:
            EnvironmentFault: The engine is gone.
        """
        ...

    def death(self) -> str | None:
        """Say how the server ended, or None while it runs."""
        ...

    def log_tail(self) -> str:
        """Give the last lines the server printed; empty if there are none to be had."""
        ...


class Backing(Protocol):
    """A backing service that was started for a run: PostgreSQL, or the upstream that delays.

    Attributes:
        facts: What it is.
        url: How this process reaches it: ``postgresql://user@127.0.0.1:port/name`` of a role that
            may create databases, or ``http://127.0.0.1:port``.
        url_for_servers: How a server of the same runtime does.
    """

    @property
    def facts(self) -> BackingFacts: ...  # noqa: D102 - see Attributes

    @property
    def url(self) -> str: ...  # noqa: D102

    @property
    def url_for_servers(self) -> str: ...  # noqa: D102

    def usage(self) -> Usage:
        """Read what the whole process tree has used.

        Raises:
            StackError: It is gone.
        """
        ...

    def death(self) -> str | None:
        """Say how it ended, or None while it runs."""
        ...

    def log_tail(self) -> str:
        """Give the last lines it printed; empty if there are none to be had."""
        ...


class Runtime(Protocol):
    """Builds and starts stacks; everything it starts is gone when its contexts are left."""

    @property
    def facts(self) -> RuntimeFacts:
        """Say where servers run and why there."""
        ...

    def prepare(self, stack: Stack, observer: "Observer") -> StackFacts:
        """Build what the stack needs, or find it unchanged.

        Raises:
            StackError: This stack cannot be built.
            EnvironmentFault: No stack can.
        """
        ...

    def backing(self, need: Need, observer: "Observer") -> AbstractContextManager[Backing]:
        """Start a backing service, pinned to its CPUs, wait until it answers, stop it at the end.

        Raises:
            EnvironmentFault: It cannot be had here.
        """
        ...

    def run_once(
        self, stack: Stack, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """Run a command where the stack's server would run, to its end.

        Raises:
            StackError: It failed or took too long; the error carries its last lines.
            EnvironmentFault: The engine is gone.
        """
        ...

    def serve(
        self, stack: Stack, environment: Mapping[str, str]
    ) -> AbstractContextManager[Service]:
        """Start a fresh server, wait until it answers, stop it at the end.

        Args:
            stack: What to serve.
            environment: Variables besides those of the knobs and of the app.

        Raises:
            StackError: It did not start; the error carries its last log lines.
            EnvironmentFault: The engine is gone, the port is taken, there is no space.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What the load looks like at the moment.

    Attributes:
        phase: settling or measuring.
        throughput: Requests/s since the last tick.
        latency: Median of the latest answers, seconds; None without any.
        errors: Failed or wrong answers of the trial so far.
    """

    phase: str
    throughput: float
    latency: float | None
    errors: int


class LoadWatch(Protocol):
    """Told by the load engine how a trial goes, at once when it happens."""

    def window_opened(self) -> None:
        """The measured window begins."""
        ...

    def window_closed(self) -> None:
        """The measured window ends; the load goes on until this returns."""
        ...

    def ticked(self, tick: Tick) -> None:
        """Several times a second.

        Raises:
            StackError: To end the load at once, because the server died.
        """
        ...


class LoadSession(Protocol):
    """A load generator that has started and waits for its target."""

    def aim(self, url: str) -> None:
        """Tell it the target, once, and wait until its users are there.

        Raises:
            LoadError: The generator failed.
        """
        ...

    def run(self, phase: Phase, watch: LoadWatch) -> LoadResult:
        """Make the load of a phase: until it has settled, the measured window, its end.

        Raises:
            LoadError: The generator failed.
        """
        ...


class LoadEngine(Protocol):
    """Makes the load of a workload, in a process of its own."""

    def open(self, workload: Workload) -> AbstractContextManager[LoadSession]:
        """Start the generator, so that it is ready when the server is."""
        ...


class Observer(Protocol):
    """Shows a person how the work goes."""

    def planned(self, plan: Plan, runtime: RuntimeFacts) -> None:
        """Show what is about to be done."""
        ...

    def noted(self, message: str) -> None:
        """Show a line worth knowing."""
        ...

    def trial_started(self, trial: Trial, number: int) -> None:
        """The trial with this number, from 1, begins."""
        ...

    def ticked(self, trial: Trial, tick: Tick) -> None:
        """Show the load of the running trial."""
        ...

    def trial_finished(self, outcome: Outcome, number: int) -> None:
        """Show how the trial ended."""
        ...
