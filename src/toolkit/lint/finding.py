"""What rules find, and what they are given beside the files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from toolkit.lint.facts import Deployment, Where


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """It will fail: requests are lost, the app does not start, anybody can forge an address."""
    WARNING = "warning"
    """It may: under load, after a change, on another machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is known of the app from a measurement, not from its files.

    Attributes:
        worker_memory: Bytes (PSS) of one worker at its peak.
        slowest_request: Seconds of the slowest request that is to succeed.
    """

    worker_memory: int | None = None
    slowest_request: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a stored run says of the app, where numbers are taken from one.

    Attributes:
        run: Its id.
        stack: Of it.
        workers: Processes that the server was measured with.
        worker_memory: Bytes: the peak of all of them by their number.
        slowest_request: Seconds from the sending of the slowest request to its answer.
        slowest_workload: Under which that was.
    """

    run: str
    stack: str
    workers: int
    worker_memory: int
    slowest_request: float
    slowest_workload: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is looked for.

    Attributes:
        name: As "graceful-nesting": in findings, ``--ignore``, comments and the documentation.
        summary: What must hold, one line.
        reason: What happens where it does not; one to three sentences.
        fix: What to do in general; a finding says it with its own numbers.
        source: Where that is documented or was reported: a URL, with a few words before it.
    """

    name: str
    summary: str
    reason: str
    fix: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A place where files do not agree.

    Attributes:
        rule: Name of the rule.
        where: The line that should change.
        message: What is wrong, with both values and both places, in one line.
        fix: What to write instead, with numbers, in one line.
        others: The other places that take part.
    """

    rule: str
    severity: Severity
    where: Where
    message: str
    fix: str
    others: tuple[Where, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotJudged:
    """A rule that could not say anything, and what it would need.

    Attributes:
        rule: Name of the rule.
        reason: What is missing, such as "the memory of a worker is not known: --worker-memory".
    """

    rule: str
    reason: str


Check = Callable[[Deployment, Measured], Iterator[Finding | NotJudged]]
"""How a rule looks."""
