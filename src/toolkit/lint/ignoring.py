"""Comments that ask for silence: ``# toolkit: ignore[keep-alive-nesting] why``.

Such a comment stands at the end of a line, or alone in the lines right above it, in any file that
has ``#`` for comments. It counts for what is found in that line, and for what is found elsewhere
if that line takes part. At the top of a file it counts for what is said of the file as a whole.
``# toolkit: ignore`` is for every rule; a reason follows after ``--``.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from toolkit.lint.facts import Where
from toolkit.lint.finding import Finding
from toolkit.reading import Files

_COMMENT = "#"
# without brackets nothing but a reason may follow: "ignore that-rule" must not silence every rule
_ASKED = re.compile(r"(?:^|\s)#\s*toolkit:\s*ignore(?:\[([^\]]*)\]|(?=\s*(?:$|#|--)))")
_EVERY_RULE = "*"


def heed_comments(
    findings: Iterable[Finding], files: Files
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Part the findings into those to report and those that a comment asks not to."""
    kept: list[Finding] = []
    ignored: list[Finding] = []
    for finding in findings:
        (ignored if _is_ignored(finding, files) else kept).append(finding)
    return tuple(kept), tuple(ignored)


def _is_ignored(finding: Finding, files: Files) -> bool:
    return any(
        rule in (_EVERY_RULE, finding.rule)
        for where in (finding.where, *finding.others)
        for line in _heard(where, files)
        for rule in _rules_named(line)
    )


def _heard(where: Where, files: Files) -> Iterator[str]:
    """Give the lines whose comments count for a place."""
    text = files.text(where.path)
    if text is None:
        return
    lines = text.split("\n")
    if where.line == 0:
        yield from _comments(lines)
    elif where.line <= len(lines):
        yield lines[where.line - 1]
        yield from _comments(lines[: where.line - 1][::-1])


def _comments(lines: Sequence[str]) -> Iterator[str]:
    """Give the lines that are comments and nothing else, up to the first that is not."""
    for line in lines:
        if not line.lstrip().startswith(_COMMENT):
            return
        yield line


def _rules_named(line: str) -> Iterator[str]:
    for match in _ASKED.finditer(line):
        if match[1] is None:
            yield _EVERY_RULE
        else:
            yield from (name.strip() for name in match[1].split(","))
