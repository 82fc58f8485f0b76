"""Whether a candidate is worse than its base: three-valued, from the pairs of a check. Pure.

A regression is one whose interval leaves no change out *and* whose estimate exceeds the tolerance;
there is none if the whole interval lies within the tolerance; between the two lies "inconclusive",
which more pairs resolve, or the limit of their number does not. Nothing is read out of a single
number, and nothing that was not measured well is taken for a regression. An improvement is one
that is worth the word: of more than the tolerance, too.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
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
from toolkit.stats import Ratio, holm, paired_ratio, signed_rank_p

_CONFIDENCE = 1 - 2 * ALPHA
LEAST_MEMORY = 5 * 2**20
"""Bytes that memory must grow by, whatever part of it that is ..."""

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
        gated: Whether it decides.
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
        gated = [item for item in self.changes if item.gated]
        decisive = [item for item in gated if item.verdict is self.verdict]
        if self.verdict in (Verdict.REGRESSION, Verdict.INCONCLUSIVE) and decisive:
            return max(decisive, key=_loss)
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


def look(check: Check, series: int) -> Verdict:
    """Say what the pairs of a series mean so far; inconclusive asks for more of them."""
    gated = [item for item in _changes(check.series(series), check.settings) if item.gated]
    missing = set(check.settings.metrics) - {item.metric for item in gated}
    verdicts = {item.verdict for item in gated} | ({Verdict.INCONCLUSIVE} if missing else set())
    return _joined(verdicts)


def assess(check: Check) -> Assessment:
    """Say what a check comes to, as far as it has come."""
    first, second = check.series(1), check.series(2)
    pairs = (*first, *second)
    lost = len(check.pairs) - len(pairs)
    changes = _changes(pairs, check.settings)
    verdict, confirmed, reasons = _verdict(check, lost)
    return Assessment(
        verdict=verdict,
        changes=changes,
        rows=_rows(pairs, check.settings) if pairs else (),
        reasons=tuple(reasons),
        findings=_count(check.pairs),
        pairs=len(pairs),
        lost=lost,
        confirmed=confirmed,
    )


def _verdict(check: Check, lost: int) -> tuple[Verdict, bool | None, list[str]]:
    first, second = check.series(1), check.series(2)
    if not first:
        return Verdict.INVALID, None, _why_lost(check) or ["nothing was measured"]
    if lost > _UNSOUND * len(check.pairs):
        count = f"{lost} of {len(check.pairs)} pairs do not count"
        return Verdict.INVALID, None, [*_why_lost(check), count]
    found = look(check, 1)
    if found is Verdict.INCONCLUSIVE:
        return found, None, list(_why_inconclusive(check, first))
    if found is not Verdict.REGRESSION or not check.settings.confirm:
        return found, None, []
    agreed = _regressions(first, check.settings) & _regressions(second, check.settings)
    if agreed:
        return found, True, []
    if len(second) < LOOKS[0]:
        return Verdict.INCONCLUSIVE, None, ["the regression was not measured a second time"]
    return Verdict.INCONCLUSIVE, False, ["a second series of fresh servers does not show it again"]


def _regressions(pairs: Sequence[Pair], settings: CheckSettings) -> set[Metric]:
    return {
        item.metric
        for item in _changes(pairs, settings)
        if item.gated and item.verdict is Verdict.REGRESSION
    }


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
            if (base := _combined(pair, Side.BASE, metric, at_rate=gated)) is not None
            and (candidate := _combined(pair, Side.CANDIDATE, metric, at_rate=gated)) is not None
        ]
        if values:
            found.append(_change(metric, values, settings))
    return tuple(found)


def _combined(pair: Pair, side: Side, metric: Metric, *, at_rate: bool) -> float | None:
    """Give the geometric mean of a pair's workloads, which weighs a change of each alike."""
    values = [duel.of(side).value(metric, at_rate=at_rate) for duel in pair.duels.values()]
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return math.exp(math.fsum(math.log(value) for value in known) / len(known))


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
    series = dict(_series(pairs))
    if len({key[:2] for key in series}) < 2:
        return ()
    adjusted = holm(
        {
            key: signed_rank_p(*reversed(list(zip(*values, strict=True))))
            for key, values in series.items()
        }
    )
    rows = []
    for (workload, endpoint, metric), values in series.items():
        change = _change(metric, values, settings)
        rows.append(
            replace(
                change,
                workload=workload,
                endpoint=endpoint,
                gated=False,
                p=adjusted[workload, endpoint, metric],
            )
        )
    return tuple(rows)


_Key = tuple[str, str | None, Metric]


def _series(pairs: Sequence[Pair]) -> Iterator[tuple[_Key, list[tuple[float, float]]]]:
    """Give the values of base and candidate by row: CPU and rate of workloads, and latencies."""
    workloads = dict.fromkeys(name for pair in pairs for name in pair.duels)
    for workload in workloads:
        duels = [pair.duels[workload] for pair in pairs if workload in pair.duels]
        for metric in (Metric.CPU, Metric.THROUGHPUT):
            values = [(duel.base.value(metric), duel.candidate.value(metric)) for duel in duels]
            known = [(b, c) for b, c in values if b is not None and c is not None]
            if known:
                yield (workload, None, metric), known
        endpoints = dict.fromkeys(name for duel in duels for name in duel.base.endpoints)
        if len(endpoints) < 2:
            continue
        for name in endpoints:
            means = [
                (_median_latency(d.base, name), _median_latency(d.candidate, name)) for d in duels
            ]
            known = [(b, c) for b, c in means if b is not None and c is not None]
            if known:
                yield (workload, name, Metric.P50), known


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


def _why_lost(check: Check) -> list[str]:
    counted: Counter[str] = Counter()
    for pair in check.pairs:
        if pair.failure is not None:
            counted[pair.failure] += 1
        elif not pair.sound:
            counted[_first_fault(pair)] += 1
    return [
        f"{text} ({times} pairs)" if times > 1 else text for text, times in counted.most_common()
    ]


def _first_fault(pair: Pair) -> str:
    faults = (f for duel in pair.duels.values() for f in duel.findings if f.severity == "invalid")
    return next(faults).message


def _count(pairs: Sequence[Pair]) -> tuple[tuple[Finding, int], ...]:
    """Count findings by rule and severity; the message is that of the first."""
    counted: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], Finding] = {}
    for pair in pairs:
        seen: Mapping[tuple[str, str], Finding] = {
            (finding.rule, finding.severity): finding
            for duel in pair.duels.values()
            for finding in duel.findings
        }
        for key, finding in seen.items():
            counted[key] += 1
            first.setdefault(key, finding)
    return tuple((first[key], times) for key, times in counted.most_common())


def _loss(change: Change) -> float:
    return worsening(change.metric, change.ratio).value
