"""Tell a person how a bench goes: a live display on a terminal, plain lines elsewhere."""

import time
from statistics import mean
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from toolkit.checked import Metric, Pair
from toolkit.knee import find_knee
from toolkit.measured import Measurement, Outcome, RuntimeFacts, Severity
from toolkit.model import Plan, Stage, Trial
from toolkit.plan import seconds_of_trials
from toolkit.ports import Tick
from toolkit.report.board import Board
from toolkit.units import counted, format_duration, format_latency, format_rate

_OTHER_LINES = 8
"""Of the live display, besides the table of cases."""


class Progress:
    """Shows a bench on a console, as its width and kind allow; a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._total = self._done = 0
        self._estimate = 0.0
        self._seconds: tuple[float, ...] = ()
        self._began = time.monotonic()
        self._doing = ""
        self._now = ""
        self._board = Board()
        if console.is_terminal:
            self._live = Live(
                console=console, get_renderable=self._display, transient=True, refresh_per_second=4
            )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def planned(self, plan: Plan, runtime: RuntimeFacts) -> None:
        """See ``ports.Observer``."""
        self._total, self._estimate = len(plan.trials), plan.estimate
        self._seconds = seconds_of_trials(plan)
        self._say(f"Runtime: {runtime.name} ({runtime.reason}).")
        self._say(describe(plan))

    def noted(self, message: str) -> None:
        """See ``ports.Observer``."""
        self._doing, self._now = message, ""
        if self._live is None:
            self._say(message)

    def trial_started(self, trial: Trial, number: int) -> None:
        """See ``ports.Observer``."""
        if number == 1:
            self._began = time.monotonic()
        self._doing = _case(trial)
        self._now = "starting"

    def ticked(self, trial: Trial, tick: Tick) -> None:
        """See ``ports.Observer``."""
        self._now = f"{tick.phase} {format_rate(tick.throughput)} req/s"
        if tick.latency is not None:
            self._now += f", p50 {format_latency(tick.latency)} ms"
        self._now += f", {tick.errors} errors"

    def trial_finished(self, outcome: Outcome, number: int) -> None:
        """See ``ports.Observer``."""
        self._done, self._total = number, max(number, self._total)
        self._board.add(outcome)
        if self._live is None or not isinstance(outcome, Measurement) or not outcome.valid:
            self._say(f"[{number}/{self._total}] {_summary(outcome)}, {self._left()}")

    def _left(self) -> str:
        if not self._done:
            return f"about {format_duration(self._estimate)} left"
        spent = time.monotonic() - self._began
        return f"about {format_duration(spent * self._to_come())} left"

    def _to_come(self) -> float:
        """Give what is to come as a multiple of what is done, by what trials were to take."""
        seconds = [*self._seconds] or [1.0]
        # rounds that were added are as long as others
        seconds += [mean(seconds)] * (self._total - len(seconds))
        return sum(seconds[self._done :]) / sum(seconds[: self._done])

    def _display(self) -> Table:
        grid = Table.grid(padding=(0, 1), expand=False)
        bar = ProgressBar(total=max(self._total, 1), completed=self._done, width=20)
        grid.add_row(bar, Text(f"{self._done}/{self._total}, {self._left()}"))
        lines = Table.grid()
        lines.add_row(grid)
        for line in (self._doing, self._now):
            lines.add_row(Text(line, no_wrap=True, overflow="ellipsis"))
        # what is taller than the terminal would not be drawn over but below
        lines.add_row(self._board.table(self._console.height - _OTHER_LINES))
        for warning in self._board.warnings():
            warning.no_wrap, warning.overflow = True, "ellipsis"
            lines.add_row(warning)
        return lines

    def _say(self, message: str) -> None:
        # no markup: a message may quote anything; no wrapping: a line of a log is a line
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)


class TuneProgress(Progress):
    """Shows a search, of which nobody knows how many trials it takes; a context manager."""

    def searching(self, runtime: RuntimeFacts, servers: int, estimate: float) -> None:
        """Say what is about to be done."""
        self._estimate = estimate
        self._began = time.monotonic()
        self._say(f"Runtime: {runtime.name} ({runtime.reason}).")
        self._say(
            f"Searching {counted(servers, 'server')}; about {format_duration(estimate)} without "
            "building."
        )

    def trial_started(self, trial: Trial, number: int) -> None:
        """See ``ports.Observer``."""
        self._doing, self._now = _case(trial), "starting"

    def trial_finished(self, outcome: Outcome, number: int) -> None:
        """See ``ports.Observer``."""
        self._done = number
        self._board.add(outcome)
        if self._live is None or not isinstance(outcome, Measurement) or not outcome.valid:
            self._say(f"[{number}] {_summary(outcome)}, {self._left()}")

    def _left(self) -> str:
        spent = time.monotonic() - self._began
        return f"{format_duration(spent)} of about {format_duration(max(self._estimate, spent))}"

    def _display(self) -> Table:
        lines = Table.grid()
        lines.add_row(Text(f"{counted(self._done, 'trial')}, {self._left()}"))
        for line in (self._doing, self._now):
            lines.add_row(Text(line, no_wrap=True, overflow="ellipsis"))
        return lines


class CheckProgress(Progress):
    """Shows a check on a console, as its width and kind allow; a context manager."""

    def pair_started(self, number: int, target: int, series: int) -> None:
        """See ``ports.CheckObserver``."""
        self._done, self._total = number - 1, target
        self._doing = "Pair " + _pair(number, series)
        self._now = "starting both versions"
        if number == 1:
            self._began = time.monotonic()
            if series > 1:
                self._say("That is a regression. Measuring it again with fresh servers ...")

    def burst(self, tick: Tick) -> None:
        """See ``ports.CheckObserver``."""
        self._now = f"{format_rate(tick.throughput)} req/s, {tick.errors} errors"

    def pair_finished(self, pair: Pair, said: str) -> None:
        """See ``ports.CheckObserver``."""
        name = f"[{self._done + 1}/{self._total}] Pair {_pair(pair.number, pair.series)}"
        if pair.failure is not None:
            self._say(f"{name}: FAILED: {pair.failure}")
            return
        faults = [
            finding.message
            for duel in pair.duels.values()
            for finding in duel.findings
            if finding.severity is Severity.INVALID
        ]
        if faults:
            self._say(f"{name}: INVALID: {'; '.join(dict.fromkeys(faults))}")
            return
        self._done += 1
        if self._live is None or said:
            self._say(f"{name}: {_ratios(pair)}{f': {said} so far' if said else ''}")


def _pair(number: int, series: int) -> str:
    return f"{number}" if series == 1 else f"{number} of the confirmation"


def _ratios(pair: Pair) -> str:
    """Say how the sides of a pair compare, for somebody who watches: no verdict lies in one."""
    found = []
    for name, duel in pair.duels.items():
        parts = [
            f"{metric} {candidate / base - 1:+.1%}"
            for metric in (Metric.CPU, Metric.THROUGHPUT, Metric.MEMORY)
            if (base := duel.base.value(metric)) and (candidate := duel.candidate.value(metric))
        ]
        found.append(f"{name} {', '.join(parts)}")
    return "; ".join(found)


def describe(plan: Plan) -> str:
    """Say in one line how much a plan is and how long it takes."""
    load = plan.load
    stages = [] if load.users else ["a ramp"]
    stages.append(counted(plan.rounds, "round") + " at capacity")
    if load.rates and load.rate_rounds:
        parts = ", ".join(f"{part:.0%}" for part in sorted(load.rates))
        stages.append(f"{counted(load.rate_rounds, 'round')} at {parts} of the baseline's capacity")
    played = [len(workload.shape) for workload in plan.workloads if workload.shape]
    if played and load.shape_rounds:
        seconds = format_duration(max(played))
        stages.append(f"{counted(load.shape_rounds, 'round')} of the shape of {seconds}")
    return (
        f"Plan: {counted(len(plan.stacks), 'stack')} x "
        f"{counted(len(plan.workloads), 'workload')}, {', '.join(stages)} = "
        f"{counted(len(plan.trials), 'trial')}, "
        f"about {format_duration(plan.estimate)} without building."
    )


def _case(trial: Trial) -> str:
    return f"{trial.stage} {trial.round}: {trial.case}"


def _summary(outcome: Outcome) -> str:
    case = _case(outcome.trial)
    if not isinstance(outcome, Measurement):
        return f"{case}: FAILED ({outcome.stage}): {outcome.message}"
    failed = sum(phase.load.failed for phase in outcome.phases)
    text = f"{case}: {_result(outcome)}, {failed} errors"
    invalid = [
        finding.message
        for phase in outcome.phases
        for finding in phase.findings
        if finding.severity is Severity.INVALID
    ]
    return f"{text}, INVALID: {'; '.join(dict.fromkeys(invalid))}" if invalid else text


def _result(outcome: Measurement) -> str:
    if outcome.trial.stage is Stage.RAMP:
        knee = find_knee(outcome.phases)
        if knee is None:
            return "nothing served"
        return f"{format_rate(knee.throughput)} req/s with {counted(knee.full_users, 'user')}"
    own = [result.phase.own for result in outcome.phases if result.phase.own is not None]
    rates = [
        format_rate(result.load.throughput) for result in outcome.phases if result.phase.own is None
    ]
    text = f"{', '.join(rates)} req/s" if rates else ""
    tried = f"objective tried down to {own[-1]:.0%} of its capacity" if own else ""
    return ", ".join(filter(None, (text, tried)))
