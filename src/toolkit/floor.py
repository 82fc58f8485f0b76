"""What a version measured against itself shows: a machine's noise, and what it can tell. Pure."""

import math
from dataclasses import dataclass
from statistics import stdev

from toolkit.checked import Check, Metric
from toolkit.judgement import Assessment

CHANCE = 0.9
"""Part of the checks in which a change of the smallest size is told from none."""

_SHIFTS = {6: 2.11, 10: 1.24, 15: 0.95, 20: 0.79}
"""By the number of pairs: the shift told with that chance, in standard deviations of a pair.

For log ratios of a normal distribution and the interval of one look. With six pairs it leaves 0
out only if all six lie on one side, so the shift is where Phi(shift)**6 = 0.9. For the others the
least Walsh average that the interval keeps was simulated (800,000 samples each, to three digits;
the tests do it again with fewer). The formula for large samples, (z(0.977) + z(0.9)) / sqrt(3n/pi),
gives 1.37 in place of 2.11 for six pairs: too little. Small-sample power of the signed-rank test:
Klotz, Annals of Mathematical Statistics 34, 1963.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """One metric of a version against itself.

    Attributes:
        spread: Standard deviation of the pairs' log ratio; None with a single pair.
        half_width: Of the interval that the pairs gave, as a relative change; None without one.
        pairs: How many there were.
    """

    metric: Metric
    gated: bool
    spread: float | None
    half_width: float | None
    pairs: int

    def detectable(self, pairs: int) -> float | None:
        """Give the smallest relative change that so many pairs tell from none, 9 times in 10.

        The distribution being symmetric, it is also the least tolerance that two identical versions
        keep 9 times in 10: the interval about no change then ends below it as often as that about
        a change of its size begins above none.

        Args:
            pairs: One of ``checked.LOOKS``.

        Returns:
            None where the spread is not known, and for memory, which a plain threshold decides.
        """
        if self.spread is None or self.metric is Metric.MEMORY:
            return None
        return math.expm1(_SHIFTS[pairs] * self.spread)


def floors(check: Check, assessment: Assessment) -> tuple[Floor, ...]:
    """Give the floor of each metric that was measured, in the order of ``Metric``."""
    pairs = (*check.series(1), *check.series(2))
    found = []
    for change in assessment.changes:
        ratios = [pair.ratio(change.metric, at_rate=change.gated) for pair in pairs]
        logs = [math.log(ratio) for ratio in ratios if ratio is not None]
        found.append(
            Floor(
                metric=change.metric,
                gated=change.gated,
                spread=stdev(logs) if len(logs) > 1 else None,
                half_width=change.half_width,
                pairs=len(logs),
            )
        )
    return tuple(found)
