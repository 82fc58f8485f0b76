"""The tables of a check as text, for any medium that can show a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from toolkit.changes import Change, Verdict
from toolkit.checked import ALPHA, LOOKS, Check
from toolkit.floor import CHANCE, floors
from toolkit.judgement import Assessment
from toolkit.report.check_text import (
    change_of,
    decides,
    loss_of,
    name_of,
    short_name_of,
    significant,
    value_of,
    width_of,
)
from toolkit.report.check_wording import Wording
from toolkit.stats import SIGNIFICANCE, least_rounds
from toolkit.units import counted


class Tone(StrEnum):
    """How a row is meant, for media that have colours."""

    PLAIN = "plain"
    BAD = "bad"
    GOOD = "good"
    DOUBT = "doubt"
    QUIET = "quiet"


TONES = {
    Verdict.REGRESSION: Tone.BAD,
    Verdict.FINE: Tone.GOOD,
    Verdict.IMPROVED: Tone.GOOD,
    Verdict.INCONCLUSIVE: Tone.DOUBT,
    Verdict.INVALID: Tone.DOUBT,
}


_DECIDES = "!"
"""Marks a row that decides."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet; the highest ``drop`` goes first where the width does not do."""

    title: str
    right: bool = True
    drop: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table.

    Attributes:
        rows: Cells in the order of the columns.
        tones: One for each row.
        note: What a reader must know of it.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    tones: tuple[Tone, ...]
    note: str

    def only(self, columns: Sequence[Column]) -> "Sheet":
        """Leave all other columns out."""
        kept = [at for at, column in enumerate(self.columns) if column in columns]
        return Sheet(
            columns=tuple(self.columns[at] for at in kept),
            rows=tuple(tuple(row[at] for at in kept) for row in self.rows),
            tones=self.tones,
            note=self.note,
        )


def metrics(check: Check, assessment: Assessment) -> Sheet:
    """Give all metrics over all endpoints, those that decide and the others."""
    invalid = assessment.verdict is Verdict.INVALID
    rows: list[tuple[str, ...]] = []
    tones = []
    for item in assessment.changes:
        says = "not gated" if not item.gated else "invalid" if invalid else str(item.verdict)
        rows.append((*_cells(item), says))
        tones.append(Tone.QUIET if invalid or not item.gated else TONES[item.verdict])
    measured = {item.metric for item in assessment.changes}
    for metric in check.settings.metrics if measured else ():
        if metric not in measured:
            rows.append((name_of(metric, gated=True), "-", "-", "-", "not measured"))
            tones.append(Tone.DOUBT)
    return Sheet(
        columns=(
            Column("metric", right=False),
            Column("base", drop=2),
            Column("candidate", drop=1),
            Column("change", right=False),
            Column("verdict", right=False),
        ),
        rows=tuple(rows),
        tones=tuple(tones),
        note=_about_intervals(assessment) + _about_deciding(assessment),
    )


def _cells(change: Change) -> tuple[str, str, str, str]:
    return (
        name_of(change.metric, gated=change.gated),
        value_of(change.metric, change.base),
        value_of(change.metric, change.candidate),
        change_of(change.ratio),
    )


def _about_intervals(assessment: Assessment) -> str:
    if all(item.half_width is None for item in assessment.changes):
        return f"No intervals: they take {LOOKS[0]} pairs, here are {assessment.pairs}."
    return (
        f"Change from base to candidate, with its {width_of(1 - 2 * ALPHA)} interval from "
        f"{counted(assessment.pairs, 'pair')}."
    )


def _about_deciding(assessment: Assessment) -> str:
    count = sum(decides(row, assessment) for row in assessment.rows)
    if not count:
        return ""
    verb = "decides" if count == 1 else "decide"
    return f" {counted(count, 'row')} by endpoint {verb}, too: see {_DECIDES} there."


def endpoints(wording: Wording, most: int) -> Sheet:
    """Give workloads and endpoints: those that decide, the significant ones, the worst of them.

    Args:
        wording: Names the places.
        most: Rows that are shown.
    """
    assessment = wording.assessment
    ordered = sorted(
        assessment.rows,
        key=lambda row: (not decides(row, assessment), not significant(row), -loss_of(row)),
    )
    rows: list[tuple[str, ...]] = []
    tones = []
    for row in ordered[:most]:
        _, base, candidate, change = _cells(row)
        alone = decides(row, assessment)
        mark = (" *" if significant(row) else "") + (f" {_DECIDES}" if alone else "")
        place = wording.place(row.workload or "", row.endpoint)
        rows.append((place, short_name_of(row.metric), base, candidate, f"{change}{mark}", _p(row)))
        worse = Tone.BAD if loss_of(row) > 1 else Tone.GOOD
        tones.append(worse if significant(row) or alone else Tone.QUIET)
    return Sheet(
        columns=(
            Column("endpoint", right=False),
            Column("metric", right=False),
            Column("base", drop=3),
            Column("candidate", drop=2),
            Column("change", right=False),
            Column("p (Holm)", drop=1),
        ),
        rows=tuple(rows),
        tones=tuple(tones),
        note=_about_rows(assessment, ordered[most:]),
    )


def _p(row: Change) -> str:
    if row.p is None:
        return "-"
    return f"{row.p:.3f}" if row.p >= 0.001 else "< 0.001"


def _about_rows(assessment: Assessment, hidden: Sequence[Change]) -> str:
    rows = assessment.rows
    role = "Secondary: no row decides."
    if any(decides(row, assessment) for row in rows):
        role = (
            f"{_DECIDES} decides, being worse by more than the tolerance with its whole interval; "
            "the others are secondary."
        )
    text = (
        f"{role} * is significant: p of the signed ranks at most "
        f"{SIGNIFICANCE:g}, Holm's correction for {counted(len(rows), 'row')} included."
    )
    needed = least_rounds(max(len(rows), 1))
    if assessment.pairs < needed:
        text += f" With {counted(assessment.pairs, 'pair')} none can be: it takes {needed}."
    if hidden:
        marked = sum(map(significant, hidden))
        text += f" {counted(len(hidden), 'row')} more not shown, {marked} of them significant."
    return text


def noise(check: Check, assessment: Assessment) -> Sheet:
    """Give the noise of a version against itself, and what this machine can tell."""
    few, many = LOOKS[0], LOOKS[-1]
    rows: list[tuple[str, ...]] = []
    tones = []
    for item in floors(check, assessment):
        values = (item.spread, item.half_width, item.detectable(few), item.detectable(many))
        rows.append(
            (
                name_of(item.metric, gated=item.gated),
                *("-" if value is None else width_of(value) for value in values),
            )
        )
        tones.append(Tone.PLAIN if item.gated else Tone.QUIET)
    return Sheet(
        columns=(
            Column("metric", right=False),
            Column("sd"),
            Column("half-width", drop=1),
            Column(f"{few} pairs tell"),
            Column(f"{many} pairs tell"),
        ),
        rows=tuple(rows),
        tones=tuple(tones),
        note=(
            "sd: standard deviation of a pair's log ratio. half-width: of the interval that "
            f"{counted(assessment.pairs, 'pair')} gave. tell: the smallest change told from none "
            f"in {CHANCE * 10:g} of 10 checks, and the least tolerance at which identical versions "
            "pass as often; from the sd, for normal log ratios and exact signed ranks (power: "
            "Klotz, Ann. Math. Statist. 34, 1963). Memory is decided by a plain threshold."
        ),
    )
