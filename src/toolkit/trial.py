"""One trial: a fresh server, a fresh load generator, its phases one after the other."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from toolkit.backing import Backings
from toolkit.contract import Exchange
from toolkit.errors import EnvironmentFault, StackError, ToolkitError
from toolkit.histogram import LatencyHistogram
from toolkit.knee import has_stopped_growing
from toolkit.measured import (
    BackingUse,
    Calibration,
    Control,
    Failure,
    HostReading,
    Measurement,
    Outcome,
    PhaseResult,
    Run,
    Usage,
)
from toolkit.model import App, Broken, Phase, Stack, Stage, Trial, Workload
from toolkit.objective import keeps
from toolkit.ports import Backing, LoadEngine, LoadSession, Observer, Served, Servers, Tick
from toolkit.store import Store, utc_now
from toolkit.usage import compare_readings, summarize_backing, summarize_usage
from toolkit.validity import Evidence, find_faults

_QUICK = 0.05
"""Seconds that a reading may take to be made between the ends of a window, too; an engine's own
answer takes up to one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a bench works with.

    Attributes:
        exchanges: Gives the contract of an app; empty if it has none.
        backings: Database and upstream, as far as the workloads need them.
        broken: What is listed as not working upstream.
        read_host: Reads what the machine has done so far.
        calibrate: Measures a client (by name) at rates against a target that answers at once;
            None for a client it does not know.
    """

    runtime: Servers
    load: LoadEngine
    store: Store
    observer: Observer
    exchanges: Callable[[App], Sequence[Exchange]]
    backings: Backings
    broken: Sequence[Broken]
    read_host: Callable[[], HostReading]
    calibrate: Callable[[str, Sequence[float]], Calibration | None]


def failure_of(trial: Trial, stage: str, error: ToolkitError) -> Failure:
    """Make an outcome of an error."""
    return Failure(trial=trial, stage=stage, message=str(error), log=error.log, hint=error.hint)


def measure(
    trial: Trial,
    stack: Stack,
    workload: Workload,
    phases: Iterable[Phase],
    run: Run,
    world: World,
    *,
    timed_stop: bool = True,
) -> Outcome:
    """Run one trial: fresh server, fresh load generator, its phases one after the other.

    Args:
        trial: Which.
        stack: What is served.
        workload: The traffic.
        phases: What it consists of.
        run: Whose trial it is.
        world: What to do it with.
        timed_stop: Whether a ramp ends with SIGTERM and the time that takes, up to seconds.
    """
    started_at = utc_now()
    stage = "start"
    stop_seconds = None
    stop_timed = trial.stage is Stage.RAMP and timed_stop
    try:
        # the generator starts first: its imports are done when the server is up
        with (
            world.load.open(workload) as session,
            world.runtime.serve(stack, world.backings.environment(stack)) as service,
        ):
            stage = "load"
            session.aim(service.url)
            results = _run_phases(trial, stack, workload, phases, session, service, run, world)
            start_seconds = service.start_seconds
            stage = "stop"
            if stop_timed:
                stop_seconds = service.stop()
    except (StackError, EnvironmentFault) as error:
        return failure_of(trial, stage, error)
    return Measurement(
        trial=trial,
        started_at=started_at,
        phases=results,
        start_seconds=start_seconds,
        stop_seconds=stop_seconds,
        stop_timed=stop_timed,
    )


def _run_phases(
    trial: Trial,
    stack: Stack,
    workload: Workload,
    phases: Iterable[Phase],
    session: LoadSession,
    service: Served,
    run: Run,
    world: World,
) -> tuple[PhaseResult, ...]:
    results: list[PhaseResult] = []
    for phase in phases:
        watch = Watch(
            service,
            world.read_host,
            lambda tick: world.observer.ticked(trial, tick),
            read_backings=world.backings.usages,
        )
        load = session.run(phase, watch)
        server = summarize_usage(watch.usages) if watch.usages else None
        backings = watch.use_of_backings()
        where = run.placement
        beside = sum(use.cpu for use in backings.values())
        host = compare_readings(
            watch.host,
            server_cpus=len(where.server_cpus),
            client_cpus=len(where.client_cpus),
            server_cpu=0.0 if server is None else server.cpu,
            # the tool itself works beside the generator, and so may the backing services
            client_cpu=load.use.cpu_of_all
            + watch.own_cpu()
            + (beside if where.backings_share else 0.0),
            shared=where.server_shares,
        )
        delay = None
        if phase.rate is not None:
            own = [item for item in run.calibrations if item.client == load.client]
            delay = own[0].delay_at(phase.rate * phase.per_task) if own else None
        evidence = Evidence(
            phase=phase,
            load=load,
            server=server,
            host=host,
            placement=where,
            keep_alive=stack.keeps_connections,
            delay=delay,
            backings=backings,
            waits=bool(workload.needs),
        )
        # a ramp looks for full load: that its first steps are not says nothing
        findings = () if trial.stage is Stage.RAMP else find_faults(evidence)
        results.append(
            PhaseResult(
                phase=phase,
                load=load,
                server=server,
                host=host,
                backings=backings,
                findings=findings,
            )
        )
        if trial.stage is Stage.RAMP and has_stopped_growing(results):
            break
        if phase.own is not None and keeps(results[-1], run.load.goal):
            break
    return tuple(results)


def measure_alone(backing: Backing, workload: Workload, phase: Phase, world: World) -> Control:
    """Load a backing service by itself.

    Raises:
        StackError: It died, or did not give a right answer.
        LoadError: The generator failed.
    """
    watch = Watch(backing, world.read_host, lambda _: None)
    with world.load.open(workload) as session:
        session.aim(backing.url)
        load = session.run(phase, watch)
    latency = LatencyHistogram.decode(load.latency)
    if load.failed:
        raise StackError(f"{load.failed} of {load.requests + load.failed} answers were wrong")
    if not latency.count:
        raise StackError("no answer came")
    p50, p99 = latency.percentiles(50, 99)
    return Control(
        workload=workload.id,
        users=phase.users,
        throughput=load.throughput,
        latencies=(p50, p99),
        cpu=summarize_backing(watch.usages).cpu,
    )


class Watched(Protocol):
    """What a watch reads: a server, or a backing service that is loaded by itself."""

    def usage(self) -> Usage | None:
        """See ``ports.Served``."""
        ...

    def death(self) -> str | None:
        """See ``ports.Served``."""
        ...

    def log_tail(self) -> str:
        """See ``ports.Served``."""
        ...


@dataclass
class Watch:
    """Reads the server's use at both ends of the window and in between, and sees it die."""

    service: Watched
    read_host: Callable[[], HostReading]
    show: Callable[[Tick], None]
    read_backings: Callable[[], Mapping[str, Usage]] = dict
    usages: list[Usage] = field(default_factory=list)
    host: list[HostReading] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    backings: list[Mapping[str, Usage]] = field(default_factory=list)
    took: float = 0.0

    def window_opened(self) -> None:
        """See ``ports.LoadWatch``."""
        self._sample()

    def window_closed(self) -> None:
        """See ``ports.LoadWatch``."""
        self._sample()

    def own_cpu(self) -> float:
        """CPU seconds per second that this process used itself."""
        return (self.own[-1] - self.own[0]) / (self.times[-1] - self.times[0])

    def use_of_backings(self) -> dict[str, BackingUse]:
        """What database and upstream used."""
        return {
            str(need): summarize_backing([reading[need] for reading in self.backings])
            for need in self.backings[0]
        }

    def ticked(self, tick: Tick) -> None:
        """See ``ports.LoadWatch``.

        Raises:
            StackError: The server died.
        """
        ended = self.service.death()
        if ended is not None:
            raise StackError(f"the server died under load: {ended}", log=self.service.log_tail())
        if self.times and self.took < _QUICK:
            self._sample()
        self.show(tick)

    def _sample(self) -> None:
        """Read both; the readings lie a few milliseconds off the ends, under the same load."""
        began = time.monotonic()
        usage = self.service.usage()
        if usage is not None:
            self.usages.append(usage)
        self.times.append(began if usage is None else usage.at)
        self.host.append(self.read_host())
        self.backings.append(self.read_backings())
        self.own.append(time.process_time())
        self.took = time.monotonic() - began
