import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from toolkit.errors import ConfigError, EnvironmentFault
from toolkit.measured import (
    Failure,
    Finding,
    HostUse,
    Measurement,
    PhaseResult,
    Run,
    ServerUse,
    Severity,
)
from toolkit.model import Arrivals, Stage
from toolkit.store import FORMAT, Store, dumps, loads, new_run_id


def full(run: Run) -> Run:
    """Put in what a run can hold: every stage, findings of both kinds, a failure, the unknown."""
    failure = Failure(trial=run.trials[0], stage="load", message="died", log="last words")
    first = run.outcomes[0]
    assert isinstance(first, Measurement)
    findings = tuple(
        Finding(rule=f"rule-{severity}", severity=severity, message="why") for severity in Severity
    )
    (step, *steps) = first.phases
    unknown = PhaseResult(
        phase=step.phase,
        load=replace(step.load, connections=None, fairness=None, errors={"status 500": 3}),
        server=ServerUse(cpu_user=0.5, cpu_system=0.1, memory_peak=1, memory_growth=-3.5),
        host=HostUse(clock_step=-0.25),
        findings=findings,
    )
    judged = replace(first, phases=(unknown, *steps), stop_seconds=None)
    shape = replace(step.phase, users=3, duration=2.0, shape=(1, 3))
    played = replace(
        first,
        trial=replace(first.trial, stage=Stage.SHAPE),
        phases=(replace(step, phase=shape),),
    )
    load = replace(run.load, arrivals=Arrivals.CONSTANT, rates=(0.25, 1.5))
    host = replace(run.host, cpu_quota=1.5, allowed_cpus=())
    outcomes = (judged, *run.outcomes[1:], played, failure)
    return replace(run, outcomes=outcomes, load=load, host=host)


def test_a_run_reads_back_as_it_was_written(six_rounds: Run, tmp_path: Path) -> None:
    run = full(six_rounds)
    store = Store(tmp_path)
    store.save(run)
    assert store.load(run.id) == run


def test_the_run_of_that_test_holds_all_kinds_of_things(six_rounds: Run) -> None:
    run = full(six_rounds)
    kept = [item for item in run.outcomes if isinstance(item, Measurement)]
    assert {item.trial.stage for item in kept} == set(Stage)
    assert len(kept) < len(run.outcomes)
    phases = [phase for item in kept for phase in item.phases]
    assert {f.severity for phase in phases for f in phase.findings} == set(Severity)
    assert any(phase.load.recovery for phase in phases)
    assert any(phase.phase.overload for phase in phases)
    assert any(phase.phase.shape for phase in phases)
    assert run.calibrations[0].delays


def test_a_run_without_outcomes_reads_back(make_run: Callable[..., Run]) -> None:
    run = make_run(finished_at=None)
    assert loads(dumps(run), "run.json") == run


def test_the_document_is_versioned_and_a_later_one_is_refused(six_rounds: Run) -> None:
    document = json.loads(dumps(six_rounds))
    assert document["format"] == FORMAT
    document["format"] = FORMAT + 1
    with pytest.raises(ConfigError, match="reads up to") as caught:
        loads(json.dumps(document), "run.json")
    assert "Upgrade" in caught.value.hint


def test_a_document_from_before_the_first_release_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match="has format 1") as caught:
        loads('{"format": 1, "id": "x"}', "run.json")
    assert caught.value.hint == "Measure again."


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2}', '{"format": "2"}', '{"format": null}', "null"]
)
def test_what_is_no_run_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match="not a stored run") as caught:
        loads(text, "run.json")
    assert "\n" not in str(caught.value)


def test_a_failed_write_keeps_the_earlier_state_and_leaves_nothing(
    six_rounds: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    path = store.save(six_rounds)
    before = path.read_bytes()

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(EnvironmentFault, match="No space left") as caught:
        store.save(six_rounds)
    assert "--results" in caught.value.hint
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == ["run.json"]


def test_the_latest_run_is_the_default_and_a_start_of_an_id_suffices(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    store = Store(tmp_path)
    for run_id in ("20260101-000000-aaaa", "20260102-000000-bbbb"):
        store.save(make_run(id=run_id))
    assert store.load().id == "20260102-000000-bbbb"
    assert store.load("20260101").id == "20260101-000000-aaaa"
    assert store.load(str(store.path("20260101-000000-aaaa"))).id == "20260101-000000-aaaa"
    with pytest.raises(ConfigError, match="fits 2 runs"):
        store.load("2026")
    with pytest.raises(ConfigError, match="is not a stored run"):
        store.load("nonsense")


def test_the_latest_run_has_a_name_here_and_in_other_results(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    for number in (1, 2):
        Store(tmp_path / "a").save(make_run(id=f"2026112{number}-100000-abcd"))
    Store(tmp_path / "b").save(make_run(id="20261130-100000-abcd"))
    assert Store(tmp_path / "a").load("latest").id == "20261122-100000-abcd"
    assert Store(tmp_path / "b").load(str(tmp_path / "a" / "latest")).id == "20261122-100000-abcd"


def test_without_runs_the_hint_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Store(tmp_path).load()
    assert "toolkit bench" in caught.value.hint


def test_ids_do_not_collide() -> None:
    assert len({new_run_id() for _ in range(50)}) > 45
