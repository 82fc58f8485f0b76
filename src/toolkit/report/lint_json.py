"""A lint as JSON for other programs.

Paths are from ``folder``, with ``/``; lines count from 1, and 0 is the file as a whole. Keys:

format      1; it grows when a key changes its meaning or goes, not when one is added
exit_code   what the command ends with, null where nobody told
folder      the folder that was looked at, as it was named
summary     what came of it in one line, for people
errors      number of findings that are errors
warnings    number of the others
findings    one object for each, by file and line: "rule", "severity" ("error" or "warning"),
            "path", "line", "message", "fix", "others" (places that take part: "path", "line")
ignored     the same for findings that a comment asks not to report
not_judged  {"rule", "reason"}: rules that could not say anything, and what they would need
measured    what was known of the app, null where it was not: "worker_memory" (bytes),
            "slowest_request" (seconds), "run" and "stack" (where numbers were taken from a run)
rules       by name, those that found something: {"summary", "reason", "fix", "source"}
units       what serves an app: {"name", "platform", "path", "line", "server" (null: not known)}
files       paths of the files that were read, by kind
unread      {"path", "line", "reason"}: files that could not be read
"""

import json
from collections.abc import Iterable
from typing import Any

from toolkit.lint.facts import Where
from toolkit.lint.finding import Finding, Rule, Severity
from toolkit.report.lint_wording import Lint

FORMAT = 1


def document(lint: Lint, rules: Iterable[Rule], *, exit_code: int | None = None) -> str:
    """Write a lint as JSON, see above.

    Args:
        lint: What was found.
        rules: All there are.
        exit_code: Which the command will end with.
    """
    found = {finding.rule for finding in lint.findings}
    return json.dumps(
        {
            "format": FORMAT,
            "exit_code": exit_code,
            "folder": lint.folder,
            "summary": lint.summary(),
            "errors": lint.count(Severity.ERROR),
            "warnings": lint.count(Severity.WARNING),
            "findings": [_finding(item) for item in lint.by_file()],
            "ignored": [_finding(item) for item in lint.ignored],
            "not_judged": [{"rule": item.rule, "reason": item.reason} for item in lint.not_judged],
            "measured": {
                "worker_memory": lint.measured.worker_memory,
                "slowest_request": lint.measured.slowest_request,
                "run": None if lint.taken is None else lint.taken.run,
                "stack": None if lint.taken is None else lint.taken.stack,
            },
            "rules": {rule.name: _rule(rule) for rule in rules if rule.name in found},
            "units": [
                {
                    "name": unit.name,
                    "platform": str(unit.container.platform),
                    **_where(unit.container.where),
                    "server": None if unit.server is None else str(unit.server.kind),
                }
                for unit in lint.deployment.units
            ],
            "files": {kind: list(paths) for kind, paths in sorted(lint.deployment.files.items())},
            "unread": [{**_where(where), "reason": reason} for where, reason in lint.unread()],
        },
        indent=1,
    )


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        **_where(finding.where),
        "message": finding.message,
        "fix": finding.fix,
        "others": [_where(where) for where in finding.others],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "summary": rule.summary,
        "reason": rule.reason,
        "fix": rule.fix,
        "source": rule.source,
    }


def _where(where: Where) -> dict[str, Any]:
    return {"path": where.path, "line": where.line}
