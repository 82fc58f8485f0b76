import json
import os
from pathlib import Path

import pytest

from toolkit.errors import ConfigError, EnvironmentFault
from toolkit.measured import Failure, Run
from toolkit.store import FORMAT, Store, dumps, loads, new_run_id


def test_a_run_reads_back_as_it_was_written(six_rounds: Run, tmp_path: Path) -> None:
    failure = Failure(trial=six_rounds.trials[0], stage="load", message="died", log="last words")
    run = Run(
        **{f: getattr(six_rounds, f) for f in six_rounds.__slots__ if f != "outcomes"},
        outcomes=(*six_rounds.outcomes, failure),
    )
    store = Store(tmp_path)
    store.save(run)
    assert store.load(run.id) == run


def test_the_document_is_versioned_and_a_later_one_is_refused(six_rounds: Run) -> None:
    document = json.loads(dumps(six_rounds))
    assert document["format"] == FORMAT
    document["format"] = FORMAT + 1
    with pytest.raises(ConfigError, match="reads up to"):
        loads(json.dumps(document), "run.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', "null"])
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

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvironmentFault, match="No space left") as caught:
        store.save(six_rounds)
    assert "--results" in caught.value.hint
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == ["run.json"]


def test_the_latest_run_is_the_default_and_a_start_of_an_id_suffices(
    make_run: object, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    for run_id in ("20260101-000000-aaaa", "20260102-000000-bbbb"):
        store.save(make_run(id=run_id))  # type: ignore[operator]
    assert store.load().id == "20260102-000000-bbbb"
    assert store.load("20260101").id == "20260101-000000-aaaa"
    assert store.load(str(store.path("20260101-000000-aaaa"))).id == "20260101-000000-aaaa"
    with pytest.raises(ConfigError, match="fits 2 runs"):
        store.load("2026")
    with pytest.raises(ConfigError, match="is not a stored run"):
        store.load("nonsense")


def test_without_runs_the_hint_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        Store(tmp_path).load()
    assert "toolkit bench" in caught.value.hint


def test_ids_do_not_collide() -> None:
    assert len({new_run_id() for _ in range(50)}) > 45
