"""Why nothing of an app can be measured: a line for each reason, and not one for each trial."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from toolkit.measured import Failure
from toolkit.project.advice import advice_on
from toolkit.report.check_text import plain

_LONGEST = 300
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception|Exit|NotFound)\b.*")
"""The last line of a Python traceback; servers say more after it, and nothing that helps."""


@dataclass(slots=True)
class _Reason:
    stage: str
    message: str
    hint: str
    stacks: dict[str, None] = field(default_factory=dict)


def not_started(failures: Iterable[Failure]) -> Iterator[str]:
    """Give a line for each reason, with its stacks and its telling line, and one for its hint.

    Two failures have one reason if their logs end in the same exception, whatever each server says
    to that, or else if they say the same.

    Args:
        failures: Of all trials.
    """
    reasons: dict[tuple[str, str], _Reason] = {}
    for failure in failures:
        said = telling_line(failure.log)
        key = (failure.stage, said or failure.message)
        known = _Reason(failure.stage, failure.message, _hint(failure))
        reasons.setdefault(key, known).stacks[failure.trial.stack] = None
    for (_, said), reason in reasons.items():
        text = f"{', '.join(sorted(reason.stacks))}: {plain(reason.message, _LONGEST)}"
        if said != reason.message:
            text += f". Its log: {plain(said, _LONGEST)}"
        yield f"error: {text}"
        if reason.hint:
            yield f"hint: {plain(reason.hint, _LONGEST)}"


def telling_line(log: str) -> str:
    """Give the line of a log that tells most: its last exception, or else its last words."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    raised = [line for line in lines if _EXCEPTION.fullmatch(line)]
    return next(iter(raised[-1:] or lines[-1:]), "")


def _hint(failure: Failure) -> str:
    return next(advice_on([f"{failure.message}\n{failure.log}"]), failure.hint)
