"""What the pairs of a check mean: three-valued, and nothing read out of what was not measured."""

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from tests.unit.made_up_checks import made_up_check
from toolkit.changes import LEAST_MEMORY, Change, Verdict, decide, decide_memory, worsening
from toolkit.checked import (
    ALPHA,
    LOOKS,
    Check,
    Duel,
    EndpointSample,
    Metric,
    Pair,
    Sample,
)
from toolkit.histogram import LatencyHistogram
from toolkit.judgement import assess, look
from toolkit.measured import Finding, HostUse, Severity
from toolkit.stats import Ratio, paired_ratio

MIB = 2**20
MEMORY = 40 * MIB
ANSWERED = 1000
CONFIDENCE = 1 - 2 * ALPHA
TOLERANCE = 0.1
WRONG = Finding(rule="answers", severity=Severity.INVALID, message="the answers differ")
NOTED = Finding(rule="steal", severity=Severity.WARNED, message="somebody took the CPU")

log_ratios = st.floats(-0.5, 0.5)
shapes = st.lists(log_ratios, min_size=1, max_size=14)


def latencies(seconds: float) -> str:
    histogram = LatencyHistogram()
    histogram.record(seconds, ANSWERED)
    return histogram.encode()


ONE_MS, TWO_MS = latencies(0.001), latencies(0.002)


def endpoint(latency: str = ONE_MS) -> EndpointSample:
    return EndpointSample(answered=ANSWERED, failed=0, length=100.0, latency=latency)


def side(cpu: float = 1.0, rate: float = 1.0, memory: int = MEMORY, **changes: object) -> Sample:
    """Give a side that needs so many ms of CPU per request, at so many thousand requests/s."""
    values: dict[str, object] = {
        "cpu": cpu * 1e-3 * ANSWERED,
        "busy": ANSWERED / (rate * 1e3),
        "bursts": 40,
        "memory": memory,
        "endpoints": {"GET /": endpoint()},
    }
    return Sample(**{**values, **changes})  # type: ignore[arg-type]


def pair(*sides: tuple[Sample, Sample], series: int = 1, findings: Sequence[Finding] = ()) -> Pair:
    """Give a pair of base and candidate under so many workloads; the findings are of the first."""
    return Pair(
        number=1,
        series=series,
        seed=1,
        started_at="2026-11-24T10:00:00+00:00",
        duels={
            f"w{number}": Duel(
                base=base,
                candidate=candidate,
                client_cpu=0.4,
                host=HostUse(),
                findings=() if number else tuple(findings),
            )
            for number, (base, candidate) in enumerate(sides)
        },
    )


def pairs_of(metric: Metric, ratios: Iterable[float], series: int = 1) -> list[Pair]:
    """Give pairs whose candidate has so many times the base's metric, and is like it otherwise."""
    changed: dict[Metric, Callable[[float], Sample]] = {
        Metric.CPU: lambda ratio: side(cpu=ratio),
        Metric.THROUGHPUT: lambda ratio: side(rate=ratio),
        Metric.MEMORY: lambda ratio: side(memory=round(MEMORY * ratio)),
    }
    return [pair((side(), changed[metric](ratio)), series=series) for ratio in ratios]


cpu_pairs = partial(pairs_of, Metric.CPU)
rate_pairs = partial(pairs_of, Metric.THROUGHPUT)
memory_pairs = partial(pairs_of, Metric.MEMORY)


def failed(times: int, why: str = "the candidate died", series: int = 1) -> list[Pair]:
    return [replace(pair(series=series), failure=why)] * times


def check_of(pairs: Iterable[Pair], **of_settings: object) -> Check:
    blank = made_up_check(pairs=0, settings={"tolerance": TOLERANCE, **of_settings})
    return replace(blank, pairs=tuple(pairs))


def change_of(check: Check, metric: Metric) -> Change:
    (found,) = [item for item in assess(check).changes if item.metric is metric]
    return found


def ratio_of(value: float, low: float, high: float) -> Ratio:
    return Ratio(value=value, low=low, high=high, pairs=6)


# the rule of one metric


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    [
        (1.2, 1.05, 1.3, Verdict.REGRESSION),
        (1.2, 1.0, 1.3, Verdict.INCONCLUSIVE),  # it may be no change at all
        (1.2, 0.9, 1.3, Verdict.INCONCLUSIVE),
        (1.1, 1.05, 1.3, Verdict.INCONCLUSIVE),  # at the tolerance, not above it
        (1.08, 1.05, 1.3, Verdict.INCONCLUSIVE),
        (1.05, 1.01, 1.09, Verdict.FINE),  # worse for sure, and within the tolerance
        (1.05, 1.01, 1.1, Verdict.INCONCLUSIVE),  # the interval must end below it
        (1.0, 0.95, 1.05, Verdict.FINE),
        (0.9, 0.85, 1.0, Verdict.FINE),
        (0.9, 0.85, 0.99, Verdict.IMPROVED),
        (0.5, 0.2, 1.2, Verdict.INCONCLUSIVE),
    ],
)
def test_a_verdict_needs_the_interval_and_a_regression_the_estimate_as_well(
    value: float, low: float, high: float, verdict: Verdict
) -> None:
    limit = 1 + TOLERANCE
    exact = tuple(limit if number == 1.1 else number for number in (value, low, high))
    assert decide(ratio_of(*exact), TOLERANCE) is verdict


def test_without_an_interval_nothing_is_decided() -> None:
    nothing = Ratio(value=3.0, low=None, high=None, pairs=5)
    assert decide(nothing, TOLERANCE) is Verdict.INCONCLUSIVE
    assert decide(worsening(Metric.THROUGHPUT, nothing), TOLERANCE) is Verdict.INCONCLUSIVE


@given(shapes, st.floats(0.01, 1))
def test_a_metric_of_which_more_is_better_is_judged_as_its_inverse(
    logs: list[float], tolerance: float
) -> None:
    ones = [1.0] * len(logs)
    ratios = [math.exp(value) for value in logs]
    more = decide(worsening(Metric.CPU, paired_ratio(ratios, ones, CONFIDENCE)), tolerance)
    less = decide(worsening(Metric.THROUGHPUT, paired_ratio(ones, ratios, CONFIDENCE)), tolerance)
    assert more is less


@given(shapes, st.floats(0.01, 1))
def test_a_regression_seen_from_the_candidate_is_an_improvement(
    logs: list[float], tolerance: float
) -> None:
    ratios, ones = [math.exp(value) for value in logs], [1.0] * len(logs)
    there = decide(paired_ratio(ratios, ones, CONFIDENCE), tolerance)
    back = decide(paired_ratio(ones, ratios, CONFIDENCE), tolerance)
    assert {there, back} != {Verdict.REGRESSION}
    if there is Verdict.REGRESSION:
        assert back is Verdict.IMPROVED


@given(shapes, st.floats(0.01, 1), st.randoms(use_true_random=False), st.floats(1e-3, 1e3))
def test_neither_the_order_of_the_pairs_nor_their_scale_changes_a_verdict(
    logs: list[float], tolerance: float, draws: random.Random, scale: float
) -> None:
    bases = [scale * draws.uniform(1, 9) for _ in logs]
    candidates = [base * math.exp(value) for base, value in zip(bases, logs, strict=True)]
    shuffled = list(zip(candidates, bases, strict=True))
    draws.shuffle(shuffled)
    others = [[value / scale for value in values] for values in zip(*shuffled, strict=True)]
    first = paired_ratio(candidates, bases, CONFIDENCE)
    second = paired_ratio(others[0], others[1], CONFIDENCE)
    assert first.value == pytest.approx(second.value)
    limits = [1.0, 1 + tolerance]
    known = [number for number in (first.value, first.low, first.high) if number is not None]
    if not any(math.isclose(number, limit) for number in known for limit in limits):
        assert decide(first, tolerance) is decide(second, tolerance)


def test_the_bounds_are_those_of_the_exact_signed_rank_test() -> None:
    """A bound lies beyond a limit just where the test of that limit rejects (scipy as the oracle).

    The shifts put most samples near the boundary: where it is easy to tell, everybody agrees.
    """
    draws = random.Random(2)
    limit = 1 + TOLERANCE
    told: set[tuple[bool, bool]] = set()
    for number in range(1200):
        count = draws.choice([*LOOKS, 7, 12])
        middle = draws.choice((0.0, math.log(limit))) + draws.gauss(0, 1.2) * 0.05 / count**0.5
        logs = [draws.gauss(middle, 0.05) for _ in range(count)]
        found = paired_ratio([math.exp(value) for value in logs], [1.0] * count, CONFIDENCE)
        assert found.low is not None
        assert found.high is not None
        above_one = wilcoxon(logs, alternative="greater", method="exact").pvalue <= ALPHA
        below_limit = (
            wilcoxon(
                [value - math.log(limit) for value in logs], alternative="less", method="exact"
            ).pvalue
            <= ALPHA
        )
        assert (found.low > 1) == above_one, number
        assert (found.high < limit) == below_limit, number
        verdict = decide(found, TOLERANCE)
        assert (verdict in (Verdict.FINE, Verdict.IMPROVED)) == below_limit, number
        assert (verdict is Verdict.REGRESSION) == (above_one and found.value > limit), number
        told.add((above_one, below_limit))
    assert len(told) == 4


# the rule of looking several times


def looked_at(logs: Sequence[float], tolerance: float) -> Verdict:
    """Say what the sequential rule comes to."""
    verdict = Verdict.INCONCLUSIVE
    for count in LOOKS:
        ratios = [math.exp(value) for value in logs[:count]]
        verdict = decide(paired_ratio(ratios, [1.0] * count, CONFIDENCE), tolerance)
        if verdict is not Verdict.INCONCLUSIVE:
            break
    return verdict


def test_identical_versions_are_never_a_regression_at_twice_the_usual_noise() -> None:
    """3000 checks, 2 % of noise per pair, a tolerance of 5 %."""
    draws = random.Random(5)
    verdicts = [
        looked_at([draws.gauss(0, 0.02) for _ in range(LOOKS[-1])], 0.05) for _ in range(3000)
    ]
    assert verdicts.count(Verdict.REGRESSION) == 0
    assert verdicts.count(Verdict.INCONCLUSIVE) <= 15


def test_a_tenth_more_is_always_found_at_that_noise() -> None:
    draws = random.Random(6)
    verdicts = [
        looked_at([draws.gauss(math.log(1.1), 0.02) for _ in range(LOOKS[-1])], 0.05)
        for _ in range(500)
    ]
    assert verdicts.count(Verdict.REGRESSION) == 500


def test_looking_four_times_leaves_no_change_out_in_a_twentieth_of_the_cases() -> None:
    """One-sided, see ``ALPHA``. Of 3000 checks 5 % are 150, give or take 36 (three deviations)."""
    draws = random.Random(7)
    wrong = 0
    for _ in range(3000):
        ratios = [math.exp(draws.gauss(0, 0.02)) for _ in range(LOOKS[-1])]
        found = [paired_ratio(ratios[:count], [1.0] * count, CONFIDENCE) for count in LOOKS]
        wrong += any(ratio.low is not None and ratio.low > 1 for ratio in found)
    assert 100 <= wrong <= 186


# memory


@pytest.mark.parametrize(
    ("base", "grown", "tolerance", "verdict"),
    [
        # 40 MiB and a tolerance of an eighth: 5 MiB is both limits
        (40 * MIB, LEAST_MEMORY - 1, 0.125, Verdict.FINE),
        (40 * MIB, LEAST_MEMORY, 0.125, Verdict.FINE),
        (40 * MIB, LEAST_MEMORY + 1, 0.125, Verdict.REGRESSION),
        # a quarter of 40 MiB is more than 5 MiB: the tolerance decides
        (40 * MIB, 10 * MIB, 0.25, Verdict.FINE),
        (40 * MIB, 10 * MIB + 1, 0.25, Verdict.REGRESSION),
        # a quarter of 16 MiB is less: 5 MiB decide
        (16 * MIB, LEAST_MEMORY, 0.25, Verdict.FINE),
        (16 * MIB, LEAST_MEMORY + 1, 0.25, Verdict.REGRESSION),
    ],
)
def test_memory_grows_by_more_than_the_tolerance_and_5_mib(
    base: int, grown: int, tolerance: float, verdict: Verdict
) -> None:
    values = [float(base)] * 6, [float(base + grown)] * 6
    assert decide_memory(*values, tolerance) is verdict


@given(st.integers(2, 33))
def test_two_thirds_of_the_pairs_must_show_it(third: int) -> None:
    base = [100.0 * MIB] * 3 * third

    def with_grown(pairs: int) -> list[float]:
        return [200.0 * MIB] * pairs + base[pairs:]

    assert decide_memory(base, with_grown(2 * third), 0.1) is Verdict.REGRESSION
    assert decide_memory(base, with_grown(2 * third - 1), 0.1) is Verdict.FINE
    assert decide_memory(with_grown(2 * third), base, 0.1) is Verdict.IMPROVED
    assert decide_memory(with_grown(2 * third - 1), base, 0.1) is Verdict.FINE


def test_fewer_than_six_pairs_say_nothing_about_memory() -> None:
    assert decide_memory([1.0 * MIB] * 5, [99.0 * MIB] * 5, 0.1) is Verdict.INCONCLUSIVE


def test_memory_that_grows_is_a_regression_although_all_else_is_the_same() -> None:
    check = check_of(memory_pairs([1.5] * 6), confirm=False)
    found = assess(check)
    assert found.verdict is Verdict.REGRESSION
    assert found.worst is not None
    assert found.worst.metric is Metric.MEMORY


# metrics and workloads together


@pytest.mark.parametrize(
    ("metric", "ratio", "verdict"),
    [
        (Metric.CPU, 1.3, Verdict.REGRESSION),
        (Metric.CPU, 0.7, Verdict.IMPROVED),
        (Metric.THROUGHPUT, 0.7, Verdict.REGRESSION),
        (Metric.THROUGHPUT, 1.3, Verdict.IMPROVED),
        (Metric.MEMORY, 1.3, Verdict.REGRESSION),
        (Metric.MEMORY, 0.7, Verdict.IMPROVED),
    ],
)
def test_each_metric_is_judged_the_right_way_round(
    metric: Metric, ratio: float, verdict: Verdict
) -> None:
    check = check_of(pairs_of(metric, [ratio] * 6), metrics=(metric,))
    assert look(check, 1) is verdict
    assert change_of(check, metric).change == pytest.approx(ratio - 1)


def test_what_does_not_decide_is_shown_and_changes_nothing() -> None:
    check = check_of(rate_pairs([0.5] * 6), metrics=(Metric.CPU,))
    assert assess(check).verdict is Verdict.FINE
    shown = change_of(check, Metric.THROUGHPUT)
    assert (shown.gated, shown.verdict) == (False, Verdict.REGRESSION)


def test_the_worst_metric_decides() -> None:
    def made(cpu: float, rate: float) -> Verdict:
        return look(check_of([pair((side(), side(cpu=cpu, rate=rate)))] * 6), 1)

    assert made(0.5, 0.5) is Verdict.REGRESSION
    assert made(0.5, 2.0) is Verdict.IMPROVED
    assert made(0.5, 1.0) is Verdict.IMPROVED
    assert made(1.0, 1.0) is Verdict.FINE
    unsure = [pair((side(), side(cpu=0.5, rate=rate))) for rate in (0.7, 1.0, 1.0, 1.0, 1.0, 1.3)]
    assert look(check_of(unsure), 1) is Verdict.INCONCLUSIVE


def test_workloads_are_combined_by_the_geometric_mean() -> None:
    """A small endpoint that gets 21 % slower weighs as much as a large one."""
    small, large = side(cpu=1.0), side(cpu=100.0)
    for slower in ((side(cpu=1.21), large), (small, side(cpu=121.0))):
        check = check_of([pair((small, slower[0]), (large, slower[1]))] * 6)
        found = change_of(check, Metric.CPU)
        assert found.ratio.value == pytest.approx(1.1)
        assert found.base == pytest.approx(0.01)
        assert found.candidate == pytest.approx(0.011)


def test_a_pair_in_which_a_workload_has_no_value_of_a_metric_has_none() -> None:
    """The mean of the others is not the mean of all."""
    without = pair((side(), side(cpu=9.0)), (side(), side(cpu=0.0)))
    whole = pair((side(), side()), (side(), side()))
    found = change_of(check_of([whole] * 6 + [without] * 3), Metric.CPU)
    assert found.ratio.pairs == 6
    assert found.ratio.value == pytest.approx(1.0)


@settings(max_examples=10)
@given(st.lists(log_ratios, min_size=6, max_size=8), st.randoms(use_true_random=False))
def test_a_check_is_mirrored_by_swapping_its_sides_and_the_same_in_any_order(
    logs: list[float], draws: random.Random
) -> None:
    pairs = [pair((side(), side(cpu=math.exp(d), rate=math.exp(d / 2)))) for d in logs]
    swapped = [
        replace(
            item,
            duels={
                name: replace(duel, base=duel.candidate, candidate=duel.base)
                for name, duel in item.duels.items()
            },
        )
        for item in pairs
    ]
    shuffled = draws.sample(pairs, len(pairs))
    seen = [assess(check_of(items)).changes for items in (pairs, swapped, shuffled)]
    assert [item.metric for item in seen[0]] == list(Metric)
    for there, back, again in zip(*seen, strict=True):
        assert there == again
        assert there.ratio.value == pytest.approx(1 / back.ratio.value)
        assert there.ratio.low == pytest.approx(1 / (back.ratio.high or 0))
        assert (there.base, there.candidate) == (back.candidate, back.base)


def test_scaling_both_sides_changes_no_ratio() -> None:
    logs = [0.02, -0.01, 0.07, 0.03, -0.04, 0.05, 0.01]

    def made(scale: float) -> Check:
        return check_of(
            pair((side(cpu=scale, rate=scale), side(cpu=scale * math.exp(d), rate=scale)))
            for d in logs
        )

    for metric in (Metric.CPU, Metric.THROUGHPUT):
        once, scaled = change_of(made(1.0), metric), change_of(made(7.0), metric)
        for name in ("value", "low", "high"):
            assert getattr(once.ratio, name) == pytest.approx(getattr(scaled.ratio, name))
        assert once.verdict is scaled.verdict


# latencies


def test_a_latency_decides_by_what_was_measured_at_the_fixed_rate() -> None:
    busy = {"GET /": endpoint(TWO_MS)}
    base = side(endpoints=busy, at_rate=ONE_MS)
    candidate = side(endpoints=busy, at_rate=TWO_MS)
    check = check_of([pair((base, candidate))] * 6, metrics=(Metric.P99,))
    assert look(check, 1) is Verdict.REGRESSION
    assert change_of(check, Metric.P99).change == pytest.approx(1.0, rel=1e-2)
    # of the bursts, for people
    assert change_of(check, Metric.P50).change == pytest.approx(0.0)


def test_a_latency_that_was_not_measured_at_a_fixed_rate_does_not_decide() -> None:
    slow_in_bursts = side(endpoints={"GET /": endpoint(TWO_MS)})
    check = check_of([pair((side(), slow_in_bursts))] * 6, metrics=(Metric.P99,))
    assert look(check, 1) is Verdict.INCONCLUSIVE


def test_what_decides_and_was_not_measured_is_inconclusive_and_named() -> None:
    """As the CPU of a server that nobody may read."""
    unread = [pair((side(cpu=0.0), side(cpu=0.0)))] * 6
    found = assess(check_of(unread))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons == ("cpu was not measured",)
    # what regresses without it does so all the same
    slow = [pair((side(cpu=0.0), side(cpu=0.0, rate=0.5)))] * 6
    assert look(check_of(slow), 1) is Verdict.REGRESSION


# how many pairs


@pytest.mark.parametrize("count", [1, 5])
def test_fewer_than_six_pairs_are_inconclusive_however_clear_they_look(count: int) -> None:
    check = check_of(cpu_pairs([9.0] * count))
    assert look(check, 1) is Verdict.INCONCLUSIVE
    found = assess(check)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons == (f"{count} pairs do not suffice for an interval: 6 do",)


def test_six_equal_pairs_suffice() -> None:
    assert look(check_of(cpu_pairs([1.2] * 6)), 1) is Verdict.REGRESSION


def test_an_inconclusive_check_says_how_wide_its_interval_is() -> None:
    ratios = [0.9, 1.0, 1.05, 1.1, 1.2, 1.3]
    check = check_of(cpu_pairs(ratios), metrics=(Metric.CPU,))
    found = assess(check)
    assert found.verdict is Verdict.INCONCLUSIVE
    (reason,) = found.reasons
    width = change_of(check, Metric.CPU).half_width
    assert width is not None
    assert reason.startswith("cpu: ")
    assert f"after 6 pairs it is {100 * width:.1f}" in reason


# the confirmation


def test_a_regression_that_is_seen_twice_is_one() -> None:
    found = assess(check_of([*cpu_pairs([1.3] * 6), *cpu_pairs([1.2] * 6, series=2)]))
    assert (found.verdict, found.confirmed, found.pairs) == (Verdict.REGRESSION, True, 12)


def test_a_regression_that_a_second_series_does_not_show_is_inconclusive() -> None:
    found = assess(check_of([*cpu_pairs([1.3] * 6), *cpu_pairs([1.0] * 6, series=2)]))
    assert (found.verdict, found.confirmed) == (Verdict.INCONCLUSIVE, False)
    assert "second series" in found.reasons[0]


def test_both_series_must_show_the_same_metric() -> None:
    found = assess(check_of([*cpu_pairs([1.3] * 6), *rate_pairs([0.7] * 6, series=2)]))
    assert (found.verdict, found.confirmed) == (Verdict.INCONCLUSIVE, False)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_confirmation_that_was_not_finished_confirms_nothing(count: int) -> None:
    found = assess(check_of([*cpu_pairs([1.3] * 6), *cpu_pairs([1.3] * count, series=2)]))
    assert (found.verdict, found.confirmed) == (Verdict.INCONCLUSIVE, None)
    assert found.reasons == ("the regression was not measured a second time",)


def test_without_a_confirmation_the_first_series_decides() -> None:
    found = assess(check_of(cpu_pairs([1.3] * 6), confirm=False))
    assert (found.verdict, found.confirmed) == (Verdict.REGRESSION, None)


def test_a_second_series_cannot_turn_what_was_fine_into_a_regression() -> None:
    found = assess(check_of([*cpu_pairs([1.0] * 6), *cpu_pairs([1.3] * 6, series=2)]))
    assert found.verdict is Verdict.FINE


# invalid


def test_a_check_without_pairs_is_invalid() -> None:
    found = assess(check_of([]))
    assert (found.verdict, found.pairs, found.lost) == (Verdict.INVALID, 0, 0)
    assert found.reasons == ("nothing was measured",)
    assert found.changes == ()
    assert found.worst is None


def test_a_check_whose_pairs_are_all_lost_is_invalid_and_says_why() -> None:
    found = assess(check_of(failed(3, "the candidate died")))
    assert (found.verdict, found.lost) == (Verdict.INVALID, 3)
    assert found.reasons == ("the candidate died (3 pairs)",)


def test_more_than_a_third_of_lost_pairs_makes_a_check_invalid() -> None:
    regressed = cpu_pairs([1.3] * 6)
    third = assess(check_of([*regressed, *failed(3)], confirm=False))
    assert (third.verdict, third.pairs, third.lost) == (Verdict.REGRESSION, 6, 3)
    more = assess(check_of([*regressed, *failed(4)], confirm=False))
    assert (more.verdict, more.pairs, more.lost) == (Verdict.INVALID, 6, 4)
    assert set(more.reasons) == {"4 of 10 pairs do not count", "the candidate died (4 pairs)"}


def test_a_pair_with_an_invalid_duel_does_not_count_and_one_with_a_warning_does() -> None:
    slow = (side(), side(cpu=9.0))
    wrong = pair((side(), side()), slow, findings=[WRONG])
    noted = pair((side(), side()), (side(), side()), findings=[NOTED])
    found = assess(check_of([*[noted] * 6, wrong]))
    assert (found.verdict, found.pairs, found.lost) == (Verdict.FINE, 6, 1)
    assert found.findings == ((NOTED, 6), (WRONG, 1))


@pytest.mark.parametrize("sound", range(7))
def test_what_was_not_measured_well_is_never_a_regression(sound: int) -> None:
    """Whatever its numbers are: here the candidate seems to need nine times the CPU."""
    wrong = pair((side(), side(cpu=9.0)), findings=[WRONG])
    found = assess(check_of([*cpu_pairs([1.0] * sound), *[wrong] * 9], confirm=False))
    assert found.verdict is Verdict.INVALID
    assert "the answers differ (9 pairs)" in found.reasons


# by workload and endpoint


def test_rows_are_given_where_there_are_several_and_decide_nothing_within_the_tolerance() -> None:
    assert assess(check_of(cpu_pairs([1.3] * 6))).rows == ()
    mixed = pair((side(), side(cpu=1.09)), (side(), side(cpu=1 / 1.09)))
    found = assess(check_of([mixed] * 6))
    assert found.verdict is Verdict.FINE
    assert not any(row.gated for row in found.rows)


def test_a_workload_that_is_worse_beyond_the_tolerance_decides_though_the_mean_does_not() -> None:
    """Another one that is better must not hide it; and it is confirmed like any regression."""
    mixed = pair((side(), side(cpu=1.15)), (side(), side(cpu=1 / 1.15)))
    once = assess(check_of([mixed] * 6))
    assert (once.verdict, once.confirmed) == (Verdict.INCONCLUSIVE, None)
    again = [replace(mixed, series=2)] * 6
    found = assess(check_of([*[mixed] * 6, *again]))
    assert (found.verdict, found.confirmed) == (Verdict.REGRESSION, True)
    assert found.worst is not None
    assert (found.worst.workload, found.worst.metric) == ("w0", Metric.CPU)


def test_a_second_series_is_asked_for_what_the_first_has_found() -> None:
    """Whatever else it may find: a change of CPU and rate is found in either, by chance."""
    slower = pair((side(), side(cpu=1.12, busy=1.08)))
    later = replace(pair((side(), side(cpu=1.09, busy=1.12))), series=2)
    found = assess(check_of([*[slower] * 6, *[later] * 6]))
    assert (found.verdict, found.confirmed) == (Verdict.INCONCLUSIVE, False)


def test_an_improvement_within_the_tolerance_is_not_worth_the_word() -> None:
    """However certain: identical versions would be called improved by chance, else."""
    assert decide(ratio_of(0.97, 0.96, 0.98), 0.05) is Verdict.FINE
    assert decide(ratio_of(0.94, 0.90, 0.98), 0.05) is Verdict.IMPROVED
    assert decide(ratio_of(0.94, 0.88, 1.01), 0.05) is Verdict.FINE


def test_a_significant_row_says_so() -> None:
    mixed = pair((side(), side(cpu=1.15)), (side(), side(cpu=1 / 1.15)))
    found = assess(check_of([mixed] * 6))
    rows = {(row.workload, row.metric): row for row in found.rows}
    slower = rows["w0", Metric.CPU]
    assert slower.verdict is Verdict.REGRESSION
    assert slower.gated
    # six pairs of one sign are 2 in 64; Holm counts all four rows
    assert slower.p == pytest.approx(4 * 2 / 64)


def test_endpoints_of_a_mix_have_rows_of_their_own() -> None:
    one = {"GET /a": endpoint(), "GET /b": endpoint()}
    other = {"GET /a": endpoint(), "GET /b": endpoint(TWO_MS)}
    found = assess(check_of([pair((side(endpoints=one), side(endpoints=other)))] * 6))
    rows = {row.endpoint: row for row in found.rows if row.endpoint}
    assert rows.keys() == {"GET /a", "GET /b"}
    assert rows["GET /b"].metric is Metric.P50
    assert rows["GET /b"].change == pytest.approx(1.0, rel=1e-2)
    assert rows["GET /a"].verdict is Verdict.FINE
