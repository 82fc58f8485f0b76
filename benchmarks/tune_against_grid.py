"""Whether `toolkit tune` finds what an exhaustive grid finds, and in which part of its time.

``.venv/bin/python -m benchmarks.tune_against_grid`` measures, for a workload that needs the CPU and
for one that waits, a grid of servers x workers x threads: each configuration by a ramp, and then by
three rounds of capacity with all others, with as many users as served most within the objective.
Then it tunes on the same servers, and at last it measures what tune took beside the best of the
grid, in ``--duels`` times ten rounds. Each part is stored as soon as it has ended, so the script
can be stopped at any time, and goes on where it was. ``--summary`` shows what is stored.
"""

import argparse
import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.gate_common import (
    REFERENCE,
    Record,
    Results,
    interruptible,
    rounded,
)
from toolkit.catalog import Catalog, root
from toolkit.cli.benched import Benched
from toolkit.cli.opening import Opened, opened
from toolkit.compare import tables, usable_rates
from toolkit.config import Config, RuntimeConfig, TuneConfig
from toolkit.loop import Loop
from toolkit.measured import Measurement, Run
from toolkit.model import Stack, Stage, Trial
from toolkit.plan import capacity_phase, one_round
from toolkit.progress import TuneProgress
from toolkit.slo import DEFAULT, parse_slo
from toolkit.stats import Ratio, paired_ratio
from toolkit.store import Store, new_run_id
from toolkit.tune import TuneSettings, run_tune
from toolkit.tuning.limits import label
from toolkit.tuning.look import look_of
from toolkit.tuning.space import Candidate, Space, stack_of, tunable

WORKLOADS = ("template", "upstream?delay=10ms")
SERVERS = ("gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "granian-wsgi")
WORKERS = (1, 2, 3, 4, 8)
THREADS = (1, 2, 4, 8, 16, 32)
GRID_ROUNDS = 3
DUEL_ROUNDS = 10
DUELS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What everything is measured with.

    Attributes:
        stacks: The app on each server, by the server's name.
        grid: The configurations that are measured.
    """

    config: Config
    benched: Benched
    stacks: dict[str, Stack]
    space: Space
    grid: tuple[Candidate, ...]

    def stack(self, candidate: Candidate) -> Stack:
        """Give the stack of a candidate."""
        server = self.space.server(candidate.server)
        return stack_of(candidate, self.stacks[candidate.server], server)

    def label(self, candidate: Candidate) -> str:
        """Name a candidate."""
        return label(self.space.server(candidate.server), candidate)


def set_up(given: argparse.Namespace, workload: str) -> Bench:
    """Say what is measured under a workload."""
    found = Catalog(root())
    stacks = found.combine([given.app], given.servers.split(","))
    config = Config(
        runtime=RuntimeConfig(kind=given.runtime, cpus=given.cpus, memory=given.memory),
        tune=TuneConfig(slo=given.slo, duration=given.duration, warmup=given.warmup),
    )
    servers = tuple(tunable(stack.server, stack.app.interface) for stack in stacks)
    # the limits are those of the placement, which is not known yet
    space = Space(servers=servers, cpus=given.cpus, memory=0)
    grid = dict.fromkeys(
        space.fit(server, workers, threads)
        for server in servers
        for workers, threads in product(given.workers, given.threads)
    )
    return Bench(
        config=config,
        benched=Benched(catalog=found, stacks=stacks, workloads=found.select_workloads([workload])),
        stacks={stack.server.name: stack for stack in stacks},
        space=space,
        grid=tuple(grid),
    )


@contextlib.contextmanager
def measuring(bench: Bench, folder: Path) -> Iterator[tuple[Opened, TuneProgress]]:
    """Open what is measured with, and an empty run."""
    # the tool steps aside for good, and the next part is to find all CPUs again
    cpus = os.sched_getaffinity(0)
    with (
        contextlib.ExitStack() as restored,
        TuneProgress(Console(stderr=True)) as progress,
        opened(
            bench.config,
            bench.benched,
            run_id=new_run_id(),
            store=Store(folder),
            observer=progress,
            traffic=bench.benched.workloads,
            load=bench.config.tune.load,
            knobs=None,
        ) as parts,
    ):
        restored.callback(os.sched_setaffinity, 0, cpus)
        yield parts, progress


# The parts


def measure_ramps(bench: Bench, parts: Opened, seed: int) -> Record:
    """Measure a ramp of each configuration of the grid."""
    loop = Loop(
        replace(parts.run, seed=seed), bench.benched.workloads, parts.world, timed_stops=False
    )
    workload, slo = bench.benched.workloads[0].id, bench.config.tune.objective
    order = list(bench.grid)
    random.Random(seed).shuffle(order)
    looks, checked = {}, set[str]()
    began = time.monotonic()
    for position, candidate in enumerate(order, start=1):
        stack = bench.stack(candidate)
        loop.prepare([stack], checked=candidate.server in checked)
        checked.add(candidate.server)
        trial = Trial(
            stack=stack.id, workload=workload, round=1, position=position, stage=Stage.RAMP
        )
        outcome = loop.do(trial)
        looks[stack.id] = look_of(candidate, outcome, slo, parts.run.placement.cpus)
    return {
        "seconds": rounded(time.monotonic() - began),
        "values": {
            name: {"users": look.users, "rate": rounded(look.rate), "failure": look.failure}
            for name, look in looks.items()
        },
    }


def measure_round(bench: Bench, parts: Opened, seed: int, number: int, ramps: Record) -> Record:
    """Measure the capacity of each configuration once that kept the objective in its ramp."""
    users = {name: look["users"] for name, look in ramps["values"].items() if look["rate"]}
    run = replace(parts.run, seed=seed, rounds=number)
    loop = Loop(run, bench.benched.workloads, parts.world)
    by_id = {bench.stack(candidate).id: candidate for candidate in bench.grid}
    loop.prepare([bench.stack(by_id[name]) for name in users], checked=True)
    trials = one_round([*users], [run.workloads[0]], number=number, stage=Stage.CAPACITY, seed=seed)
    began = time.monotonic()
    for trial in trials:
        loop.do(trial, (capacity_phase(run.load, users[trial.stack]),))
    seconds = time.monotonic() - began
    return {"seconds": rounded(seconds), "values": _rates(loop.run, users)}


def _rates(run: Run, stacks: Sequence[str] | dict[str, int]) -> dict[str, float | None]:
    found: dict[str, float | None] = dict.fromkeys(stacks)
    for outcome in run.outcomes:
        if isinstance(outcome, Measurement) and outcome.valid:
            found[outcome.trial.stack] = rounded(outcome.phases[0].load.throughput)
    return found


def measure_tune(bench: Bench, parts: Opened, seed: int, given: argparse.Namespace) -> Record:
    """Tune on the servers of the grid."""
    where = parts.run.placement
    space = replace(bench.space, cpus=where.cpus, memory=where.memory)
    settings = TuneSettings(slo=bench.config.tune.objective, time_limit=given.time_limit)
    if given.brief:
        settings = replace(settings, rounds=2, rungs=(1,), contenders=4)
    began = time.monotonic()
    run = run_tune(
        settings,
        space,
        bench.stacks,
        bench.benched.workloads[0],
        replace(parts.run, seed=seed),
        parts.world,
    )
    seconds = time.monotonic() - began
    tuned = run.tuned
    assert tuned is not None
    if tuned.recommended is None:
        raise SystemExit(f"tune recommends nothing: {tuned.reason}")
    taken = next((x for x in tuned.finalists if x.stack == tuned.recommended), None)
    return {
        "seconds": rounded(seconds),
        "taken": tuned.recommended,
        "users": taken.users if taken else 0,
        "best": tuned.best,
        "complete": tuned.complete,
        "reason": tuned.reason,
        "tried": tuned.tried,
        "trials": len(run.trials),
        "rate": taken.rate if taken else None,
        "formula": None
        if tuned.formula is None
        else [
            tuned.formula_stack,
            rounded(tuned.formula.value),
            tuned.formula.low and rounded(tuned.formula.low),
            tuned.formula.high and rounded(tuned.formula.high),
        ],
    }


def measure_duel(
    bench: Bench, parts: Opened, seed: int, sides: Sequence[tuple[str, int]], rounds: range
) -> Record:
    """Measure what tune took beside the best of the grid; the same one beside itself.

    Args:
        bench: What is measured.
        parts: What it is measured with.
        seed: Of the order.
        sides: Ids of the stacks, each with its users.
        rounds: Their numbers.
    """
    by_id = {bench.stack(candidate).id: bench.stack(candidate) for candidate in bench.grid}
    stacks = [_stack_of(bench, by_id, name) for name, _ in sides]
    if stacks[0].id == stacks[1].id:
        stacks[1] = replace(stacks[1], copy=2)
    users = dict(zip([stack.id for stack in stacks], [count for _, count in sides], strict=True))
    loop = Loop(
        replace(parts.run, seed=seed, baseline=stacks[1].id), bench.benched.workloads, parts.world
    )
    loop.prepare(stacks, checked=True)
    workload = loop.run.workloads[0]
    began = time.monotonic()
    for number in rounds:
        trials = one_round([*users], [workload], number=number, stage=Stage.CAPACITY, seed=seed)
        loop.run = replace(loop.run, trials=(*loop.run.trials, *trials), rounds=number)
        for trial in trials:
            loop.do(trial, (capacity_phase(loop.run.load, users[trial.stack]),))
    mine, other = (usable_rates(loop.run, stack.id, workload) for stack in stacks)
    common = sorted(mine.keys() & other.keys())
    if not common:
        findings = [
            finding.message
            for table in tables(loop.run)
            for row in table.rows
            for finding, _ in row.findings
        ]
        raise SystemExit(f"no valid round: {'; '.join(dict.fromkeys(findings))}")
    return {
        "seconds": rounded(time.monotonic() - began),
        "stacks": [stack.id for stack in stacks],
        "rates": [[rounded(mine[n]), rounded(other[n])] for n in common],
    }


def _stack_of(bench: Bench, by_id: dict[str, Stack], name: str) -> Stack:
    """Find a stack; tune may have taken one that is not of the grid."""
    if name in by_id:
        return by_id[name]
    server = name.partition("/")[2].partition(":")[0]
    pairs = (part.partition("=") for part in name.partition(":")[2].split(",") if part)
    variant = tuple((key, int(value)) for key, _, value in pairs)
    return replace(bench.stacks[server], variant=variant)


# The series


def measure(given: argparse.Namespace, results: Results) -> None:
    """Measure all parts that are not stored yet."""
    names = (
        "ramps",
        *(f"round {n}" for n in range(1, given.grid_rounds + 1)),
        "tune",
        *(f"duel {n}" for n in range(1, given.duels + 1)),
    )
    for workload, part in product(given.workloads, names):
        if _find(results.records, workload, part) is not None:
            continue
        bench = set_up(given, workload)
        seed = given.seed
        with (
            tempfile.TemporaryDirectory(prefix="toolkit-grid-") as folder,
            measuring(bench, Path(folder)) as (parts, progress),
        ):
            progress.noted(f"{workload}: {part}, {len(bench.grid)} configurations in the grid")
            if part == "ramps":
                record = measure_ramps(bench, parts, seed)
            elif part == "tune":
                record = measure_tune(bench, parts, seed, given)
            elif part.startswith("duel"):
                sides = _sides(results.records, workload)
                last = int(part.partition(" ")[2]) * given.duel_rounds
                rounds = range(last - given.duel_rounds + 1, last + 1)
                record = measure_duel(bench, parts, seed, sides, rounds)
            else:
                ramps = _find(results.records, workload, "ramps")
                assert ramps is not None
                number = int(part.partition(" ")[2])
                record = measure_round(bench, parts, seed, number, ramps)
            whole = {"workload": workload, "part": part, "at": parts.run.started_at, **record}
            results.append(whole, parts.run.host, parts.run.runtime)
        print(f"{workload}: {part} took {record.get('seconds', '-')} s", flush=True)


def _find(records: Sequence[Record], workload: str, part: str) -> Record | None:
    found = (r for r in records if (r["workload"], r["part"]) == (workload, part))
    return next(found, None)


def grid_best(records: Sequence[Record], workload: str) -> tuple[str, float]:
    """Give the configuration of the grid with the highest median, and that."""
    found: dict[str, list[float]] = {}
    for record in records:
        if record["workload"] == workload and record["part"].startswith("round"):
            for name, rate in record["values"].items():
                if rate is not None:
                    found.setdefault(name, []).append(rate)
    if not found:
        raise SystemExit(f"the grid of {workload} has no valid round")
    best = max(found, key=lambda name: median(found[name]))
    return best, median(found[best])


def _sides(records: Sequence[Record], workload: str) -> tuple[tuple[str, int], tuple[str, int]]:
    tuned, ramps = (_find(records, workload, part) for part in ("tune", "ramps"))
    assert tuned is not None
    assert ramps is not None
    best, _ = grid_best(records, workload)
    return (tuned["taken"], tuned["users"]), (best, ramps["values"][best]["users"])


def duelled(records: Sequence[Record], workload: str) -> Ratio | None:
    """Give what the one tune took serves, as a part of what the best of the grid does."""
    rates = [
        pair
        for record in records
        if record["workload"] == workload and record["part"].startswith("duel")
        for pair in record["rates"]
    ]
    return (
        paired_ratio([mine for mine, _ in rates], [other for _, other in rates]) if rates else None
    )


def summarize(records: Sequence[Record]) -> None:
    """Print what was found beside what the grid has."""
    table = Table()
    heads = ("workload", "best of the grid", "taken by tune", "taken / best", "grid s", "tune s")
    for head in (*heads, "part"):
        table.add_column(head, overflow="fold")
    for workload in dict.fromkeys(record["workload"] for record in records):
        tuned, ramps = (_find(records, workload, part) for part in ("tune", "ramps"))
        duel = duelled(records, workload)
        if tuned is None or duel is None or ramps is None:
            print(f"{workload}: not all parts are stored yet")
            continue
        of_grid = [r for r in records if r["workload"] == workload]
        of_grid = [r for r in of_grid if r["part"] == "ramps" or r["part"].startswith("round")]
        seconds = sum(record["seconds"] for record in of_grid)
        best, _ = grid_best(records, workload)
        bounds = "" if duel.low is None else f" [{duel.low:.3f}, {duel.high:.3f}]"
        table.add_row(
            workload,
            f"{best} (of {len(ramps['values'])})",
            f"{tuned['taken']} (tried {tuned['tried']})",
            f"{duel.value:.3f}{bounds}, {duel.pairs} rounds",
            f"{seconds:.0f}",
            f"{tuned['seconds']:.0f}",
            f"{tuned['seconds'] / seconds:.0%}",
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def main() -> int:
    """Measure, or show what is stored."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workloads", type=_texts, default=WORKLOADS, help="commas between")
    parser.add_argument("--app", default="flask")
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--workers", type=_numbers, default=WORKERS)
    parser.add_argument("--threads", type=_numbers, default=THREADS)
    parser.add_argument("--slo", default=str(DEFAULT))
    parser.add_argument("--cpus", type=float, default=1.0)
    parser.add_argument("--memory", default="512m")
    parser.add_argument("--duration", type=float, default=0.5)
    parser.add_argument("--warmup", type=float, default=0.2)
    parser.add_argument("--grid-rounds", type=int, default=GRID_ROUNDS)
    parser.add_argument("--duel-rounds", type=int, default=DUEL_ROUNDS, help="of each duel")
    parser.add_argument("--duels", type=int, default=DUELS, help="how many in all")
    parser.add_argument("--time-limit", type=float, default=900.0, help="of tune")
    parser.add_argument("--brief", action="store_true", help="a tune without intervals, to try it")
    parser.add_argument("--runtime", default="auto", choices=["auto", "docker", "process"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, default=REFERENCE / "tune_against_grid.json")
    parser.add_argument("--summary", action="store_true", help="measure nothing")
    given = parser.parse_args()
    parse_slo(given.slo)
    parameters = {
        name: getattr(given, name)
        for name in (
            "app",
            "servers",
            "workers",
            "threads",
            "slo",
            "cpus",
            "memory",
            "duration",
            "warmup",
            "grid_rounds",
            "duel_rounds",
            "seed",
        )
    }
    results = Results(given.results, "tune_against_grid.py", parameters)
    if not given.summary:
        with interruptible():
            measure(given, results)
    summarize(results.records)
    return 0


def _texts(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


if __name__ == "__main__":
    sys.exit(main())
