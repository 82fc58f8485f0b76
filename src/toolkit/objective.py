"""What a stack carries within a latency objective: read from open loops at falling rates. Pure."""

from collections.abc import Iterable
from statistics import median_low

from toolkit.histogram import LatencyHistogram
from toolkit.measured import LoadResult, PhaseResult

MOST_WRONG = 0.01
"""Part of the requests that may have failed: as many as may be later than the objective."""


def keeps(result: PhaseResult, objective: float) -> bool:
    """Tell whether a rate was carried with 99 % of the answers within the objective (seconds)."""
    load = result.load
    latency = LatencyHistogram.decode(load.latency)
    if not load.carried or not latency.count or not _right(load):
        return False
    return latency.percentiles(99)[0] <= objective


def _right(load: LoadResult) -> bool:
    return load.failed + load.unanswered <= MOST_WRONG * (load.offered or 0)


def rate_within(trials: Iterable[Iterable[PhaseResult]], objective: float) -> float | None:
    """Give the rate in requests/s that was carried within the objective, the median of the trials.

    Of two in the middle it is the lower, for that was tried.

    Returns:
        0 if it was missed at the lowest rate tried; None if none was made, or if half of those made
        or more do not tell because a rate that they tried is not valid.
    """
    found = [_rate(tried, objective) for phases in trials if (tried := _own(phases))]
    known = [rate for rate in found if rate is not None]
    return median_low(known) if 2 * len(known) > len(found) else None


def _own(phases: Iterable[PhaseResult]) -> list[PhaseResult]:
    return [result for result in phases if result.phase.own is not None]


def _rate(tried: list[PhaseResult], objective: float) -> float | None:
    if not all(result.valid for result in tried):
        return None
    # whoever ran them ended at the first that kept it
    last = tried[-1]
    rate = None if last.phase.rate is None else last.phase.rate * last.phase.per_task
    return rate if keeps(last, objective) else 0.0
