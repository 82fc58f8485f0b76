from collections.abc import Callable, Sequence

import pytest

from toolkit.measured import Finding, Measurement, Run, Severity
from toolkit.noise import noise_floors
from toolkit.stats import LEAST_PAIRS

MakeMeasurement = Callable[..., Measurement]
MakeRun = Callable[..., Run]
INVALID = Finding(rule="errors", severity=Severity.INVALID, message="9 of 9")


@pytest.fixture
def against_itself(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> Callable[[Sequence[float]], Run]:
    """Give a run in which the second copy is so many times as fast in each round."""

    def make(ratios: Sequence[float], workload: str = "list") -> Run:
        pairs = [
            (
                make_measurement("a/x", workload, number, 1000.0 * number),
                make_measurement("a/x#2", workload, number, 1000.0 * number * ratio),
            )
            for number, ratio in enumerate(ratios, start=1)
        ]
        return make_run(tuple(outcome for pair in pairs for outcome in pair))

    return make


def test_the_noise_is_that_of_the_second_copy_to_the_first_within_rounds(
    against_itself: Callable[[Sequence[float]], Run],
) -> None:
    """The rounds themselves grow sixfold, which is not noise."""
    (floor,) = noise_floors(against_itself([1.02, 1 / 1.02] * 3))
    assert floor.workload == "list"
    assert floor.ratio.value == pytest.approx(1, rel=1e-4)
    assert floor.ratio.tie is True
    # six values at equal distances from 0: their standard deviation is the distance x sqrt(6/5)
    assert floor.spread == pytest.approx(0.0198 * 1.2**0.5, rel=1e-3)


def test_copies_that_differ_in_every_round_are_no_tie(
    against_itself: Callable[[Sequence[float]], Run],
) -> None:
    (floor,) = noise_floors(against_itself([1.05] * LEAST_PAIRS))
    assert floor.ratio.tie is False
    assert floor.ratio.value == pytest.approx(1.05, rel=1e-3)


def test_one_round_has_no_spread(against_itself: Callable[[Sequence[float]], Run]) -> None:
    (floor,) = noise_floors(against_itself([1.1]))
    assert floor.spread is None
    assert floor.ratio.tie is None


def test_other_stacks_have_no_noise_floor(six_rounds: Run) -> None:
    assert noise_floors(six_rounds) == ()


def test_without_a_valid_round_in_common_there_is_no_noise_floor(
    make_measurement: MakeMeasurement, make_run: MakeRun
) -> None:
    run = make_run(
        (
            make_measurement("a/x", "list", 1),
            make_measurement("a/x#2", "list", 1, findings=(INVALID,)),
        )
    )
    assert noise_floors(run) == ()
