"""What is kept of a check, and the file it is kept in."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from io import RawIOBase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.made_up_checks import made_up_check
from tests.unit.made_up_history import ELSEWHERE, HERE, made_up_history, made_up_point
from toolkit.changes import Verdict
from toolkit.checked import CheckSettings, Metric
from toolkit.errors import ConfigError, EnvironmentFault
from toolkit.history import Point, Reading, Version, point_of
from toolkit.judgement import assess
from toolkit.model import Knobs
from toolkit.record import FORMAT, append, dumps, read
from toolkit.stats import paired_ratio

printable = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=30)
ratios = st.floats(min_value=1e-6, max_value=1e6)
versions = st.builds(Version, label=printable, identity=printable)
readings = st.builds(
    Reading,
    ratio=ratios,
    low=st.none() | ratios,
    high=st.none() | ratios,
    pairs=st.lists(ratios, max_size=5).map(tuple),
)
points = st.builds(
    Point,
    check=printable,
    at=st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
    verdict=st.sampled_from(Verdict),
    reference=versions,
    candidate=versions,
    stack=st.none() | printable,
    workloads=st.lists(printable, max_size=3).map(tuple),
    metrics=st.dictionaries(st.sampled_from([metric.value for metric in Metric]), readings),
    runtime=st.sampled_from(["docker", "process"]),
    host=st.sampled_from([HERE, ELSEWHERE]),
    cpus=st.floats(min_value=0.1, max_value=64),
    memory=st.integers(min_value=1, max_value=2**40),
    seed=st.integers(min_value=0, max_value=2**63),
    settings=st.builds(CheckSettings, users=st.integers(1, 64), metrics=st.just((Metric.P99,))),
    knobs=st.builds(Knobs, workers=st.integers(1, 8), preload=st.booleans()),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "performance" / "history.jsonl"


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def test_the_ratio_kept_of_a_check_is_the_one_that_its_kept_pairs_give() -> None:
    check = made_up_check(ratio_cpu=1.12, pairs=10, workloads={"list": ("a", "b"), "new": ("c",)})
    assessment = assess(check)
    point = point_of(check, assessment)
    assert set(point.metrics) == {change.metric.value for change in assessment.changes}
    for change in assessment.changes:
        reading = point.metrics[change.metric.value]
        again = paired_ratio(reading.pairs, [1.0] * len(reading.pairs), 1 - 2 * 0.023)
        assert len(reading.pairs) == 10
        for kept, computed in (
            (reading.ratio, again.value),
            (reading.low, again.low),
            (reading.high, again.high),
            (reading.ratio, change.ratio.value),
        ):
            assert kept == pytest.approx(computed, rel=1e-5)


def test_pairs_that_confirm_a_regression_are_kept_and_those_without_numbers_are_not() -> None:
    check = made_up_check(ratio_cpu=1.3, pairs=6, confirming=6, failures=("did not start",))
    assert len(point_of(check, assess(check)).metrics["cpu"].pairs) == 12


def test_a_latency_that_decides_is_kept_as_it_is_at_the_fixed_rate() -> None:
    check = made_up_check(ratio_throughput=0.8, settings={"metrics": (Metric.P50,)})
    assessment = assess(check)
    (decided,) = (change for change in assessment.changes if change.gated)
    kept = point_of(check, assessment).metrics["p50"]
    assert kept.ratio == pytest.approx(decided.ratio.value, rel=1e-5)
    assert math.prod(kept.pairs) ** (1 / len(kept.pairs)) == pytest.approx(kept.ratio, rel=0.02)


def test_of_an_invalid_check_it_is_kept_that_it_was_but_no_number() -> None:
    check = made_up_check(pairs=2, failures=("did not start",) * 4)
    assessment = assess(check)
    assert assessment.changes
    point = point_of(check, assessment)
    assert point.verdict is Verdict.INVALID
    assert point.metrics == {}


def test_a_line_holds_no_absolute_number_of_what_was_measured() -> None:
    check = made_up_check()
    line = json.loads(dumps(point_of(check, assess(check))))
    for reading in line["metrics"].values():
        for value in (reading["ratio"], reading["low"], reading["high"], *reading["pairs"]):
            assert 0.5 < value < 2
    assert set(line) == {
        *("format", "check", "at", "verdict", "reference", "candidate", "stack", "workloads"),
        *("metrics", "runtime", "host", "cpus", "memory", "seed", "settings", "knobs"),
    }


@given(points)
def test_a_point_reads_back_as_it_was_appended(
    tmp_path_factory: pytest.TempPathFactory, point: Point
) -> None:
    file = tmp_path_factory.mktemp("history") / "history.jsonl"
    append(file, point)
    assert read(file) == (point,)


@given(st.lists(points, max_size=4, unique_by=lambda point: point.check), st.randoms())
def test_lines_in_any_order_and_more_than_once_are_the_same_history(
    tmp_path_factory: pytest.TempPathFactory, given_points: list[Point], draws: object
) -> None:
    file = tmp_path_factory.mktemp("history") / "history.jsonl"
    shuffled = [*given_points, *given_points[:2]]
    draws.shuffle(shuffled)  # type: ignore[attr-defined]
    file.write_text("".join(f"{dumps(point)}\n" for point in shuffled))
    found = read(file)
    assert {point.check: point for point in found} == {p.check: p for p in given_points}
    assert [point.time for point in found] == sorted(point.time for point in given_points)


def test_a_check_is_appended_once(file: Path) -> None:
    for _ in range(2):
        append(file, made_up_point())
    assert len(lines(file)) == 1


def test_a_file_that_does_not_end_in_a_line_break_is_continued_on_a_line_of_its_own(
    file: Path,
) -> None:
    append(file, made_up_point(0))
    file.write_text(file.read_text().rstrip("\n"))
    append(file, made_up_point(1))
    assert len(read(file)) == 2


@given(st.integers(min_value=1, max_value=400))
def test_what_a_crash_left_of_the_last_line_is_reported_and_makes_room_for_the_next(
    tmp_path_factory: pytest.TempPathFactory, kept: int
) -> None:
    file = tmp_path_factory.mktemp("history") / "history.jsonl"
    append(file, made_up_point(0))
    whole = file.read_bytes()
    remains = dumps(made_up_point(1)).encode()[:kept]
    file.write_bytes(whole + remains)
    said: list[str] = []
    assert read(file, said.append) == (made_up_point(0),)
    assert len(said) == 1
    assert "line 2" in said[0]
    if len(remains) >= len('{"format"'):
        append(file, made_up_point(2))
        assert file.read_bytes() == whole + dumps(made_up_point(2)).encode() + b"\n"


def test_a_broken_line_in_the_middle_is_an_error_that_names_it(file: Path) -> None:
    append(file, made_up_point(0))
    append(file, made_up_point(1))
    first, second = lines(file)
    file.write_text(f"{first}\n<<<<<<< main\n{second}\n")
    with pytest.raises(ConfigError, match=r"history\.jsonl, line 2 "):
        read(file)


@pytest.mark.parametrize("text", ["notes of mine", "{}\n", '{"format": 1}\n', "[1, 2]\n"])
def test_a_file_that_is_no_history_is_left_alone(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(ConfigError, match="line 1"):
        append(file, made_up_point())
    assert file.read_text() == text


def test_a_line_of_a_later_format_is_never_taken_for_a_broken_one(file: Path) -> None:
    append(file, made_up_point())
    later = {**json.loads(lines(file)[0]), "format": FORMAT + 1}
    file.write_text(json.dumps(later))
    with pytest.raises(ConfigError, match=f"format {FORMAT + 1}"):
        read(file)


def test_what_a_later_toolkit_adds_does_not_hinder_reading(file: Path) -> None:
    line = json.loads(dumps(made_up_point()))
    line["weather"] = "fine"
    line["metrics"]["joules"] = {"ratio": 1.1, "low": None, "high": None, "pairs": []}
    file.parent.mkdir()
    file.write_text(json.dumps(line))
    (point,) = read(file)
    assert point.reading(Metric.CPU) == made_up_point().reading(Metric.CPU)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("at", "2026-11-01T10:00:00"),
        ("at", "yesterday"),
        ("verdict", "splendid"),
        ("metrics", {"cpu": {"ratio": 0}}),
        ("metrics", {"cpu": {"ratio": float("nan")}}),
        ("metrics", {"cpu": {"ratio": 1, "pairs": [float("inf")]}}),
        ("metrics", ["cpu"]),
        ("reference", "v1"),
    ],
)
def test_a_line_that_makes_no_sense_is_broken(file: Path, key: str, value: object) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({**json.loads(dumps(made_up_point())), key: value}))
    said: list[str] = []
    assert read(file, said.append) == ()
    assert "line 1" in said[0]


def test_nothing_that_is_read_steers_a_terminal(file: Path) -> None:
    evil = "\x1b[2J\u202eok\n\ud800"
    append(file, made_up_point(candidate=Version(label=evil, identity=evil), stack=evil))
    (point,) = read(file)
    for text in (point.candidate.label, point.candidate.identity, point.stack or ""):
        assert text.isprintable()
        assert "ok" in text


def test_a_missing_file_says_how_to_make_one(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(file)
    assert "--record" in caught.value.hint


def test_a_full_disk_leaves_the_file_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(file, made_up_point(0))
    before = file.read_bytes()
    opened = Path.open

    def full(path: Path, *arguments: object, **options: object) -> object:
        raw = opened(path, *arguments, **options)  # type: ignore[call-overload]
        return _Full(raw)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(EnvironmentFault, match="No space left"):
        append(file, made_up_point(1))
    monkeypatch.undo()
    assert file.read_bytes() == before


class _Full(RawIOBase):
    """A file on a disk that takes ten bytes more."""

    def __init__(self, raw: RawIOBase) -> None:
        self._raw = raw
        self.fileno = raw.fileno  # type: ignore[method-assign]
        self.seek = raw.seek  # type: ignore[method-assign]
        self.read = raw.read  # type: ignore[method-assign]
        self.truncate = raw.truncate  # type: ignore[method-assign]

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return self._raw.write(data[:10]) or 0


def test_two_writers_leave_whole_lines_of_both(file: Path, tmp_path: Path) -> None:
    copy = "import sys; from pathlib import Path; from toolkit.record import append, read\n"
    copy += "for point in read(Path(sys.argv[1])): append(Path(sys.argv[2]), point)"
    sources = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for number, source in enumerate(sources):
        written = [f"{dumps(p)}\n" for p in made_up_history([(40, 1.0)], first=100 * number)]
        source.write_text("".join(written))
    commands = [[sys.executable, "-c", copy, str(source), str(file)] for source in sources]
    for writer in [subprocess.Popen(command) for command in commands]:
        assert writer.wait() == 0
    both = [point for source in sources for point in read(source)]
    assert sorted(map(dumps, read(file))) == sorted(map(dumps, both))
    assert len(lines(file)) == 80


def test_git_merges_the_lines_of_two_branches_without_a_conflict(tmp_path: Path) -> None:
    """What docs/history.md says about .gitattributes."""
    who = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for role in ("AUTHOR", "COMMITTER"):
        who |= {f"GIT_{role}_NAME": "n", f"GIT_{role}_EMAIL": "n@example.org"}

    def git(*arguments: str) -> None:
        command = ["git", "-C", str(tmp_path), *arguments]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **who})

    def commit(number: int) -> None:
        append(tmp_path / "history.jsonl", made_up_point(number))
        git("add", ".")
        git("commit", "-m", str(number))

    git("init", "-b", "main")
    (tmp_path / ".gitattributes").write_text("history.jsonl merge=union\n")
    commit(0)
    git("checkout", "-b", "other")
    commit(1)
    git("checkout", "main")
    commit(2)
    git("merge", "other")
    assert read(tmp_path / "history.jsonl") == tuple(map(made_up_point, range(3)))


def test_a_ratio_is_a_positive_number() -> None:
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="positive"):
            replace(Reading(ratio=1.0), ratio=wrong)
