from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.histogram import LatencyHistogram
from toolkit.measured import (
    ClientUse,
    Finding,
    HostUse,
    LoadResult,
    PhaseResult,
    ServerUse,
    Severity,
)
from toolkit.model import LoadSettings, Phase
from toolkit.objective import excess, keeps, keeps_closed, rate_within
from toolkit.slo import LatencyTerm, Slo

OBJECTIVE = LoadSettings(objective=0.05).goal
INVALID = Finding(rule="client-limited", severity=Severity.INVALID, message="its own")
DOUBTFUL = Finding(rule="errors", severity=Severity.WARNED, message="1 of 1000")


def tried(
    rate: float,
    *,
    slow: int = 0,
    seconds: float = 1.0,
    offered: int = 1000,
    answered: int | None = None,
    late: int = 0,
    wrong: int = 0,
    unanswered: int = 0,
    findings: tuple[Finding, ...] = (),
) -> PhaseResult:
    """Give a window at a rate of the stack's own, most answers in 1 ms, some in ``seconds``."""
    answered = offered if answered is None else answered
    histogram = LatencyHistogram()
    for value, count in ((0.001, answered - slow), (seconds, slow)):
        if count:
            histogram.record(value, count)
    return PhaseResult(
        phase=Phase(users=256, duration=1.0, rate=rate, own=0.9),
        load=LoadResult(
            duration=1.0,
            requests=answered,
            errors={"status 500": wrong} if wrong else {},
            unanswered=unanswered,
            latency=histogram.encode(),
            connections=0,
            silence=0.0,
            slices=(),
            offered=offered,
            late=late,
            kept=answered,
            client="SocketUser",
            use=ClientUse(cpu_user=0.1, cpu_system=0.1, lag=0.0, memory=1),
            seen=0,
            locust_seen=0,
        ),
        server=ServerUse(cpu_user=0.5, cpu_system=0.1, memory_peak=1),
        host=HostUse(),
        findings=findings,
    )


def missed(rate: float, findings: tuple[Finding, ...] = ()) -> PhaseResult:
    return tried(rate, slow=11, findings=findings)


def of_all(result: PhaseResult) -> PhaseResult:
    """Turn it into one at a rate that is the same for all stacks."""
    return replace(result, phase=replace(result.phase, own=None, part=0.9))


def within(seconds: float) -> Slo:
    """Give the objective that ``bench`` has: of the 99th percentile, and 1 % of errors."""
    return LoadSettings(objective=seconds).goal


# one rate


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        (tried(1), True),
        # of 1,000 answers 10 may take longer
        (tried(1, slow=10), True),
        (tried(1, slow=11), False),
        (tried(1, slow=11, seconds=0.049), True),
        (tried(1, slow=11, seconds=0.051), False),
        # 19 of 20 must be answered, and no more than 1 of 20 find all connections busy ...
        (tried(1, offered=10_000, answered=9500), True),
        (tried(1, offered=10_000, answered=9499), False),
        # ... but for chance, which is more than that where little is offered
        (tried(1, answered=937), True),
        (tried(1, answered=936), False),
        (tried(1, late=50), True),
        (tried(1, late=51), False),
        # of 1,000 answers 10 may be wrong
        (tried(1, answered=990, wrong=10), True),
        (tried(1, answered=989, wrong=11), False),
        # and one that is never answered is as bad as a wrong one
        (tried(1, answered=990, unanswered=10), True),
        (tried(1, answered=989, unanswered=11), False),
        (tried(1, answered=990, wrong=5, unanswered=5), True),
        (tried(1, answered=989, wrong=6, unanswered=5), False),
        # nothing was offered, so nothing is known
        (tried(1, offered=0), False),
    ],
)
def test_a_rate_is_kept_if_it_is_carried_and_99_percent_are_in_time(
    result: PhaseResult, kept: bool
) -> None:
    assert keeps(result, OBJECTIVE) is kept


def test_of_two_trials_the_lower_rate_counts_for_one_between_was_not_tried() -> None:
    assert rate_within([[tried(950)], [missed(950), tried(900)]], OBJECTIVE) == 900


# one trial


@pytest.mark.parametrize(
    ("phases", "rate"),
    [
        ([tried(950)], 950),
        ([missed(950), missed(900), tried(800)], 800),
        # not even the lowest
        ([missed(950), missed(900), missed(800)], 0),
        # what is the same for all says nothing of what this one carries
        ([of_all(tried(500)), of_all(missed(900)), missed(950), tried(900)], 900),
        ([tried(900), of_all(missed(2000))], 900),
        ([of_all(tried(500))], None),
        ([], None),
    ],
)
def test_a_trial_tells_the_first_rate_that_kept_the_objective(
    phases: list[PhaseResult], rate: float | None
) -> None:
    assert rate_within([phases], OBJECTIVE) == rate


@pytest.mark.parametrize("number", range(3))
def test_a_trial_with_any_rate_of_its_own_invalid_does_not_tell(number: int) -> None:
    """Was a higher one missed by the stack or by the generator? Was the lowest kept?"""
    phases = [missed(950), missed(900), tried(800)]
    for finding, rate in ((DOUBTFUL, 800), (INVALID, None)):
        phases[number] = replace(phases[number], findings=(finding,))
        assert rate_within([phases], OBJECTIVE) == rate


def test_a_trial_tells_though_a_rate_that_is_the_same_for_all_is_invalid() -> None:
    foreign = of_all(tried(500, findings=(INVALID,)))
    assert rate_within([[foreign, tried(950)]], OBJECTIVE) == 950


# several


@pytest.mark.parametrize(
    ("trials", "rate"),
    [
        ([[tried(950)], [missed(980), tried(500)], [tried(900)]], 900),
        # it missed it in most rounds
        ([[tried(950)], [missed(300)], [missed(300)]], 0),
        # those that do not tell are no zeros ...
        ([[tried(950)], [missed(900, findings=(INVALID,))], [tried(900)]], 900),
        # ... and where they are half or more, the others may be the lucky ones
        ([[tried(950)], [missed(900, findings=(INVALID,))]], None),
        ([[missed(900, findings=(INVALID,))], []], None),
        # that it was not tried in a trial is no doubt
        ([[tried(950)], [], [of_all(tried(500))], [of_all(missed(500, findings=(INVALID,)))]], 950),
        ([], None),
    ],
)
def test_the_rate_of_several_trials_is_the_median_of_those_that_tell_if_they_are_the_most(
    trials: list[list[PhaseResult]], rate: float | None
) -> None:
    assert rate_within(trials, OBJECTIVE) == rate


# properties


@dataclass(frozen=True)
class Stack:
    """How long the slowest in 50 take at each of the rates it was tried at, the highest first."""

    rates: tuple[float, ...]
    seconds: tuple[float, ...]

    def ladder(self, objective: float) -> list[PhaseResult]:
        """Try downwards until one keeps the objective, as a bench does."""
        results: list[PhaseResult] = []
        for rate, seconds in zip(self.rates, self.seconds, strict=True):
            results.append(tried(rate, slow=20, seconds=seconds))
            if seconds <= objective:
                break
        return results


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    rates = draw(st.lists(st.integers(1, 10_000), min_size=1, max_size=6, unique=True))
    # apart by more than the three digits of a histogram
    times = st.integers(1, 100).map(lambda number: number / 100)
    seconds = draw(st.lists(times, min_size=len(rates), max_size=len(rates)))
    return Stack(tuple(map(float, sorted(rates, reverse=True))), tuple(seconds))


objectives = st.integers(1, 100).map(lambda number: number / 100 + 0.005)


@given(stacks(), objectives)
def test_the_rate_is_the_highest_of_those_that_keep_the_objective(
    stack: Stack, objective: float
) -> None:
    kept = [
        rate
        for rate, seconds in zip(stack.rates, stack.seconds, strict=True)
        if seconds <= objective
    ]
    assert rate_within([stack.ladder(objective)], within(objective)) == max(kept, default=0)


@given(stacks(), stacks(), objectives)
def test_lower_rates_that_are_never_reached_change_nothing(
    stack: Stack, lower: Stack, objective: float
) -> None:
    """Where the rates end does not matter to a stack that keeps the objective above."""
    least = min(stack.rates)
    longer = Stack(
        (*stack.rates, *(least * rate / 20_000 for rate in lower.rates)),
        (*stack.seconds, *lower.seconds),
    )
    found = rate_within([stack.ladder(objective)], within(objective))
    with_lower = rate_within([longer.ladder(objective)], within(objective))
    if found:
        assert with_lower == found
    else:
        assert with_lower is not None
        assert with_lower < least


@given(stacks(), objectives, objectives)
def test_a_laxer_objective_is_never_kept_at_a_lower_rate_only(
    stack: Stack, one: float, other: float
) -> None:
    strict, lax = sorted((one, other))
    kept = rate_within([stack.ladder(strict)], within(strict))
    at_least = rate_within([stack.ladder(lax)], within(lax))
    assert kept is not None
    assert at_least is not None
    assert kept <= at_least


# objectives of several terms


STRICT = Slo(
    latencies=(
        LatencyTerm(percentile=50.0, seconds=0.002),
        LatencyTerm(percentile=99.0, seconds=0.05),
    ),
    errors=0.001,
)


def test_every_term_of_an_objective_must_be_kept() -> None:
    slow_half = tried(950, slow=600, seconds=0.01)
    assert keeps(tried(950), STRICT)
    assert not keeps(slow_half, STRICT)
    assert keeps(slow_half, replace(STRICT, latencies=STRICT.latencies[1:]))


def test_errors_count_as_a_part_of_all_that_was_offered() -> None:
    assert keeps(tried(950, wrong=1), STRICT)
    assert not keeps(tried(950, wrong=2), STRICT)
    assert not keeps(tried(950, wrong=1, unanswered=1), STRICT)


def test_in_a_closed_loop_errors_are_a_part_of_all_answers() -> None:
    assert keeps_closed(tried(950, offered=999, wrong=1).load, STRICT)
    assert not keeps_closed(tried(950, offered=998, wrong=1).load, STRICT)
    assert not keeps_closed(tried(950, slow=20).load, STRICT)
    assert not keeps_closed(tried(950, answered=0).load, STRICT)


def test_the_excess_is_that_of_the_worst_term() -> None:
    found = excess(tried(950, slow=20, seconds=0.1).load, STRICT)
    assert found == pytest.approx(2.0, rel=0.01)
    assert excess(tried(950, answered=0).load, STRICT) is None
