"""What a stored run says about one stack, as far as deploying it depends on that. Pure."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from toolkit.compare import Row, Table, tables
from toolkit.errors import ConfigError
from toolkit.histogram import LatencyHistogram
from toolkit.measured import Measurement, PhaseResult, Run, StackFacts
from toolkit.model import Stage
from toolkit.serve import knob_values
from toolkit.spelling import did_you_mean
from toolkit.stats import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """What a stack did under one workload.

    Attributes:
        workload: Its id.
        capacity: Verified answers/s at most, with the interval of the median.
        carried: Rate within the objective, requests/s; None: not measured, 0: missed at every rate.
        cpu: CPU seconds per answer at capacity.
        lone: Median latency in seconds where requests hardly wait for each other: of the ramp's
            first step, or at the lowest rate; None without either.
        memory: Peak of all its processes, bytes.
        threads: Most of all its processes, None if not known.
        slowest: Longest time in seconds from the sending of a request to its answer.
    """

    workload: str
    capacity: Interval
    carried: float | None
    cpu: float | None
    lone: float | None
    memory: int
    threads: int | None
    slowest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a run says about one stack.

    Attributes:
        run: Its id.
        started_at: When it began, ISO 8601.
        stack: The id, with what it varies from others.
        knobs: What its server was started with, by name; those that it has.
        pool: Most database connections of each process.
        cpus: Cores it was limited to ...
        memory_limit: ... and bytes.
        goal: Latencies that should be kept: ``p99<50ms`` ...
        objective: ... and the seconds of its 99th percentile, or of its last one.
        machine: On what, in words.
        environment: Variables of the app.
        start: Longest time in seconds from a start to the first good answer.
        under: By workload, at least one.
    """

    run: str
    started_at: str
    stack: str
    knobs: dict[str, int]
    pool: int
    cpus: float
    memory_limit: int
    goal: str
    objective: float
    machine: str
    environment: dict[str, str]
    start: float
    under: tuple[Under, ...]

    @property
    def most_expensive(self) -> Under:
        """The workload of which it carries least; what it carries of any is at least that."""
        return min(self.under, key=lambda item: item.carried or item.capacity.value)


def evidence_of(run: Run, stack: str | None, workloads: Iterable[str] = ()) -> Evidence:
    """Read what a run says about a stack.

    Args:
        run: The run.
        stack: Id of the stack; None takes what a search recommends, or the best of the first of
            the workloads.
        workloads: Ids of the workloads that count; none: all of the run.

    Raises:
        ConfigError: The run has no valid number of it.
    """
    if not run.runtime.ours:
        raise ConfigError(
            f"run {run.id} is of servers that the toolkit did not start: nothing is known of how "
            "they are set up",
            hint="Measure the app itself: `toolkit bench myproject.wsgi:app`.",
        )
    wanted = tuple(workloads) or tuple(table.workload for table in tables(run))
    _require(wanted, [table.workload for table in tables(run)], "workload", run.id)
    chosen = [table for table in tables(run) if table.workload in wanted]
    facts = {item.id: item for item in run.stacks}
    if stack is None:
        stack = _best(run, chosen)
    _require([stack], facts, "stack", run.id)
    rows = {table.workload: row for table in chosen for row in table.rows if row.stack == stack}
    under = tuple(_under(run, stack, name, row) for name, row in rows.items() if row.valid)
    if not under:
        raise ConfigError(
            f"run {run.id} has no valid number of {stack}",
            hint=f"`toolkit report {run.id}` says why.",
        )
    return _evidence(run, facts[stack], under)


def _best(run: Run, chosen: Sequence[Table]) -> str:
    if run.tuned is not None and run.tuned.recommended is not None:
        return run.tuned.recommended
    # what is measured beside an app of the user's own is not what is deployed
    rows = (row for table in chosen[:1] for row in table.rows if row.stack not in run.beside)
    best = next((row.stack for row in rows if row.valid), None)
    if best is None:
        raise ConfigError(
            f"run {run.id} has no valid number to choose a stack by",
            hint=f"`toolkit report {run.id}` says why; --stack chooses one.",
        )
    return best


def _require(wanted: Iterable[str], there: Iterable[str], what: str, run: str) -> None:
    known = [*there]
    for name in wanted:
        if name not in known:
            raise ConfigError(
                f"run {run} has no {what} {name!r}",
                hint=did_you_mean(name, known) or f"It has {', '.join(known)}.",
            )


def _evidence(run: Run, facts: StackFacts, under: tuple[Under, ...]) -> Evidence:
    settings = {name: int(value) for name, value in knob_values(facts.settings).items()}
    of_server = settings.keys() if facts.knobs is None else facts.knobs
    host = run.served_on
    starts = [item.start_seconds or 0.0 for item in _measured(run, facts.id)]
    return Evidence(
        run=run.id,
        started_at=run.started_at,
        stack=facts.id,
        knobs={name: settings[name] for name in sorted(of_server) if name in settings},
        pool=int(facts.settings.get("DATABASE_POOL", run.knobs.database_pool)),
        cpus=run.placement.cpus,
        memory_limit=run.placement.memory,
        goal=run.load.goal.latency,
        objective=_objective(run),
        machine=f"{host.cpus} CPUs, {host.cpu_model}; {run.runtime.name}",
        environment=facts.environment,
        start=max(starts),
        under=under,
    )


def _objective(run: Run) -> float:
    terms = run.load.goal.latencies
    return next((term for term in terms if term.percentile == 99), terms[-1]).seconds


def _measured(run: Run, stack: str) -> Iterator[Measurement]:
    for outcome in run.outcomes:
        if isinstance(outcome, Measurement) and outcome.trial.stack == stack:
            yield outcome


def _under(run: Run, stack: str, workload: str, row: Row) -> Under:
    assert row.throughput is not None  # noqa: S101 - a valid row has one
    trials = [item for item in _measured(run, stack) if item.trial.workload == workload]
    phases = [phase for item in trials for phase in item.phases if not phase.phase.overload]
    return Under(
        workload=workload,
        capacity=row.throughput,
        carried=row.under_objective,
        cpu=row.cpu_per_request,
        lone=_lone(trials),
        memory=max(phase.use.memory_peak for phase in phases),
        threads=max((p.use.threads or 0 for p in phases), default=0) or None,
        # under a shape they may have waited in a queue that no time limit is to be made for
        slowest=max(_longest(phase) for phase in phases if not phase.phase.shape),
    )


def _lone(trials: Iterable[Measurement]) -> float | None:
    """Give the latency of a request that has the server almost for itself."""
    found = [
        _median(item.phases[0])
        for item in trials
        if item.trial.stage is Stage.RAMP and item.phases[0].load.requests
    ]
    return median(found) if found else None


def _median(phase: PhaseResult) -> float:
    return LatencyHistogram.decode(phase.load.latency).percentiles(50)[0]


def _longest(phase: PhaseResult) -> float:
    """Give the longest answer of a window; from the sending where that is known."""
    latency = LatencyHistogram.decode(phase.load.service or phase.load.latency)
    return latency.percentiles(100)[0] if latency.count else 0.0


def wait_to_cpu(under: Under) -> float | None:
    """Give how long a request waits for each second of CPU that it takes; None if not known."""
    if under.lone is None or not under.cpu:
        return None
    return max(under.lone / under.cpu - 1, 0.0)


def whole_mebibytes(count: float, step: int = 16) -> int:
    """Round bytes up to whole steps of MiB, in bytes."""
    return math.ceil(count / 2**20 / step) * step * 2**20
