"""A lint as annotations of GitHub's runner: each finding at its line, in the log and the diff.

A step shows ten errors and ten warnings, so errors come first; all of them are in the log. The form
is GitHub's: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from collections.abc import Iterator

from toolkit.report.check_text import plain
from toolkit.report.lint_wording import Lint, message_of
from toolkit.report.workflow_commands import command, harmless

_LONGEST = 1000


def annotations(lint: Lint) -> str:
    """Write a lint as lines for the log of a job.

    Args:
        lint: Whose ``folder`` leads from the top of the repository, where GitHub looks for files.
    """
    return "\n".join(_lines(lint)) + "\n"


def _lines(lint: Lint) -> Iterator[str]:
    for finding in lint.by_severity():
        sentences = (message_of(finding), f"Fix: {finding.fix}")
        yield command(
            str(finding.severity),
            "\n".join(plain(text, _LONGEST) for text in sentences),
            file=plain(lint.path(finding.where.path)),
            line=finding.where.line,
            title=f"toolkit lint: {finding.rule}",
        )
    for where, reason in lint.unread():
        yield command(
            "notice",
            plain(f"Could not be read: {reason}", _LONGEST),
            file=plain(lint.path(where.path)),
            line=where.line,
            title="toolkit lint",
        )
    if lint.taken is not None:
        said = "; ".join(f"{name}: {text}" for name, text in lint.numbers())
        yield harmless(plain(f"Run {lint.taken.run}, {lint.taken.stack}: {said}", _LONGEST))
    for skipped in lint.not_judged:
        yield harmless(plain(f"Not judged: {skipped.rule}: {skipped.reason}", _LONGEST))
    yield harmless(plain(lint.summary(), _LONGEST))
