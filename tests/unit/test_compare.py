from collections.abc import Callable

import pytest

from toolkit.compare import missing_rounds, tables
from toolkit.measured import (
    Failure,
    Finding,
    Measurement,
    Run,
    Severity,
)
from toolkit.model import Trial

MakeMeasurement = Callable[..., Measurement]
MakeRun = Callable[..., Run]
INVALID = Finding(rule="client-limited", severity=Severity.INVALID, message="too slow a client")


def test_drift_over_the_rounds_does_not_blur_a_ratio(six_rounds: Run) -> None:
    """Rates grow sixfold from round to round; within each, the ratio is 2."""
    (table,) = tables(six_rounds)
    ratios = {row.stack: row.ratio for row in table.rows}
    assert ratios["a/x"] is None
    for stack in ("b/y", "c/z"):
        ratio = ratios[stack]
        assert ratio is not None
        assert ratio.low is not None
        assert ratio.high is not None
        assert 1.9 < ratio.low < 2 < ratio.high < 2.1


def test_stacks_that_cannot_be_told_apart_share_a_rank(six_rounds: Run) -> None:
    (table,) = tables(six_rounds)
    ranks = {row.stack: (row.rank, row.shared) for row in table.rows}
    assert ranks == {"b/y": (1, True), "c/z": (1, True), "a/x": (3, False)}


def test_rows_are_sorted_by_throughput_and_the_unmeasured_come_last(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    trial = Trial(stack="dead/x", workload="list", round=1, position=1)
    run = make_run(
        (
            Failure(trial=trial, stage="start", message="exit code 3"),
            make_measurement("slow/x", rate=10),
            make_measurement("fast/x", rate=1000),
            make_measurement("doubtful/x", rate=9999, findings=(INVALID,)),
        )
    )
    (table,) = tables(run)
    assert [row.stack for row in table.rows] == ["fast/x", "slow/x", "dead/x", "doubtful/x"]
    assert [row.valid for row in table.rows] == [1, 1, 0, 0]


def test_a_run_with_few_rounds_has_no_ranks_and_says_what_is_missing(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    run = make_run((make_measurement("a/x"), make_measurement("b/x", rate=2000)))
    (table,) = tables(run)
    assert {row.rank for row in table.rows} == {None}
    assert "no interval" in (missing_rounds(run) or "")


def test_six_rounds_miss_nothing(six_rounds: Run) -> None:
    assert missing_rounds(six_rounds) is None


def test_an_invalid_trial_counts_neither_for_rates_nor_for_ratios(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    outcomes = [
        make_measurement(stack, "list", number, rate)
        for number in (1, 2)
        for stack, rate in (("a/x", 100), ("b/x", 200))
    ]
    outcomes.append(make_measurement("b/x", "list", 3, 9000, findings=(INVALID,)))
    (table,) = tables(make_run(tuple(outcomes)))
    row = next(row for row in table.rows if row.stack == "b/x")
    assert row.throughput == 200
    assert row.valid == 2
    assert row.ratio is not None
    assert row.ratio.value == pytest.approx(2)


def test_an_empty_run_is_reported_with_its_stacks(make_run: MakeRun) -> None:
    trials = (Trial(stack="a/x", workload="list", round=1, position=1),)
    (table,) = tables(make_run(trials=trials))
    assert [row.throughput for row in table.rows] == [None]


def test_a_stack_whose_trials_are_mostly_invalid_is_not_judged_by_the_others(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    """Of a stack that the client limits, the trials that it did not limit are the slow ones."""
    outcomes = [make_measurement("a/x", "list", number, 100) for number in (1, 2)]
    outcomes.append(make_measurement("b/x", "list", 1, 50))
    outcomes.append(make_measurement("b/x", "list", 2, 900, findings=(INVALID,)))
    (table,) = tables(make_run(tuple(outcomes)))
    row = next(row for row in table.rows if row.stack == "b/x")
    assert (row.valid, row.ratio, row.throughput) == (0, None, 475)
