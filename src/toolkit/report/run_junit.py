"""A run as a JUnit report: a case for each stack under each workload, failed if it has no number.

It tells whether the measurement is sound and not whether a stack is fast: that is for ``check``.
"""

from collections import Counter
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from toolkit.compare import Row, tables
from toolkit.measured import Run
from toolkit.report.answers import answers
from toolkit.report.junit import quote
from toolkit.tuning.finals import finals_of
from toolkit.units import format_rate

_SUITES = "toolkit bench"


def junit(run: Run) -> str:
    """Write a run as XML, a ``testsuite`` for each workload."""
    began = datetime.fromisoformat(run.started_at)
    suites = ET.Element("testsuites", name=_SUITES)
    found = tables(finals_of(run))
    said = dict(answers(run, found))
    for table in found:
        outcomes = Counter(_outcome(row)[0] for row in table.rows)
        suite = ET.SubElement(
            suites,
            "testsuite",
            name=quote(table.workload),
            tests=str(len(table.rows)),
            failures=str(outcomes["failure"]),
            errors=str(outcomes["error"]),
            skipped=str(outcomes["skipped"]),
            # the schema has no time zones
            timestamp=began.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        )
        properties = ET.SubElement(suite, "properties")
        for name, value in (("run", run.id), ("answer", said[table.workload])):
            ET.SubElement(properties, "property", name=name, value=quote(value))
        for row in table.rows:
            _add(suite, row, table.workload)
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _add(suite: ET.Element, row: Row, workload: str) -> None:
    group = f"{_SUITES}.{quote(workload)}"
    case = ET.SubElement(suite, "testcase", classname=group, name=quote(row.stack), time="0")
    outcome, message = _outcome(row)
    if outcome:
        ET.SubElement(case, outcome, message=message).text = message
    if row.throughput is not None:
        text = f"requests/s: {format_rate(row.throughput.value)}"
        ET.SubElement(case, "system-out").text = text


def _outcome(row: Row) -> tuple[str, str]:
    """Say what became of a row: an element of JUnit, and why."""
    if row.sound:
        return ("", "") if row.throughput is not None else ("skipped", _failures(row))
    if row.failures:
        return "error", _failures(row)
    said = [quote(finding.message) for finding, _ in row.findings if finding.severity == "invalid"]
    return "failure", "\n".join(said) or "not enough of its trials are valid"


def _failures(row: Row) -> str:
    return "\n".join(dict.fromkeys(f"{item.stage}: {quote(item.message)}" for item in row.failures))
