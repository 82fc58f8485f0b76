"""A check on disk: what was stored comes back, and nothing else is taken for one."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.made_up_checks import against_itself, made_up_check
from toolkit.check_store import FORMAT, check_path, document_of, load_check, save_check
from toolkit.checked import Check, Metric, Side
from toolkit.errors import ConfigError, EnvironmentFault
from toolkit.judgement import assess
from toolkit.measured import BackingFacts, Finding, Severity
from toolkit.report.check_json import document

WARNED = Finding(rule="steal", severity=Severity.WARNED, message="somebody took the CPU")
INVALID = Finding(rule="answers", severity=Severity.INVALID, message="the answers differ")

CHECKS: dict[str, Callable[[], Check]] = {
    "plain": made_up_check,
    "confirmed": lambda: made_up_check(ratio_cpu=1.3, confirming=6),
    "against itself": against_itself,
    "of a latency": lambda: made_up_check(settings={"metrics": (Metric.P50, Metric.P99)}),
    "of several workloads": lambda: made_up_check(
        workloads={"list": ("GET /a", "POST /b"), "detail?rows=5": ("GET /c",)}
    ),
    "with findings": lambda: made_up_check(findings=[WARNED, INVALID], found_in=2),
    "with failures": lambda: made_up_check(
        failures=["the candidate died under load: signal 9"], failed_side=Side.CANDIDATE
    ),
    "of a stack": lambda: made_up_check(
        stack="flask/gunicorn-gthread",
        backings=(BackingFacts(need="database", summary="PostgreSQL 17 in a container"),),
    ),
    "of nothing": lambda: made_up_check(pairs=0, finished_at=None),
}


@pytest.fixture(params=CHECKS)
def check(request: pytest.FixtureRequest) -> Check:
    return CHECKS[request.param]()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "check.json"


def test_what_was_stored_comes_back(check: Check, file: Path) -> None:
    save_check(file, check)
    found = load_check(file)
    assert found == check
    assert assess(found) == assess(check)


def test_the_check_within_a_report_comes_back_as_well(check: Check, file: Path) -> None:
    file.write_text(document(check, assess(check)))
    assert load_check(file) == check


def test_it_has_a_place_of_its_own_that_is_made(tmp_path: Path) -> None:
    path = check_path(tmp_path / "results", "20261124-100000-abcd")
    assert path == tmp_path / "results" / "checks" / "20261124-100000-abcd" / "check.json"
    save_check(path, made_up_check(pairs=1))
    assert [item.name for item in path.parent.iterdir()] == ["check.json"]


def test_a_later_state_takes_the_place_of_an_earlier_one(file: Path) -> None:
    check = made_up_check()
    save_check(file, replace(check, pairs=check.pairs[:1]))
    save_check(file, check)
    assert load_check(file) == check


def test_it_is_plain_json_with_its_format(file: Path) -> None:
    save_check(file, made_up_check())
    found = json.loads(file.read_text())
    assert found["format"] == FORMAT == 1
    assert found["settings"]["metrics"] == ["cpu", "throughput", "memory"]
    assert found["pairs"][0]["duels"].keys() == {"list"}


def test_a_key_of_a_later_time_that_changes_nothing_is_passed_over(file: Path) -> None:
    check = made_up_check()
    file.write_text(json.dumps({**document_of(check), "weather": "fair"}))
    assert load_check(file) == check


def test_a_later_format_is_refused_with_what_to_do(file: Path) -> None:
    file.write_text(json.dumps({**document_of(made_up_check()), "format": FORMAT + 1}))
    with pytest.raises(ConfigError) as raised:
        load_check(file)
    assert str(raised.value) == f"{file} has format 2, this toolkit reads up to 1"
    assert "Upgrade" in raised.value.hint


def changed(**changes: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    return json.dumps({**document_of(made_up_check(pairs=1)), **changes})


NONSENSE = {
    "empty": b"",
    "no text": b"\xff\xfe",
    "no JSON": b"{",
    "a list": b"[]",
    "a number": b"3",
    "null": b"null",
    "without a format": b"{}",
    "a format that is no number": changed(format="one").encode(),
    "a format alone": b'{"format": 1}',
    "a check that is none": b'{"check": 5}',
    "a run": b'{"format": 1, "id": "x", "outcomes": []}',
    "pairs that are none": changed(pairs=3).encode(),
    "a pair that is none": changed(pairs=[{}]).encode(),
    "a metric that is none": changed(settings={"metrics": ["speed"]}).encode(),
    "a seed that is none": changed(seed="seven").encode(),
}


@pytest.mark.parametrize("text", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_in_one_line(file: Path, text: bytes) -> None:
    file.write_bytes(text)
    with pytest.raises(ConfigError) as raised:
        load_check(file)
    assert str(raised.value).startswith(f"{file} is not a check: ")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_one_line(file: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_check(file)
    assert str(raised.value) == f"{file}: No such file or directory"


def test_what_cannot_be_written_is_a_fault_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where a folder should be")
    with pytest.raises(EnvironmentFault):
        save_check(check_path(tmp_path / "results", "x"), made_up_check(pairs=1))
