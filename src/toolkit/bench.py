"""A bench: check every stack, then measure case after case, all of them in each round."""

import time
from dataclasses import replace

from toolkit.compare import tables
from toolkit.loop import Loop, apart
from toolkit.measured import Measurement, Run
from toolkit.model import Plan, Stage
from toolkit.plan import OWN_PARTS, one_round
from toolkit.stages import capacity_of
from toolkit.stats import LEAST_PAIRS
from toolkit.store import utc_now
from toolkit.trial import World


def run_bench(plan: Plan, run: Run, world: World) -> Run:
    """Carry out a plan and give the finished run.

    A stack that cannot be built or breaks its contract is not measured; its trials are failures,
    as are those in which a server or the engine fails. The run is stored after every one. Where no
    stack can be measured, that is all: nobody is told of one trial after the other.

    Args:
        plan: What to do.
        run: The document to fill, without stacks and outcomes.
        world: What to do it with.

    Raises:
        EnvironmentFault: Nothing can be built, or results cannot be written.
    """
    return _Bench(plan, run, world).carry_out()


class _Bench:
    def __init__(self, plan: Plan, run: Run, world: World) -> None:
        self._plan = plan
        self._world = world
        ours = world.runtime.facts.ours
        self._loop = Loop(run, plan.workloads, world, timed_stops=ours)
        self._began = time.monotonic()

    def carry_out(self) -> Run:
        plan, world, loop = self._plan, self._world, self._loop
        world.observer.planned(plan, world.runtime.facts)
        loop.keep(loop.run)
        loop.prepare(plan.stacks)
        if all(stack.id in loop.broken for stack in plan.stacks if stack.work is None):
            return self._give_up()
        loop.control(plan.traffic)
        self._began = time.monotonic()
        first = [t for t in plan.trials if t.stage in (Stage.RAMP, Stage.CAPACITY)]
        then = [t for t in plan.trials if t.stage not in (Stage.RAMP, Stage.CAPACITY)]
        for trial in first:
            loop.do(trial)
        self._sharpen()
        at_rates = any(trial.stage is not Stage.SHAPE for trial in then)
        loop.calibrate(_rates_to_come(loop.run) if at_rates else ())
        for trial in then:
            loop.do(trial)
        loop.keep(replace(loop.run, finished_at=utc_now()))
        return loop.run

    def _give_up(self) -> Run:
        """Keep why none of the stacks can be measured; what stands beside them is not needed."""
        loop = self._loop
        failures = (
            replace(loop.broken[trial.stack], trial=trial)
            for trial in self._plan.trials
            if trial.stack in loop.broken
        )
        loop.keep(replace(loop.run, outcomes=tuple(failures), finished_at=utc_now()))
        return loop.run

    def _sharpen(self) -> None:
        """Add rounds of capacity until the ratios are as precise as asked, or the time is over."""
        wanted = self._plan.precision
        while wanted is not None and _coarsest(self._loop.run) > wanted:
            if time.monotonic() - self._began > self._plan.time_limit:
                self._world.observer.noted(
                    f"The intervals are not within {wanted:.1%} yet, but the time is over."
                )
                return
            loop = self._loop
            number = loop.run.rounds + 1
            trials = one_round(
                [stack.id for stack in self._plan.stacks if stack.id not in loop.broken],
                [workload.id for workload in self._plan.workloads],
                number=number,
                stage=Stage.CAPACITY,
                seed=self._plan.seed,
            )
            loop.run = replace(loop.run, rounds=number, trials=(*loop.run.trials, *trials))
            self._world.observer.noted(f"Round {number}, for intervals within {wanted:.1%} ...")
            for trial in trials:
                loop.do(trial)


def _rates_to_come(run: Run) -> tuple[float, ...]:
    """Give the open loops' rates, of those that lie within 10 % of each other only one."""
    cases = dict.fromkeys((trial.stack, trial.workload) for trial in run.trials)
    wanted: list[float] = []
    for stack, workload in cases:
        capacity = capacity_of(run, stack, workload)
        if capacity is not None:
            common = run.load.rates if stack == run.baseline else ()
            wanted += [part * capacity for part in (*common, max(OWN_PARTS))]
    return apart(wanted)


def _coarsest(run: Run) -> float:
    """Give the worst half-width of the ratios that can be had at all."""
    measured = {item.trial.stack for item in run.outcomes if isinstance(item, Measurement)}
    if run.baseline not in measured:
        return 0.0  # more rounds make no ratio
    if run.rounds < LEAST_PAIRS and len(measured) > 1:
        return float("inf")  # though what was invalid so far may have no ratio yet
    widths = []
    for table in tables(run):
        if all(row.throughput is None for row in table.rows if row.stack == table.baseline):
            continue  # likewise, under this workload
        for row in table.rows:
            if row.stack == table.baseline or row.throughput is None:
                continue
            width = row.ratio.precision if row.ratio is not None and row.valid else None
            widths.append(float("inf") if width is None else width)
    return max(widths, default=0.0)
