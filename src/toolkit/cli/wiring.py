"""Puts the parts together for the commands that start servers."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from rich.console import Console

from toolkit.catalog import Catalog, root
from toolkit.config import Config
from toolkit.contract import Exchange, read_contract
from toolkit.host import allowed_cpus, read_counters
from toolkit.machine import siblings
from toolkit.measured import HostReading
from toolkit.model import App, Placement
from toolkit.placement import place, place_load
from toolkit.ports import Observer, Platform
from toolkit.progress import Progress
from toolkit.runtime.choice import open_runtime
from toolkit.runtime.guardian import Guardian
from toolkit.units import parse_size

_PLAIN_WIDTH = 120
"""Columns of a report that is written to a file or a pipe."""


def catalog() -> Catalog:
    """Give the apps, servers and workloads of this installation."""
    return Catalog(root())


def output() -> Console:
    """Give the console of results: no wider than the terminal, plain text elsewhere."""
    return _console(stderr=False)


def messages(*, quiet: bool = False) -> Console:
    """Give the console of progress and remarks, or one that says nothing."""
    return Console(stderr=True, quiet=True) if quiet else _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    # rich assumes 80 columns where nobody says, which would hide columns of a report in a file
    if console.is_terminal or "COLUMNS" in os.environ:
        return console
    return Console(stderr=stderr, highlight=False, width=_PLAIN_WIDTH)


def placement(config: Config) -> Placement:
    """Divide this machine's CPUs as the settings say."""
    cpus = allowed_cpus()
    return place(
        allowed=cpus,
        siblings=siblings(cpus),
        cpus=config.runtime.cpus,
        client_cpus=config.runtime.client_cpus,
        memory=parse_size(config.runtime.memory),
    )


def placement_of_load(config: Config) -> Placement:
    """Say on which of this machine's CPUs load is made for servers that it does not start."""
    cpus = allowed_cpus()
    return place_load(allowed=cpus, siblings=siblings(cpus), client_cpus=config.runtime.client_cpus)


def step_aside(where: Placement) -> None:
    """Keep the tool off the CPUs of the server, and from interrupting the load generator.

    Both share the generator's CPUs; a process of SCHED_BATCH does not preempt another when it wakes
    up (sched(7)). What the tool starts inherits that: servers and generators, on CPUs of their own.
    """
    if where.client_cpus:
        os.sched_setaffinity(0, where.client_cpus)
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            policy = os.SCHED_BATCH
            os.sched_setscheduler(0, policy, os.sched_param(0))


def contracts(found: Catalog) -> Callable[[App], Sequence[Exchange]]:
    """Give a function that reads an app's contract; without one, only its health is checked."""

    def exchanges(app: App) -> Sequence[Exchange]:
        if app.contract is not None:
            return read_contract(found.path / "apps", app.contract)
        return (Exchange(name="health", method="GET", path=app.health, statuses=(200,)),)

    return exchanges


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a command works with while its context is open.

    Attributes:
        read_host: Reads what the machine (or the two) has done so far, given the CPUs of the load
            generator.
        target: Address of the engine of a target host; empty: there is none.
    """

    catalog: Catalog
    placement: Placement
    guardian: Guardian
    runtime: Platform
    read_host: Callable[[Sequence[int]], HostReading]
    target: str = ""


@contextlib.contextmanager
def session(
    config: Config,
    run: str,
    *,
    observer: Observer | None = None,
    port: int = 0,
    found: Catalog | None = None,
) -> Iterator[Session]:
    """Open a runtime under a guardian that cleans up whatever happens to this process.

    Args:
        config: Settings.
        run: Label of what is created.
        observer: Told what is built first; None: nobody is.
        port: Fixed port on loopback, 0 for any.
        found: Where recipes and code lie, None: this installation's.

    Raises:
        ConfigError: The settings do not go together.
        EnvironmentFault: The runtime asked for cannot be had.
    """
    found, where = found or catalog(), placement(config)
    with Guardian() as guardian:
        common = partial(Session, catalog=found, guardian=guardian)
        if config.runtime.target_host:
            # the SDK is heavy and not everybody's
            from toolkit.runtime.elsewhere import open_elsewhere

            with open_elsewhere(
                config,
                catalog=found,
                here=where,
                load=placement_of_load(config),
                run=run,
                guardian=guardian,
                observer=observer or Progress(messages(quiet=True)),
            ) as there:
                yield common(
                    placement=there.placement,
                    runtime=there.runtime,
                    read_host=there.read_host,
                    target=there.engine,
                )
            return
        with open_runtime(
            config, catalog=found, placement=where, run=run, guardian=guardian, port=port
        ) as runtime:
            read_host = partial(read_counters, where.server_cpus)
            yield common(placement=where, runtime=runtime, read_host=read_host)
