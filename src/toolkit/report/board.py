"""What a bench has found so far, a line for each case: for somebody who watches."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from toolkit.histogram import LatencyHistogram
from toolkit.measured import Failure, Measurement, Outcome
from toolkit.model import Stage
from toolkit.units import format_latency, format_rate

_BARS = "▁▂▃▄▅▆▇█"
_MOST_BARS = 20
_WARNINGS = 3


class Board:
    """Collects outcomes; no verdict lies in it, for rounds are still missing."""

    def __init__(self) -> None:
        self._rates: dict[tuple[str, str], list[float]] = {}
        self._late: dict[tuple[str, str], float] = {}
        self._bad: dict[tuple[str, str], int] = {}
        self._warnings: dict[str, str] = {}
        self._last: tuple[str, str] | None = None

    def add(self, outcome: Outcome) -> None:
        """Take the outcome of a trial in."""
        trial = outcome.trial
        case = (trial.workload, trial.stack)
        rates = self._rates.setdefault(case, [])
        self._last = case
        if isinstance(outcome, Failure):
            self._bad[case] = self._bad.get(case, 0) + 1
            self._warnings[trial.stack + outcome.stage] = f"{trial.stack}: {outcome.message}"
            return
        if not outcome.valid:
            self._bad[case] = self._bad.get(case, 0) + 1
        if trial.stage is Stage.CAPACITY:
            rates.append(outcome.phases[0].load.throughput)
        self._note_latency(case, outcome)
        for phase in outcome.phases:
            for finding in phase.findings:
                self._warnings[trial.stack + finding.rule] = f"{trial.stack}: {finding.message}"

    def _note_latency(self, case: tuple[str, str], outcome: Measurement) -> None:
        """Keep the p99 at the highest rate that was to be carried."""
        below = [p for p in outcome.phases if p.phase.part is not None and p.phase.part <= 1]
        if below:
            latency = LatencyHistogram.decode(below[-1].load.latency)
            if latency.count:
                self._late[case] = latency.percentiles(99)[0]

    def table(self, height: int) -> Table:
        """Show the cases, in at most so many lines: those of the workload at hand."""
        grid = Table.grid(padding=(0, 2))
        for justify in ("left", "left", "right", "right", "right"):
            grid.add_column(justify=justify, no_wrap=True, overflow="ellipsis")
        workload = self._last[0] if self._last else ""
        cases = [case for case in self._rates if case[0] == workload]
        if not cases or height < 3:
            return grid
        top = max((max(self._rates[case], default=0.0) for case in cases), default=0.0)
        head = (workload, "", "req/s", "p99 ms", "")
        grid.add_row(*(Text(text, style="bold") for text in head))
        shown = sorted(cases, key=lambda case: -_middle(self._rates[case]))
        for case in shown[: height - 2]:
            grid.add_row(*self._row(case, top))
        if len(shown) > height - 2:
            grid.add_row(Text(f"and {len(shown) - height + 2} more", style="dim"))
        return grid

    def _row(self, case: tuple[str, str], top: float) -> list[Text]:
        rates, late, bad = self._rates[case], self._late.get(case), self._bad.get(case, 0)
        return [
            Text(case[1]),
            Text(sparkline(rates[-_MOST_BARS:], top), style="cyan"),
            Text(format_rate(_middle(rates)) if rates else "-"),
            Text("-" if late is None else format_latency(late)),
            Text(f"{bad} unusable" if bad else "", style="yellow"),
        ]

    def warnings(self) -> Sequence[Text]:
        """Give the latest things that were found, each once."""
        return [Text(text, style="yellow") for text in [*self._warnings.values()][-_WARNINGS:]]


def sparkline(values: Sequence[float], top: float) -> str:
    """Draw values from 0 to ``top`` as a row of bars, one character each."""
    if top <= 0:
        return ""
    steps = len(_BARS) - 1
    return "".join(_BARS[min(round(value / top * steps), steps)] for value in values)


def _middle(rates: Sequence[float]) -> float:
    return sorted(rates)[len(rates) // 2] if rates else 0.0
