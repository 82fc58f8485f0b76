"""How each metric of a candidate compares with its base's, and what that says. Pure.

A regression is one whose interval leaves no change out *and* whose estimate exceeds the tolerance;
there is none if the whole interval lies within the tolerance; between the two lies "inconclusive",
which more pairs resolve, or the limit of their number does not. Nothing is read out of a single
number. An improvement is one that is worth the word: of more than the tolerance, too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median

from toolkit.checked import ALPHA, LOOKS, CheckSettings, Metric, Pair, Sample, Side, percentile
from toolkit.stats import Ratio, holm, paired_ratio, signed_rank_p

_CONFIDENCE = 1 - 2 * ALPHA

LEAST_MEMORY = 5 * 2**20
"""Bytes that memory must grow by, whatever part of it that is ..."""

_MOST_PAIRS = 2 / 3
"""... and the part of the pairs that must show it: memory moves in rare steps, not about a mean."""


class Verdict(StrEnum):
    """What a check says."""

    REGRESSION = "regression"
    FINE = "no regression"
    IMPROVED = "improved"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One metric of the candidate compared with the base's, over all pairs that count.

    Attributes:
        workload: Whose, None for all workloads together (geometric mean).
        endpoint: Method and name within the workload, None for all of them.
        gated: Whether it decides; a row does if it alone is worse beyond doubt and tolerance.
        ratio: Candidate to base, with the interval of this look (95.4 %).
        base: Median of the pairs, in SI units ...
        candidate: ... of each side. Where workloads are combined, the mean of their logarithms.
        verdict: What this alone says.
        p: Exact two-sided p of the signed ranks, corrected for the number of rows (Holm); None
            for the rows of all workloads together, which are judged by their interval.
    """

    metric: Metric
    workload: str | None = None
    endpoint: str | None = None
    gated: bool = False
    ratio: Ratio
    base: float
    candidate: float
    verdict: Verdict
    p: float | None = None

    @property
    def change(self) -> float:
        """Relative change of the metric: 0.12 is 12 % more."""
        return self.ratio.value - 1

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval, as a relative change; None without one."""
        return self.ratio.precision


def worsening(metric: Metric, ratio: Ratio) -> Ratio:
    """Turn a ratio so that more than 1 is worse."""
    if metric.less_is_better:
        return ratio
    return replace(
        ratio,
        value=1 / ratio.value,
        low=None if ratio.high is None else 1 / ratio.high,
        high=None if ratio.low is None else 1 / ratio.low,
    )


def decide(ratio: Ratio, tolerance: float) -> Verdict:
    """Say what a ratio means for which more than 1 is worse.

    Args:
        ratio: Of the candidate to the base, with its interval.
        tolerance: Part by which it may be worse, as 0.05.
    """
    if ratio.low is None or ratio.high is None:
        return Verdict.INCONCLUSIVE
    limit = 1 + tolerance
    if ratio.low > 1 and ratio.value > limit:
        return Verdict.REGRESSION
    if ratio.high < limit:
        # as much better as would have been too much worse, or chance would often call it better
        better = ratio.high < 1 and ratio.value < 1 / limit
        return Verdict.IMPROVED if better else Verdict.FINE
    return Verdict.INCONCLUSIVE


def decide_memory(base: Sequence[float], candidate: Sequence[float], tolerance: float) -> Verdict:
    """Say whether memory has grown: by more than the tolerance and 5 MiB, in two thirds of pairs.

    Args:
        base: Bytes, one value per pair ...
        candidate: ... and the other side's of the same pairs.
        tolerance: Part by which it may be more.
    """
    if len(base) < LOOKS[0]:
        return Verdict.INCONCLUSIVE
    pairs = list(zip(base, candidate, strict=True))
    grown = sum(_exceeds(before, after, tolerance) for before, after in pairs)
    if grown >= _MOST_PAIRS * len(pairs):
        return Verdict.REGRESSION
    shrunk = sum(_exceeds(after, before, tolerance) for before, after in pairs)
    return Verdict.IMPROVED if shrunk >= _MOST_PAIRS * len(pairs) else Verdict.FINE


def _exceeds(before: float, after: float, tolerance: float) -> bool:
    return after > before * (1 + tolerance) and after - before > LEAST_MEMORY


def _is_clear(change: Change, tolerance: float) -> bool:
    """Tell whether a workload is worse by more than the tolerance at both ends of its interval."""
    low = worsening(change.metric, change.ratio).low
    return low is not None and low > 1 + tolerance


def changes_of(pairs: Sequence[Pair], settings: CheckSettings) -> tuple[Change, ...]:
    """Compare each metric over all workloads."""
    found = []
    for metric in Metric:
        gated = metric in settings.metrics
        values = [
            (base, candidate)
            for pair in pairs
            if (base := pair.value(Side.BASE, metric, at_rate=gated)) is not None
            and (candidate := pair.value(Side.CANDIDATE, metric, at_rate=gated)) is not None
        ]
        if values:
            found.append(_change(metric, values, settings))
    return tuple(found)


def _change(
    metric: Metric, values: Sequence[tuple[float, float]], settings: CheckSettings
) -> Change:
    base, candidate = (list(side) for side in zip(*values, strict=True))
    ratio = paired_ratio(candidate, base, _CONFIDENCE)
    if metric is Metric.MEMORY:
        verdict = decide_memory(base, candidate, settings.tolerance)
    else:
        verdict = decide(worsening(metric, ratio), settings.tolerance)
    return Change(
        metric=metric,
        gated=metric in settings.metrics,
        ratio=ratio,
        base=median(base),
        candidate=median(candidate),
        verdict=verdict,
    )


def rows_of(pairs: Sequence[Pair], settings: CheckSettings) -> tuple[Change, ...]:
    """Compare by workload and endpoint, corrected for their number."""
    rows = (*rows_of_workloads(pairs, settings), *_rows_of_endpoints(pairs, settings))
    if len({(row.workload, row.endpoint) for row, _ in rows}) < 2:
        return ()
    adjusted = holm(
        {
            number: signed_rank_p([c for _, c in values], [b for b, _ in values])
            for number, (_, values) in enumerate(rows)
        }
    )
    return tuple(replace(row, p=adjusted[number]) for number, (row, _) in enumerate(rows))


_Row = tuple[Change, list[tuple[float, float]]]
"""With the values of base and candidate that it comes from."""


def rows_of_workloads(pairs: Sequence[Pair], settings: CheckSettings) -> Iterator[_Row]:
    """Compare CPU and rate of each workload; what is clear of one of several decides, too.

    In the mean of ten a workload that takes twice the CPU is a change of 7 %.
    """
    workloads = dict.fromkeys(name for pair in pairs for name in pair.duels)
    for workload in workloads:
        duels = [pair.duels[workload] for pair in pairs if workload in pair.duels]
        for metric in (Metric.CPU, Metric.THROUGHPUT):
            known = _known(
                (duel.base.value(metric), duel.candidate.value(metric)) for duel in duels
            )
            if not known:
                continue
            change = replace(_change(metric, known, settings), workload=workload)
            decides = (
                len(workloads) > 1
                and metric in settings.metrics
                and _is_clear(change, settings.tolerance)
            )
            yield replace(change, gated=decides), known


def _rows_of_endpoints(pairs: Sequence[Pair], settings: CheckSettings) -> Iterator[_Row]:
    """Compare the latencies of each request of a mix; their CPU cannot be told apart."""
    workloads = dict.fromkeys(name for pair in pairs for name in pair.duels)
    for workload in workloads:
        duels = [pair.duels[workload] for pair in pairs if workload in pair.duels]
        endpoints = dict.fromkeys(name for duel in duels for name in duel.base.endpoints)
        for name in endpoints if len(endpoints) > 1 else ():
            known = _known(
                (_median_latency(duel.base, name), _median_latency(duel.candidate, name))
                for duel in duels
            )
            if known:
                change = _change(Metric.P50, known, settings)
                yield replace(change, workload=workload, endpoint=name, gated=False), known


def _known(
    values: Iterable[tuple[float | None, float | None]],
) -> list[tuple[float, float]]:
    return [(base, other) for base, other in values if base is not None and other is not None]


def _median_latency(sample: Sample, endpoint: str) -> float | None:
    found = sample.endpoints.get(endpoint)
    if found is None or not found.answered:
        return None
    return percentile((found.latency,), 50)
