"""The finals of a tuned run: what was measured in them, and the decision. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from toolkit.compare import Row, tables, usable_rates
from toolkit.histogram import LatencyHistogram
from toolkit.measured import Measurement, PhaseResult, Run
from toolkit.model import Stage
from toolkit.objective import keeps
from toolkit.tuned import Finalist, Tuned
from toolkit.tuning.choice import (
    Choice,
    Member,
    choose,
    choose_cheapest,
    compare_memories,
    compare_rates,
    pareto,
)
from toolkit.tuning.look import Look
from toolkit.tuning.space import Tunable
from toolkit.units import counted, format_bytes, format_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who is in the finals.

    Attributes:
        stack: Id of its stack.
        label: Server and configuration, for people.
        users: Of the closed loop in which its capacity is measured.
        reference: Whether it is there to compare with.
    """

    stack: str
    look: Look
    server: Tunable
    label: str
    users: int
    reference: bool = False


def finals_of(run: Run) -> Run:
    """Give what is left of a tuned run if only its finals are counted, with the ramps before them.

    Rounds count from 1 again. A run that has no finals is given as it is.
    """
    tuned = run.tuned
    if tuned is None or not tuned.final:
        return run
    stacks = {item.stack for item in tuned.finalists}
    before = tuned.final - 1

    def counts(stack: str, stage: Stage, number: int) -> bool:
        return stack in stacks and (stage is not Stage.CAPACITY or number > before)

    trials = [t for t in run.trials if counts(t.stack, t.stage, t.round)]
    outcomes = [
        replace(item, trial=replace(item.trial, round=item.trial.round - before))
        if item.trial.stage is Stage.CAPACITY
        else item
        for item in run.outcomes
        if counts(item.trial.stack, item.trial.stage, item.trial.round)
    ]
    return replace(
        run,
        trials=tuple(
            replace(t, round=t.round - before) if t.stage is Stage.CAPACITY else t for t in trials
        ),
        outcomes=tuple(outcomes),
        stacks=tuple(facts for facts in run.stacks if facts.id in stacks),
        rounds=max((t.round for t in trials if t.stage is Stage.CAPACITY), default=before) - before,
    )


def decide(run: Run, entries: Sequence[Entry], wanted: float | None) -> Tuned:
    """Decide by the finals of a run.

    Args:
        run: With ``tuned``, of which ``final`` says where they begin; what else stands there stays.
        entries: Who is in them.
        wanted: Requests/s that the cheapest is looked for, None: the highest rate.
    """
    tuned = run.tuned
    assert tuned is not None  # noqa: S101 - a tuned run has one
    shown = finals_of(
        replace(run, tuned=replace(tuned, finalists=tuple(_blank(entry) for entry in entries)))
    )
    workload = run.workloads[0]
    rows = {row.stack: row for table in tables(shown) for row in table.rows}
    members = [_member(shown, workload, entry, rows.get(entry.stack), wanted) for entry in entries]
    choice = choose(members) if wanted is None else choose_cheapest(members)
    points = {
        member.name: (_rate_of(member, wanted), member.p99, member.memory)
        for member in members
        if member.p99 is not None and member.memory and _rate_of(member, wanted)
    }
    front = pareto(
        {name: (rate, p99 or 0.0, memory) for name, (rate, p99, memory) in points.items()}
    )
    by_name = {member.name: member for member in members}
    finalists = [
        _finalist(shown, entry, by_name[entry.stack], rows.get(entry.stack), choice, front, wanted)
        for entry in entries
    ]
    common = _common(shown) if wanted is None else wanted
    formula = next((entry for entry in entries if entry.reference), None)
    best = by_name.get(choice.best or "")
    compare = compare_rates if wanted is None else compare_memories
    return replace(
        tuned,
        recommended=choice.recommended,
        best=choice.best,
        reason=reason_of(choice, by_name, entries, wanted, tuned.slo),
        finalists=tuple(sorted(finalists, key=lambda item: _place(item, choice, wanted))),
        common=common,
        formula=compare(by_name[formula.stack], best) if formula is not None and best else None,
        formula_stack=None if formula is None else formula.stack,
    )


def reason_of(
    choice: Choice,
    members: Mapping[str, Member],
    entries: Sequence[Entry],
    wanted: float | None,
    slo: str,
) -> str:
    """Say in a sentence why it is this one."""
    labels = {entry.stack: entry.label for entry in entries}
    if choice.recommended is None or choice.best is None:
        return _none(choice, members, labels, wanted, slo)
    taken, best = members[choice.recommended], members[choice.best]
    what = "highest rate" if wanted is None else "least memory"
    if not choice.tied:
        others = len(members) - 1
        return (
            f"It has the {what} of {counted(len(members), 'finalist')}."
            if others
            else ("It is the only one that came into the finals.")
        )
    alike = counted(len(choice.tied), "other")
    why = "fewest processes x threads, then least memory"
    if wanted is not None:
        why = "fewest processes, then threads"
    if taken is best:
        return f"It has the {what}; {alike} made no difference and none is simpler ({why})."
    return (
        f"No difference to the {what}, that of {labels[best.name]}: so it is the simplest of "
        f"{counted(len(choice.tied) + 1, 'finalist')} that cannot be told apart ({why})."
    )


def _none(
    choice: Choice,
    members: Mapping[str, Member],
    labels: Mapping[str, str],
    wanted: float | None,
    slo: str,
) -> str:
    goal = slo if wanted is None else f"{wanted:,.10g} req/s within {slo}"
    if choice.nearest is None:
        return f"No finalist has enough valid rounds to say that it keeps {goal}."
    near = members[choice.nearest]
    text = f"No configuration keeps {goal}. Nearest: {labels[near.name]}"
    if wanted is not None:
        return f"{text}, in {near.carried.count(True)} of {len(near.carried)} rounds."
    return f"{text}, which answers {format_rate(median(near.rates.values()))} req/s without it."


def _blank(entry: Entry) -> Finalist:
    candidate, server = entry.look.candidate, entry.server
    return Finalist(
        stack=entry.stack,
        server=candidate.server,
        workers=candidate.workers if server.workers else None,
        threads=candidate.threads if server.threads else None,
        label=entry.label,
        users=entry.users,
        reference=entry.reference,
    )


def _member(run: Run, workload: str, entry: Entry, row: Row | None, wanted: float | None) -> Member:
    candidate = entry.look.candidate
    capacity = [item for item in _trials(run, entry.stack) if item.trial.stage is Stage.CAPACITY]
    ladders = [
        item
        for item in _trials(run, entry.stack)
        if item.trial.stage is Stage.LATENCY and item.valid
    ]
    of_memory = [item for item in (*capacity, *ladders) if item.valid]
    return Member(
        name=entry.stack,
        workers=candidate.workers,
        threads=candidate.threads,
        settings=len(candidate.extras),
        rates=usable_rates(run, entry.stack, workload),
        parts=tuple(part for item in ladders if (part := _part(item, run)) is not None),
        carried=tuple(bool(_part(item, run)) for item in ladders if _own(item)),
        memories={
            _key(item): float(max(phase.use.memory_peak for phase in item.phases))
            for item in of_memory
        },
        p99=_p99(row) if wanted is None else _p99_of(ladders),
        reference=entry.reference,
    )


def _key(item: Measurement) -> int:
    """Give a number by which rounds of both stages can be paired."""
    return item.trial.round + (1000 if item.trial.stage is Stage.LATENCY else 0)


def _trials(run: Run, stack: str) -> list[Measurement]:
    return [
        item for item in run.outcomes if isinstance(item, Measurement) and item.trial.stack == stack
    ]


def _own(item: Measurement) -> list[PhaseResult]:
    return [phase for phase in item.phases if phase.phase.own is not None]


def _part(item: Measurement, run: Run) -> float | None:
    """Give the part of its capacity at which a trial ended, 0 where the objective was missed."""
    tried = _own(item)
    if not tried:
        return None
    last = tried[-1]
    return (last.phase.own or 0.0) if keeps(last, run.load.goal) else 0.0


def _p99(row: Row | None) -> float | None:
    if row is None or not row.at_rates:
        return None
    at = row.at_rates[0]
    return at.latencies[1] if at.latencies is not None and at.valid and at.carried else None


def _p99_of(ladders: Sequence[Measurement]) -> float | None:
    """Give the 99th percentile at a wanted rate, of all rounds together."""
    phases = [phase for item in ladders for phase in _own(item)]
    latency = LatencyHistogram.merged(phase.load.latency for phase in phases)
    return latency.percentiles(99)[0] if latency.count else None


def _common(run: Run) -> float | None:
    rates = [at.rate for table in tables(run) for row in table.rows for at in row.at_rates[:1]]
    return median(rates) if rates else None


def _rate_of(member: Member, wanted: float | None) -> float:
    if wanted is None:
        return member.rate
    return median(member.rates.values()) if member.carries and member.rates else 0.0


def _finalist(
    run: Run,
    entry: Entry,
    member: Member,
    row: Row | None,
    choice: Choice,
    front: frozenset[str],
    wanted: float | None,
) -> Finalist:
    return replace(
        _blank(entry),
        capacity=median(member.rates.values()) if member.rates else None,
        rate=None if row is None else row.under_objective,
        parts=member.parts,
        p99=member.p99,
        memory=round(member.memory) or None,
        ratio=choice.ratios.get(member.name),
        tied=member.name in choice.tied,
        pareto=member.name in front,
        trouble=_trouble(run, member, row, wanted),
    )


def _trouble(run: Run, member: Member, row: Row | None, wanted: float | None) -> str:
    if row is not None and row.failures:
        failure = row.failures[-1]
        return f"{failure.stage}: {failure.message}"
    invalid = (
        []
        if row is None
        else [finding for finding, _ in row.findings if finding.severity == "invalid"]
    )
    if not (member.rates if wanted is None else member.carried):
        if any(finding.rule == "client-limited" for finding in invalid):
            return "limited by the load generator: it can do more than could be measured"
        return invalid[0].message if invalid else "not measured"
    if wanted is not None:
        return "" if member.carries else "does not carry the rate within the objective"
    if member.part == 0:
        return "missed the objective at every rate that was tried"
    return ""


def _place(item: Finalist, choice: Choice, wanted: float | None) -> tuple[object, ...]:
    able = not item.trouble
    value = item.memory or 0 if wanted is not None else -(item.rate or item.capacity or 0.0)
    return (not able, item.stack != choice.best, value)


def summary_of(item: Finalist) -> str:
    """Say what a finalist does: ``1,240 req/s within the objective, 88 MiB``."""
    parts = []
    if item.rate:
        parts.append(f"{format_rate(item.rate)} req/s within the objective")
    elif item.capacity:
        parts.append(f"{format_rate(item.capacity)} req/s in a closed loop")
    if item.memory:
        parts.append(format_bytes(item.memory))
    return ", ".join(parts)
