"""A machine on which the servers of ``made_up_servers`` run: fakes for all ports."""

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.unit.made_up_servers import MIB, World
from toolkit.backing import Backings
from toolkit.errors import StackError
from toolkit.measured import (
    Calibration,
    CpuTimes,
    HostReading,
    LoadResult,
    Outcome,
    Run,
    RuntimeFacts,
    StackFacts,
    Usage,
)
from toolkit.model import (
    App,
    Interface,
    LoadSettings,
    Phase,
    Placement,
    Server,
    Stack,
    Trial,
    Workload,
)
from toolkit.ports import LoadWatch, Observer, Tick
from toolkit.slo import LatencyTerm, Slo
from toolkit.store import Store
from toolkit.trial import World as Ports
from toolkit.tune import TuneSettings, run_tune
from toolkit.tuning.space import Candidate

LIST = Workload(name="list", summary="", path=Path())
APP = App(name="app", summary="", interface=Interface.WSGI, target="a:b", health="/", path=Path())


def stacks_of(world: World) -> dict[str, Stack]:
    """Give the app on each server of a world, by the server's name."""
    return {
        server.name: Stack(
            app=APP,
            server=Server(
                name=server.name,
                summary="",
                interfaces=(Interface.WSGI,),
                keep_alive=True,
                argv=(),
                path=Path(),
            ),
        )
        for server in world.space.servers
    }


def candidate_of(stack: str) -> Candidate:
    """Read ``app/gthread:workers=2,threads=4``."""
    name, _, text = stack.removeprefix("app/").partition(":")
    said = {
        key: int(value)
        for key, _, value in (part.partition("=") for part in text.split(","))
        if key
    }
    extras = tuple(item for item in said.items() if item[0] not in ("workers", "threads"))
    return Candidate(
        server=name,
        workers=said.get("workers", 1),
        threads=said.get("threads", 1),
        extras=extras,
    )


@dataclass
class Machine:
    """Serves and loads; counts what is open.

    Attributes:
        failing: Servers that do not start.
        interrupt: Number of the load at which the user presses Ctrl-C.
        stolen_until: Number of the last load during which half of the CPU goes to others.
        ran: What was run, on which stack.
    """

    world: World
    make_load: Callable[..., LoadResult]
    seed: int = 1
    failing: frozenset[str] = frozenset()
    interrupt: int | None = None
    open: int = 0
    built: list[str] = field(default_factory=list)
    stolen_until: int = 0
    ran: list[tuple[str, Phase]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    facts: RuntimeFacts = field(
        default_factory=lambda: RuntimeFacts(
            name="fake", reason="a test", network="none", memory_kind="made up"
        )
    )
    _now: float = 0.0
    _aimed: str = ""
    _busy: float = 0.0
    _read: float = 0.0
    _stolen: float = 0.0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    # a runtime

    def prepare(self, stack: Stack, observer: Observer) -> StackFacts:
        self.built.append(stack.id)
        return StackFacts(
            id=stack.id, summary="", keep_alive=True, argv=(), settings={}, python="3", packages={}
        )

    @contextlib.contextmanager
    def serve(self, stack: Stack, environment: Mapping[str, str]) -> Iterator[Any]:
        if stack.server.name in self.failing:
            raise StackError("exit code 3")
        self.open += 1
        try:
            yield SimpleNamespace(
                url=stack.id,
                start_seconds=0.1,
                usage=lambda: self._usage(stack.id),
                stop=lambda: 0.1,
                death=lambda: None,
                log_tail=lambda: "",
            )
        finally:
            self.open -= 1

    def _usage(self, stack: str) -> Usage:
        """Read the clock of the made-up machine, which goes on by a second each time."""
        self._now += 1
        return Usage(
            at=self._now,
            cpu_user=self._now * self._busy,
            cpu_system=0.0,
            memory=self.world.memory(candidate_of(stack)),
            processes=(),
        )

    # a load generator

    @contextlib.contextmanager
    def session(self, workload: Workload) -> Iterator["Machine"]:
        yield self

    def aim(self, url: str) -> None:
        self._aimed = url

    def run(self, phase: Phase, watch: LoadWatch) -> LoadResult:
        self.ran.append((self._aimed, phase))
        if len(self.ran) == self.interrupt:
            raise KeyboardInterrupt
        candidate = candidate_of(self._aimed)
        world = self.world
        noise = self._chance.lognormvariate(0, world.noise)
        cost = world.cpu[candidate.server]
        most = max(rate for _, rate in world.steps(candidate))
        rate = most if phase.rate is None else min(phase.rate, most)
        if phase.rate is None:
            rate = world.throughput(candidate, phase.users) * noise
        self._busy = min(rate * cost, world.space.cpus)
        # the readings at both ends are a second apart, whatever is read in between
        start = self._now
        watch.window_opened()
        watch.ticked(Tick(phase="measuring", throughput=rate, latency=0.01, errors=0))
        watch.window_closed()
        assert self._now > start
        if phase.rate is None:
            return self.make_load(rate=rate, users=phase.users)
        offered = round(phase.rate * 2)
        in_time = phase.rate < 0.98 * most
        kept = offered if in_time else round(rate * 1.8)
        # as M/M/1 behind what an answer takes by itself
        alone = world.wait + cost
        waiting = alone + (cost / max(1 - phase.rate / most, 0.02) if in_time else 5.0)
        return self.make_load(
            rate=rate, users=rate * waiting, offered=offered, kept=kept, late=offered - kept
        )

    # a machine

    def read_host(self) -> HostReading:
        if not self.stolen_until:
            return HostReading(at=0.0, wall=0.0)
        self._read += 1
        self._stolen += 0.5 if len(self.ran) <= self.stolen_until else 0.0
        idle = self._read - self._stolen
        server = CpuTimes(busy=0.0, idle=idle, steal=self._stolen)
        return HostReading(at=self._read, wall=0.0, server=server)

    # an observer

    def planned(self, *_: object) -> None: ...
    def noted(self, message: str) -> None:
        self.said.append(message)

    def trial_started(self, trial: Trial, number: int) -> None: ...
    def ticked(self, trial: Trial, tick: Tick) -> None: ...
    def trial_finished(self, outcome: Outcome, number: int) -> None: ...


def slo_of(world: World) -> Slo:
    """Give the objective of a world."""
    return Slo(latencies=(LatencyTerm(percentile=99.0, seconds=world.limit),), errors=0.001)


def tuned(
    machine: Machine,
    make_run: Callable[..., Run],
    folder: Path,
    *,
    workload: Workload = LIST,
    broken: Sequence[Any] = (),
    **changes: Any,  # noqa: ANN401 - of the settings
) -> Run:
    """Tune a made-up machine."""
    world = machine.world
    slo = changes.pop("slo", None) or slo_of(world)
    settings = replace(TuneSettings(slo=slo), **changes)
    load = LoadSettings(rates=(0.5,), rate_rounds=2, slo=slo, most_users=256)
    run = make_run(
        placement=Placement(
            # who has no CPU of its own cannot have lost it to others
            server_cpus=(0,) if machine.stolen_until else (),
            client_cpus=(),
            cpus=world.space.cpus,
            memory=512 * MIB,
        ),
        trials=(),
        stacks=(),
        finished_at=None,
        load=load,
        rounds=0,
        baseline="",
        seed=machine.seed,
        workloads=(workload.id,),
    )
    ports = Ports(
        runtime=machine,
        load=SimpleNamespace(open=machine.session),
        store=Store(folder),
        observer=machine,
        exchanges=lambda app: (),
        backings=Backings(machine, secret="s"),  # type: ignore[arg-type]
        broken=broken,
        read_host=machine.read_host,
        calibrate=lambda client, rates: Calibration(
            client=client, throughput=1e5, cpu_per_request=1e-5
        ),
    )
    return run_tune(settings, world.space, stacks_of(world), workload, run, ports)
