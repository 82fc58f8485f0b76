"""Change points, on series whose truth is known."""

import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.made_up_history import (
    ELSEWHERE,
    HERE,
    REFERENCE,
    made_up_history,
    made_up_point,
)
from toolkit.changes import Verdict
from toolkit.checked import CheckSettings, Metric
from toolkit.history import Point, Reading, Version
from toolkit.model import Knobs
from toolkit.trend import LEAST_POINTS, Search, Series, find_search, series_of

STEP = 1.10


@pytest.fixture(scope="module")
def search() -> Search:
    found = find_search()
    assert found is not None, "the tests need the extra `history`"
    return found


def only(points: Sequence[Point], search: Search | None, metric: Metric = Metric.CPU) -> Series:
    (series,) = series_of(points, metric, search)
    return series


def best_levels(values: Sequence[float], penalty: float) -> list[int]:
    """Find the same by trying all, in O(N^2): the oracle."""

    def cost(start: int, stop: int) -> float:
        part = values[start:stop]
        mean = math.fsum(part) / len(part)
        return math.fsum((value - mean) ** 2 for value in part)

    least: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    for stop in range(2, len(values) + 1):
        options = [
            (least[start][0] + cost(start, stop) + penalty, [*least[start][1], start])
            for start in least
            if start <= stop - 2
        ]
        least[stop] = min(options, key=lambda option: option[0])
    return least[len(values)][1][1:]


@pytest.mark.parametrize("seed", range(20))
def test_ruptures_finds_the_levels_that_are_best_of_all(search: Search, seed: int) -> None:
    points = made_up_history([(15, 1.0), (10, 1.1), (15, 1.03)], seed=seed)
    logs = [math.log(reading.ratio) for _, reading in only(points, None).readings]
    penalty = 4 * math.log(len(logs)) * 0.03**2
    assert list(search(logs, penalty)) == best_levels(logs, penalty)


def test_a_clean_series_is_rarely_taken_for_one_with_a_change(search: Search) -> None:
    """0.2 % of them at 50 checks and 1.6 % at 10, by benchmarks/history_detection.py."""
    for length, most in ((50, 4), (10, 10)):
        flagged = sum(
            bool(only(made_up_history([(length, 1.0)], width=None, seed=seed), search).steps)
            for seed in range(200)
        )
        assert flagged <= most


def test_ten_percent_at_three_percent_noise_are_found_within_a_few_checks(search: Search) -> None:
    found = {}
    for after in (3, 6):
        series = [
            only(made_up_history([(40, 1.0), (after, STEP)], seed=seed), search)
            for seed in range(100)
        ]
        near = [
            any(abs(int(step.first.check.removeprefix("check-")) - 40) <= 1 for step in item.steps)
            for item in series
        ]
        found[after] = sum(near)
    assert found[3] >= 65
    assert found[6] >= 90


def test_a_change_point_names_the_first_bad_version_the_one_before_and_the_change(
    search: Search,
) -> None:
    points = made_up_history([(20, 1.0), (10, STEP)], noise=0.005, width=0.005)
    (step,) = only(points, search).steps
    assert (step.last, step.first) == (points[19], points[20])
    assert step.worse
    assert step.low < STEP < step.high
    assert step.ratio == pytest.approx(STEP, rel=0.01)


@pytest.mark.parametrize(
    ("metric", "level", "worse"),
    [
        (Metric.CPU, 1.2, True),
        (Metric.CPU, 0.8, False),
        (Metric.THROUGHPUT, 1.2, False),
        (Metric.THROUGHPUT, 0.8, True),
        (Metric.MEMORY, 1.2, True),
        (Metric.P99, 0.8, False),
    ],
)
def test_worse_depends_on_the_metric(
    search: Search, metric: Metric, level: float, worse: bool
) -> None:
    points = made_up_history([(10, 1.0), (10, level)], noise=0.01, metric=metric)
    (step,) = only(points, search, metric).steps
    assert step.worse is worse


def test_there_and_back_are_two_change_points(search: Search) -> None:
    points = made_up_history([(12, 1.0), (8, STEP), (12, 1.0)], noise=0.01, width=0.01)
    series = only(points, search)
    assert [step.first.check for step in series.steps] == ["check-12", "check-20"]
    assert [step.worse for step in series.steps] == [True, False]
    assert series.levels is not None
    assert [(level.start, level.stop) for level in series.levels] == [(0, 12), (12, 20), (20, 32)]


def test_one_bad_check_is_not_a_level(search: Search) -> None:
    points = list(made_up_history([(20, 1.0)], noise=0.01, width=0.01))
    points[10] = replace(points[10], metrics={"cpu": Reading(ratio=1.5)})
    assert not only(points, search).steps


def test_checks_that_all_say_the_same_have_no_change_point(search: Search) -> None:
    """Their differences are 0, and so would be the noise."""
    points = made_up_history([(20, 1.0)], noise=0.0, width=None)
    series = only(points, search)
    assert series.steps == ()
    assert series.noise is not None
    assert series.noise > 0


def test_a_step_without_any_noise_is_found(search: Search) -> None:
    points = made_up_history([(10, 1.0), (10, STEP)], noise=0.0, width=None)
    assert [step.first.check for step in only(points, search).steps] == ["check-10"]


@pytest.mark.parametrize("count", range(1, LEAST_POINTS))
def test_of_few_checks_nothing_is_said(search: Search, count: int) -> None:
    series = only(made_up_history([(count, 1.0)]), search)
    assert (series.noise, series.levels, series.steps) == (None, None, ())


def test_without_the_extra_there_is_the_series_and_its_noise() -> None:
    series = only(made_up_history([(20, 1.0)]), None)
    assert len(series.readings) == 20
    assert series.noise is not None
    assert series.levels is None


def test_no_search_is_found_where_ruptures_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ruptures", None)
    assert find_search() is None


def test_the_checks_own_intervals_are_the_least_that_noise_is_taken_for() -> None:
    narrow, wide = (
        only(made_up_history([(20, 1.0)], noise=0.001, width=width), None) for width in (1e-6, 0.1)
    )
    assert narrow.noise is not None
    assert wide.noise is not None
    assert narrow.noise < 0.003
    assert wide.noise == pytest.approx(0.05)


def test_a_step_adds_little_to_what_is_taken_for_noise() -> None:
    estimates = []
    for seed in range(50):
        points = made_up_history([(15, 1.0), (15, STEP)], noise=0.02, width=None, seed=seed)
        estimates.append(only(points, None).noise or math.inf)
    assert 0.02 < fmean(estimates) < 0.02 * 1.25


def test_the_step_said_to_be_visible_is_found_after_three_checks_in_half_of_the_cases(
    search: Search,
) -> None:
    visible = only(made_up_history([(30, 1.0)], seed=1), None).visible
    assert visible is not None
    found = sum(
        bool(only(made_up_history([(27, 1.0), (3, 1 + visible)], seed=seed), search).steps)
        for seed in range(200)
    )
    assert 60 <= found <= 140


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"reference": Version(label="v1.1", identity="9bd0")},
            "reference: v1.0 (3f2a1c9), now v1.1",
        ),
        (
            {"reference": replace(REFERENCE, identity="9bd0c11")},
            "reference: v1.0 (3f2a1c9), 3f2a1c9d5e8b7a60f1e, now v1.0 (3f2a1c9), 9bd0c11",
        ),
        ({"runtime": "process"}, "runtime: docker, now process"),
        ({"knobs": Knobs(workers=2)}, "workers: 1, now 2"),
        ({"cpus": 2.0}, "CPU limit: 1.0, now 2.0"),
        ({"settings": CheckSettings(users=16)}, "users: 8, now 16"),
    ],
)
def test_what_cannot_be_compared_starts_a_series_that_says_why(
    search: Search, change: dict[str, object], said: str
) -> None:
    before = made_up_history([(10, 1.0)])
    after = [replace(p, **change) for p in made_up_history([(10, 2.0)], first=10)]  # type: ignore[arg-type]
    first, second = series_of([*before, *after], Metric.CPU, search)
    assert (first.points, second.points) == (before, tuple(after))
    assert (first.new, second.new) == ((), (said,))
    assert not first.steps
    assert not second.steps


@pytest.mark.parametrize("change", [{"stack": "bottle/waitress"}, {"workloads": ("create",)}])
def test_another_app_or_workload_is_another_series_but_continues_none(
    change: dict[str, object],
) -> None:
    points = [made_up_point(0), replace(made_up_point(1), **change)]  # type: ignore[arg-type]
    assert [series.new for series in series_of(points, Metric.CPU)] == [(), ()]


@pytest.mark.parametrize(
    "change",
    [
        {"settings": CheckSettings(tolerance=0.05, max_pairs=40, confirm=False)},
        {"seed": 99},
        {"host": ELSEWHERE},
        {"verdict": Verdict.REGRESSION},
        {"reference": replace(REFERENCE, label="another name for it")},
    ],
)
def test_what_does_not_change_a_ratio_does_not_end_a_series(change: dict[str, object]) -> None:
    points = [made_up_point(0), replace(made_up_point(1), **change)]  # type: ignore[arg-type]
    assert len(series_of(points, Metric.CPU)) == 1


def test_a_latency_at_a_fixed_rate_is_another_than_that_of_the_bursts() -> None:
    (first,), (second,) = (made_up_history([(1, 1.0)], metric=Metric.P50, first=n) for n in (0, 1))
    decides = replace(second, settings=CheckSettings(metrics=(Metric.P50,)))
    assert len(series_of([first, decides], Metric.P50)) == 2
    assert len(series_of([first, second], Metric.P50)) == 1


def test_an_invalid_check_is_in_the_series_and_not_in_the_levels(search: Search) -> None:
    points = list(made_up_history([(10, 1.0), (10, STEP)], noise=0.005, width=0.005))
    points[9] = replace(points[9], verdict=Verdict.INVALID, metrics={})
    series = only(points, search)
    assert len(series.points) == 20
    assert len(series.readings) == 19
    (step,) = series.steps
    assert (step.last, step.first) == (points[8], points[10])


def test_another_machine_at_a_change_point_is_named(search: Search) -> None:
    points = made_up_history([(10, 1.0), (10, STEP)], noise=0.005, width=0.005)
    moved = [replace(point, host=HERE if n < 10 else ELSEWHERE) for n, point in enumerate(points)]
    (step,) = only(moved, search).steps
    assert step.besides == ("CPU: Testium 3000, now Testium 4000", "number of CPUs: 2, now 4")
    (step,) = only(points, search).steps
    assert step.besides == ()


@given(
    st.lists(st.floats(min_value=0.01, max_value=100), min_size=1, max_size=30),
    st.booleans(),
)
def test_whatever_the_ratios_the_levels_cover_all_checks_in_order(
    ratios: list[float], intervals: bool
) -> None:
    points = [
        made_up_point(
            number,
            metrics={
                "cpu": Reading(
                    ratio=ratio,
                    low=ratio * 0.99 if intervals else None,
                    high=ratio * 1.01 if intervals else None,
                )
            },
        )
        for number, ratio in enumerate(ratios)
    ]
    series = only(points, find_search())
    if len(ratios) < LEAST_POINTS:
        assert series.levels is None
        return
    assert series.levels is not None
    edges = [edge for level in series.levels for edge in (level.start, level.stop)]
    assert edges[0] == 0
    assert edges[-1] == len(ratios)
    assert edges[1:-1:2] == edges[2::2]
    assert all(level.stop - level.start >= 2 for level in series.levels)
    assert len(series.steps) == len(series.levels) - 1


def test_neither_numpy_nor_scipy_is_imported_before_a_search() -> None:
    """They take longer than `toolkit --help` may."""
    program = (
        "import sys, toolkit.cli.history, toolkit.trend, toolkit.record, "
        "toolkit.report.history_html, toolkit.report.history\n"
        "print(*sorted({'numpy', 'scipy', 'ruptures'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == ""
