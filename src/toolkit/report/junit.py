"""A check as a JUnit report, for GitLab's merge requests and for GitHub's test reporters.

One test case for each metric that decides, over all endpoints, and one for each row by workload or
endpoint. A case fails only in a check that found a regression, so that a report never says anything
else than the exit code: what is worse in a row, in a check that is not, is skipped with the reason.
Pairs that do not count, and why, are among the properties.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from toolkit.changes import Change, Verdict
from toolkit.checked import Check
from toolkit.judgement import Assessment
from toolkit.report.check_text import (
    change_of,
    decides,
    name_of,
    plain,
    significant,
    tolerance_of,
    value_of,
)
from toolkit.report.check_wording import Wording

_SUITE = "toolkit check"
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold, escaped or not (XML 1.0, production 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A test case; ``outcome`` is an element of JUnit, empty if it passed."""

    group: str
    name: str
    outcome: str = ""
    message: str = ""
    output: str = ""


def junit(check: Check, assessment: Assessment) -> str:
    """Write a check as XML, one ``testsuite`` within ``testsuites``."""
    wording = Wording(check, assessment, quote)
    cases = [*_of_metrics(wording), *_of_rows(wording)]
    began = datetime.fromisoformat(check.started_at)
    ended = datetime.fromisoformat(check.finished_at or check.started_at)
    outcomes = Counter(case.outcome for case in cases)
    counts = {
        "tests": str(len(cases)),
        "failures": str(outcomes["failure"]),
        "errors": str(outcomes["error"]),
        "skipped": str(outcomes["skipped"]),
        "time": f"{(ended - began).total_seconds():.0f}",
    }
    suites = ET.Element("testsuites", counts)
    # the schema has no time zones
    stamp = began.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    suite = ET.SubElement(suites, "testsuite", {"name": _SUITE, **counts, "timestamp": stamp})
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(wording):
        ET.SubElement(properties, "property", name=name, value=quote(value))
    for case in cases:
        _add(suite, case)
    ET.indent(suites)
    text = ET.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def quote(text: str) -> str:
    """Make one line of a text from outside, of characters that XML may hold."""
    return _FORBIDDEN.sub(" ", plain(text))


def _add(suite: ET.Element, case: _Case) -> None:
    element = ET.SubElement(suite, "testcase", classname=case.group, name=case.name, time="0")
    if case.outcome:
        # GitLab shows the content, others the message
        outcome = ET.SubElement(element, case.outcome, message=case.message)
        outcome.text = case.message
    if case.output:
        ET.SubElement(element, "system-out").text = case.output


def _properties(wording: Wording) -> Iterator[tuple[str, str]]:
    check, assessment = wording.check, wording.assessment
    yield "verdict", str(assessment.verdict)
    yield "check", check.id
    for side, version in (("base", check.base), ("candidate", check.candidate)):
        yield side, version.label
        yield f"{side}.identity", version.identity
    if check.stack is not None:
        yield "stack", check.stack
    yield "seed", str(check.seed)
    yield "pairs", str(assessment.pairs)
    yield "lost", str(assessment.lost)
    for reason in wording.reasons():
        yield wording.reasons_title.lower(), reason
    yield "tolerance", tolerance_of(check.settings.tolerance)


def _of_metrics(wording: Wording) -> Iterator[_Case]:
    changes = {item.metric: item for item in wording.assessment.changes}
    for metric in wording.check.settings.metrics:
        change = changes.get(metric)
        outcome, message = _judge(wording, change)
        yield _Case(
            group=_SUITE,
            name=f"{name_of(metric, gated=True)}, all endpoints",
            outcome=outcome,
            message=message,
            output="" if change is None else _numbers(change),
        )


def _judge(wording: Wording, change: Change | None) -> tuple[str, str]:
    """Say what became of a metric that decides: an element of JUnit, and why."""
    verdict = wording.assessment.verdict
    if verdict is Verdict.INVALID:
        return "error", _sentences(wording.headline(), *wording.reasons(), *wording.advice())
    if change is None:
        return "skipped", "it was not measured"
    told = wording.summary(change)
    if change.verdict is Verdict.REGRESSION:
        if verdict is Verdict.REGRESSION:
            return "failure", _sentences(told, wording.sureness())
        return "skipped", _sentences(told, *wording.reasons())
    if change.verdict is Verdict.INCONCLUSIVE:
        return "skipped", _sentences(f"inconclusive: {told}", *wording.advice())
    return "", ""


def _of_rows(wording: Wording) -> Iterator[_Case]:
    for row in wording.assessment.rows:
        outcome, message = _judge_row(wording, row)
        name = name_of(row.metric, gated=row.gated)
        yield _Case(
            group=f"{_SUITE}.{quote(row.workload or '')}",
            name=f"{name}, {'all endpoints' if row.endpoint is None else quote(row.endpoint)}",
            outcome=outcome,
            message=message,
            output=_numbers(row),
        )


def _judge_row(wording: Wording, row: Change) -> tuple[str, str]:
    """Say what became of a row: one that does not decide never fails by itself."""
    if wording.assessment.verdict is Verdict.INVALID:
        return "skipped", "the check is invalid"
    told = change_of(row.ratio)
    if decides(row, wording.assessment):
        if wording.assessment.verdict is Verdict.REGRESSION:
            return "failure", _sentences(wording.summary(row), wording.sureness())
        return "skipped", _sentences(wording.summary(row), *wording.reasons())
    if row.verdict is Verdict.REGRESSION and significant(row):
        if wording.assessment.verdict is Verdict.REGRESSION:
            return "failure", told
        return "skipped", f"{told}: worse here, but the check as a whole found no regression"
    if row.verdict in (Verdict.REGRESSION, Verdict.INCONCLUSIVE):
        return "skipped", f"{told}: inconclusive, one of {len(wording.assessment.rows)} rows"
    return "", ""


def _numbers(change: Change) -> str:
    lines = [
        f"base: {value_of(change.metric, change.base)}",
        f"candidate: {value_of(change.metric, change.candidate)}",
        f"change: {change_of(change.ratio)}",
        f"ratio: {change.ratio.value:.6g}",
        f"pairs: {change.ratio.pairs}",
    ]
    if change.p is not None:
        lines.append(f"p (Holm): {change.p:.3g}")
    return "\n".join(lines)


def _sentences(*texts: str) -> str:
    return "\n".join(texts)
