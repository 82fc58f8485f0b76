import math
import random
from dataclasses import replace

import pytest

from tests.unit.made_up_checks import ONE_ENDPOINT, against_itself, made_up_check
from toolkit.checked import ALPHA, LOOKS, Check, Metric
from toolkit.floor import CHANCE, Floor, floors
from toolkit.judgement import assess
from toolkit.stats import paired_ratio

MANY = {"list": ("GET /a",), "detail": ("GET /b", "GET /c")}


def floor_of(check: Check, metric: Metric) -> Floor:
    return next(item for item in floors(check, assess(check)) if item.metric is metric)


def made_up(spread: float | None, metric: Metric = Metric.CPU) -> Floor:
    return Floor(metric=metric, gated=True, spread=spread, half_width=None, pairs=6)


def with_cpu(check: Check, ratios: list[float]) -> Check:
    """Make the candidate's CPU per request exactly so many times that of the base, by pair."""
    pairs = []
    for pair, ratio in zip(check.pairs, ratios, strict=True):
        duels = {
            name: replace(duel, candidate=replace(duel.candidate, cpu=duel.base.cpu * ratio))
            for name, duel in pair.duels.items()
        }
        pairs.append(replace(pair, duels=duels))
    return replace(check, pairs=tuple(pairs))


def test_the_spread_is_the_standard_deviation_of_the_log_ratios() -> None:
    check = with_cpu(against_itself(), [1.02, 1 / 1.02] * 3)
    # six values at equal distances from 0: their standard deviation is the distance x sqrt(6/5)
    expected = math.log(1.02) * math.sqrt(6 / 5)
    assert floor_of(check, Metric.CPU).spread == pytest.approx(expected)


def test_a_change_that_all_pairs_share_is_no_noise() -> None:
    check = with_cpu(against_itself(), [1.3 * 1.02, 1.3 / 1.02] * 3)
    expected = math.log(1.02) * math.sqrt(6 / 5)
    assert floor_of(check, Metric.CPU).spread == pytest.approx(expected)


def test_workloads_are_taken_together_within_each_pair() -> None:
    """What one has more and the other less in the same pair is no difference of that pair."""
    check = against_itself(workloads=MANY)
    pairs = []
    for number, pair in enumerate(check.pairs):
        ratio = (1.1, 1 / 1.1)[number % 2]
        duels = {
            name: replace(duel, candidate=replace(duel.candidate, cpu=duel.base.cpu * times))
            for (name, duel), times in zip(pair.duels.items(), (ratio, 1 / ratio), strict=True)
        }
        pairs.append(replace(pair, duels=duels))
    check = replace(check, pairs=tuple(pairs))
    assert floor_of(check, Metric.CPU).spread == pytest.approx(0, abs=1e-12)


def test_the_half_width_is_that_of_the_interval() -> None:
    check = against_itself(pairs=20)
    assessment = assess(check)
    widths = {item.metric: item.half_width for item in assessment.changes}
    assert {item.metric: item.half_width for item in floors(check, assessment)} == widths
    assert None not in widths.values()


@pytest.mark.parametrize("pairs", LOOKS)
def test_a_change_of_the_smallest_size_is_told_in_nine_of_ten_checks(pairs: int) -> None:
    """2,000 checks of normal log ratios, whose interval is that of the gate."""
    spread, checks = 0.02, 2000
    least = made_up(spread).detectable(pairs)
    assert least is not None
    draws = random.Random(pairs)
    told = 0
    for _ in range(checks):
        ratios = [math.exp(draws.gauss(math.log1p(least), spread)) for _ in range(pairs)]
        low = paired_ratio(ratios, [1.0] * pairs, 1 - 2 * ALPHA).low
        told += low is not None and low > 1
    # three standard deviations of a count of so many
    assert abs(told / checks - CHANCE) < 3 * math.sqrt(CHANCE * (1 - CHANCE) / checks)


@pytest.mark.parametrize("pairs", LOOKS)
def test_identical_versions_keep_a_tolerance_of_that_size_in_nine_of_ten_checks(pairs: int) -> None:
    spread, checks = 0.02, 2000
    tolerance = made_up(spread).detectable(pairs)
    assert tolerance is not None
    draws = random.Random(pairs)
    kept = 0
    for _ in range(checks):
        ratios = [math.exp(draws.gauss(0, spread)) for _ in range(pairs)]
        high = paired_ratio(ratios, [1.0] * pairs, 1 - 2 * ALPHA).high
        kept += high is not None and high < 1 + tolerance
    assert abs(kept / checks - CHANCE) < 3 * math.sqrt(CHANCE * (1 - CHANCE) / checks)


def test_more_pairs_tell_smaller_changes_and_a_noisier_machine_only_greater_ones() -> None:
    sizes = [made_up(0.02).detectable(pairs) or 0 for pairs in LOOKS]
    assert sizes == sorted(sizes, reverse=True)
    assert (made_up(0.04).detectable(6) or 0) > 1.9 * sizes[0]


def test_nothing_is_told_without_a_spread_and_of_memory_which_a_threshold_decides() -> None:
    assert made_up(None).detectable(6) is None
    assert made_up(0.001, Metric.MEMORY).detectable(6) is None


def test_one_pair_has_no_spread() -> None:
    assert floor_of(against_itself(pairs=1), Metric.CPU).spread is None


def test_the_floor_of_a_latency_that_decides_is_that_at_the_fixed_rate() -> None:
    """In which the made-up checks have a quarter of the latency of the bursts, and no drift."""
    settings = {"metrics": (Metric.P99,)}
    check = made_up_check(settings=settings, workloads=ONE_ENDPOINT)
    pairs = tuple(
        replace(
            pair,
            duels={
                name: replace(duel, candidate=replace(duel.candidate, at_rate=duel.base.at_rate))
                for name, duel in pair.duels.items()
            },
        )
        for pair in check.pairs
    )
    check = replace(check, pairs=pairs)
    assert floor_of(check, Metric.P99).spread == 0
    assert (floor_of(check, Metric.P50).spread or 0) > 0
