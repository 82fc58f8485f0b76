from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.unit.test_parity import facts
from toolkit.compare import AtRate, Row, Table, missing_rounds, tables, usable_rates
from toolkit.histogram import LatencyHistogram
from toolkit.measured import (
    Failure,
    Finding,
    Measurement,
    Outcome,
    Run,
    Severity,
)
from toolkit.model import LoadSettings, Stage, Trial
from toolkit.report.columns import cost_columns

MakeMeasurement = Callable[..., Measurement]
MakeRun = Callable[..., Run]
INVALID = Finding(rule="client-limited", severity=Severity.INVALID, message="too slow a client")
DOUBTFUL = Finding(rule="drift", severity=Severity.WARNED, message="from 1 to 2")


def row_of(run: Run, stack: str) -> Row:
    (table,) = tables(run)
    return next(row for row in table.rows if row.stack == stack)


def only_table(run: Run) -> Table:
    (table,) = tables(run)
    return table


def median_of(row: Row) -> float | None:
    return None if row.throughput is None else row.throughput.value


# capacity


def test_drift_over_the_rounds_does_not_blur_a_ratio(six_rounds: Run) -> None:
    """Rates grow sixfold from round to round; within each, the ratio is 2."""
    ratios = {row.stack: row.ratio for row in only_table(six_rounds).rows}
    assert ratios["a/x"] is None
    for stack in ("b/y", "c/z"):
        ratio = ratios[stack]
        assert ratio is not None
        assert ratio.low is not None
        assert ratio.high is not None
        assert 1.9 < ratio.low < 2 < ratio.high < 2.1


def test_stacks_that_cannot_be_told_apart_share_a_rank(ten_rounds: Run) -> None:
    ranks = {row.stack: (row.rank, row.shared) for row in only_table(ten_rounds).rows}
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
    rows = only_table(run).rows
    assert [row.stack for row in rows] == ["fast/x", "slow/x", "dead/x", "doubtful/x"]
    assert [row.valid for row in rows] == [1, 1, 0, 0]


def test_a_run_with_few_rounds_has_no_ranks_and_says_what_is_missing(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    run = make_run((make_measurement("a/x"), make_measurement("b/x", rate=2000)))
    assert {row.rank for row in only_table(run).rows} == {None}
    assert "no interval" in (missing_rounds(run) or "")
    assert only_table(run).missing == missing_rounds(run)


def test_six_rounds_suffice_for_intervals_and_not_for_the_ranks_of_three_stacks(
    six_rounds: Run, ten_rounds: Run
) -> None:
    assert missing_rounds(six_rounds) is None
    assert "cannot be ranked" in (only_table(six_rounds).missing or "")
    assert {row.rank for row in only_table(six_rounds).rows} == {None}
    assert all(row.ratio.low for row in only_table(six_rounds).rows if row.ratio is not None)
    assert only_table(ten_rounds).missing is None


@pytest.mark.parametrize(
    ("stacks", "rounds", "ranked"),
    # 2 / 2^rounds must be within 5 % divided by the pairs: 1, 3, 10
    [(2, 5, False), (2, 6, True), (3, 6, False), (3, 7, True), (5, 8, False), (5, 9, True)],
)
def test_a_table_has_ranks_from_as_many_rounds_on_as_can_tell_so_many_stacks_apart(
    make_measurement: MakeMeasurement, make_run: MakeRun, stacks: int, rounds: int, ranked: bool
) -> None:
    """However clear the difference: each is half as fast again as the one before."""
    outcomes = [
        make_measurement(f"{stack}/x", "list", number, 100 * 1.5**stack + number)
        for number in range(1, rounds + 1)
        for stack in range(stacks)
    ]
    ranks = [row.rank for row in only_table(make_run(tuple(outcomes))).rows]
    assert ranks == ([*range(1, stacks + 1)] if ranked else [None] * stacks)


def test_a_stack_that_cannot_be_ranked_costs_the_others_no_round(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    """Six rounds do for two; the third, with all trials invalid, is compared with nobody."""
    outcomes = [
        make_measurement(stack, "list", number, rate + number, findings=findings)
        for number in range(1, 7)
        for stack, rate, findings in (("a/x", 100, ()), ("b/x", 200, ()), ("c/x", 9, (INVALID,)))
    ]
    rows = only_table(make_run(tuple(outcomes))).rows
    assert [(row.stack, row.rank) for row in rows] == [("b/x", 1), ("a/x", 2), ("c/x", None)]


def test_a_single_stack_is_the_first_of_its_table(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    outcomes = tuple(make_measurement("a/x", "list", number) for number in range(1, 7))
    assert [row.rank for row in only_table(make_run(outcomes)).rows] == [1]
    assert [row.rank for row in only_table(make_run(outcomes[:5])).rows] == [None]


def test_the_difference_a_run_could_have_seen_is_that_of_its_coarsest_row(
    six_rounds: Run, make_run: MakeRun
) -> None:
    rows = only_table(six_rounds).rows
    halves = [row.ratio.precision or 0.0 for row in rows if row.ratio is not None]
    assert len(halves) == 2
    assert only_table(six_rounds).detectable == max(halves) > min(halves)
    few = replace(six_rounds, outcomes=six_rounds.outcomes[:9])
    assert only_table(few).detectable is None


def test_an_invalid_trial_counts_neither_for_rates_nor_for_ratios(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    outcomes = [
        make_measurement(stack, "list", number, rate)
        for number in (1, 2)
        for stack, rate in (("a/x", 100), ("b/x", 200))
    ]
    outcomes.append(make_measurement("b/x", "list", 3, 9000, findings=(INVALID,)))
    row = row_of(make_run(tuple(outcomes)), "b/x")
    assert median_of(row) == 200
    assert row.valid == 2
    assert row.ratio is not None
    assert row.ratio.value == pytest.approx(2)


def test_an_empty_run_is_reported_with_its_stacks(make_run: MakeRun) -> None:
    trials = (Trial(stack="a/x", workload="list", round=1, position=1),)
    assert [row.throughput for row in only_table(make_run(trials=trials)).rows] == [None]


def test_a_stack_whose_trials_are_mostly_invalid_is_not_judged_by_the_others(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    """Of a stack that the client limits, the trials that it did not limit are the slow ones."""
    outcomes = [make_measurement("a/x", "list", number, 100) for number in (1, 2)]
    outcomes.append(make_measurement("b/x", "list", 1, 50))
    outcomes.append(make_measurement("b/x", "list", 2, 900, findings=(INVALID,)))
    row = row_of(make_run(tuple(outcomes)), "b/x")
    assert (row.valid, row.ratio, median_of(row)) == (0, None, 475)


def test_a_mostly_invalid_baseline_gives_no_ratios(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    outcomes = [
        make_measurement("a/x", findings=(INVALID,)),
        make_measurement("b/x", rate=500),
    ]
    row = row_of(make_run(tuple(outcomes)), "b/x")
    assert (row.valid, row.ratio) == (1, None)


def test_latencies_of_the_rounds_are_merged_and_not_averaged(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    """90 answers in 1 ms and 10 in 1 s: p99 is 1 s; the mean of the rounds' p99 would be 0.5 s."""

    def latency(seconds: float, count: int) -> str:
        histogram = LatencyHistogram()
        histogram.record(seconds, count)
        return histogram.encode()

    run = make_run(
        (
            make_measurement("a/x", "list", 1, latency=latency(0.001, 90)),
            make_measurement("a/x", "list", 2, latency=latency(1.0, 10)),
        )
    )
    assert row_of(run, "a/x").latencies == pytest.approx((0.001, 1.0, 1.0), rel=1e-3)


def test_errors_are_a_part_of_all_answers_of_all_rounds(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    run = make_run(
        (
            make_measurement("a/x", "list", 1, requests=900, errors={"status 500": 60, "late": 40}),
            make_measurement("a/x", "list", 2, requests=1000, errors={}),
        )
    )
    assert row_of(run, "a/x").error_rate == pytest.approx(100 / 2000)


def test_a_stack_with_nothing_but_errors_has_them_all_and_no_latency(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    empty = LatencyHistogram().encode()
    wrong = make_measurement(
        "a/x", requests=0, latency=empty, errors={"status 500": 9}, findings=(INVALID,)
    )
    row = row_of(make_run((wrong,)), "a/x")
    assert (row.error_rate, row.latencies, row.cpu_per_request, row.valid) == (1.0, None, None, 0)


def test_what_an_answer_costs_is_that_of_the_median_round(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    """The fixture's server uses 0.6 s of CPU in user mode and 0.3 s in the kernel per second."""
    rates = (100.0, 300.0, 1000.0)
    run = make_run(
        tuple(make_measurement("a/x", "list", n, rate) for n, rate in enumerate(rates, start=1))
    )
    row = row_of(run, "a/x")
    assert row.cpu_user == pytest.approx(0.6 / 300)
    assert row.cpu_system == pytest.approx(0.3 / 300)
    assert row.cpu_per_request == pytest.approx(0.9 / 300)
    assert row.switches == pytest.approx(2)
    assert (row.threads, row.memory_peak) == (5, 30 * 2**20)


def test_what_a_core_and_a_mebibyte_bring_follows_from_rate_and_use(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    row = row_of(make_run((make_measurement("a/x", rate=300),)), "a/x")
    assert row.rate_per_core == pytest.approx(300 / 0.9)
    assert row.rate_per_mebibyte == pytest.approx(300 / 30)
    unknown = Row(stack="a/x")
    assert (unknown.rate_per_core, unknown.rate_per_mebibyte) == (None, None)


@pytest.mark.parametrize(
    ("carried", "wanted", "replicas"),
    [(900, 900, 1), (900, 901, 2), (900, 2700, 3), (900, 1, 1), (0, 100, None), (None, 100, None)],
)
def test_replicas_are_as_many_as_carry_the_rate_within_the_objective(
    carried: float | None, wanted: float, replicas: int | None
) -> None:
    assert Row(stack="a/x", under_objective=carried).replicas(wanted) == replicas


def test_the_rates_that_may_be_used_are_those_of_the_valid_rounds(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    good = [make_measurement("a/x", "list", number, 100 * number) for number in (1, 2)]
    bad = make_measurement("a/x", "list", 3, 900, findings=(INVALID,))
    run = make_run((*good, bad))
    assert usable_rates(run, "a/x", "list") == {1: 100, 2: 200}
    assert usable_rates(make_run((good[0], bad)), "a/x", "list") == {}


def test_memory_and_threads_are_the_most_of_all_rounds(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    def using(number: int, memory: int, threads: int | None) -> Measurement:
        measured = make_measurement("a/x", "list", number)
        (phase,) = measured.phases
        server = replace(phase.use, memory_peak=memory, threads=threads)
        return replace(measured, phases=(replace(phase, server=server),))

    row = row_of(make_run((using(1, 70, 3), using(2, 90, 2), using(3, 80, None))), "a/x")
    assert (row.memory_peak, row.threads) == (90, 3)


def test_memory_is_divided_among_workers_where_a_server_has_them(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    trials = [make_measurement(stack, "list", 1) for stack in ("a/x", "b/y", "c/z")]
    several = facts(id="a/x", settings={"WORKERS": "3"}, knobs=("threads", "workers"))
    other = facts(id="b/y", settings={"WORKERS": "3"}, knobs=("threads",))
    run = make_run(trials, stacks=(several, other))
    assert row_of(run, "a/x").memory_per_worker == pytest.approx(10 * 2**20)
    for stack in ("b/y", "c/z"):  # without the setting, and of before it was recorded
        assert row_of(run, stack).memory_per_worker is None
    (table,) = tables(run)
    (column,) = (c for c in cost_columns(table, None) if c.title == "per worker")
    assert [column.cell(row) for row in table.rows] == ["10 MiB", "-", "-"]


def test_connections_are_counted_per_answer_unless_a_round_does_not_know_them(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    known = make_measurement("a/x", "list", 1, 1000, connections=2000)
    unknown = make_measurement("a/x", "list", 2, 1000, connections=None)
    assert row_of(make_run((known,)), "a/x").reconnects == pytest.approx(1)
    assert row_of(make_run((known, unknown)), "a/x").reconnects is None


def test_findings_and_failures_of_a_case_are_kept_with_their_number(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    failure = Failure(
        trial=Trial(stack="a/x", workload="list", round=3, position=1), stage="load", message="died"
    )
    run = make_run(
        (
            make_measurement("a/x", "list", 1, findings=(DOUBTFUL, INVALID)),
            make_measurement("a/x", "list", 2, findings=(replace(DOUBTFUL, message="other"),)),
            failure,
        )
    )
    row = row_of(run, "a/x")
    assert row.findings == ((DOUBTFUL, 2), (INVALID, 1))
    assert row.failures == (failure,)


# the ramp


def test_a_row_tells_the_knee_and_the_users_and_the_stop_of_its_ramp(
    make_ramp: MakeMeasurement, make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    ramp = make_ramp("a/x", {1: 100, 2: 200, 4: 390, 8: 400, 16: 385, 32: 300}, stop_seconds=0.7)
    row = row_of(make_run((ramp, make_measurement("a/x", users=16))), "a/x")
    assert row.knee is not None
    assert (row.knee.users, row.knee.full_users, row.knee.throughput) == (4, 16, 400)
    assert (row.users, row.stop_seconds) == (16, 0.7)


def test_without_a_ramp_there_is_no_knee(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    row = row_of(make_run((make_measurement("a/x", users=7),)), "a/x")
    assert (row.knee, row.users, row.stop_seconds) == (None, 7, None)


def test_neither_ramps_nor_fixed_rates_count_as_capacity(
    make_ramp: MakeMeasurement,
    make_measurement: MakeMeasurement,
    make_at_rates: MakeMeasurement,
    make_run: MakeRun,
) -> None:
    run = make_run(
        (
            make_ramp("a/x", {1: 9000}),
            make_measurement("a/x", rate=1000),
            make_at_rates("a/x", 1, parts=(0.5,)),
        )
    )
    row = row_of(run, "a/x")
    assert row.throughput is not None
    assert (row.throughput.value, row.throughput.count, row.valid) == (1000, 1, 1)


# fixed rates


@pytest.fixture
def at_rates(
    make_measurement: MakeMeasurement, make_at_rates: MakeMeasurement, make_run: MakeRun
) -> Callable[..., Row]:
    """Give the row of a stack whose capacity is ``own`` requests/s, at parts of 1,000."""

    def make(own: float, parts: Sequence[float], objective: float = 0.05, **changes: object) -> Row:
        outcomes: tuple[Outcome, ...] = (
            make_measurement("a/x", rate=own),
            make_at_rates("a/x", 1, own=own, parts=parts, **changes),
        )
        return row_of(make_run(outcomes, load=LoadSettings(objective=objective)), "a/x")

    return make


def percentiles(at: AtRate) -> list[float]:
    """Give p50, p99 and p99.9, of a rate with answers enough for all of them."""
    known = [seconds for seconds in at.latencies or () if seconds is not None]
    assert len(known) == 3
    return known


def test_rates_are_given_from_the_lowest_with_what_they_offered(
    at_rates: Callable[..., Row],
) -> None:
    row = at_rates(1000, (0.9, 0.5))
    assert [(at.part, at.rate) for at in row.at_rates] == [(0.5, 500), (0.9, 900)]
    assert [at.goodput for at in row.at_rates] == pytest.approx([500, 900])
    assert all(at.carried and at.valid == at.rounds == 1 for at in row.at_rates)


def test_latencies_at_a_rate_are_those_of_all_rounds_together(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    """One quick round and one slow one: p50 is the quick one's, p99 the slow one's."""
    run = make_run(
        (
            make_at_rates("a/x", 1, own=100_000, parts=(0.5,)),
            make_at_rates("a/x", 2, own=600, parts=(0.5,)),
        )
    )
    (at,) = row_of(run, "a/x").at_rates
    assert percentiles(at)[0] < 0.001
    assert percentiles(at)[1] > 0.01
    assert (at.valid, at.rounds) == (2, 2)


@pytest.mark.parametrize(
    ("count", "known"),
    [
        (1, (False, False, False)),
        (2, (True, False, False)),
        (99, (True, False, False)),
        (100, (True, True, False)),
        (999, (True, True, False)),
        (1000, (True, True, True)),
        (1001, (True, True, True)),
    ],
)
def test_a_p99_takes_100_answers_and_a_p99_9_takes_1000(
    make_at_rates: MakeMeasurement, make_run: MakeRun, count: int, known: tuple[bool, ...]
) -> None:
    """With fewer it is but the longest of them, whatever that is."""
    histogram = LatencyHistogram()
    histogram.record(0.01, count)
    run = make_run((make_at_rates("a/x", parts=(0.5,), latency=histogram.encode()),))
    (at,) = row_of(run, "a/x").at_rates
    assert at.latencies is not None
    assert tuple(seconds is not None for seconds in at.latencies) == known


def test_the_answers_that_a_percentile_takes_are_those_of_all_rounds_together(
    make_at_rates: MakeMeasurement, make_run: MakeRun, spread: Callable[[float, int], str]
) -> None:
    rounds = [
        make_at_rates("a/x", number, parts=(0.5,), latency=spread(0.01, 600)) for number in (1, 2)
    ]
    (at,) = row_of(make_run((rounds[0],)), "a/x").at_rates
    assert at.latencies is not None
    assert at.latencies[2] is None
    (at,) = row_of(make_run(tuple(rounds)), "a/x").at_rates
    assert percentiles(at)[2] == pytest.approx(0.06, rel=1e-3)


def test_at_a_rate_without_answers_there_are_no_latencies(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    nothing = {"requests": 0, "latency": LatencyHistogram().encode()}
    (at,) = row_of(make_run((make_at_rates("a/x", parts=(0.5,), **nothing),)), "a/x").at_rates
    assert (at.latencies, at.carried) == (None, False)


@pytest.mark.parametrize(
    ("own", "carried"), [(1000, True), (901, True), (870, True), (850, False), (300, False)]
)
def test_a_rate_is_carried_if_95_percent_are_answered_without_waiting_for_a_connection(
    at_rates: Callable[..., Row], own: float, carried: bool
) -> None:
    (at,) = at_rates(own, (0.9,)).at_rates
    assert at.carried is carried


@pytest.mark.parametrize(
    ("answered", "late", "carried"),
    # of 1,000 two standard deviations are 63
    [(937, 0, True), (936, 0, False), (1000, 50, True), (1000, 51, False)],
)
def test_of_what_was_offered_19_in_20_must_be_answered_but_for_chance_and_not_be_late(
    make_at_rates: MakeMeasurement, make_run: MakeRun, answered: int, late: int, carried: bool
) -> None:
    measured = make_at_rates("a/x", own=1000, parts=(0.5,))
    (phase,) = measured.phases
    load = replace(phase.load, requests=answered, kept=answered, late=late)
    run = make_run((replace(measured, phases=(replace(phase, load=load),)),))
    assert row_of(run, "a/x").at_rates[0].carried is carried


def test_a_rate_whose_requests_waited_for_connections_is_not_carried_though_all_were_answered(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    measured = make_at_rates("a/x", own=1000, parts=(0.5,))
    (phase,) = measured.phases
    late = replace(phase, load=replace(phase.load, late=100))
    (at,) = row_of(make_run((replace(measured, phases=(late,)),)), "a/x").at_rates
    assert at.goodput == pytest.approx(500)
    assert not at.carried


def test_chance_is_that_of_all_rounds_together(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    """In each round 60 of 1,000 are missing, which may be; 240 of 4,000 may not."""
    rounds = [make_at_rates("a/x", number, parts=(0.5,), kept=940) for number in range(1, 5)]
    assert row_of(make_run((rounds[0],)), "a/x").at_rates[0].carried
    assert not row_of(make_run(tuple(rounds)), "a/x").at_rates[0].carried


def test_errors_at_a_rate_are_a_part_of_what_was_offered(at_rates: Callable[..., Row]) -> None:
    """Of all that was meant for the windows, right or wrong: 1,000 right and 10 not."""
    (at,) = at_rates(1000, (0.5,), errors={"status 500": 10}).at_rates
    assert at.error_rate == pytest.approx(10 / 1010)
    assert at.unanswered == 0


def test_what_was_never_answered_is_a_part_of_what_was_offered_and_no_error(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    """In one of two rounds 20 of 1,000 have no answer, and 10 are wrong: of 2,000 right ones."""
    hung = make_at_rates("a/x", 1, parts=(0.5,), unanswered=20, errors={"status 500": 10})
    run = make_run((hung, make_at_rates("a/x", 2, parts=(0.5,))))
    (at,) = row_of(run, "a/x").at_rates
    assert at.unanswered == pytest.approx(20 / 2030)
    assert at.error_rate == pytest.approx(10 / 2030)


def test_at_a_rate_that_was_never_answered_nothing_is_wrong_but_that(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    nothing = {"requests": 0, "latency": LatencyHistogram().encode(), "unanswered": 1000}
    (at,) = row_of(make_run((make_at_rates("a/x", parts=(0.5,), **nothing),)), "a/x").at_rates
    assert (at.unanswered, at.error_rate) == (1, 0)


def test_the_rate_within_the_objective_is_the_median_of_what_the_rounds_found(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    """The fixture's p99 is 3 / (own - rate): of 1,000 it keeps 50 ms at 900, of 400 at 320."""
    ladder = (0.95, 0.9, 0.8, 0.7, 0.5)
    trials = [
        make_at_rates("a/x", number, own=own, ladder=ladder)
        for number, own in enumerate((400, 1000, 2000), start=1)
    ]
    assert row_of(make_run(tuple(trials)), "a/x").under_objective == pytest.approx(900)


def test_the_objective_is_that_of_the_run(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    trial = make_at_rates("a/x", ladder=(0.95,), objective=1.0)
    for objective, expected in ((0.061, 950), (0.059, 0)):
        run = make_run((trial,), load=LoadSettings(objective=objective))
        assert row_of(run, "a/x").under_objective == pytest.approx(expected)


def test_what_was_tried_at_a_stacks_own_rates_is_no_rate_of_all(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    row = row_of(make_run((make_at_rates("a/x", ladder=(0.95, 0.9, 0.8)),)), "a/x")
    assert [at.part for at in row.at_rates] == [0.5, 0.9]


def test_overload_tells_nothing_of_the_objective(
    make_measurement: MakeMeasurement, make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    """Nor do the rates that are the same for all, however well they are carried."""
    well = make_at_rates("a/x", own=9000)
    overload = make_at_rates("a/x", own=9000, parts=(1.2,))
    run = make_run((make_measurement("a/x"), well, overload))
    assert row_of(run, "a/x").under_objective is None


def test_a_rate_whose_rounds_are_mostly_invalid_is_not_judged_by_the_others(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    good = make_at_rates("a/x", 1, own=10_000, parts=(0.5,))
    bad = make_at_rates("a/x", 2, own=600, parts=(0.5,), findings=(INVALID,))
    (at,) = row_of(make_run((good, bad)), "a/x").at_rates
    assert (at.valid, at.rounds) == (0, 2)
    assert percentiles(at)[1] > 0.01
    third = make_at_rates("a/x", 3, own=10_000, parts=(0.5,))
    (at,) = row_of(make_run((good, bad, third)), "a/x").at_rates
    assert (at.valid, at.rounds) == (2, 3)
    assert percentiles(at)[1] < 0.01


def test_recovery_from_overload_is_the_median_unless_a_round_never_recovered(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    """The fixture's backlog of 2 s x (1,200 - own) is worked off at own - 500 per second."""
    one = make_at_rates("a/x", 1, own=1000, parts=(1.2,))
    two = make_at_rates("a/x", 2, own=900, parts=(1.2,))
    never = make_at_rates("a/x", 3, own=400, parts=(1.2,))
    (at,) = row_of(make_run((one, two)), "a/x").at_rates
    assert at.recovery == pytest.approx((400 / 500 + 600 / 400) / 2)
    assert not at.carried
    assert at.goodput == pytest.approx(950)
    (at,) = row_of(make_run((one, two, never)), "a/x").at_rates
    assert at.recovery is None


def test_what_a_stack_did_at_rates_is_told_even_if_its_capacity_is_not_known(
    make_at_rates: MakeMeasurement, make_run: MakeRun
) -> None:
    failure = Failure(
        trial=Trial(stack="b/x", workload="list", round=1, position=1, stage=Stage.CAPACITY),
        stage="load",
        message="died",
    )
    overload = make_at_rates("b/x", own=1100, parts=(1.2,))
    run = make_run((failure, make_at_rates("b/x", ladder=(0.95, 0.9)), overload))
    row = row_of(run, "b/x")
    assert [at.part for at in row.at_rates] == [0.5, 0.9, 1.2]
    assert row.under_objective == pytest.approx(900)
    assert (row.throughput, row.valid) == (None, 0)


# what decides the exit code


@pytest.fixture
def trials(
    make_ramp: MakeMeasurement, make_measurement: MakeMeasurement, make_at_rates: MakeMeasurement
) -> list[Outcome]:
    """All trials of a stack, in two rounds, with nothing wrong."""
    return [
        make_ramp("a/x", {1: 500, 2: 1000}),
        *[make_measurement("a/x", "list", number) for number in (1, 2)],
        *[make_at_rates("a/x", number, ladder=(0.95, 0.9)) for number in (1, 2)],
        *[make_at_rates("a/x", number, parts=(1.2,)) for number in (1, 2)],
    ]


def test_a_row_is_sound_if_all_was_measured_and_is_valid(
    trials: list[Outcome], make_run: MakeRun
) -> None:
    assert row_of(make_run(tuple(trials)), "a/x").sound


@pytest.mark.parametrize("lost", range(7))
def test_a_row_with_any_trial_failed_is_not_sound(
    trials: list[Outcome], make_run: MakeRun, lost: int
) -> None:
    """The ramp, a round of capacity, of latency or of overload."""
    trials[lost] = Failure(trial=trials[lost].trial, stage="load", message="died")
    assert not row_of(make_run(tuple(trials)), "a/x").sound


@pytest.mark.parametrize(
    ("invalid", "sound"),
    [
        # one of two rounds of capacity, of latency, of overload; all of them
        *[((number,), False) for number in range(1, 7)],
        ((1, 2, 3, 4, 5, 6), False),
        # a ramp is not judged
        ((0,), True),
    ],
)
def test_a_row_of_which_half_of_any_kind_is_invalid_is_not_sound(
    trials: list[Outcome], make_run: MakeRun, invalid: Sequence[int], sound: bool
) -> None:
    run = make_run(tuple(spoilt(item) if n in invalid else item for n, item in enumerate(trials)))
    assert row_of(run, "a/x").sound is sound


def test_a_row_of_which_no_trial_tells_the_rate_within_the_objective_is_not_sound(
    trials: list[Outcome], make_run: MakeRun
) -> None:
    """The rates that are the same for all are valid, those of its own are not."""

    def spoilt_ladder(item: Outcome) -> Outcome:
        assert isinstance(item, Measurement)
        phases = tuple(
            phase if phase.phase.own is None else replace(phase, findings=(INVALID,))
            for phase in item.phases
        )
        return replace(item, phases=phases)

    trials[3:5] = map(spoilt_ladder, trials[3:5])
    row = row_of(make_run(tuple(trials)), "a/x")
    assert all(at.valid for at in row.at_rates)
    assert row.under_objective is None
    assert not row.sound


def test_a_row_of_which_half_of_the_trials_tell_no_rate_within_the_objective_is_not_sound(
    trials: list[Outcome], make_run: MakeRun
) -> None:
    """As with any other kind of trial, though one of two is valid."""
    second = trials[4]
    assert isinstance(second, Measurement)
    *at_rates, tried = second.phases
    assert tried.phase.own is not None
    tried = replace(tried, findings=(INVALID,))
    trials[4] = replace(second, phases=(*at_rates, tried))
    row = row_of(make_run(tuple(trials)), "a/x")
    assert {at.valid for at in row.at_rates} == {2}
    assert (row.under_objective, row.sound) == (None, False)


@pytest.mark.parametrize("kind", [(1, 2), (3, 4), (5, 6)])
def test_a_row_with_one_invalid_round_of_three_is_sound(
    trials: list[Outcome],
    make_run: MakeRun,
    kind: tuple[int, int],
) -> None:
    """Two valid rounds of a kind and an invalid one, which the median does not need."""
    first = trials[kind[0]]
    third = spoilt(replace(first, trial=replace(first.trial, round=3)))
    assert row_of(make_run((*trials, third)), "a/x").sound


def test_a_row_whose_findings_are_but_warnings_is_sound(
    trials: list[Outcome], make_run: MakeRun
) -> None:
    warned = tuple(spoilt(item, DOUBTFUL) for item in trials)
    assert row_of(make_run(warned), "a/x").sound


def test_a_row_is_not_sound_as_long_as_nothing_was_measured(make_run: MakeRun) -> None:
    trials = (Trial(stack="a/x", workload="list", round=1, position=1),)
    assert not row_of(make_run(trials=trials), "a/x").sound


def spoilt(outcome: Outcome, finding: Finding = INVALID) -> Outcome:
    assert isinstance(outcome, Measurement)
    phases = tuple(replace(phase, findings=(finding,)) for phase in outcome.phases)
    return replace(outcome, phases=phases)


# a shape


def test_the_rounds_of_a_shape_are_one_row_of_their_own_and_no_capacity(
    make_measurement: MakeMeasurement, make_played: MakeMeasurement, make_run: MakeRun
) -> None:
    rounds = [make_played("a/x", n, rate) for n, rate in enumerate((90, 100, 120), 1)]
    row = row_of(make_run((make_measurement(rate=1000), *rounds)), "a/x")
    assert median_of(row) == 1000
    assert row.at_rates == ()
    assert row.shaped is not None
    assert (row.shaped.throughput, row.shaped.users, row.shaped.seconds) == (100, 50, 3.0)
    assert (row.shaped.valid, row.shaped.rounds) == (3, 3)
    assert row.shaped.cpu == pytest.approx(0.9)
    assert row.shaped.latencies is not None
    assert row.sound


def test_errors_of_a_shape_are_a_part_of_all_that_was_asked(
    make_measurement: MakeMeasurement, make_played: MakeMeasurement, make_run: MakeRun
) -> None:
    one = make_played("a/x", 1, 100, errors={"refused": 50})
    answers = LatencyHistogram.decode(one.phases[0].load.latency).count
    row = row_of(make_run((make_measurement(), one)), "a/x")
    assert row.shaped is not None
    assert row.shaped.error_rate == pytest.approx(50 / (answers + 50))


def test_a_shape_that_was_mostly_invalid_is_shown_and_makes_the_run_unsound(
    make_measurement: MakeMeasurement, make_played: MakeMeasurement, make_run: MakeRun
) -> None:
    rounds = [make_played("a/x", number, 100, findings=(INVALID,)) for number in (1, 2)]
    row = row_of(make_run((make_measurement(), *rounds)), "a/x")
    assert row.shaped is not None
    assert (row.shaped.valid, row.shaped.rounds) == (0, 2)
    assert row.valid
    assert not row.sound
    assert INVALID in [finding for finding, _ in row.findings]


def test_a_run_without_a_shape_has_none(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    assert row_of(make_run((make_measurement(),)), "a/x").shaped is None
