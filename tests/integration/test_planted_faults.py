"""Faults planted in real servers, clients and neighbours, each found by its rule.

Everything is real but the server, which is ``cheat.py`` with one fault: a process on the server's
CPUs, loaded by Locust in its own process, measured by the bench, judged by all rules. What the
machine does besides (``MACHINE``) is found as well, rightly, and says nothing about the fault: a
trial that it spoilt is measured again, as its reader would do.
"""

import contextlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from toolkit.backing import Backings
from toolkit.bench import run_bench
from toolkit.catalog import root
from toolkit.errors import EnvironmentFault, StackError
from toolkit.histogram import LatencyHistogram
from toolkit.host import allowed_cpus, read_counters, read_host
from toolkit.load.calibrate import calibrate
from toolkit.load.engine import LocustEngine
from toolkit.machine import siblings
from toolkit.measured import (
    Calibration,
    ClientUse,
    Failure,
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
    App,
    Arrivals,
    Interface,
    Knobs,
    LoadSettings,
    Need,
    Phase,
    Placement,
    Server,
    Stack,
    Stage,
    Trial,
    Workload,
)
from toolkit.placement import place
from toolkit.plan import make_plan
from toolkit.ports import Backing, Observer
from toolkit.progress import Progress
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.process import ProcessService
from toolkit.stages import phases_of
from toolkit.store import Store
from toolkit.trial import World, measure
from toolkit.validity import Evidence, find_faults

ServeCheat = Callable[..., AbstractContextManager[ProcessService]]
INVALID, WARNED = Severity.INVALID, Severity.WARNED
MACHINE = {"foreign-cpu", "steal", "swap", "frequency", "clock", "ports"}
"""Rules about the machine."""

TRIES = 6
PYTHON = str(Path(sys.executable).absolute())

ASK = """
    from toolkit.client import JsonBody, Request, SocketUser

    EXPECTED = {"number": 7, "text": "some thirty characters of text"}

    class Asker(SocketUser):
        timeout = 2.0
        tasks = [Request("GET", "/thing", expect=200, check=JsonBody(EXPECTED))]
"""

ASK_AT_COST = """
    import time
    from toolkit.client import Request, SocketUser

    def check(body):
        end = time.thread_time() + 0.002
        while time.thread_time() < end:
            pass
        return b'"number": 7' in body

    class Asker(SocketUser):
        tasks = [Request("GET", "/thing", expect=200, check=check)]
"""


def stack_of(fault: str, *, keep_alive: bool = True) -> Stack:
    app = App(
        name="cheat",
        summary="a server with a fault",
        interface=Interface.WSGI,
        target="",
        health="/healthz",
        path=Path(__file__).parent,
    )
    server = Server(
        name=fault,
        summary="",
        interfaces=(Interface.WSGI,),
        keep_alive=keep_alive,
        argv=(),
        path=Path(__file__).parent,
    )
    return Stack(app=app, server=server)


class CheatRuntime:
    """Serves ``cheat.py`` with the fault that a stack's server is named after.

    Attributes:
        told: Lines that the last server printed until its end.
    """

    facts = RuntimeFacts(
        name="process", reason="a test", network="loopback", memory_kind="PSS of the process tree"
    )

    def __init__(
        self, serve: ServeCheat, placement: Placement, guardian: Guardian, folder: Path
    ) -> None:
        self._serve = serve
        self._placement = placement
        self._guardian = guardian
        self._log = folder / "server.log"
        self.told: list[list[str]] = []

    def prepare(self, stack: Stack, observer: Observer) -> StackFacts:
        return StackFacts(
            id=stack.id,
            summary="",
            keep_alive=stack.server.keep_alive,
            argv=(),
            settings={},
            python="",
            packages={},
        )

    def backing(self, need: Need, observer: Observer) -> AbstractContextManager[Backing]:
        raise EnvironmentFault(f"no {need} in this test")

    def run_once(
        self, stack: Stack, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        raise StackError("nothing is run in this test")

    @contextlib.contextmanager
    def serve(self, stack: Stack, environment: Mapping[str, str]) -> Iterator[ProcessService]:
        with self._serve(
            stack.server.name,
            cpus=self._placement.server_cpus,
            guardian=self._guardian,
            log=self._log,
        ) as service:
            yield service
        self.told = [line.split() for line in self._log.read_text().splitlines()]


@dataclass
class Lab:
    """Measures one fault at a time with the parts of the real bench."""

    placement: Placement
    guardian: Guardian
    folder: Path
    runtime: CheatRuntime

    def workload(self, text: str = ASK) -> Workload:
        path = self.folder / "locustfile.py"
        path.write_text(textwrap.dedent(text))
        return Workload(name="ask", summary="", path=path)

    def world(self, users: int) -> World:
        where = self.placement
        return World(
            runtime=self.runtime,
            load=LocustEngine(users, where, self.guardian),
            store=Store(self.folder / "results"),
            observer=Progress(Console(quiet=True)),
            exchanges=lambda app: (),
            backings=Backings(self.runtime, secret="s"),
            broken=(),
            read_host=partial(read_counters, where.server_cpus, where.client_cpus),
            calibrate=partial(calibrate, placement=where, guardian=self.guardian),
        )

    def run(self, load: LoadSettings, **changes: object) -> Run:
        values: dict[str, object] = {
            "id": "20261124-100000-abcd",
            "started_at": "2026-11-24T10:00:00+00:00",
            "host": read_host(),
            "runtime": self.runtime.facts,
            "placement": self.placement,
            "knobs": Knobs(),
            "load": load,
            "rounds": 1,
            "seed": 7,
            "baseline": "cheat/baseline",
            "trials": (),
        }
        return Run(**{**values, **changes})  # type: ignore[arg-type]

    def outcome(
        self,
        fault: str,
        *,
        users: int = 8,
        duration: float = 0.8,
        rate: float | None = None,
        arrivals: Arrivals = Arrivals.POISSON,
        workload: Workload | None = None,
        keep_alive: bool = True,
        calibrations: tuple[Calibration, ...] = (),
    ) -> Outcome:
        """Measure once: a closed loop, or an open one if there is a rate."""
        load = LoadSettings(
            users=users,
            connections=users,
            warmup=0.25,
            warmup_requests=0,
            duration=duration if rate is None else duration / 2,  # the plan doubles it
            rates=(0.9,),
            arrivals=arrivals,
        )
        stage = Stage.CAPACITY if rate is None else Stage.LATENCY
        trial = Trial(stack=f"cheat/{fault}", workload="ask", round=1, position=1, stage=stage)
        known = () if rate is None else (capacity(rate / 0.9),)
        run = self.run(load, outcomes=known, calibrations=calibrations)
        phases = phases_of(trial, run)
        assert phases is not None
        return measure(
            trial,
            stack_of(fault, keep_alive=keep_alive),
            workload or self.workload(),
            phases,
            run,
            self.world(users),
        )

    def phase(
        self, fault: str, fine: Callable[[PhaseResult], bool] = lambda _: False, **options: object
    ) -> PhaseResult:
        """Measure; if the machine spoilt it and it is not fine either, measure again."""
        left = TRIES
        while True:
            outcome = self.outcome(fault, **options)  # type: ignore[arg-type]
            assert isinstance(outcome, Measurement), outcome
            (phase,) = outcome.phases
            left -= 1
            if not left or not spoilt(phase) or fine(phase):
                return phase

    def finds(self, fault: str, wanted: dict[str, Severity], **options: object) -> PhaseResult:
        """Measure a fault and require that these rules, among others, say so."""
        phase = self.phase(fault, lambda phase: wanted.items() <= self.judged(phase), **options)
        found = dict(self.judged(phase))
        assert {rule: found.get(rule) for rule in wanted} == wanted
        return phase

    def judged(self, phase: PhaseResult) -> AbstractSet[tuple[str, Severity]]:
        """Give what was found, and would be if the neighbours who spoilt it had used nothing."""
        found = rules_of(phase).items()
        if not spoilt(phase):
            return found
        alone = Evidence(
            phase=phase.phase,
            load=phase.load,
            server=phase.server,
            host=HostUse(),
            placement=self.placement,
            keep_alive=True,
        )
        return found | {(finding.rule, finding.severity) for finding in find_faults(alone)}


def spoilt(phase: PhaseResult) -> bool:
    return any(rules_of(phase).get(rule) is INVALID for rule in MACHINE)


def rules_of(phase: PhaseResult) -> dict[str, Severity]:
    return {finding.rule: finding.severity for finding in phase.findings}


def capacity(rate: float) -> Measurement:
    """Say what the baseline can serve, for the rates are parts of it."""
    load = LoadResult(
        duration=1.0,
        requests=round(rate),
        errors={},
        latency=LatencyHistogram().encode(),
        connections=0,
        silence=0.0,
        slices=(),
        client="SocketUser",
        use=ClientUse(cpu_user=0.0, cpu_system=0.0, lag=0.0, memory=0),
        seen=0,
        locust_seen=0,
    )
    phase = PhaseResult(
        phase=Phase(users=1, duration=1.0),
        load=load,
        server=ServerUse(cpu_user=0.0, cpu_system=0.0, memory_peak=0),
        host=HostUse(),
    )
    trial = Trial(stack="cheat/baseline", workload="ask", round=1, position=1)
    return Measurement(trial=trial, started_at="", phases=(phase,), start_seconds=0.0)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, serve_cheat: ServeCheat) -> Iterator[Lab]:
    """Divide the CPUs as the bench does, and keep this process off the server's."""
    cpus = allowed_cpus()
    where = place(
        allowed=cpus, siblings=siblings(cpus), cpus=1.0, client_cpus=1, memory=512 * 2**20
    )
    os.sched_setaffinity(0, where.client_cpus)
    try:
        with Guardian() as guardian:
            folder = tmp_path_factory.mktemp("lab")
            runtime = CheatRuntime(serve_cheat, where, guardian, folder)
            yield Lab(where, guardian, folder, runtime)
    finally:
        os.sched_setaffinity(0, cpus)


@contextlib.contextmanager
def burners(cpus: Sequence[int], count: int) -> Iterator[None]:
    """Burn CPUs beside everything else, in several processes."""
    code = f"import os\nos.sched_setaffinity(0, {set(cpus)})\nprint('on', flush=True)\nwhile 1: 0"
    started = [
        subprocess.Popen([PYTHON, "-I", "-c", code], stdout=subprocess.PIPE) for _ in range(count)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == b"on\n"
        yield
    finally:
        for process in started:
            process.kill()
            process.communicate()


# nothing planted, nothing found


@pytest.mark.parametrize("rate", [None, 500.0])
def test_an_honest_server_raises_nothing_but_what_the_machine_did(
    lab: Lab, rate: float | None
) -> None:
    """Closed loop at its capacity, open loop at a fifth of it."""
    phase = lab.phase("honest", rate=rate, users=8 if rate is None else 64)
    # a machine that changes within the window shows as a drift, or as a late generator
    assert rules_of(phase).keys() <= MACHINE | {"drift", "schedule"}
    assert phase.load.requests > 200
    assert phase.load.errors == {}


def test_an_honest_server_of_created_assets_raises_nothing_either(lab: Lab) -> None:
    """What the caching server is found by does not find the one that answers each by itself."""
    create = Workload(name="create", summary="", path=root() / "loadtests" / "create.py")
    phase = lab.phase("honest", workload=create)
    assert rules_of(phase).keys() <= MACHINE | {"drift"}


# answers that are none


def test_errors_that_are_answered_fast_are_no_rate(lab: Lab) -> None:
    phase = lab.finds("failing", {"errors": INVALID})
    # one cause, one finding: users were answered all the time
    assert rules_of(phase).keys().isdisjoint({"littles-law", "stall", "hang"})
    assert phase.load.requests * 50 < phase.load.failed


@pytest.mark.parametrize(
    ("fault", "error"),
    [("wrong", "wrong body"), ("truncating", "the connection was closed within the body")],
)
def test_a_body_that_is_not_the_one_asked_for_is_no_answer(
    lab: Lab, fault: str, error: str
) -> None:
    phase = lab.finds(fault, {"errors": INVALID, "no-answers": INVALID})
    assert phase.load.errors.keys() == {error}
    assert phase.load.requests == 0
    assert rules_of(phase).keys().isdisjoint({"stall", "hang"})


def test_the_answer_to_somebody_elses_request_is_an_error(lab: Lab) -> None:
    """A cache that should not be there, under the workload that sends another body each time."""
    create = Workload(name="create", summary="", path=root() / "loadtests" / "create.py")
    phase = lab.finds("caching", {"errors": INVALID}, workload=create)
    assert phase.load.errors.keys() == {"wrong body"}


# connections


def test_connections_that_starve_are_found(lab: Lab) -> None:
    """4 of 16 are served, at the best latency of all."""
    lab.finds("starving", {"uneven": INVALID, "littles-law": INVALID}, users=16)


def test_a_server_that_closes_connections_it_is_meant_to_keep_is_found(lab: Lab) -> None:
    lab.finds("closing", {"reconnects": INVALID})
    frank = lab.outcome("closing", keep_alive=False)
    assert isinstance(frank, Measurement)
    assert "reconnects" not in rules_of(frank.phases[0])


def test_a_stall_is_found(lab: Lab) -> None:
    """0.4 s in every second."""
    lab.finds("stalling", {"stall": WARNED}, duration=1.5)


def test_a_server_that_hangs_for_good_is_found_and_the_trial_ends(lab: Lab) -> None:
    """With the default timeout of a user, which is longer than the trial."""
    patient = lab.workload(ASK.replace("timeout = 2.0", ""))
    lab.finds("hanging", {"hang": INVALID}, duration=1.4, workload=patient)


def test_every_request_meant_for_a_window_is_answered_fails_or_is_missed(lab: Lab) -> None:
    """An open loop against a server that hangs: what was under way, and what never could be."""
    phase = lab.finds("hanging", {"hang": INVALID}, rate=200.0, duration=1.4, users=32)
    load = phase.load
    assert load.failed
    assert load.unanswered
    answered = LatencyHistogram.decode(load.latency).count
    assert answered + load.failed + load.unanswered == load.offered


def test_a_few_connections_that_hang_among_many_are_found(lab: Lab) -> None:
    """Answers go on, the others are served alike, and nearly all users are busy."""
    phase = lab.finds("deserting", {"unanswered": INVALID}, users=32)
    assert not {"hang", "littles-law", "uneven"} & rules_of(phase).keys()


def test_what_a_task_finds_wrong_is_an_error_though_its_requests_look_right(lab: Lab) -> None:
    doubting = lab.workload("""
        from locust import FastHttpUser, task

        class Asker(FastHttpUser):
            @task
            def ask(self):
                assert self.client.get("/thing").json()["number"] == 8
    """)
    phase = lab.finds("instant", {"errors": INVALID}, workload=doubting)
    (message,) = phase.load.errors
    assert message.startswith("a task raised AssertionError")


# the server's processes


def test_a_leak_is_found(lab: Lab) -> None:
    lab.finds("leaking", {"memory-growth": WARNED})


def test_a_server_that_is_still_warming_up_is_found(lab: Lab) -> None:
    lab.finds("warming", {"drift": WARNED}, duration=1.2)


def test_a_server_that_waits_instead_of_working_is_found(lab: Lab) -> None:
    lab.finds("idling", {"not-saturated": WARNED})


def test_a_worker_that_was_replaced_is_found(lab: Lab) -> None:
    lab.finds("restarting", {"restarts": INVALID})


def test_files_that_run_out_are_found(lab: Lab) -> None:
    lab.finds("hoarding", {"open-files": WARNED})


def test_a_server_that_dies_under_load_gives_no_number_but_its_last_words(lab: Lab) -> None:
    outcome = lab.outcome("dying", duration=2.0)
    assert isinstance(outcome, Failure)
    assert outcome.stage == "load"
    assert "exit code 3" in outcome.message
    assert outcome.log == "I have had enough"


# the load generator and its neighbours


@pytest.mark.parametrize("rate", [None, 700.0])
def test_a_client_at_its_limit_is_not_taken_for_the_server(lab: Lab, rate: float | None) -> None:
    """Its own check of the answer takes 2 ms, so it gets through 500 in a second."""
    phase = lab.phase(
        "instant",
        lambda phase: rules_of(phase).get("client-limited") is INVALID,
        rate=rate,
        users=8 if rate is None else 256,
        workload=lab.workload(ASK_AT_COST),
    )
    # where neighbours have its core it does not even get to its limit
    reason = "foreign-cpu" if spoilt(phase) else "client-limited"
    assert rules_of(phase)[reason] is INVALID
    assert "not-saturated" not in rules_of(phase)
    assert ("schedule" in rules_of(phase)) == (rate is not None)


@pytest.mark.parametrize("rate", [None, 1000.0])
def test_a_client_that_neighbours_starve_of_cpu_is_found(lab: Lab, rate: float | None) -> None:
    with burners(lab.placement.client_cpus, 4):
        phase = lab.finds("instant", {"foreign-cpu": INVALID}, rate=rate, users=32)
    # at a rate it may be late as well, or be let in time after time
    assert rate is not None or "schedule" not in rules_of(phase)
    # the server is not blamed for it
    assert "not-saturated" not in rules_of(phase)


def test_a_neighbour_on_the_servers_core_is_found(lab: Lab) -> None:
    with burners(lab.placement.server_cpus, 1):
        lab.finds("honest", {"foreign-cpu": INVALID})


def test_a_rate_that_the_server_cannot_carry_is_found(lab: Lab) -> None:
    """Twice its capacity, though not meant as overload."""
    lab.finds("honest", {"overloaded": WARNED}, rate=4500.0, users=16)


def test_latencies_that_are_the_clients_own_are_found(lab: Lab) -> None:
    """Nothing of what is measured on a server that answers at once is the server's."""
    calibration = calibrate("SocketUser", [500.0], placement=lab.placement, guardian=lab.guardian)
    assert calibration is not None
    assert calibration.delay_at(500.0) is not None
    phase = lab.phase(
        "instant",
        lambda phase: "client-delay" in rules_of(phase),
        rate=500.0,
        users=64,
        calibrations=(calibration,),
    )
    assert "client-delay" in rules_of(phase)


# the whole bench


def test_a_bench_stores_what_it_found_with_the_trial(lab: Lab) -> None:
    """All stages: a ramp, the capacity, a fixed rate with a calibrated client."""
    stacks = (stack_of("honest"), stack_of("closing"))
    load = LoadSettings(
        most_users=4,
        warmup=0.2,
        duration=0.6,
        rates=(0.5,),
        rate_rounds=1,
        connections=64,
        objective=5.0,
    )
    plan = make_plan(
        stacks=stacks, workloads=[lab.workload()], rounds=1, load=load, baseline="", seed=1
    )
    run = lab.run(load, trials=plan.trials, baseline=plan.baseline)
    done = run_bench(plan, run, lab.world(64))
    assert Store(lab.folder / "results").load() == done
    assert [item.client for item in done.calibrations] == ["SocketUser"]
    assert [outcome.trial for outcome in done.outcomes] == list(plan.trials)
    for outcome in done.outcomes:
        assert isinstance(outcome, Measurement), outcome
        found = {rule for phase in outcome.phases for rule in rules_of(phase)}
        if outcome.trial.stage is Stage.RAMP:
            assert found == set()
        else:
            assert ("reconnects" in found) == (outcome.trial.stack == "cheat/closing")


# the truth about a stall


@pytest.mark.parametrize("arrivals", list(Arrivals))
def test_an_open_loop_reports_a_stall_as_long_as_it_was(lab: Lab, arrivals: Arrivals) -> None:
    """The server does nothing for 0.4 s in every 4: whoever comes then waits for the rest of it.

    What each request had to wait follows from when it was meant to be sent and when the server was
    frozen, by its own account; both clocks are the machine's.
    """
    duration = 8.0 if arrivals is Arrivals.POISSON else 4.0
    phase = lab.finds(
        "freezing",
        {"stall": WARNED},
        rate=150.0,
        duration=duration,
        users=256,
        arrivals=arrivals,
    )
    reported = LatencyHistogram.decode(phase.load.latency).percentiles(95, 99)
    ranked = sorted(waits(lab.runtime.told, phase.phase))
    expected = [ranked[int(len(ranked) * part)] for part in (0.95, 0.99)]
    assert reported == pytest.approx(expected, rel=0.15)
    # that many users need many connections, which is no fault of the server's
    assert phase.load.connections == 0
    # what the truth is for arrivals that are perfectly even
    assert expected == pytest.approx([0.2, 0.36], rel=0.3)


def starts(phase: Phase) -> list[float]:
    """Give when requests were meant to be sent, seconds from the begin of the phase.

    Asked of a process of its own: where these times come from is where Locust is imported, which
    changes the sockets of whoever does.
    """
    code = (
        "import json, sys\n"
        "from itertools import takewhile\n"
        "from toolkit.client.pace import arrivals\n"
        "rate, seed, poisson, end = json.loads(sys.argv[1])\n"
        "starts = arrivals(rate, seed, poisson=poisson)\n"
        "print(json.dumps([*takewhile(lambda at: at < end, starts)]))\n"
    )
    poisson = phase.arrivals is Arrivals.POISSON
    given = [phase.rate, phase.seed, poisson, phase.settle + phase.duration]
    done = subprocess.run(
        [PYTHON, "-c", code, json.dumps(given)], check=True, capture_output=True, text=True
    )
    found: list[float] = json.loads(done.stdout)
    return found


def waits(told: list[list[str]], phase: Phase) -> list[float]:
    """Give how long each request meant for the window had to wait for the end of a freeze."""
    came = sorted(float(at) for word, *times in told if word == "came" for at in times)
    frozen = [(float(line[1]), float(line[2])) for line in told if line[0] == "frozen"]
    meant = starts(phase)
    # the first of all requests that was not kept waiting came when it was meant to
    begin = min(at - offset for at, offset in zip(came, meant, strict=False))
    window = [begin + offset for offset in meant if offset >= phase.settle]
    return [
        max((until - due for since, until in frozen if since <= due < until), default=0.0)
        for due in window
    ]


def test_a_closed_loop_hardly_shows_the_same_stall(lab: Lab) -> None:
    """Its users wait as well, so they ask less often just then: coordinated omission."""
    phase = lab.finds("freezing", {"stall": WARNED}, duration=4.0, users=4)
    p95, most = LatencyHistogram.decode(phase.load.latency).percentiles(95, 100)
    assert p95 < 0.02
    assert most > 0.3
