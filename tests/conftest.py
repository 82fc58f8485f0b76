"""Values that many tests need: a run in memory, with numbers that are known."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import settings

from toolkit.histogram import LatencyHistogram
from toolkit.measured import (
    Calibration,
    ClientUse,
    Finding,
    Host,
    HostUse,
    LoadResult,
    Measurement,
    Outcome,
    PhaseResult,
    Run,
    RuntimeFacts,
    ServerUse,
    Severity,
    StackFacts,
)
from toolkit.model import (
    Knobs,
    LoadSettings,
    Phase,
    Placement,
    Stage,
    Trial,
)

Spread = Callable[[float, int], str]
MakeLoad = Callable[..., LoadResult]
MakeMeasurement = Callable[..., Measurement]
MakeRun = Callable[..., Run]

# how long an example takes says nothing here: timing decides no test
settings.register_profile("toolkit", deadline=None)
settings.load_profile("toolkit")

STARTED = "2026-11-24T10:00:00+00:00"
IDLE_MACHINE = HostUse(
    server_idle=0.05,
    server_steal=0.0,
    server_foreign=0.01,
    client_foreign=0.02,
    client_steal=0.0,
    swapped=0,
    frequency_change=0.01,
    ports=0.02,
)


@pytest.fixture
def placement() -> Placement:
    return Placement(server_cpus=(0,), client_cpus=(1,), cpus=1.0, memory=512 * 2**20)


@pytest.fixture
def spread() -> Spread:
    """Encode so many latencies around a mean, with a tail of three and six times as long."""

    def make(mean: float, count: int) -> str:
        histogram = LatencyHistogram()
        tail = {3.0: count // 100, 6.0: count // 200}
        body = count - sum(tail.values())
        usual = (count - sum(times * share for times, share in tail.items())) / max(body, 1)
        for tenth in range(10):
            tail[usual * (0.55 + tenth / 10)] = body // 10 + (tenth < body % 10)
        for times, share in tail.items():
            if share:
                histogram.record(mean * times, share)
        return histogram.encode()

    return make


@pytest.fixture
def make_load(spread: Spread) -> MakeLoad:
    """Give what the generator saw of a healthy closed loop: users = rate x mean latency."""

    def make(*, rate: float = 1000.0, users: int = 32, **changes: object) -> LoadResult:
        requests = round(rate * 2)
        values: dict[str, object] = {
            "duration": 2.0,
            "requests": requests,
            "errors": {},
            "latency": spread(users / rate, requests),
            "connections": 0,
            "fairness": 0.99,
            "silence": 0.02,
            "slices": (rate,) * 12,
            "client": "SocketUser",
            "use": ClientUse(cpu_user=0.3, cpu_system=0.2, lag=0.0002, memory=60 * 2**20),
            "seen": requests + 500,
            "locust_seen": requests + 500,
        }
        return LoadResult(**{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_measurement(make_load: MakeLoad) -> MakeMeasurement:
    """Give a trial of capacity; changes are those of its load."""

    def make(
        stack: str = "a/x",
        workload: str = "list",
        round: int = 1,  # noqa: A002 - the model's word
        rate: float = 1000.0,
        *,
        users: int = 32,
        findings: tuple[Finding, ...] = (),
        start_seconds: float = 0.4,
        **changes: object,
    ) -> Measurement:
        return Measurement(
            trial=Trial(stack=stack, workload=workload, round=round, position=1),
            started_at=STARTED,
            phases=(
                PhaseResult(
                    phase=Phase(users=users, duration=2.0, settle=0.5, least=100),
                    load=make_load(rate=rate, users=users, **changes),
                    server=ServerUse(
                        cpu_user=0.6,
                        cpu_system=0.3,
                        memory_peak=30 * 2**20,
                        throttled=0.0,
                        oom_kills=0,
                        restarts=0,
                        processes=2,
                        threads=5,
                        open_files=0.01,
                        switches=rate * 2,
                        swapped=0,
                    ),
                    host=IDLE_MACHINE,
                    findings=findings,
                ),
            ),
            start_seconds=start_seconds,
        )

    return make


@pytest.fixture
def make_ramp(make_measurement: MakeMeasurement) -> MakeMeasurement:
    """Give a ramp, by users and the answers/s they got."""

    def make(
        stack: str,
        rates: Mapping[int, float],
        workload: str = "list",
        stop_seconds: float | None = 0.1,
    ) -> Measurement:
        steps = [make_measurement(stack, rate=rate, users=n) for n, rate in rates.items()]
        return Measurement(
            trial=Trial(stack=stack, workload=workload, round=1, position=1, stage=Stage.RAMP),
            started_at=STARTED,
            phases=tuple(phase for step in steps for phase in step.phases),
            start_seconds=0.4,
            stop_seconds=stop_seconds,
        )

    return make


@pytest.fixture
def make_at_rates(make_measurement: MakeMeasurement, spread: Spread) -> MakeMeasurement:
    """Give a trial at parts of the baseline's capacity, of a stack with a capacity of its own.

    Below its own capacity it takes ``1 / (own - rate)`` seconds in the mean, as M/M/1 does, and
    three times that at p99. Above, it serves what it can, the others wait half a second, and what
    waits is worked off afterwards. Parts above 1 make a trial of overload, which has no others.

    With ``ladder``, parts of what is believed to be its capacity (``ladder_of``) are tried after
    those, downwards, until one keeps the objective.
    """

    def make(
        stack: str,
        round: int = 1,  # noqa: A002 - the model's word
        *,
        capacity: float = 1000.0,
        own: float | None = None,
        parts: Sequence[float] = (0.5, 0.9),
        ladder: Sequence[float] = (),
        ladder_of: float | None = None,
        objective: float = 0.05,
        findings: tuple[Finding, ...] = (),
        workload: str = "list",
        **changes: object,
    ) -> Measurement:
        own = capacity if own is None else own
        overload = min(parts, default=0.0) > 1
        assert overload or max(parts, default=0.0) <= 1, "overload is a trial of its own"

        def at(rate: float, part: float | None, own_part: float | None) -> PhaseResult:
            offered, carried = round_(rate * 2), rate < own
            answered = offered if carried else round_(own * 2)
            calm = own - capacity / 2
            backlog = 0.0 if carried else (rate - own) * 2
            recovery = backlog / calm if calm > 0 else None
            values: dict[str, object] = {
                "requests": answered,
                "latency": spread(mean(rate), answered),
                "service": spread(1 / own, answered),
                "slices": (answered / 2,) * 12,
                "offered": offered,
                "late": offered - answered,
                "recovery": recovery if overload else None,
                **changes,
            }
            values.setdefault("kept", values["requests"])
            load = make_measurement(rate=rate, **values).phases[0]
            phase = Phase(users=256, duration=2.0, settle=0.2, rate=rate, seed=round)
            phase = replace(phase, part=part, own=own_part)
            return replace(load, phase=phase, findings=findings)

        def mean(rate: float) -> float:
            return 1 / (own - rate) if rate < own else 0.5

        phases = [at(part * capacity, part, None) for part in parts]
        for part in ladder:
            rate = part * (own if ladder_of is None else ladder_of)
            phases.append(at(rate, None, part))
            if 3 * mean(rate) <= objective:
                break
        stage = Stage.OVERLOAD if overload else Stage.LATENCY
        return Measurement(
            trial=Trial(stack=stack, workload=workload, round=round, position=1, stage=stage),
            started_at=STARTED,
            phases=tuple(phases),
            start_seconds=0.4,
        )

    return make


round_ = round
"""The function, where the model's word hides it."""


@pytest.fixture
def make_run(placement: Placement) -> MakeRun:
    def make(outcomes: tuple[Outcome, ...] = (), **changes: object) -> Run:
        trials = tuple(outcome.trial for outcome in outcomes)
        stacks = dict.fromkeys(trial.stack for trial in trials)
        capacity = [trial.round for trial in trials if trial.stage is Stage.CAPACITY]
        values: dict[str, object] = {
            "id": "20261124-100000-abcd",
            "started_at": STARTED,
            "finished_at": "2026-11-24T10:04:05+00:00",
            "host": Host(
                system="Linux 6.12",
                cpu_model="Testium 3000",
                cpus=2,
                allowed_cpus=(0, 1),
                cpu_quota=None,
                memory=8 * 2**30,
                cgroup="v2",
                governor="performance",
                load_average=(0.1, 0.2, 0.3),
                python="3.13.5",
                toolkit="0.1.0",
                locust="2.47.0",
            ),
            "runtime": RuntimeFacts(
                name="docker",
                reason="a Docker engine answers",
                network="host (loopback)",
                memory_kind="cgroup, without inactive page cache",
                engine="28.0 on Debian, cgroup v2, overlay2",
            ),
            "placement": placement,
            "knobs": Knobs(),
            "load": LoadSettings(),
            "rounds": max(capacity, default=1),
            "seed": 7,
            "baseline": next(iter(stacks), "a/x"),
            "trials": trials,
            "stacks": tuple(
                StackFacts(
                    id=stack,
                    summary="an app; a server",
                    keep_alive=True,
                    argv=("serve", "--workers", "1"),
                    settings={"WORKERS": "1"},
                    python="3.13.5",
                    packages={"flask": "3.1.3"},
                )
                for stack in stacks
            ),
            "outcomes": outcomes,
        }
        return Run(**{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_rounds(
    make_measurement: MakeMeasurement,
    make_ramp: MakeMeasurement,
    make_at_rates: MakeMeasurement,
    make_run: MakeRun,
) -> Callable[[int, float], Run]:
    """Give a run of all stages: a slow baseline and two equal stacks at twice its rate.

    Ramps, so many rounds of capacity, three at fixed rates and three of an overload that is too
    much for the baseline alone, and a calibration of the client. With each round all get faster by
    the drift.
    """

    def make(rounds: int, drift: float) -> Run:
        noise = random.Random(1)
        middle = 1 + drift * (rounds - 1) / 2
        stacks = (("a/x", 1000), ("b/y", 2000), ("c/z", 2000))
        ramps = [
            make_ramp(stack, {1: rate / 4, 2: rate / 2, 4: rate, 8: rate, 16: rate * 1.01})
            for stack, rate in stacks
        ]
        capacity = [
            make_measurement(
                stack,
                "list",
                number,
                rate * (1 + drift * (number - 1)) * noise.uniform(0.98, 1.02),
                users=16,
            )
            for number in range(1, rounds + 1)
            for stack, rate in stacks
        ]
        owns = {
            (number, stack): rate * middle * noise.uniform(0.98, 1.02)
            for number in range(1, 4)
            for stack, rate in stacks
        }
        at_rates = [
            make_at_rates(
                stack, number, capacity=1000 * middle, own=own, parts=parts, ladder=ladder
            )
            for parts, ladder in (((0.5, 0.9), (0.95, 0.9, 0.8)), ((1.2,), ()))
            for (number, stack), own in owns.items()
        ]
        calibration = Calibration(
            client="SocketUser",
            throughput=21_000,
            cpu_per_request=41e-6,
            delays=(
                (500 * middle, (0.00011, 0.00031, 0.0009)),
                (900 * middle, (0.00012, 0.00042, 0.0012)),
                (1200 * middle, (0.00013, 0.00061, 0.0019)),
            ),
        )
        return make_run(
            (*ramps, *capacity, *at_rates),
            calibrations=(calibration,),
            load=replace(LoadSettings(), rates=(0.5, 0.9, 1.2)),
        )

    return make


@pytest.fixture
def six_rounds(make_rounds: Callable[[int, float], Run]) -> Run:
    """Enough for intervals on ratios, too few to rank three stacks; sixfold drift."""
    return make_rounds(6, 1.0)


@pytest.fixture
def ten_rounds(make_rounds: Callable[[int, float], Run]) -> Run:
    """Enough to rank three stacks; the drift of a machine that gets warm."""
    return make_rounds(10, -0.005)


@pytest.fixture
def make_played(make_measurement: MakeMeasurement) -> MakeMeasurement:
    """Give a round of a shape of 50 users; arguments are those of ``make_measurement``."""

    def make(stack: str, number: int, rate: float, **changes: object) -> Measurement:
        measured = make_measurement(stack, round=number, rate=rate, **changes)
        (phase,) = measured.phases
        shape = Phase(users=50, duration=3.0, shape=(1, 50, 1))
        return replace(
            measured,
            trial=replace(measured.trial, stage=Stage.SHAPE),
            phases=(replace(phase, phase=shape),),
        )

    return make


@pytest.fixture
def shaped(
    make_measurement: MakeMeasurement, make_played: MakeMeasurement, make_run: MakeRun
) -> Run:
    """One round of capacity, and three of a shape, which one stack did not get through."""
    invalid = Finding(rule="steal", severity=Severity.INVALID, message="the hypervisor took 50%")
    rounds = range(1, 4)
    return make_run(
        (
            make_measurement("a/x"),
            make_measurement("b/y", rate=1500),
            make_measurement("c/z", rate=1200),
            *(make_played("a/x", n, 100 + n) for n in rounds),
            *(make_played("b/y", n, 102 + n, errors={"refused": 7}) for n in rounds),
            *(make_played("c/z", n, 101 + n, findings=(invalid,)) for n in rounds),
        ),
        load=replace(LoadSettings(), users=32, rate_rounds=0, shape_rounds=3),
    )
