"""Every rule, planted just below its limits, just above, and well above."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import validity
from toolkit.histogram import LatencyHistogram
from toolkit.measured import (
    BackingUse,
    ClientUse,
    HostUse,
    LoadResult,
    ServerUse,
    Severity,
    WorkerUse,
)
from toolkit.model import Phase, Placement
from toolkit.validity import Evidence, find_faults

MIB = 2**20
WARNED, INVALID = Severity.WARNED, Severity.INVALID

Changes = Mapping[str, Any]
"""What to plant, by the way to it: ``{"load.use.lag": 0.1}``."""


def latencies(mean: float, count: int) -> str:
    histogram = LatencyHistogram()
    for tenth in range(10):
        histogram.record(mean * (0.55 + tenth / 10), count // 10)
    return histogram.encode()


USE = ServerUse(
    cpu_user=0.6,
    cpu_system=0.35,
    memory_peak=30 * MIB,
    memory_growth=0.0,
    throttled=0.0,
    oom_kills=0,
    restarts=0,
    processes=2,
    threads=5,
    open_files=0.1,
    switches=1000.0,
    swapped=0,
)

CLOSED = Evidence(
    phase=Phase(users=32, duration=2.0),
    load=LoadResult(
        duration=2.0,
        requests=2000,
        errors={},
        latency=latencies(0.032, 2000),
        connections=0,
        fairness=0.98,
        silence=0.04,
        slices=(1000.0,) * 12,
        client="SocketUser",
        use=ClientUse(cpu_user=0.4, cpu_system=0.2, lag=0.0003, memory=60 * MIB),
        seen=2500,
        locust_seen=2500,
    ),
    server=USE,
    host=HostUse(
        server_idle=0.02,
        server_steal=0.01,
        server_foreign=0.02,
        client_foreign=0.02,
        client_steal=0.01,
        swapped=0,
        frequency_change=0.01,
        clock_step=0.0001,
        ports=0.1,
    ),
    placement=Placement(server_cpus=(0,), client_cpus=(1,), cpus=1.0, memory=512 * MIB),
    keep_alive=True,
)

OPEN = replace(
    CLOSED,
    phase=Phase(users=256, duration=2.0, rate=500.0, part=0.5),
    load=replace(
        CLOSED.load,
        requests=1000,
        latency=latencies(0.002, 1000),
        service=latencies(0.002, 1000),
        slices=(500.0,) * 12,
        offered=1000,
        late=0,
        kept=1000,
    ),
    server=replace(USE, cpu_user=0.3, cpu_system=0.15),
    host=replace(CLOSED.host, server_idle=0.5),
    delay=(0.0001, 0.0003, 0.001),
)
P50, P99 = LatencyHistogram.decode(OPEN.load.latency).percentiles(50, 99)
SLOW = replace(OPEN, load=replace(OPEN.load, latency=latencies(0.02, 1000)))
SLOW_P99 = LatencyHistogram.decode(SLOW.load.latency).percentiles(99)[0]
IN_STEP = replace(
    CLOSED,
    phase=replace(CLOSED.phase, users=500),
    load=replace(CLOSED.load, latency=latencies(0.5, 2000)),
)
"""Users that all wait for half a second: when they are in step with each other, in silence."""
IN_STEP_P99 = LatencyHistogram.decode(IN_STEP.load.latency).percentiles(99)[0]
WAITING = replace(
    CLOSED,
    server=replace(USE, cpu_user=0.3, cpu_system=0.1),
    host=replace(CLOSED.host, server_idle=0.55),
    placement=replace(CLOSED.placement, backing_cpus=(2,)),
    waits=True,
)
"""A server whose requests wait for something else most of the time."""

OVERLOAD: Changes = {"phase.part": 1.2}
OWN: Changes = {"phase.part": None, "phase.own": 0.95}
"""A rate that may be too much: beyond the baseline's capacity, or just below the stack's own."""


def planted(base: Evidence, changes: Changes) -> Evidence:
    def change(thing: Any, way: Sequence[str], value: object) -> Any:  # noqa: ANN401
        first, *rest = way
        return replace(
            thing, **{first: change(getattr(thing, first), rest, value) if rest else value}
        )

    for name, value in changes.items():
        base = change(base, name.split("."), value)
    return base


def judged(evidence: Evidence) -> dict[str, Severity]:
    return {finding.rule: finding.severity for finding in find_faults(evidence)}


@dataclass(frozen=True)
class Case:
    """A rule at its limits.

    Attributes:
        fine: Just not enough for a finding ...
        warned: ... just enough for a warning, and still not enough to be invalid ...
        invalid: ... and too much; None where the rule has no such level.
        entangled: Whether it depends on what other rules look at, on purpose.
    """

    rule: Any
    name: str
    fine: Changes
    warned: tuple[Changes, ...] = ()
    invalid: Changes | None = None
    base: Evidence = CLOSED
    entangled: bool = False

    @property
    def steps(self) -> list[tuple[Changes, dict[str, Severity]]]:
        steps: list[tuple[Changes, dict[str, Severity]]] = [(self.fine, {})]
        steps += [(changes, {self.name: WARNED}) for changes in self.warned]
        if self.invalid is not None:
            steps.append((self.invalid, {self.name: INVALID}))
        return steps


GENERATOR = {
    cpu: {"load.use.cpu_user": cpu, "load.use.cpu_system": 0.0} for cpu in (0.0, 0.6, 0.84, 0.86)
}
"""A generator that is busy for so much of the time."""


def sloped(last: float) -> tuple[float, ...]:
    return (1000.0,) * 4 + ((1000 + last) / 2,) * 4 + (last,) * 4


CASES = [
    Case(
        validity._answers,
        "no-answers",
        # where one answer may be all there is to come
        base=planted(OPEN, OWN),
        fine={"load.requests": 1},
        invalid={"load.requests": 0},
    ),
    Case(
        validity._errors,
        "errors",
        fine={"load.errors": {}},
        # the limit is 1 %
        warned=(
            {"load.errors": {"status 500": 1}},
            {"load.requests": 1980, "load.errors": {"status 500": 20}},
        ),
        invalid={"load.requests": 1980, "load.errors": {"status 500": 11, "late": 10}},
    ),
    Case(
        validity._errors,
        "errors",
        base=planted(OPEN, OVERLOAD),
        fine={"load.errors": {}},
        # under overload errors are what is measured
        warned=({"load.errors": {"status 503": 1}}, {"load.errors": {"status 503": 900}}),
    ),
    Case(
        validity._errors,
        "errors",
        base=planted(OPEN, OWN),
        fine={"load.errors": {}},
        warned=({"load.errors": {"status 503": 1}}, {"load.errors": {"status 503": 900}}),
    ),
    Case(
        validity._counts,
        "counts-differ",
        fine={"load.seen": 2500},
        invalid={"load.seen": 2501},
    ),
    Case(
        validity._client,
        "client-busy",
        fine={"load.use.cpu_user": 0.649},
        warned=({"load.use.cpu_user": 0.65}, {"load.use.cpu_user": 0.8}),
        entangled=True,
    ),
    Case(
        validity._client,
        "client-limited",
        base=OPEN,
        fine={"load.use.cpu_user": 0.649},
        invalid={"load.use.cpu_user": 0.65},
    ),
    Case(
        validity._client,
        "client-busy",
        # of a server of somebody else's nobody knows what it has to spare
        base=replace(CLOSED, server=None),
        fine={"load.use.cpu_user": 0.649},
        warned=({"load.use.cpu_user": 0.65}, {"load.use.cpu_user": 0.749}),
        entangled=True,
    ),
    Case(
        validity._client,
        "client-limited",
        base=replace(CLOSED, server=None),
        fine={"load.use.cpu_user": 0.649},
        invalid={"load.use.cpu_user": 0.75},
        entangled=True,
    ),
    Case(
        validity._capped,
        "rate-capped",
        base=planted(CLOSED, {"phase.most_rate": 2000.0}),
        fine={"phase.most_rate": 1112.0},
        warned=({"phase.most_rate": 1111.0}, {"phase.most_rate": 1000.0}),
    ),
    Case(
        validity._schedule,
        "schedule",
        base=OPEN,
        # 1,000 are meant: 5 % of them and four standard deviations make 176
        fine={"load.offered": 1176, "load.requests": 1176, "load.kept": 1176},
        invalid={"load.offered": 1177, "load.requests": 1177, "load.kept": 1177},
    ),
    Case(
        validity._schedule,
        "schedule",
        base=OPEN,
        fine={"load.offered": 824, "load.requests": 824, "load.kept": 824},
        invalid={"load.offered": 823, "load.requests": 823, "load.kept": 823},
    ),
    Case(
        validity._schedule,
        "schedule",
        base=OPEN,
        # a millisecond is nothing, be it a third of the p99
        fine={"load.use.lag": 0.001},
        warned=({"load.use.lag": 0.00101}, {"load.use.lag": 0.499 * P99}),
        invalid={"load.use.lag": 0.501 * P99},
    ),
    Case(
        validity._schedule,
        "schedule",
        base=SLOW,
        # several are nothing if they are less than a quarter of it
        fine={"load.use.lag": 0.249 * SLOW_P99},
        warned=({"load.use.lag": 0.251 * SLOW_P99}, {"load.use.lag": 0.499 * SLOW_P99}),
        invalid={"load.use.lag": 0.501 * SLOW_P99},
    ),
    Case(
        validity._schedule,
        "schedule",
        # whether the objective is kept is read from the p99, too
        base=planted(SLOW, OWN),
        fine={"load.use.lag": 0.249 * SLOW_P99},
        invalid={"load.use.lag": 0.501 * SLOW_P99},
    ),
    Case(
        validity._delay,
        "client-delay",
        base=OPEN,
        fine={"delay": (0.499 * P50, 0.499 * P99, 1.0)},
        warned=({"delay": (0.501 * P50, 0.0, 1.0)}, {"delay": (0.0, 0.899 * P99, 1.0)}),
        invalid={"delay": (0.901 * P50, 0.0, 1.0)},
    ),
    Case(
        validity._delay,
        "client-delay",
        base=OPEN,
        fine={"delay": None},
        warned=({"delay": (0.0, 0.501 * P99, 1.0)},),
        invalid={"delay": (0.0, 0.901 * P99, 1.0)},
    ),
    Case(
        validity._backing,
        "backing-limited",
        # on a CPU of its own, before a server that waits for it
        base=WAITING,
        fine={"backings": {"upstream": BackingUse(cpu=0.79, memory_peak=MIB)}},
        warned=({"backings": {"upstream": BackingUse(cpu=0.81, memory_peak=MIB)}},),
        invalid={"backings": {"upstream": BackingUse(cpu=0.96, memory_peak=MIB)}},
    ),
    Case(
        validity._backing,
        "backing-limited",
        # on the generator's CPU, of which that uses 0.6
        base=replace(
            WAITING,
            placement=replace(WAITING.placement, backing_cpus=WAITING.placement.client_cpus),
        ),
        fine={"backings": {"database": BackingUse(cpu=0.19, memory_peak=MIB)}},
        warned=({"backings": {"database": BackingUse(cpu=0.21, memory_peak=MIB)}},),
        invalid={"backings": {"database": BackingUse(cpu=0.36, memory_peak=MIB)}},
    ),
    Case(
        validity._backing,
        "backing-limited",
        # two CPUs make a database that uses one of them no limit, but the upstream is one process
        base=replace(WAITING, placement=replace(WAITING.placement, backing_cpus=(2, 3))),
        fine={"backings": {"database": BackingUse(cpu=1.59, memory_peak=MIB)}},
        warned=(
            {"backings": {"upstream": BackingUse(cpu=0.81, memory_peak=MIB)}},
            {
                "backings": {
                    "upstream": BackingUse(cpu=0.81, memory_peak=MIB),
                    "database": BackingUse(cpu=0.7, memory_peak=MIB),
                }
            },
        ),
        invalid={
            "backings": {
                "upstream": BackingUse(cpu=0.7, memory_peak=MIB),
                "database": BackingUse(cpu=1.21, memory_peak=MIB),
            }
        },
    ),
    Case(
        validity._backing,
        "backing-limited",
        # nobody knows whose CPU it is where nothing is pinned
        base=replace(
            WAITING, placement=replace(WAITING.placement, client_cpus=(), backing_cpus=())
        ),
        fine={"backings": {"database": BackingUse(cpu=1.5, memory_peak=MIB)}},
    ),
    Case(
        validity._overloaded,
        "overloaded",
        base=OPEN,
        # of few, two standard deviations may be missing
        fine={"load.requests": 937, "load.kept": 937},
        warned=({"load.requests": 936, "load.kept": 936}, {"load.requests": 100, "load.kept": 100}),
    ),
    Case(
        validity._overloaded,
        "overloaded",
        base=planted(OPEN, {"phase.rate": 5000.0, "load.offered": 10_000}),
        # of many, 5 %
        fine={"load.requests": 9500, "load.kept": 9500},
        warned=({"load.requests": 9499, "load.kept": 9499},),
    ),
    Case(
        validity._overloaded,
        "overloaded",
        base=OPEN,
        fine={"load.late": 50},
        warned=({"load.late": 51},),
    ),
    Case(
        validity._unsaturated,
        "not-saturated",
        fine={"server.cpu_user": 0.2, "host.server_idle": 0.25},
        warned=(
            {"server.cpu_user": 0.2, "host.server_idle": 0.26},
            {"server.cpu_user": 0.2, "host.server_idle": 0.9},
        ),
        entangled=True,
    ),
    Case(
        validity._little,
        "littles-law",
        # 32 are served, up to 15 % off
        fine={"phase.users": 28},
        invalid={"phase.users": 27},
        entangled=True,
    ),
    Case(
        validity._little,
        "littles-law",
        base=planted(CLOSED, GENERATOR[0.0]),
        fine={"phase.users": 37},
        invalid={"phase.users": 38},
    ),
    Case(
        validity._little,
        "littles-law",
        base=planted(CLOSED, GENERATOR[0.6]),
        # 0.6 / 0.4 answers wait at the generator
        fine={"phase.users": 39},
        invalid={"phase.users": 40},
    ),
    Case(
        validity._little,
        "littles-law",
        base=planted(CLOSED, {**GENERATOR[0.84], "phase.users": 4}),
        # 0.84 / 0.16 would be more than all 4, of which half at most may wait
        fine={"load.latency": latencies(0.0015, 2000)},
        invalid={"load.latency": latencies(0.0013, 2000)},
    ),
    Case(
        validity._little,
        "littles-law",
        base=planted(CLOSED, {**GENERATOR[0.6], "load.use.processes": 2}),
        # as many at the other process
        fine={"phase.users": 41},
        invalid={"phase.users": 42},
    ),
    Case(
        validity._uneven,
        "uneven",
        fine={"load.fairness": 0.9},
        warned=({"load.fairness": 0.899}, {"load.fairness": 0.7}),
        invalid={"load.fairness": 0.699},
    ),
    Case(
        validity._reconnects,
        "reconnects",
        fine={"load.connections": 20},
        warned=({"load.connections": 21}, {"load.connections": 396}),
        invalid={"load.connections": 401},
    ),
    Case(
        validity._silence,
        "stall",
        # 20 times the median of 32 ms
        fine={"load.silence": 0.6},
        warned=({"load.silence": 0.7}, {"load.silence": 0.99}),
    ),
    Case(
        validity._silence,
        "stall",
        base=OPEN,
        fine={"load.silence": 0.199},
        warned=({"load.silence": 0.2},),
    ),
    Case(
        validity._silence,
        "hang",
        fine={"load.silence": 0.6},
        invalid={"load.silence": 1.0},
    ),
    Case(
        validity._silence,
        "hang",
        base=IN_STEP,
        fine={"load.silence": 1.99 * IN_STEP_P99},
        invalid={"load.silence": 2.01 * IN_STEP_P99},
    ),
    Case(
        validity._unanswered,
        "unanswered",
        fine={"load.unanswered": 0},
        invalid={"load.unanswered": 1},
    ),
    Case(
        validity._unanswered,
        "unanswered",
        base=OPEN,
        fine={"load.unanswered": 0},
        # the limit is 1 % of what was offered
        warned=({"load.unanswered": 1}, {"load.unanswered": 10}),
        invalid={"load.unanswered": 11},
    ),
    Case(
        validity._few,
        "few-answers",
        # a quarter of the rate for a quarter of the users
        base=planted(CLOSED, {"phase.users": 8}),
        fine={"load.requests": 500},
        warned=({"load.requests": 499}, {"load.requests": 1}),
    ),
    Case(
        validity._few,
        "few-answers",
        base=planted(OPEN, {"phase.rate": 50.0, "load.offered": 100, "load.kept": 100}),
        fine={"load.requests": 100},
        warned=({"load.requests": 99}, {"load.requests": 1}),
    ),
    Case(
        validity._drift,
        "drift",
        fine={"load.slices": sloped(1250)},
        warned=({"load.slices": sloped(1251)}, {"load.slices": sloped(9000)}),
    ),
    Case(
        validity._drift,
        "drift",
        fine={"load.slices": sloped(750)},
        warned=({"load.slices": sloped(749)},),
    ),
    Case(
        validity._growth,
        "memory-growth",
        # from 8 MiB/s on ...
        fine={"server.memory_growth": 8.0 * MIB - 1},
        warned=({"server.memory_growth": 8.0 * MIB}, {"server.memory_growth": 90.0 * MIB}),
    ),
    Case(
        validity._growth,
        "memory-growth",
        # ... if that is a tenth of the whole in the 2 s of the window
        fine={"server.memory_peak": 400 * MIB, "server.memory_growth": 20.0 * MIB - 1},
        warned=({"server.memory_peak": 400 * MIB, "server.memory_growth": 20.0 * MIB},),
    ),
    Case(
        validity._restarts,
        "restarts",
        fine={"server.restarts": None},
        invalid={"server.restarts": 1},
    ),
    Case(
        validity._oom,
        "oom",
        fine={"server.oom_kills": None},
        invalid={"server.oom_kills": 1},
    ),
    Case(
        validity._throttled,
        "throttled",
        fine={"server.throttled": 0.01},
        warned=({"server.throttled": 0.0101}, {"server.throttled": 0.9}),
    ),
    Case(
        validity._files,
        "open-files",
        fine={"server.open_files": 0.9},
        warned=({"server.open_files": 0.901}, {"server.open_files": 1.0}),
    ),
    Case(
        validity._foreign,
        "foreign-cpu",
        fine={"host.server_foreign": 0.1, "host.client_foreign": None},
        warned=({"host.server_foreign": 0.101}, {"host.server_foreign": 0.3}),
        invalid={"host.server_foreign": 0.301},
    ),
    Case(
        validity._foreign,
        "foreign-cpu",
        fine={"host.client_foreign": 0.1, "host.server_foreign": None},
        warned=({"host.client_foreign": 0.101}, {"host.client_foreign": 0.3}),
        invalid={"host.client_foreign": 0.301},
    ),
    Case(
        validity._steal,
        "steal",
        fine={"host.server_steal": 0.1, "host.client_steal": None},
        warned=({"host.server_steal": 0.101}, {"host.server_steal": 0.3}),
        invalid={"host.server_steal": 0.301},
    ),
    Case(
        validity._steal,
        "steal",
        fine={"host.client_steal": 0.1, "host.server_steal": None},
        warned=({"host.client_steal": 0.101}, {"host.client_steal": 0.3}),
        invalid={"host.client_steal": 0.301},
    ),
    Case(
        validity._swapped,
        "swap",
        fine={"server.swapped": None, "host.swapped": None},
        warned=({"server.swapped": 1}, {"host.swapped": 1}),
    ),
    Case(
        validity._ports,
        "ports",
        fine={"host.ports": 0.8},
        warned=({"host.ports": 0.801}, {"host.ports": 1.0}),
    ),
    Case(
        validity._frequency,
        "frequency",
        fine={"host.frequency_change": 0.1},
        warned=({"host.frequency_change": 0.101}, {"host.frequency_change": 0.9}),
    ),
    Case(
        validity._clock,
        "clock",
        fine={"host.clock_step": 0.005},
        warned=({"host.clock_step": 0.0051}, {"host.clock_step": -0.0051}),
    ),
]
STEPS = [(case.base, *step) for case in CASES for step in case.steps]


@pytest.mark.parametrize("evidence", [CLOSED, OPEN], ids=["closed", "open"])
def test_a_healthy_phase_has_no_findings(evidence: Evidence) -> None:
    assert find_faults(evidence) == ()


def test_what_this_machine_does_not_tell_is_no_fault() -> None:
    unknown = replace(
        CLOSED,
        load=replace(CLOSED.load, connections=None, fairness=None),
        server=ServerUse(cpu_user=0.6, cpu_system=0.35, memory_peak=30 * MIB),
        host=HostUse(),
    )
    assert find_faults(unknown) == ()


@pytest.mark.parametrize(("base", "changes", "expected"), STEPS)
def test_each_fault_is_found_from_its_limit_on_and_no_other_with_it(
    base: Evidence, changes: Changes, expected: dict[str, Severity]
) -> None:
    assert judged(planted(base, changes)) == expected


def test_every_rule_is_planted() -> None:
    assert {case.rule for case in CASES} == set(validity._RULES)


def test_every_rule_is_planted_with_a_fault() -> None:
    found = {case.rule for case in CASES if case.warned or case.invalid is not None}
    assert found == set(validity._RULES)


def test_every_rule_stands_in_the_documentation() -> None:
    method = (Path(__file__).parents[2] / "docs" / "method.md").read_text()
    names = {name for _, _, expected in STEPS for name in expected}
    assert {name for name in names if f"`{name}`" not in method} == set()


INDEPENDENT = [
    (changes, expected)
    for case in CASES
    if case.base is CLOSED and not case.entangled
    for changes, expected in case.steps
    if expected
]


@given(st.lists(st.sampled_from(range(len(INDEPENDENT))), unique=True, max_size=8))
def test_a_fault_more_adds_its_finding_and_changes_no_other(chosen: list[int]) -> None:
    changes: dict[str, Any] = {}
    expected: dict[str, Severity] = {}
    for number in chosen:
        more, finding = INDEPENDENT[number]
        if not changes.keys() & more.keys() and not expected.keys() & finding.keys():
            changes |= more
            expected |= finding
    assert judged(planted(CLOSED, changes)) == expected


@pytest.mark.parametrize(("base", "changes"), [step[:2] for step in STEPS if step[2]])
def test_a_finding_says_what_was_found_in_one_line(base: Evidence, changes: Changes) -> None:
    (finding,) = find_faults(planted(base, changes))
    assert 20 < len(finding.message) < 200
    assert "\n" not in finding.message


def test_the_most_frequent_error_is_named() -> None:
    evidence = planted(CLOSED, {"load.errors": {"rare": 1, "often": 3, "seldom": 2}})
    (finding,) = find_faults(evidence)
    assert finding.message == "6 of 2006 answers failed or were wrong, most often: often"


# a client at its limit


def busy(cpu: float, idle: float | None, server: float = 0.95, cpus: float = 1.0) -> Evidence:
    use = ClientUse(cpu_user=cpu, cpu_system=0.0, lag=0.0003, memory=60 * MIB)
    return replace(
        CLOSED,
        load=replace(CLOSED.load, use=use),
        server=replace(USE, cpu_user=server, cpu_system=0.0),
        host=replace(CLOSED.host, server_idle=idle),
        placement=replace(CLOSED.placement, cpus=cpus),
    )


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (busy(0.94, idle=0.5, server=0.5), {"client-busy": WARNED}),
        (busy(0.95, idle=0.5, server=0.5), {"client-limited": INVALID}),
        (busy(0.95, idle=0.25, server=0.5), {"client-busy": WARNED}),
        (busy(0.95, idle=0.26, server=0.5), {"client-limited": INVALID}),
        (busy(0.99, idle=None, server=0.5), {"client-limited": INVALID}),
        (busy(0.99, idle=None, server=0.76), {"client-busy": WARNED}),
    ],
)
def test_a_saturated_client_is_the_limit_only_if_the_server_has_cpu_to_spare(
    evidence: Evidence, expected: dict[str, Severity]
) -> None:
    assert judged(evidence) == expected


def test_cpu_time_that_a_hypervisor_took_is_not_spare() -> None:
    """The server got 60 % of its CPU, and yet the CPU was hardly ever idle."""
    assert judged(busy(0.99, idle=0.05, server=0.6)) == {"client-busy": WARNED}
    assert judged(busy(0.99, idle=0.35, server=0.6)) == {"client-limited": INVALID}


def test_a_server_at_its_quota_has_nothing_to_spare_on_an_idle_core() -> None:
    assert judged(busy(0.99, idle=0.5, server=0.49, cpus=0.5)) == {"client-busy": WARNED}
    assert judged(busy(0.5, idle=0.5, server=0.49, cpus=0.5)) == {}


def test_answers_that_wait_for_a_client_at_its_limit_are_not_missed() -> None:
    """What it could not read in time it did not measure: half of 64 users, whom its rule judges."""
    assert judged(planted(CLOSED, {**GENERATOR[0.84], "phase.users": 64})) == {
        "littles-law": INVALID
    }
    assert judged(planted(CLOSED, {**GENERATOR[0.86], "phase.users": 64})) == {
        "client-busy": WARNED
    }


def test_a_client_that_starts_late_is_told_how_much_of_the_p99_is_its_own() -> None:
    half = planted(SLOW, {"load.use.lag": SLOW_P99 / 2})
    more = planted(SLOW, {"load.use.lag": 2 * SLOW_P99})
    for evidence, milliseconds, part in ((half, "14.5", "50%"), (more, "58.0", "100%")):
        (finding,) = find_faults(evidence)
        assert f"1 % of the requests {milliseconds} ms late or more" in finding.message
        assert finding.message.endswith(f"{part} of the p99 reported")


def test_a_client_that_starts_late_where_nothing_is_answered_spoils_no_latency() -> None:
    empty = LatencyHistogram().encode()
    nothing = {"load.requests": 0, "load.kept": 0, "load.latency": empty, "load.use.lag": 1.0}
    assert judged(planted(OPEN, nothing)) == {"no-answers": INVALID, "overloaded": WARNED}


def test_a_rate_that_was_not_carried_says_what_was_missing_and_what_had_to_wait() -> None:
    (finding,) = find_faults(
        planted(OPEN, {"load.requests": 940, "load.kept": 940, "load.late": 60})
    )
    assert "940 of 1000 requests were answered in time, 60 found all connections" in finding.message


def test_a_busy_client_explains_a_server_with_time_to_spare() -> None:
    """What the server waits for is the client: that it is not saturated goes without saying."""
    assert judged(busy(0.84, idle=0.5, server=0.5)) == {"not-saturated": WARNED}
    assert "not-saturated" not in judged(busy(0.86, idle=0.5, server=0.5))


@pytest.mark.parametrize("taken", ["host.client_foreign", "host.client_steal"])
def test_a_client_whose_cpu_others_took_explains_a_server_with_time_to_spare(taken: str) -> None:
    idle = {"server.cpu_user": 0.2, "host.server_idle": 0.5}
    assert judged(planted(CLOSED, {**idle, taken: 0.1})) == {"not-saturated": WARNED}
    assert "not-saturated" not in judged(planted(CLOSED, {**idle, taken: 0.11}))


def test_users_that_were_busy_with_errors_are_not_missing() -> None:
    """Half of the users of 1,000 right answers/s: the others had to do with what failed."""
    few = {"load.requests": 1000, "load.slices": (500.0,) * 12}
    assert judged(planted(CLOSED, few)) == {"littles-law": INVALID}
    assert judged(planted(CLOSED, {**few, "load.errors": {"late": 11}})) == {"errors": INVALID}


# when a rule does not apply


@pytest.mark.parametrize(
    "changes",
    [
        # a closed loop has no schedule, its generator no intended start to be late for
        {"load.use.lag": 1.0},
        {"delay": (1.0, 1.0, 1.0)},
        # too few slices to judge
        {"load.slices": (1.0, 9.0, 90.0, 900.0, 9000.0)},
        # one slow slice, or noise, is no drift
        {"load.slices": (100.0, *(1000.0,) * 11)},
        {"load.slices": (500.0, 1500.0) * 4 + (1500.0,) * 4},
        # a quota on a fraction of a core is meant
        {"server.throttled": 0.5, "placement.cpus": 0.5, "server.cpu_user": 0.1},
        # a server that is meant to close its connections
        {"load.connections": 2000, "keep_alive": False},
        {"server.memory_growth": -90.0 * MIB},
    ],
)
def test_a_closed_loop_in_which_a_rule_does_not_apply_has_no_findings(changes: Changes) -> None:
    assert judged(planted(CLOSED, changes)) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"server.cpu_user": 0.1, "host.server_idle": 0.9},
        {"load.latency": latencies(0.001, 2000)},
        {"load.fairness": 0.2},
        {"load.slices": sloped(9000)},
        {"server.memory_growth": 90.0 * MIB},
        {"load.requests": 40, "load.latency": latencies(0.032, 40)},
        {"load.connections": 2000},
    ],
)
def test_in_a_shape_users_come_go_and_think_which_is_no_fault(changes: Changes) -> None:
    assert judged(planted(CLOSED, changes)) != {}
    assert judged(planted(CLOSED, {**changes, "phase.shape": (1, 32)})) == {}


def test_of_a_shape_errors_and_what_is_not_answered_are_results() -> None:
    failing = {"load.errors": {"timed out": 500}, "load.unanswered": 500, "phase.shape": (1, 32)}
    assert judged(planted(CLOSED, failing)) == {"errors": WARNED, "unanswered": WARNED}
    stalled = {"load.silence": 3.0, "phase.shape": (1, 32)}
    assert judged(planted(CLOSED, stalled)) == {"hang": WARNED}


@pytest.mark.parametrize(("lag", "severity"), [(0.0011, None), (0.02, WARNED), (0.04, INVALID)])
def test_a_generator_that_lags_behind_a_shape_is_seen_though_its_mean_use_is_low(
    lag: float, severity: Severity | None
) -> None:
    found = judged(planted(CLOSED, {"load.use.lag": lag, "phase.shape": (1, 32)}))
    assert found == ({} if severity is None else {"schedule": severity})


def test_a_shape_on_a_machine_that_others_use_is_not_believed() -> None:
    assert judged(planted(CLOSED, {"host.server_steal": 0.5, "phase.shape": (1, 32)})) == {
        "steal": INVALID
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"load.requests": 499, "phase.users": 10},
        {"load.requests": 319, "load.fairness": 0.1},
        {"load.requests": 499, "load.slices": sloped(9000)},
    ],
)
def test_of_too_few_answers_to_judge_it_is_said_that_they_are_few_and_nothing_else(
    changes: Changes,
) -> None:
    assert judged(planted(CLOSED, changes)) == {"few-answers": WARNED}


@pytest.mark.parametrize("base", [CLOSED, OPEN], ids=["closed", "open"])
def test_no_answers_are_not_few_as_well(base: Evidence) -> None:
    assert judged(planted(base, {"load.requests": 0})) == {"no-answers": INVALID}


def test_a_server_that_answers_nothing_at_all_hangs_from_a_second_on() -> None:
    nothing = {"load.requests": 0, "load.latency": LatencyHistogram().encode()}
    assert judged(planted(CLOSED, {**nothing, "load.silence": 1.0})) == {
        "no-answers": INVALID,
        "hang": INVALID,
    }


def test_what_waits_in_a_queue_does_not_hang() -> None:
    """That the queue is not worked off in time is what `overloaded` is about."""
    queue = {"load.requests": 500, "load.kept": 500, "load.unanswered": 400}
    assert judged(planted(OPEN, queue)) == {"overloaded": WARNED}


@pytest.mark.parametrize(
    "changes",
    [
        # far below its capacity a server is idle, serves few at once, and need not be steady
        {"server.cpu_user": 0.01, "host.server_idle": 0.9},
        {"phase.users": 1},
        {"load.slices": sloped(9000)},
        # what may be too much need not be carried
        {**OVERLOAD, "load.requests": 500, "load.kept": 500, "load.late": 500},
        {**OWN, "load.requests": 500, "load.kept": 500, "load.late": 500},
        # of overload no latency is reported that a late start could spoil
        {**OVERLOAD, "load.use.lag": 1.0},
        # few arrivals vary more than 5 %
        {"phase.rate": 50.0, "load.offered": 135, "load.requests": 135, "load.kept": 135},
        # what found all connections busy waits in a queue and need not hang
        {"load.unanswered": 900, "load.late": 1},
        {**OVERLOAD, "load.unanswered": 900},
        {**OWN, "load.unanswered": 900},
        # of what may be too much few need be answered
        {**OVERLOAD, "load.requests": 1},
        {**OWN, "load.requests": 1},
    ],
)
def test_an_open_loop_in_which_a_rule_does_not_apply_has_no_findings(changes: Changes) -> None:
    assert judged(planted(OPEN, changes)) == {}


# between stacks


def test_the_busiest_of_several_load_processes_is_named() -> None:
    workers = tuple(
        WorkerUse(name=name, requests=1000, cpu=cpu, lag=0.0)
        for name, cpu in (("load-1-1", 0.4), ("load-2-1", 0.97))
    )
    base = busy(0.97, idle=0.5)
    here = replace(base, load=replace(base.load, workers=workers))
    (said,) = (finding.message for finding in find_faults(here) if "client" in finding.rule)
    assert said.startswith("the load generator load-2-1 used 97% of its core")
    alike = tuple(replace(worker, name="here") for worker in workers)
    there = replace(base, load=replace(base.load, workers=alike))
    (said,) = (finding.message for finding in find_faults(there) if "client" in finding.rule)
    assert said.startswith("the load generator used 97% of its core")
