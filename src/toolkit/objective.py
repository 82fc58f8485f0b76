"""What a stack carries within a latency objective: read from open loops at falling rates. Pure."""

from collections.abc import Iterable
from statistics import median_low

from toolkit.histogram import LatencyHistogram
from toolkit.measured import PhaseResult

MOST_WRONG = 0.01
"""Part of the requests that may have failed: as many as may be later than the objective."""


def keeps(result: PhaseResult, objective: float) -> bool:
    """Tell whether a rate was carried with 99 % of the answers within the objective (seconds)."""
    load = result.load
    latency = LatencyHistogram.decode(load.latency)
    if not load.carried or not latency.count or load.failed > MOST_WRONG * (load.offered or 0):
        return False
    return latency.percentiles(99)[0] <= objective


def rate_within(trials: Iterable[Iterable[PhaseResult]], objective: float) -> float | None:
    """Give the rate in requests/s that was carried within the objective, the median of the trials.

    Of two in the middle it is the lower, for that was tried.

    Returns:
        0 if it was missed at the lowest rate tried; None if no trial tells, because none was made
        or what is above the rate that kept it is not valid.
    """
    known = [rate for phases in trials if (rate := _rate(phases, objective)) is not None]
    return median_low(known) if known else None


def _rate(phases: Iterable[PhaseResult], objective: float) -> float | None:
    tried = [result for result in phases if result.phase.own is not None]
    if not tried or not all(result.valid for result in tried):
        return None
    # whoever ran them ended at the first that kept it
    last = tried[-1]
    return last.phase.rate if keeps(last, objective) else 0.0
