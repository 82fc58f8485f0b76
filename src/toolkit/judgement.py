"""Whether a candidate is worse than its base: three-valued, from the pairs of a check. Pure.

Each metric has its say (``changes``); here they are put together, with the second series that has
to find a regression again, and with what keeps a check from saying anything.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from toolkit.changes import Change, Verdict, changes_of, rows_of, rows_of_workloads, worsening
from toolkit.checked import LOOKS, Check, CheckSettings, Metric, Pair, Side
from toolkit.measured import Finding
from toolkit.reasons import count_findings, culprit, why_lost

_TOO_OFTEN = 2
"""So many pairs that fail of the candidate alone are no chance: it is broken, not slower."""

_UNSOUND = 1 / 3
"""A check in which more than this part of the pairs does not count is none."""


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
        changes=changes_of(pairs, check.settings),
        rows=rows_of(pairs, check.settings) if pairs else (),
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
        (item.metric, None): item.verdict for item in changes_of(pairs, settings) if item.gated
    }
    for row, _ in rows_of_workloads(pairs, settings):
        if row.gated:
            found[row.metric, row.workload] = row.verdict
    return found


def _regressions(pairs: Sequence[Pair], settings: CheckSettings) -> set[_Place]:
    verdicts = _verdicts(pairs, settings)
    return {place for place, verdict in verdicts.items() if verdict is Verdict.REGRESSION}


def _joined(found: Collection[Verdict]) -> Verdict:
    """Put the verdicts of several metrics together: the worst of them decides."""
    order = (Verdict.REGRESSION, Verdict.INCONCLUSIVE, Verdict.IMPROVED, Verdict.FINE)
    return next((item for item in order if item in found), Verdict.INCONCLUSIVE)


def _why_inconclusive(check: Check, pairs: Sequence[Pair]) -> Iterator[str]:
    tolerance = check.settings.tolerance
    changes = changes_of(pairs, check.settings)
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
