"""What a stack carries within an objective: read from open loops at falling rates. Pure."""

from collections.abc import Iterable
from statistics import median_low

from toolkit.histogram import LatencyHistogram
from toolkit.measured import LoadResult, PhaseResult
from toolkit.slo import Slo


def keeps(result: PhaseResult, slo: Slo) -> bool:
    """Tell whether a rate was carried with its answers within the objective.

    Latencies count from the intended start, and what failed or stayed unanswered as a part of all
    that was offered.
    """
    load = result.load
    wrong = load.failed + load.unanswered
    if not load.carried or wrong > slo.errors * (load.offered or 0):
        return False
    return _in_time(load, slo)


def keeps_closed(load: LoadResult, slo: Slo) -> bool:
    """Tell whether the answers in a closed loop were within the objective, from their sending."""
    wrong = load.failed + load.unanswered
    if wrong > slo.errors * (load.requests + wrong):
        return False
    return _in_time(load, slo)


def excess(load: LoadResult, slo: Slo) -> float | None:
    """Say how far answers were from the limits of their latency; None without answers.

    The greatest of the percentiles, each as a multiple of its limit: 1 or less keeps them all.
    """
    latency = LatencyHistogram.decode(load.latency)
    if not latency.count:
        return None
    found = latency.percentiles(*(term.percentile for term in slo.latencies))
    return max(seconds / term.seconds for seconds, term in zip(found, slo.latencies, strict=True))


def _in_time(load: LoadResult, slo: Slo) -> bool:
    found = excess(load, slo)
    return found is not None and found <= 1


def rate_within(trials: Iterable[Iterable[PhaseResult]], slo: Slo) -> float | None:
    """Give the rate in requests/s that was carried within the objective, the median of the trials.

    Of two in the middle it is the lower, for that was tried.

    Returns:
        0 if it was missed at the lowest rate tried; None if none was made, or if half of those made
        or more do not tell because a rate that they tried is not valid.
    """
    found = [_rate(tried, slo) for phases in trials if (tried := _own(phases))]
    known = [rate for rate in found if rate is not None]
    return median_low(known) if 2 * len(known) > len(found) else None


def _own(phases: Iterable[PhaseResult]) -> list[PhaseResult]:
    return [result for result in phases if result.phase.own is not None]


def _rate(tried: list[PhaseResult], slo: Slo) -> float | None:
    if not all(result.valid for result in tried):
        return None
    # whoever ran them ended at the first that kept it
    last = tried[-1]
    rate = None if last.phase.rate is None else last.phase.rate * last.phase.per_task
    return rate if keeps(last, slo) else 0.0
