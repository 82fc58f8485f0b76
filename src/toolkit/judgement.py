"""Whether a candidate is worse than its base: three-valued, from the pairs of a check. Pure.

A regression is one whose interval leaves no change out *and* whose estimate exceeds the tolerance;
there is none if the whole interval lies within the tolerance; between the two lies "inconclusive",
which more pairs resolve, or the limit of their number does not. Nothing is read out of a single
number, and nothing that was not measured well is taken for a regression. An improvement is one
that is worth the word: of more than the tolerance, too.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median

from toolkit.checked import (
    ALPHA,
    LOOKS,
    Check,
    CheckSettings,
    Metric,
    Pair,
    Sample,
    Side,
    percentile,
)
from toolkit.measured import Finding
from toolkit.reasons import count_findings, culprit, why_lost
from toolkit.stats import Ratio, holm, paired_ratio, signed_rank_p

_CONFIDENCE = 1 - 2 * ALPHA
LEAST_MEMORY = 5 * 2**20
"""Bytes that memory must grow by, whatever part of it that is ..."""

_TOO_OFTEN = 2
"""So many pairs that fail of the candidate alone are no chance: it is broken, not slower."""

_MOST_PAIRS = 2 / 3
"""... and the part of the pairs that must show it: memory moves in rare steps, not about a mean."""

_UNSOUND = 1 / 3
"""A check in which more than this part of the pairs does not count is none."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What a check comes to.

    Attributes:
        changes: The metrics over all workloads, in the order of ``Metric``.
        rows: The same by workload and endpoint, where there are several; secondary.
        reasons: Why it is not a plain verdict: what made it invalid, why inconclusive.
        findings: What was found in how many duels, the most frequent first.
        pairs: Pairs that count, of the comparison and of its confirmation.
        lost: Pairs that do not.
        confirmed: Whether a second series agreed with the regression; None: there was none.
    """

    verdict: Verdict
    changes: tuple[Change, ...]
    rows: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()
    findings: tuple[tuple[Finding, int], ...] = ()
    pairs: int
    lost: int = 0
    confirmed: bool | None = None

    @property
    def worst(self) -> Change | None:
        """The change that a reader should see first: the largest of those that decide."""
        gated = [item for item in (*self.changes, *self.rows) if item.gated]
        decisive = [item for item in gated if item.verdict is self.verdict]
        suspected = [item for item in gated if item.verdict is Verdict.REGRESSION]
        if self.verdict in (Verdict.REGRESSION, Verdict.INCONCLUSIVE) and (suspected or decisive):
            return max(suspected or decisive, key=_loss)
        # of what has not changed the first will do, or chance would say which
        return next(iter(decisive or gated), None)


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


_Place = tuple[Metric, str | None]
"""A metric, over all workloads (None) or of one of them."""


def look(check: Check, series: int) -> Verdict:
    """Say what the pairs of a series mean so far; inconclusive asks for more of them.

    The second series is asked for nothing but what the first has found.
    """
    settings = check.settings
    places = _verdicts(check.series(series), settings)
    if series > 1:
        found = _regressions(check.series(1), settings)
        return _joined([places.get(place, Verdict.INCONCLUSIVE) for place in found])
    missing = set(settings.metrics) - {metric for metric, _ in places}
    return _joined([*places.values(), *(Verdict.INCONCLUSIVE for _ in missing)])


def assess(check: Check) -> Assessment:
    """Say what a check comes to, as far as it has come."""
    first, second = check.series(1), check.series(2)
    pairs = (*first, *second)
    lost = len(check.pairs) - len(pairs)
    verdict, confirmed, reasons = _verdict(check, lost)
    return Assessment(
        verdict=verdict,
        changes=_changes(pairs, check.settings),
        rows=_rows(pairs, check.settings) if pairs else (),
        reasons=tuple(reasons),
        findings=count_findings(check.pairs),
        pairs=len(pairs),
        lost=lost,
        confirmed=confirmed,
    )


def _verdict(check: Check, lost: int) -> tuple[Verdict, bool | None, list[str]]:
    first, second = check.series(1), check.series(2)
    lost_for = why_lost(check)
    if not first:
        return Verdict.INVALID, None, lost_for or ["nothing was measured"]
    if lost > _UNSOUND * len(check.pairs):
        count = f"{lost} of {len(check.pairs)} pairs do not count"
        return Verdict.INVALID, None, [*lost_for, count]
    failed = Counter(culprit(pair) for pair in check.pairs)
    if failed[Side.CANDIDATE] >= _TOO_OFTEN and not failed[Side.BASE]:
        often = f"the candidate failed in {failed[Side.CANDIDATE]} of {len(check.pairs)} pairs"
        return Verdict.INVALID, None, [*lost_for, f"{often}, the base in none"]
    found = look(check, 1)
    if found is Verdict.INCONCLUSIVE:
        return found, None, [*_why_inconclusive(check, first), *lost_for]
    if found is not Verdict.REGRESSION or not check.settings.confirm:
        return found, None, lost_for
    if look(check, 2) is Verdict.REGRESSION:
        return found, True, lost_for
    if len(second) < LOOKS[0]:
        said = "the regression was not measured a second time"
        return Verdict.INCONCLUSIVE, None, [said, *lost_for]
    said = "a second series of fresh servers does not show it again"
    return Verdict.INCONCLUSIVE, False, [said, *lost_for]


def _verdicts(pairs: Sequence[Pair], settings: CheckSettings) -> dict[_Place, Verdict]:
    """Give what each metric says over all workloads, and each workload where it is clear alone."""
    found: dict[_Place, Verdict] = {
        (item.metric, None): item.verdict for item in _changes(pairs, settings) if item.gated
    }
    for row, _ in _rows_of_workloads(pairs, settings):
        if row.gated:
            found[row.metric, row.workload] = row.verdict
    return found


def _regressions(pairs: Sequence[Pair], settings: CheckSettings) -> set[_Place]:
    verdicts = _verdicts(pairs, settings)
    return {place for place, verdict in verdicts.items() if verdict is Verdict.REGRESSION}


def _is_clear(change: Change, tolerance: float) -> bool:
    """Tell whether a workload is worse by more than the tolerance at both ends of its interval."""
    low = worsening(change.metric, change.ratio).low
    return low is not None and low > 1 + tolerance


def _joined(found: Collection[Verdict]) -> Verdict:
    """Put the verdicts of several metrics together: the worst of them decides."""
    order = (Verdict.REGRESSION, Verdict.INCONCLUSIVE, Verdict.IMPROVED, Verdict.FINE)
    return next((item for item in order if item in found), Verdict.INCONCLUSIVE)


def _changes(pairs: Sequence[Pair], settings: CheckSettings) -> tuple[Change, ...]:
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


def _rows(pairs: Sequence[Pair], settings: CheckSettings) -> tuple[Change, ...]:
    """Compare by workload and endpoint, corrected for their number."""
    rows = (*_rows_of_workloads(pairs, settings), *_rows_of_endpoints(pairs, settings))
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


def _rows_of_workloads(pairs: Sequence[Pair], settings: CheckSettings) -> Iterator[_Row]:
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


def _why_inconclusive(check: Check, pairs: Sequence[Pair]) -> Iterator[str]:
    tolerance = check.settings.tolerance
    changes = _changes(pairs, check.settings)
    for metric in check.settings.metrics:
        if metric not in {item.metric for item in changes}:
            yield f"{metric} was not measured"
    for item in changes:
        if not item.gated or item.verdict is not Verdict.INCONCLUSIVE:
            continue
        if item.half_width is None:
            yield f"{len(pairs)} pairs do not suffice for an interval: {LOOKS[0]} do"
            return
        yield (
            f"{item.metric}: the interval reaches from within the tolerance of "
            f"{tolerance * 100:.3g} % beyond it; after {len(pairs)} pairs it is "
            f"{item.half_width * 100:.1f} % wide to each side"
        )


def _loss(change: Change) -> float:
    return worsening(change.metric, change.ratio).value
