"""What the bench needs from the world: somebody to serve, somebody to load, somebody to tell."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from toolkit.checked import Bursts, Pair, Side, VersionFacts
from toolkit.measured import (
    BackingFacts,
    LoadHost,
    LoadResult,
    Outcome,
    RuntimeFacts,
    StackFacts,
    Usage,
)
from toolkit.model import (
    BackingImage,
    Need,
    Phase,
    Plan,
    Project,
    Stack,
    Trial,
    Workload,
)


class Served(Protocol):
    """A server that serves: one that was started, or somebody else's.

    Attributes:
        url: Where it answers; on loopback if it was started.
        start_seconds: From its start to its first good answer, None for somebody else's.
    """

    @property
    def url(self) -> str: ...  # noqa: D102 - see Attributes

    @property
    def start_seconds(self) -> float | None: ...  # noqa: D102

    def usage(self) -> Usage | None:
        """Read what the whole process tree has used, None where nobody can.

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


class Service(Served, Protocol):
    """A started server, of which all is known."""

    @property
    def start_seconds(self) -> float: ...  # noqa: D102 - see Served

    def usage(self) -> Usage:
        """Read what the whole process tree has used.

        Raises:
            StackError: The server is gone.
        """
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


class Commands(Protocol):
    """Runs commands of an app."""

    def run_once(
        self, stack: Stack, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """Run a command where the stack's server would run, to its end.

        Raises:
            StackError: It failed or took too long; the error carries its last lines.
            EnvironmentFault: The engine is gone.
        """
        ...


class Servers(Protocol):
    """Gives what is measured: a server for each stack."""

    @property
    def facts(self) -> RuntimeFacts:
        """Say where servers run and why there."""
        ...

    def prepare(self, stack: Stack, observer: "Observer") -> StackFacts:
        """See to all that the stack needs.

        Raises:
            StackError: This stack cannot be had.
            EnvironmentFault: No stack can.
        """
        ...

    def serve(self, stack: Stack, environment: Mapping[str, str]) -> AbstractContextManager[Served]:
        """Let the stack serve while the context is open.

        Raises:
            StackError: It does not serve.
            EnvironmentFault: Nothing can.
        """
        ...


class Runtime(Servers, Commands, Protocol):
    """Builds and starts stacks; everything it starts is gone when its contexts are left."""

    def backing(self, need: Need, observer: "Observer") -> AbstractContextManager[Backing]:
        """Start a backing service, pinned to its CPUs, wait until it answers, stop it at the end.

        Raises:
            EnvironmentFault: It cannot be had here.
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


class Projects(Protocol):
    """Builds and starts apps that are not of the catalog, but a user's own."""

    def prepare_project(self, project: Project, observer: "Observer") -> StackFacts:
        """Build what a user's own app needs, or find it unchanged.

        Raises:
            ConfigError: It says too little about itself for this runtime.
            StackError: It cannot be built.
            EnvironmentFault: Nothing can.
        """
        ...

    def serve_project(self, project: Project) -> AbstractContextManager[Service]:
        """Start a fresh server of a user's own app, wait until it answers, stop it at the end.

        Raises:
            StackError: It did not start; the error carries its last log lines.
            EnvironmentFault: The engine is gone, the port is taken, there is no space.
        """
        ...


class Platform(Runtime, Projects, Protocol):
    """Where stacks and projects are built and started."""

    def backing_image(
        self, image: BackingImage, observer: "Observer"
    ) -> AbstractContextManager[Backing]:
        """Start a backing service of the user's own, wait until it serves, stop it at the end.

        Its addresses are ``host:port`` and no URLs.

        Raises:
            ConfigError: This runtime starts none.
            EnvironmentFault: It cannot be had here.
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


class Fleet(Protocol):
    """Load processes on other hosts, as Locust's workers."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    @property
    def address(self) -> str:
        """Where this machine waits for them, as they see it."""
        ...

    @property
    def port(self) -> int:
        """On which port; 0: on any that is free."""
        ...

    @property
    def patience(self) -> int:
        """Seconds within which all of them have joined."""
        ...

    @property
    def facts(self) -> tuple[LoadHost, ...]:
        """Say where load is made."""
        ...

    def miss_nobody(self) -> None:
        """See, now and then, whether all hosts can be reached.

        Raises:
            LoadError: One cannot.
        """
        ...

    def joining(self, port: int) -> AbstractContextManager[None]:
        """Start them, so that they join the master on this machine; end them with the context.

        Args:
            port: Of the master.

        Raises:
            EnvironmentFault: A host cannot be reached.
        """
        ...


class LoadEngine(Protocol):
    """Makes the load of a workload, in a process of its own."""

    def open(self, workload: Workload) -> AbstractContextManager[LoadSession]:
        """Start the generator, so that it is ready when the server is."""
        ...


class Version(Protocol):
    """One of the two versions of a check, ready to be started."""

    @property
    def facts(self) -> VersionFacts:
        """Say what it is."""
        ...

    def serve(self) -> AbstractContextManager[Service]:
        """Start a fresh server, with fresh data, wait until it answers, stop it at the end.

        Raises:
            StackError: It did not start; the error carries its last log lines.
            EnvironmentFault: The engine is gone, the port is taken, there is no space.
        """
        ...


class DuelSession(Protocol):
    """A load generator that has started and waits for its two targets, which take turns."""

    def aim(self, urls: Mapping[Side, str]) -> None:
        """Tell it the targets, once, and wait until its users are there.

        Raises:
            LoadError: The generator failed.
        """
        ...

    def warm_up(self, seed: int, ticked: Callable[[Tick], None]) -> None:
        """Send so many requests that both servers are warm, and see how long one takes.

        Raises:
            LoadError: The generator failed.
        """
        ...

    def bursts(self, seed: int, seconds: float, ticked: Callable[[Tick], None]) -> Bursts:
        """Load the sides in turns with closed loops; both are idle before and after.

        Raises:
            LoadError: The generator failed.
        """
        ...

    def at_rate(
        self, seed: int, seconds: float, rate: float, ticked: Callable[[Tick], None]
    ) -> Bursts:
        """Load the sides in turns with an open loop; latencies are from the intended start.

        Args:
            seed: Of the arrivals and of the order.
            seconds: How long, for both sides together.
            rate: Tasks/s that are meant to start.
            ticked: Told several times a second.

        Raises:
            LoadError: The generator failed.
        """
        ...


class DuelEngine(Protocol):
    """Makes the load of two servers that take turns, in a process of its own."""

    def open(self, workload: Workload) -> AbstractContextManager[DuelSession]:
        """Start the generator, so that it is ready when the servers are."""
        ...


class CheckObserver(Protocol):
    """Shows a person how a check goes."""

    def pair_started(self, number: int, target: int, series: int) -> None:
        """Fresh servers are started for the pair with this number, from 1, of a series.

        Args:
            number: Which.
            target: After which it is asked whether the pairs suffice.
            series: 1, or 2 for those that confirm a regression.
        """
        ...

    def burst(self, tick: Tick) -> None:
        """Show the load of the running pair."""
        ...

    def pair_finished(self, pair: Pair, said: str) -> None:
        """Show how the pair ended, and what the pairs so far say."""
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
