"""Why pairs of a check do not count, and whose fault that is. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from toolkit.checked import Check, Pair, Sample, Side
from toolkit.duelling import MOST_FAILED
from toolkit.measured import Finding, Severity


def why_lost(check: Check) -> list[str]:
    """Say why pairs do not count, the most frequent reason first."""
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
    findings = (finding for duel in pair.duels.values() for finding in duel.findings)
    return next(item.message for item in findings if item.severity is Severity.INVALID)


def culprit(pair: Pair) -> Side | None:
    """Tell which side alone failed in a pair, None if neither or both did."""
    if pair.failed_side is not None:
        return pair.failed_side
    wrong = {side for duel in pair.duels.values() for side in Side if _failed(duel.of(side))}
    return wrong.pop() if len(wrong) == 1 else None


def _failed(sample: Sample) -> bool:
    asked = sample.answered + sample.failed
    return not sample.answered or sample.failed > MOST_FAILED * asked or bool(sample.oom_kills)


def count_findings(pairs: Sequence[Pair]) -> tuple[tuple[Finding, int], ...]:
    """Count findings by rule and severity, in pairs; the message is that of the first."""
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
