"""Values that many tests need: a run in memory, with numbers that are known."""

import random
from collections.abc import Callable

import pytest

from toolkit.histogram import LatencyHistogram
from toolkit.measured import (
    Host,
    LoadResult,
    Measurement,
    Outcome,
    Run,
    RuntimeFacts,
    StackFacts,
)
from toolkit.model import (
    Knobs,
    LoadSettings,
    Placement,
    Trial,
)

MakeMeasurement = Callable[..., Measurement]
MakeRun = Callable[..., Run]


@pytest.fixture
def placement() -> Placement:
    return Placement(server_cpus=(0,), client_cpus=(1,), cpus=1.0, memory=512 * 2**20)


@pytest.fixture
def make_load() -> Callable[..., LoadResult]:
    def make(**changes: object) -> LoadResult:
        latency = LatencyHistogram()
        for milliseconds in range(1, 101):
            latency.record(milliseconds / 1e3)
        values: dict[str, object] = {
            "duration": 2.0,
            "requests": 2000,
            "errors": {},
            "latency": latency.encode(),
            "connections": 0,
            "client_cpu": 0.5,
            "seen": 2500,
            "locust_seen": 2500,
            "client": "FastHttpUser",
        }
        return LoadResult(**{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_measurement(make_load: Callable[..., LoadResult]) -> MakeMeasurement:
    def make(
        stack: str = "a/x",
        workload: str = "list",
        round: int = 1,  # noqa: A002 - the model's word
        rate: float = 1000.0,
        **changes: object,
    ) -> Measurement:
        trial = Trial(stack=stack, workload=workload, round=round, position=1)
        load = make_load(requests=int(rate * 2))
        values: dict[str, object] = {
            "trial": trial,
            "started_at": "2026-11-24T10:00:00+00:00",
            "load": load,
            "server_cpu": 0.9,
            "memory_peak": 30 * 2**20,
            "start_seconds": 0.4,
        }
        return Measurement(**{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_run(placement: Placement) -> MakeRun:
    def make(outcomes: tuple[Outcome, ...] = (), **changes: object) -> Run:
        trials = tuple(outcome.trial for outcome in outcomes)
        stacks = dict.fromkeys(trial.stack for trial in trials)
        values: dict[str, object] = {
            "id": "20261124-100000-abcd",
            "started_at": "2026-11-24T10:00:00+00:00",
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
            "rounds": max((trial.round for trial in trials), default=1),
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
def six_rounds(make_measurement: MakeMeasurement, make_run: MakeRun) -> Run:
    """A slow baseline, two equal stacks at twice its rate, drift over the rounds."""
    noise = random.Random(1)
    outcomes = [
        make_measurement(stack, "list", number, rate * number * noise.uniform(0.98, 1.02))
        for number in range(1, 7)
        for stack, rate in (("a/x", 1000), ("b/y", 2000), ("c/z", 2000))
    ]
    return make_run(tuple(outcomes))
