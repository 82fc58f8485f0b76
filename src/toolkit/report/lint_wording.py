"""What a lint says in sentences, the same for a terminal, a log and a program."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from toolkit.lint.facts import Deployment, Server, Unit, Where
from toolkit.lint.finding import Finding, Measured, NotJudged, Severity, Taken
from toolkit.units import counted, format_bytes

_WORST_FIRST = tuple(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """A folder that was looked at.

    Attributes:
        deployment: What its files say.
        findings: What the rules say to that.
        ignored: What they say where a comment asks not to report it.
        not_judged: What they could not say anything about.
        folder: In front of the place of a finding, for readers who stand elsewhere; empty: none.
            All places beside that are named from the folder itself.
        measured: What was known of the app.
        taken: The run that says it, as far as nobody has said it by hand.
    """

    deployment: Deployment
    findings: tuple[Finding, ...] = ()
    ignored: tuple[Finding, ...] = ()
    not_judged: tuple[NotJudged, ...] = ()
    folder: str = ""
    measured: Measured = field(default_factory=Measured)
    taken: Taken | None = None

    def numbers(self) -> Iterator[tuple[str, str]]:
        """Give what was taken from a run, and what prevails over that; nothing without a run."""
        taken, measured = self.taken, self.measured
        if taken is None:
            return
        each = format_bytes(taken.worker_memory)
        if measured.worker_memory == taken.worker_memory:
            text = f"{each}: the peak of {counted(taken.workers, 'worker')}, by their number"
        else:
            text = f"{format_bytes(measured.worker_memory or 0)}, given by hand; measured: {each}"
        yield "memory of a worker", text
        slowest = f"{taken.slowest_request:.2g} s"
        if measured.slowest_request == taken.slowest_request:
            text = f"{slowest} from its sending to its answer, under {taken.slowest_workload}"
        else:
            text = f"{measured.slowest_request or 0:g} s, given by hand; measured: {slowest}"
        yield "slowest request", text

    def place(self, where: Where) -> str:
        """Write a place as the reader finds it."""
        return str(Where(self.path(where.path), where.line))

    def path(self, path: str) -> str:
        """Write a path as the reader finds it."""
        return posixpath.join(self.folder, path)

    def by_file(self) -> Sequence[Finding]:
        """Give the findings by file and line, at the same line errors before warnings."""
        return sorted(self.findings, key=_order)

    def by_severity(self) -> Sequence[Finding]:
        """Give the findings, all errors before the first warning."""
        return sorted(self.by_file(), key=lambda item: _WORST_FIRST.index(item.severity))

    def unread(self) -> Iterator[tuple[Where, str]]:
        """Give the files that could not be read, and why."""
        for item in sorted(self.deployment.unread, key=lambda item: item.where):
            # the place has the line already
            yield item.where, item.reason.removeprefix(f"line {item.where.line}: ")

    def served(self) -> Iterator[tuple[str, str, str]]:
        """Give what serves an app: its name, its place, and what is known of it."""
        for unit in self.deployment.units:
            yield unit.name, str(unit.container.where), _describe(unit)

    def count(self, severity: Severity) -> int:
        """Count findings."""
        return sum(item.severity is severity for item in self.findings)

    def summary(self) -> str:
        """Say in one line what came of it."""
        errors, warnings = map(self.count, (Severity.ERROR, Severity.WARNING))
        counts = [
            counted(number, noun)
            for number, noun in ((errors, "error"), (warnings, "warning"))
            if number
        ]
        files = len({path for paths in self.deployment.files.values() for path in paths})
        text = f"{' and '.join(counts) or 'No findings'} in {counted(files, 'file')}"
        if self.ignored:
            text += f", {len(self.ignored)} ignored by a comment"
        if self.deployment.unread:
            text += f", {counted(len(self.deployment.unread), 'file')} not read"
        if not any(unit.server for unit in self.deployment.units):
            text += ". Nothing here starts a server that is known, so most rules had nothing to say"
        return f"{text}."


def message_of(finding: Finding) -> str:
    """Say what is wrong, with every place that takes part."""
    text = finding.message
    unnamed = [str(where) for where in finding.others if not _names(text, str(where))]
    return f"{text} (see {', '.join(dict.fromkeys(unnamed))})" if unnamed else text


def _names(text: str, place: str) -> bool:
    # app.py:12 is not app.py:1
    return re.search(rf"(?<![\w./-]){re.escape(place)}(?![\w-])", text) is not None


def _order(finding: Finding) -> tuple[Where, int, str, str]:
    return finding.where, _WORST_FIRST.index(finding.severity), finding.rule, finding.message


def _describe(unit: Unit) -> str:
    if unit.server is not None:
        return _describe_server(unit.server)
    if unit.command is not None and unit.command.words:
        return f"{unit.command.words[0]}, no server that is known"
    return "it is not known what it starts"


def _describe_server(server: Server) -> str:
    text = str(server.kind)
    if server.version is not None:
        text += f" {server.version.value}"
    if server.worker_class is not None:
        text += f" {server.worker_class.value}"
    parts = []
    if server.workers is not None:
        parts.append(counted(server.workers.value, "worker"))
    elif server.workers_by_cpus is not None:
        parts.append(f"{server.workers_by_cpus.value} workers")
    if server.threads is not None:
        parts.append(counted(server.threads.value, "thread"))
    return ", ".join((text, " x ".join(parts))) if parts else text
