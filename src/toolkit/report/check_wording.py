"""What a check says in sentences, the same for a terminal, Markdown, JUnit and the logs of CI."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from toolkit.changes import Change, Verdict
from toolkit.checked import LOOKS, Check, Side, VersionFacts
from toolkit.floor import floors
from toolkit.judgement import Assessment
from toolkit.measured import Finding, Severity
from toolkit.report.check_text import (
    change_of,
    loss_of,
    name_of,
    plain,
    significant,
    tolerance_of,
    width_of,
)
from toolkit.units import counted, format_duration

_MOST_NAMED = 12
"""Changed packages, or workloads, that are named."""

_LONGEST_COMMAND = 4000

_UNPINNED = (
    "Nothing is pinned to CPUs: servers and load share all cores, and identical servers then "
    "spread many times as much."
)

_REPAIRS = {
    "errors": "see why the answers are wrong in the version named",
    "answers": "if the versions are meant to answer differently: --answers-may-differ",
    "client-limited": "leave the load generator more CPU: fewer --users, or a faster machine",
}
"""What to do about a duel that is invalid, by the rule that found it (``duelling``)."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A check put into words.

    Args:
        check: What was measured.
        assessment: What it means.
        quote: Makes a text from outside (a label, an endpoint, an error) harmless in the medium at
            hand: ``plain``, or more than that. The rest of each sentence is the toolkit's own.
    """

    check: Check
    assessment: Assessment
    quote: Callable[[str], str] = plain

    # the verdict

    def headline(self) -> str:
        """Give the verdict in one line: what, how much, how sure, where."""
        verdict, change = self.assessment.verdict, self.assessment.worst
        if verdict is Verdict.INVALID:
            return f"INVALID, no verdict: {self.quote(self._first_reason())}"
        if self.check.against_itself:
            return f"NOISE FLOOR, the base against itself: {self._of_noise()}"
        if change is None:
            return f"{verdict.upper()}: {self.quote(self._first_reason())}"
        return f"{verdict.upper()}: {self.summary(change)}"

    def summary(self, change: Change) -> str:
        """Give a change, the tolerance, and where it is or shows most."""
        return (
            f"{name_of(change.metric, gated=change.gated)} {change_of(change.ratio)}, "
            f"tolerance {self._tolerance}{self._where(change)}"
        )

    @property
    def _tolerance(self) -> str:
        return tolerance_of(self.check.settings.tolerance)

    def _first_reason(self) -> str:
        return next(iter(self.assessment.reasons), "nothing was measured")

    def _of_noise(self) -> str:
        verdict, change = self.assessment.verdict, self.assessment.worst
        if verdict is Verdict.FINE:
            return f"no regression at a tolerance of {self._tolerance}, as it must be"
        if verdict is Verdict.INCONCLUSIVE:
            return f"inconclusive at a tolerance of {self._tolerance}, this machine is too noisy"
        much = "" if change is None else f", {self.summary(change)}"
        return f"{verdict.upper()} although both are the same{much}"

    def _where(self, change: Change) -> str:
        """Name the endpoint of a change, or the one it shows most on, as far as that is known."""
        rows, workloads = self.assessment.rows, self.check.workloads
        if change.workload is not None:
            most = self._within(change.workload, change) if change.endpoint is None else None
            within = f", most on {self.quote(most.endpoint or '')}" if most is not None else ""
            return f", on {self.place(change.workload, change.endpoint)}{within}"
        if not rows and len(workloads) == 1:
            return f", on {self.place(workloads[0], None)}"
        of_workloads = [row for row in rows if row.endpoint is None]
        most = _foremost([row for row in of_workloads if row.metric is change.metric], change)
        if most is None:
            return f", on {self.quote(workloads[0])}" if len(workloads) == 1 else ""
        most = self._within(most.workload or "", change) or most
        return f", most on {self.place(most.workload or '', most.endpoint)}"

    def _within(self, workload: str, change: Change) -> Change | None:
        """Give the endpoint of a mix that a change shows most on."""
        rows = self.assessment.rows
        within = [row for row in rows if row.workload == workload and row.endpoint is not None]
        return _foremost(within, change)

    def place(self, workload: str, endpoint: str | None) -> str:
        """Name an endpoint, or a workload by the only endpoint that it has."""
        if endpoint is None:
            duels = (pair.duels.get(workload) for pair in self.check.pairs)
            names = {name for duel in duels if duel is not None for name in duel.base.endpoints}
            endpoint = names.pop() if len(names) == 1 else None
        known = endpoint is None or endpoint == workload
        return self.quote(workload if known else f"{endpoint} ({workload})")

    def abilities(self) -> str:
        """Say what a gate on this machine can hold, of a version against itself; may be empty."""
        few, many = LOOKS[0], LOOKS[-1]
        known = [
            (least, item)
            for item in floors(self.check, self.assessment)
            if item.gated and (least := item.detectable(few)) is not None
        ]
        if not known:
            return ""
        least, item = max(known, key=lambda pair: pair[0])
        return (
            f"Smallest change told here, and least tolerance for a gate: {width_of(least)} with "
            f"{few} pairs, {width_of(item.detectable(many) or 0.0)} with {many}, because of "
            f"{name_of(item.metric, gated=True)}."
        )

    def sureness(self) -> str:
        """Say how often it was measured, and how long that took."""
        first, second = (len(self.check.series(number)) for number in (1, 2))
        pairs = f"{counted(first, 'pair')} of fresh servers"
        if self.assessment.confirmed:
            text = f"Measured twice: {pairs}, then {second} more with other seeds confirm it."
        elif self.assessment.confirmed is False:
            text = f"Not confirmed: {pairs} show a regression, {second} more do not."
        else:
            text = (
                f"{pairs}{f' and {second} more' if second else ''}." if first else "No pair counts."
            )
        lost = self.assessment.lost
        if lost:
            verb = "does" if lost == 1 else "do"
            text += f" {lost} of {counted(len(self.check.pairs), 'pair')} {verb} not count."
        if not self.check.placement.server_cpus:
            text += f" {_UNPINNED}"
        if self.check.finished_at is None:
            return f"{text} The check did not come to its end."
        return f"{text} {format_duration(_seconds(self.check))} in all."

    def packages(self) -> str:
        """Say in one line that the packages differ, which no change in the app may have asked for.

        Empty where they do not, or nobody knows.
        """
        base, candidate = self.check.base, self.check.candidate
        changes = package_changes(base, candidate) if base.packages and candidate.packages else []
        if not changes:
            return ""
        left = len(changes) - 1
        more = f", and {left} more" if left else ""
        return f"Packages differ: {self.quote(changes[0])}{more}."

    # why there is no plain one, and what to do

    @property
    def reasons_title(self) -> str:
        """Say what the reasons are of: of a plain verdict nothing but the pairs that it lacks."""
        doubtful = self.assessment.verdict in (Verdict.INCONCLUSIVE, Verdict.INVALID)
        return "Why" if doubtful else "Pairs that do not count"

    def reasons(self) -> Iterator[str]:
        """Say why, as far as the headline has not."""
        reasons = self.assessment.reasons
        said = self.assessment.verdict is Verdict.INVALID or self.assessment.worst is None
        yield from map(self.quote, reasons[1:] if said else reasons)

    @property
    def advice_title(self) -> str:
        """Say what the advice is."""
        invalid = self.assessment.verdict is Verdict.INVALID
        return "What to do" if invalid else "What would help"

    def advice(self) -> Iterator[str]:
        """Say what would help."""
        if self.assessment.verdict is Verdict.INCONCLUSIVE:
            yield from self._to_decide()
        elif self.assessment.verdict is Verdict.INVALID:
            yield from self._to_repair()

    def _to_decide(self) -> Iterator[str]:
        settings = self.check.settings
        undecided = [
            item
            for item in self.assessment.changes
            if item.gated and item.verdict is Verdict.INCONCLUSIVE
        ]
        if self.check.finished_at is None:
            yield "let it come to its end"
            return
        if self.assessment.confirmed is False or not undecided:
            yield "run it again, on a quieter machine if there is one: what is real shows each time"
            return
        more = max(LOOKS[0], 2 * settings.max_pairs)
        yield f"more pairs: --max-pairs {more} (it was {settings.max_pairs})"
        disturbed = [times for item, times in self.assessment.findings if item.rule == "neighbours"]
        often = f": others took part in {counted(sum(disturbed), 'pair')}" if disturbed else ""
        yield f"a quieter machine{often}"
        yield from self._wider([item.half_width for item in undecided])

    def _wider(self, half_widths: list[float | None]) -> Iterator[str]:
        width = max((item for item in half_widths if item is not None), default=None)
        if width is None:
            return
        if 2 * width > self.check.settings.tolerance:
            # the interval of no change must fit below the tolerance, with room to be off its middle
            yield (
                f"a wider tolerance: --tolerance {2 * width:.0%} is twice the interval's half-width"
                f" here, {self._tolerance} is less than this machine can tell"
            )
        else:
            yield (
                f"a wider tolerance: the interval is narrow (half-width {width_of(width)}), the "
                f"change itself is close to {self._tolerance}"
            )

    def _to_repair(self) -> Iterator[str]:
        pairs = self.check.pairs
        failed = {side: sum(pair.failed_side is side for pair in pairs) for side in Side}
        for side, other in ((Side.BASE, Side.CANDIDATE), (Side.CANDIDATE, Side.BASE)):
            if failed[side] and not failed[other]:
                yield (
                    f"the {side} failed in {failed[side]} of {counted(len(pairs), 'pair')}, the "
                    f"{other} in none: start the {side} by itself and see why"
                )
        findings = [item for item, _ in self.assessment.findings]
        rules = {item.rule for item in findings if item.severity is Severity.INVALID}
        yield from (text for rule, text in _REPAIRS.items() if rule in rules)
        yield "then check again: so far nothing is known about the candidate, good or bad"

    def findings(self) -> Iterator[tuple[Finding, str]]:
        """Give what was found, each with how often."""
        total = counted(len(self.check.pairs), "pair")
        for finding, times in self.assessment.findings:
            label = "INVALID" if finding.severity is Severity.INVALID else "warning"
            example = "for instance, " if times > 1 else ""
            message = self.quote(finding.message)
            yield finding, f"{label} in {times} of {total}: {example}{message}"

    # what was compared, and where

    def compared(self) -> Iterator[tuple[str, str]]:
        """Say what the versions are, and what is different between them; labels and texts."""
        check = self.check
        yield "base", self._version(check.base)
        if not check.against_itself:
            yield "candidate", self._version(check.candidate)
            yield "changed", self._changed()
        if check.stack is not None:
            yield "stack", self.quote(check.stack)
        yield "requests", self._named(check.workloads)

    def _version(self, version: VersionFacts) -> str:
        identity = version.identity.removeprefix("sha256:")[:12]
        parts = [self.quote(version.label)]
        # a label that holds a commit need not be followed by it
        if identity and identity[:7] not in version.label:
            parts.append(self.quote(identity))
        if version.python:
            parts.append(f"Python {self.quote(version.python)}")
        return ", ".join(parts)

    def _changed(self) -> str:
        base, candidate = self.check.base, self.check.candidate
        if base.identity and base.identity == candidate.identity:
            return "nothing, both are the same version"
        if not base.packages or not candidate.packages:
            return "the packages are not known"
        return self._named(package_changes(base, candidate)) or "no package"

    def _named(self, texts: Sequence[str]) -> str:
        named = ", ".join(map(self.quote, texts[:_MOST_NAMED]))
        left = len(texts) - _MOST_NAMED
        return f"{named} and {left} more" if left > 0 else named

    def command(self) -> str:
        """Give the command that checks the same again, whole and on one line; not quoted."""
        return plain(self.check.again, _LONGEST_COMMAND)

    def circumstances(self) -> str:
        """Give machine, runtime and settings in one line, and what could not be had."""
        check = self.check
        host, where, settings = check.host, check.placement, check.settings
        server, client = (
            ",".join(map(str, cpus)) or "any" for cpus in (where.server_cpus, where.client_cpus)
        )
        runtime = " ".join(filter(None, (check.runtime.name, check.runtime.engine)))
        parts = (
            f"{counted(host.cpus, 'CPU')}, {host.cpu_model}, {host.system}",
            runtime,
            f"both servers on CPU {server}, load generator on CPU {client}",
            *(item.summary for item in check.backings),
            *self._knobs(),
            f"{counted(settings.users, 'user')} a side, {settings.seconds:g} s of bursts a pair",
            f"seed {check.seed}",
            f"toolkit {host.toolkit}",
        )
        # one by one, for a long text is cut
        notes = (item.rstrip(".") for item in (*where.notes, *check.runtime.notes))
        return ". ".join(map(self.quote, ("; ".join(parts), *notes)))

    def _knobs(self) -> tuple[str, ...]:
        """Name the knobs that matter most; a project of one's own has none of them."""
        knobs = self.check.knobs
        if self.check.stack is None:
            return ()
        return (f"{counted(knobs.workers, 'worker')}, {counted(knobs.threads, 'thread')}",)


def package_changes(base: VersionFacts, candidate: VersionFacts) -> list[str]:
    """Name packages of other versions, new ones and those that are gone, by name."""
    before, after = base.packages, candidate.packages
    found = []
    for name in sorted(before.keys() | after.keys(), key=str.lower):
        if name not in before:
            found.append(f"{name} {after[name]} added")
        elif name not in after:
            found.append(f"{name} {before[name]} removed")
        elif before[name] != after[name]:
            found.append(f"{name} {before[name]} -> {after[name]}")
    return found


def _foremost(rows: list[Change], change: Change) -> Change | None:
    """Give the significant row that goes furthest in the direction of a change."""
    worse = loss_of(change) > 1
    same = [row for row in rows if significant(row) and (loss_of(row) > 1) is worse]
    return (max if worse else min)(same, key=loss_of, default=None)


def _seconds(check: Check) -> float:
    began, ended = check.started_at, check.finished_at or check.started_at
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
