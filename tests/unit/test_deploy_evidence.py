"""What a deployment takes from a run: of one stack, what is valid, and of that the worst."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from toolkit.deployment.evidence import Evidence, Under, evidence_of, wait_to_cpu
from toolkit.errors import ConfigError
from toolkit.measured import Failure, Finding, Measurement, Run, Severity
from toolkit.model import Knobs, Trial

MakeMeasurement = Callable[..., Measurement]
MakeRun = Callable[..., Run]
INVALID = Finding(rule="client-limited", severity=Severity.INVALID, message="too slow a client")


def only(evidence: Evidence) -> Under:
    (under,) = evidence.under
    return under


def test_it_says_of_the_stack_what_the_run_says(ten_rounds: Run) -> None:
    evidence = evidence_of(ten_rounds, "b/y")
    assert evidence.run == ten_rounds.id
    assert (evidence.cpus, evidence.memory_limit) == (1.0, 512 * 2**20)
    assert evidence.objective == ten_rounds.load.objective
    under = only(evidence)
    assert under.workload == "list"
    assert 1800 < under.capacity.value < 2200
    assert under.carried is not None
    assert 1000 < under.carried < under.capacity.value
    assert under.cpu == pytest.approx(0.9 / under.capacity.value, rel=0.1)
    assert under.memory == 30 * 2**20
    assert under.threads == 5


def test_a_stack_that_is_not_named_is_the_best_of_the_first_workload(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    run = make_run(
        (
            make_measurement("slow/x", "list", rate=10),
            make_measurement("fast/x", "list", rate=1000),
            make_measurement("doubtful/x", "list", rate=9999, findings=(INVALID,)),
            make_measurement("slow/x", "other", rate=5000),
        )
    )
    assert evidence_of(run, None).stack == "fast/x"
    assert evidence_of(run, None, ["other"]).stack == "slow/x"


def test_an_invalid_number_is_none(make_measurement: MakeMeasurement, make_run: MakeRun) -> None:
    run = make_run(
        (
            make_measurement("a/x", "list", findings=(INVALID,)),
            make_measurement("a/x", "other", rate=700),
        )
    )
    assert [under.workload for under in evidence_of(run, "a/x").under] == ["other"]
    with pytest.raises(ConfigError, match="has no valid number of a/x") as raised:
        evidence_of(run, "a/x", ["list"])
    assert raised.value.hint == f"`toolkit report {run.id}` says why."


def test_a_run_in_which_everything_failed_chooses_nothing(make_run: MakeRun) -> None:
    trial = Trial(stack="dead/x", workload="list", round=1, position=1)
    run = make_run((Failure(trial=trial, stage="start", message="exit code 3"),))
    with pytest.raises(ConfigError, match="no valid number to choose a stack by"):
        evidence_of(run, None)
    with pytest.raises(ConfigError, match="no valid number of dead/x"):
        evidence_of(run, "dead/x")


@pytest.mark.parametrize(
    ("stack", "workloads", "said", "hint"),
    [
        ("a/y", (), "no stack 'a/y'", "a/x"),
        ("a/x", ("lists",), "no workload 'lists'", "list"),
        ("zzz", (), "no stack 'zzz'", "It has a/x."),
    ],
)
def test_what_the_run_has_not_is_named(
    stack: str,
    workloads: tuple[str, ...],
    said: str,
    hint: str,
    make_measurement: MakeMeasurement,
    make_run: MakeRun,
) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        evidence_of(make_run((make_measurement("a/x", "list"),)), stack, workloads)
    assert hint in (raised.value.hint or "")


def test_memory_threads_and_start_are_the_worst_that_were_seen(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    def trial(number: int, memory: int, threads: int, start: float) -> Measurement:
        made = make_measurement("a/x", round=number, start_seconds=start)
        server = replace(made.phases[0].use, memory_peak=memory, threads=threads)
        return replace(made, phases=(replace(made.phases[0], server=server),))

    run = make_run((trial(1, 90, 4, 0.5), trial(2, 70, 9, 2.5), trial(3, 80, 5, 0.7)))
    evidence = evidence_of(run, "a/x")
    assert (only(evidence).memory, only(evidence).threads, evidence.start) == (90, 9, 2.5)


def test_the_slowest_answer_is_that_of_any_phase_but_an_overload(
    make_measurement: MakeMeasurement,
    make_at_rates: MakeMeasurement,
    make_played: MakeMeasurement,
    make_run: MakeRun,
) -> None:
    """Under overload and in a shape the wait is a queue's; in an open loop the sending counts."""
    capacity = make_measurement("a/x", rate=1000, users=32)
    over = make_at_rates("a/x", capacity=1000, own=100, parts=(1.2,))
    rates = make_at_rates("a/x", capacity=1000, own=500, parts=(0.9,))
    # 32 users at 10 requests/s wait for seconds
    shape = make_played("a/x", 1, 10)
    slowest = only(evidence_of(make_run((capacity, rates, over, shape)), "a/x")).slowest
    # six times the mean of 32 ms, and not the half second for which they wait at 900/s
    assert slowest == pytest.approx(6 * 0.032, rel=0.02)


def test_only_settings_that_the_server_has_count(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    run = make_run((make_measurement("a/x"),), knobs=Knobs(database_pool=7))
    settings = {"WORKERS": "3", "THREADS": "8", "PRELOAD": "1"}
    (facts,) = run.stacks

    def evidence(knobs: "tuple[str, ...] | None", **more: str) -> Evidence:
        stacks = (replace(facts, settings={**settings, **more}, knobs=knobs),)
        return evidence_of(replace(run, stacks=stacks), "a/x")

    assert evidence(("workers", "preload")).knobs == {"workers": 3, "preload": 1}
    # of a run of before they were recorded
    assert evidence(None).knobs.items() >= {"workers": 3, "threads": 8, "preload": 1}.items()
    assert evidence(("workers",)).pool == 7
    assert evidence(("workers",), DATABASE_POOL="4").pool == 4


def test_of_waiting_the_ramps_first_step_tells(
    make_measurement: MakeMeasurement, make_ramp: MakeMeasurement, make_run: MakeRun
) -> None:
    """One user, 100 answers/s: 10 ms each, of which 0.9 ms are CPU at 1000/s."""
    run = make_run((make_measurement("a/x", rate=1000), make_ramp("a/x", {1: 100, 2: 200})))
    under = only(evidence_of(run, "a/x"))
    assert under.lone == pytest.approx(0.01, rel=0.2)
    assert wait_to_cpu(under) == pytest.approx(0.01 / 0.0009 - 1, rel=0.25)


def test_without_a_ramp_waiting_is_not_known(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    under = only(evidence_of(make_run((make_measurement("a/x"),)), "a/x"))
    assert under.lone is None
    assert wait_to_cpu(under) is None


def test_the_most_expensive_workload_is_the_one_of_which_least_is_carried(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    run = make_run(
        (make_measurement("a/x", "list", rate=900), make_measurement("a/x", "report", rate=30))
    )
    assert evidence_of(run, "a/x").most_expensive.workload == "report"
