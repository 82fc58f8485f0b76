"""What a run says about each workload, in a sentence or two: which stack, and how sure. Pure."""

from collections.abc import Iterator, Sequence

from toolkit.compare import Row, Table, missing_rounds
from toolkit.measured import Run
from toolkit.report.tune_findings import advice
from toolkit.units import format_rate

_MOST_NAMES = 4


def answers(run: Run, found: Sequence[Table]) -> tuple[tuple[str, str], ...]:
    """Give for each workload what was found out; of a search, what to take and why.

    Args:
        run: As it is stored.
        found: Its tables, see ``finals_of``.
    """
    if run.tuned is not None:
        said = " ".join(text.plain for text in advice(run.tuned))
        return tuple((workload, said) for workload in run.workloads)
    return tuple((table.workload, answer(table, run)) for table in found)


def answer(table: Table, run: Run) -> str:
    """Say which stack serves most under a workload, and how sure that is."""
    valid = [row for row in table.rows if row.valid and row.throughput is not None]
    if not valid:
        return "No stack has a number that may be used; the notes say why."
    if len(valid) == 1:
        left = len(table.rows) - 1
        others = f"; of {left} others none has a valid number" if left else ""
        return f"{_serves(valid[0])}{others}.{_within(valid[0], run)}"
    missing = missing_rounds(run)
    if missing is not None:
        best = max(valid, key=_rate)
        return f"{_serves(best)}, the most. {_sentence(missing)}: do not choose by this run."
    if any(row.rank is None for row in valid):
        best = max(valid, key=_rate)
        why = table.missing or "not enough rounds are valid for ranks"
        against = _against(best, table) if best.stack != table.baseline else ""
        return (
            f"{_serves(best)}, the most seen{against}.{_within(best, run)} Whether it is the best "
            f"is not sure: {why}."
        )
    return " ".join(_ranked(valid, table, run))


def _ranked(rows: Sequence[Row], table: Table, run: Run) -> Iterator[str]:
    first = [row for row in rows if row.rank == 1]
    rest = [row for row in rows if row.rank != 1]
    if len(first) == 1:
        (best,) = first
        against = _against(best, table) if best.stack != table.baseline else ""
        yield f"{best.stack} serves most: {_amount(best)}{against}.{_within(best, run)}"
        if best.stack == table.baseline and rest:
            yield f"Next is {rest[0].stack} with {_ratio(rest[0])} of that."
    else:
        names = _listed([row.stack for row in first])
        yield f"{names} cannot be told apart and serve most: {_amount(first[0])} and less."
        compared = [row for row in first if row.stack != table.baseline and row.ratio is not None]
        if compared and len(compared) == len(first):
            yield f"{compared[0].stack} serves{_against(compared[0], table, comma=False)}."
    second = [row for row in rest if rest and row.rank == rest[0].rank]
    if len(second) > 1:
        yield f"{_listed([row.stack for row in second])} tie behind."


def _serves(row: Row) -> str:
    return f"{row.stack} serves {_amount(row)}"


def _rate(row: Row) -> float:
    return row.throughput.value if row.throughput is not None else 0.0


def _amount(row: Row) -> str:
    return f"{format_rate(_rate(row))} requests/s"


def _against(row: Row, table: Table, *, comma: bool = True) -> str:
    return f"{',' * comma} {_ratio(row)} what {table.baseline} serves" if row.ratio else ""


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return "an unknown part"
    low, high = row.ratio.low, row.ratio.high
    interval = "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"
    return f"{row.ratio.value:.2f} times{interval}"


def _within(row: Row, run: Run) -> str:
    if row.under_objective is None:
        return ""
    if not row.under_objective:
        return f" At no rate tried did it keep {run.load.goal.latency}."
    return f" It keeps {run.load.goal.latency} up to {format_rate(row.under_objective)} requests/s."


def _listed(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
