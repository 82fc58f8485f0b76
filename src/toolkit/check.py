"""Compare two versions of an app, pair by pair, until the pairs suffice for a verdict."""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from toolkit.changes import Verdict
from toolkit.checked import (
    LOOKS,
    Bursts,
    Check,
    CheckSettings,
    Duel,
    Pair,
    Sample,
    Side,
)
from toolkit.duelling import find_faults, needs_rate
from toolkit.errors import StackError
from toolkit.judgement import look
from toolkit.measured import HostReading, Usage
from toolkit.model import Placement, Workload
from toolkit.ports import CheckObserver, DuelEngine, DuelSession, Service, Tick, Version
from toolkit.store import utc_now
from toolkit.usage import compare_readings

_IDLE_WINDOW = 0.2
_LEAST_SECONDS = 2.0
"""Of the bursts of each workload, unless fewer were asked for in all."""

_MOST_LOST = 3
"""Pairs that may be lost at the start before it is given up ..."""

_LOST_PART = 1 / 3
"""... and the part of all pairs later on."""

_AFTER_LAST_LOOK = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """What a check works with.

    Attributes:
        versions: Both, ready to be started.
        workloads: What is requested, one after the other in each pair.
        read_host: Reads what the machine has done so far.
        save: Stores the check as far as it has come.
    """

    versions: Mapping[Side, Version]
    engine: DuelEngine
    workloads: Sequence[Workload]
    placement: Placement
    read_host: Callable[[], HostReading]
    observer: CheckObserver
    save: Callable[[Check], object]


def looks(most: int) -> tuple[int, ...]:
    """Say after how many pairs it is asked whether they suffice: 6, 10, 15, 20, 30, ...

    More looks than four err more often than ``ALPHA`` says, a little: by those after the fourth.
    """
    found = [count for count in LOOKS if count < most]
    found += range(LOOKS[-1] + _AFTER_LAST_LOOK, most, _AFTER_LAST_LOOK)
    return (*found, most)


def run_check(check: Check, arena: Arena) -> Check:
    """Measure pairs until they suffice, and a regression twice; give the check with all of them.

    Raises:
        StackError: A version does not start, or the load generator does not.
        EnvironmentFault: Nothing can be started any more.
    """
    draws = random.Random(check.seed)  # noqa: S311 - the order must be repeatable
    check = _series(check, 1, draws, arena)
    if check.settings.confirm and look(check, 1) is Verdict.REGRESSION:
        check = _series(check, 2, draws, arena)
    check = replace(check, finished_at=utc_now())
    arena.save(check)
    return check


def _series(check: Check, series: int, draws: random.Random, arena: Arena) -> Check:
    """Measure one series, up to the first look that is decided."""
    targets = looks(check.settings.max_pairs)
    lost = 0
    while True:
        sound = len(check.series(series))
        target = next((count for count in targets if count > sound), targets[-1])
        number = sound + lost + 1
        arena.observer.pair_started(sound + 1, target, series)
        pair = _pair(check, number, series, draws.getrandbits(32), arena)
        lost += not pair.sound
        check = replace(check, pairs=(*check.pairs, pair))
        arena.save(check)
        sound = len(check.series(series))
        verdict = look(check, series) if pair.sound and sound in targets else None
        arena.observer.pair_finished(pair, "" if verdict is None else str(verdict))
        if verdict not in (None, Verdict.INCONCLUSIVE) or (verdict and sound >= targets[-1]):
            return check
        if lost >= _MOST_LOST and lost > _LOST_PART * (sound + lost):
            return check


def _pair(check: Check, number: int, series: int, seed: int, arena: Arena) -> Pair:
    pair = Pair(number=number, series=series, seed=seed, started_at=utc_now())
    draws = random.Random(seed)  # noqa: S311 - the order must be repeatable
    sides = list(Side)
    draws.shuffle(sides)
    workloads = list(arena.workloads)
    draws.shuffle(workloads)
    try:
        with contextlib.ExitStack() as servers, contextlib.ExitStack() as generators:
            # the generators start first: their imports are done when the servers are up; and they
            # end first: some servers wait for connections that are kept
            sessions = [generators.enter_context(arena.engine.open(item)) for item in workloads]
            services = {
                side: servers.enter_context(_serving(arena.versions[side], side)) for side in sides
            }
            duels = {
                workload.id: _duel(session, services, draws.getrandbits(32), check, arena)
                for workload, session in zip(workloads, sessions, strict=True)
            }
    except StackError as error:
        if series == number == 1:  # what does not work at all needs no second try
            raise
        side = error.side if isinstance(error, _VersionError) else None
        return replace(pair, failure=str(error), failed_side=side)
    return replace(pair, duels={item.id: duels[item.id] for item in arena.workloads})


class _VersionError(StackError):
    """A version cannot be started, or did not live."""

    def __init__(self, message: str, *, hint: str, log: str, side: Side) -> None:
        super().__init__(message, hint=hint, log=log)
        self.side = side


@contextlib.contextmanager
def _serving(version: Version, side: Side) -> Iterator[Service]:
    """Serve a version; what keeps it from starting says whose fault it is.

    Raises:
        StackError: It does not start.
    """
    with contextlib.ExitStack() as serving:
        try:
            service = serving.enter_context(version.serve())
        except StackError as error:
            raise _VersionError(
                f"the {side} ({version.facts.label}): {error}",
                hint=error.hint,
                log=error.log,
                side=side,
            ) from error
        yield service


def _duel(
    session: DuelSession,
    services: Mapping[Side, Service],
    seed: int,
    check: Check,
    arena: Arena,
) -> Duel:
    settings = check.settings
    seconds = max(settings.seconds / len(arena.workloads), min(_LEAST_SECONDS, settings.seconds))

    def ticked(tick: Tick) -> None:
        for side, service in services.items():
            ended = service.death()
            if ended is not None:
                raise _VersionError(
                    f"the {side} died under load: {ended}",
                    hint="",
                    log=service.log_tail(),
                    side=side,
                )
        arena.observer.burst(tick)

    session.aim({side: service.url for side, service in services.items()})
    session.warm_up(seed, ticked)
    idle = _idle_cpu(services)
    host, before = [arena.read_host()], _read(services)
    bursts = session.bursts(seed, seconds, ticked)
    after = _read(services)
    host.append(arena.read_host())
    rated = None
    if needs_rate(settings):
        rate = settings.rate * bursts.base.tasks / bursts.base.busy
        rated = session.at_rate(seed + 1, seconds, rate, ticked) if rate else None
    where = arena.placement
    span = host[-1].at - host[0].at
    cpu = {side: after[side].cpu - before[side].cpu for side in Side}
    duel = Duel(
        base=_sample(Side.BASE, bursts, rated, cpu, before, after, idle),
        candidate=_sample(Side.CANDIDATE, bursts, rated, cpu, before, after, idle),
        client_cpu=bursts.client_cpu,
        host=compare_readings(
            host,
            server_cpus=len(where.server_cpus),
            client_cpus=len(where.client_cpus),
            server_cpu=sum(cpu.values()) / span,
            client_cpu=bursts.client_cpu * (bursts.base.busy + bursts.candidate.busy) / span,
            shared=where.server_shares,
        ),
    )
    return replace(duel, findings=find_faults(duel, settings, server_cpus=len(where.server_cpus)))


def _read(services: Mapping[Side, Service]) -> dict[Side, Usage]:
    found = {}
    for side, service in services.items():
        try:
            found[side] = service.usage()
        except StackError as error:
            raise _VersionError(
                f"the {side} died under load: {error}", hint=error.hint, log=error.log, side=side
            ) from error
    return found


def _idle_cpu(services: Mapping[Side, Service]) -> dict[Side, float]:
    """Give CPU seconds per second that each side uses while nobody asks it anything."""
    before = _read(services)
    time.sleep(_IDLE_WINDOW)
    after = _read(services)
    return {
        side: (after[side].cpu - before[side].cpu) / (after[side].at - before[side].at)
        for side in services
    }


def _sample(
    side: Side,
    bursts: Bursts,
    rated: Bursts | None,
    cpu: Mapping[Side, float],
    before: Mapping[Side, Usage],
    after: Mapping[Side, Usage],
    idle: Mapping[Side, float],
) -> Sample:
    load = bursts.of(side)
    wrong = {} if rated is None else rated.of(side).errors
    return Sample(
        cpu=cpu[side],
        busy=load.busy,
        bursts=load.bursts,
        memory=_memory_of(side, bursts, before, after),
        replaced=_replaced(before[side], after[side]),
        oom_kills=_difference(before[side].oom_kills, after[side].oom_kills),
        idle_cpu=idle[side],
        endpoints=load.endpoints,
        errors=dict(Counter(load.errors) + Counter(wrong)),
        at_rate=None if rated is None else rated.of(side).latency.encode(),
    )


def _memory_of(
    side: Side, bursts: Bursts, before: Mapping[Side, Usage], after: Mapping[Side, Usage]
) -> int:
    """Give the memory after as many answers as both sides gave, on a straight line between."""
    grown = after[side].memory - before[side].memory
    own = bursts.of(side).answered
    both = min(bursts.base.answered, bursts.candidate.answered)
    if grown <= 0 or not own:
        return after[side].memory
    return before[side].memory + round(grown * both / own)


def _replaced(before: Usage, after: Usage) -> int | None:
    if before.processes is None or after.processes is None:
        return None
    return len({*before.processes} ^ {*after.processes})


def _difference(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else max(after - before, 0)


def seconds_expected(settings: CheckSettings, workloads: int, pairs: int) -> float:
    """Estimate how long so many pairs take, without building anything."""
    bursts = max(settings.seconds, min(_LEAST_SECONDS, settings.seconds) * workloads)
    each = bursts * (2 if needs_rate(settings) else 1) + _OVERHEAD + _PER_WORKLOAD * workloads
    return pairs * each


_OVERHEAD, _PER_WORKLOAD = 2.0, 1.0
"""Seconds of a pair besides the bursts: two servers start and end; warming up."""
