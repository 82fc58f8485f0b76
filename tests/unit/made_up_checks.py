"""Checks in memory whose numbers are known, for the tests of all that reads one."""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.checked import (
    Check,
    CheckSettings,
    Duel,
    EndpointSample,
    Pair,
    Sample,
    Side,
    VersionFacts,
)
from toolkit.histogram import LatencyHistogram
from toolkit.measured import Finding, Host, HostUse, RuntimeFacts
from toolkit.model import Knobs, Placement

ONE_ENDPOINT: Mapping[str, Sequence[str]] = {"list": ("GET /api/assets",)}
ANSWERS = 3000
CPU_PER_REQUEST = 812e-6
RATE = 1020.0
MEMORY = 41 * 2**20
BASE = VersionFacts(
    label="main (3f2a1c9)",
    identity="3f2a1c9d5e8b7a60f1e2d3c4b5a69788796a5b4c",
    python="3.13.5",
    packages={"flask": "3.0.3", "gunicorn": "27.0.1", "jinja2": "3.1.6"},
)
CANDIDATE = VersionFacts(
    label="working tree",
    identity="b7d09e1c52f44a8890aa31e6c1d2f3e4a5968778",
    python="3.13.5",
    packages={"flask": "3.1.3", "gunicorn": "27.0.1", "orjson": "3.11.0"},
)


def made_up_check(
    *,
    ratio_cpu: float = 1.0,
    ratio_throughput: float | None = None,
    ratio_memory: float = 1.0,
    ratio_confirming: float | None = None,
    pairs: int = 6,
    confirming: int = 0,
    noise: float = 0.01,
    workloads: Mapping[str, Sequence[str]] = ONE_ENDPOINT,
    slow: Sequence[str] | None = None,
    findings: Sequence[Finding] = (),
    found_in: int = 1,
    failures: Sequence[str] = (),
    failed_side: Side | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 7,
    **changes: Any,  # noqa: ANN401 - fields of whatever type
) -> Check:
    """Give a check of a candidate that is so many times its base; the same for the same arguments.

    Args:
        ratio_cpu: CPU per request, candidate to base; latencies follow the throughput.
        ratio_throughput: By default the CPU's inverse, as if nothing waited.
        ratio_memory: Bytes, candidate to base.
        ratio_confirming: CPU per request in the second series, by default as in the first.
        pairs: Sound pairs of the first series ...
        confirming: ... and of the second.
        noise: Standard deviation of a pair's log ratio of CPU; that of the throughput is twice it.
        workloads: Their endpoints.
        slow: Workloads whose candidate differs at all, by default all.
        findings: Of the first duel ...
        found_in: ... of so many pairs, the first ones.
        failures: Further pairs that gave no numbers, and why.
        failed_side: Whose failures those are.
        settings: Fields of ``CheckSettings``.
        seed: Of the noise.
        changes: Fields of ``Check``.
    """
    draws = random.Random(seed)
    given = CheckSettings(**(settings or {}))
    at_rate = any(metric.is_latency for metric in given.metrics)
    made = []
    for number in range(1, pairs + confirming + 1):
        second = number > pairs
        ratio = ratio_confirming if second and ratio_confirming is not None else ratio_cpu
        duels: dict[str, Duel] = {}
        for workload, endpoints in workloads.items():
            differs = slow is None or workload in slow
            cpu = (ratio if differs else 1.0) * math.exp(draws.gauss(0, noise))
            faster = 1 / ratio if ratio_throughput is None else ratio_throughput
            rate = (faster if differs else 1.0) * math.exp(draws.gauss(0, 2 * noise))
            drift = math.exp(draws.gauss(0, 0.05))
            memory = ratio_memory * math.exp(draws.gauss(0, 0.001))
            duels[workload] = Duel(
                base=_sample(endpoints, drift, 1.0, 1.0, at_rate=at_rate),
                candidate=_sample(endpoints, drift * cpu, rate, memory, at_rate=at_rate),
                client_cpu=0.41,
                host=HostUse(server_idle=0.02, server_steal=0.0, server_foreign=0.01),
                findings=tuple(findings) if number <= found_in and not duels else (),
            )
        made.append(
            Pair(
                number=number - pairs if second else number,
                series=2 if second else 1,
                seed=seed + number,
                started_at="2026-11-24T10:00:00+00:00",
                duels=duels,
            )
        )
    made += [
        Pair(
            number=pairs + at,
            seed=seed - at,
            started_at="2026-11-24T10:00:00+00:00",
            failure=failure,
            failed_side=failed_side,
        )
        for at, failure in enumerate(failures, start=1)
    ]
    values: dict[str, Any] = {
        "id": "20261124-100000-abcd",
        "started_at": "2026-11-24T10:00:00+00:00",
        "finished_at": "2026-11-24T10:02:31+00:00",
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
            engine="28.0 on Debian",
        ),
        "placement": Placement(server_cpus=(0,), client_cpus=(1,), cpus=1.0, memory=2**29),
        "knobs": Knobs(),
        "settings": given,
        "base": BASE,
        "candidate": CANDIDATE,
        "workloads": tuple(workloads),
        "seed": seed,
        "again": f"toolkit check --base main --candidate worktree --seed {seed}",
        "pairs": tuple(made),
    }
    return Check(**{**values, **changes})


def against_itself(**arguments: Any) -> Check:  # noqa: ANN401 - those of made_up_check
    """Give a check of a version against itself."""
    again = "toolkit check --aa --seed 7"
    itself = {"candidate": BASE, "against_itself": True, "again": again}
    return made_up_check(**{**itself, **arguments})


def _sample(
    endpoints: Sequence[str], cpu: float, rate: float, memory: float, *, at_rate: bool
) -> Sample:
    """Give a side with so many times the usual CPU per request, rate and memory."""
    answered = ANSWERS // len(endpoints)
    latencies = _latencies(8 / (RATE * rate), answered)
    return Sample(
        cpu=CPU_PER_REQUEST * cpu * answered * len(endpoints),
        busy=answered * len(endpoints) / (RATE * rate),
        bursts=120,
        memory=round(MEMORY * memory),
        idle_cpu=0.001,
        endpoints={
            name: EndpointSample(answered=answered, failed=0, length=4096.0, latency=latencies)
            for name in endpoints
        },
        at_rate=_latencies(2 / (RATE * rate), ANSWERS) if at_rate else None,
    )


def _latencies(mean: float, count: int) -> str:
    """Encode latencies about a mean, with a tail of three times as long."""
    histogram = LatencyHistogram()
    histogram.record(3 * mean, count // 50)
    for tenth in range(10):
        histogram.record(mean * (0.55 + tenth / 10), count // 10)
    return histogram.encode()
