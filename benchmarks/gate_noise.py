"""How far identical servers seem apart, by the length of the bursts in which they take turns.

``.venv/bin/python -m benchmarks.gate_noise --pairs 20``: pairs of fresh servers of one stack, as
``toolkit check --aa`` makes them, but with bursts of other lengths (the command has no flag for
that) and with pairs of 3 s and of 6 s. The kinds take turns in shuffled order, so that whatever
else the machine does hits all alike. A block is of four bursts, so with bursts of 3 s a pair lasts
12 s, longer than the others: what helps it does not help it much. Each pair is stored as soon as it
has ended; the script can be stopped at any time, and goes on until there are so many ``--pairs`` of
each kind. ``--summary`` shows what is stored: standard deviations of the pairs' log ratios, with
intervals of 95 % by the bootstrap (percentiles), and what the median absolute deviation gives in
their place, which single pairs that are far off do not move.
"""

import argparse
import contextlib
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median, stdev

from rich.console import Console
from rich.table import Table

from benchmarks.gate_common import (
    REFERENCE,
    STACK,
    WORKLOAD,
    Record,
    Results,
    interruptible,
    log_ratios,
    rounded,
    values_of,
)
from toolkit.backing import open_backings
from toolkit.catalog import Catalog, root
from toolkit.check import Arena, run_check
from toolkit.checked import Check, CheckSettings, Metric, Pair, Side
from toolkit.cli.wiring import placement, step_aside
from toolkit.config import Config, RuntimeConfig
from toolkit.host import read_counters, read_host
from toolkit.load.duel import LocustDuels
from toolkit.model import Placement, Stack, Workload
from toolkit.ports import Runtime, Tick, Version
from toolkit.progress import CheckProgress
from toolkit.runtime.choice import open_runtime
from toolkit.runtime.guardian import Guardian
from toolkit.store import new_run_id, utc_now
from toolkit.version import Origin, StackVersion

BURSTS = (3.0, 0.5, 0.1, 0.025)
SECONDS = (3.0, 6.0)
SHOWN = (Metric.THROUGHPUT, Metric.CPU)
RESAMPLES = 4000
SEED = 20261126
_AS_NORMAL = 1.4826
"""Standard deviations in a median absolute deviation of a normal distribution."""

Kind = tuple[float, float]
"""Seconds of a burst, and of the bursts of a pair."""


class Unseen:
    """Shows nobody how a check goes."""

    def pair_started(self, number: int, target: int, series: int) -> None:
        """See ``ports.CheckObserver``."""

    def burst(self, tick: Tick) -> None:
        """See ``ports.CheckObserver``."""

    def pair_finished(self, pair: Pair, said: str) -> None:
        """See ``ports.CheckObserver``."""


class Ring:
    """Two servers of one stack, which are loaded in bursts of whatever length.

    Args:
        versions: Both, made of the same files.
        workload: What is requested.
        where: CPUs.
        runtime: Of the servers.
        guardian: Ends what is left over.
    """

    def __init__(
        self,
        versions: Mapping[Side, Version],
        workload: Workload,
        where: Placement,
        runtime: Runtime,
        guardian: Guardian,
    ) -> None:
        self._versions = versions
        self._workload = workload
        self._where = where
        self._guardian = guardian
        self.runtime = runtime

    def pair(self, kind: Kind, stack: str) -> Check:
        """Measure one pair: a check that may have no more than one."""
        burst, seconds = kind
        settings = CheckSettings(burst=burst, seconds=seconds, max_pairs=1, confirm=False)
        arena = Arena(
            versions=self._versions,
            engine=LocustDuels(settings, self._where, self._guardian),
            workloads=(self._workload,),
            placement=self._where,
            read_host=partial(read_counters, self._where.server_cpus, self._where.client_cpus),
            observer=Unseen(),
            save=lambda check: None,
        )
        check = Check(
            id=new_run_id(),
            started_at=utc_now(),
            host=read_host(),
            runtime=self.runtime.facts,
            placement=self._where,
            knobs=Config().server,
            settings=settings,
            base=self._versions[Side.BASE].facts,
            candidate=self._versions[Side.CANDIDATE].facts,
            stack=stack,
            workloads=(self._workload.id,),
            seed=random.getrandbits(31),
            against_itself=True,
        )
        return run_check(check, arena)


@contextlib.contextmanager
def ring(given: argparse.Namespace) -> Iterator[Ring]:
    """Prepare the stack twice, as the two sides of a check are."""
    config = Config(runtime=RuntimeConfig(kind=given.runtime))
    catalog, where = Catalog(root()), placement(config)
    if not where.server_cpus or where.server_shares:
        raise SystemExit("this takes two CPUs that processes can be pinned to")
    (stack,) = catalog.select_stacks([given.stack])
    (workload,) = catalog.select_workloads([given.workload])
    run = new_run_id()
    with contextlib.ExitStack() as opened:
        guardian = opened.enter_context(Guardian())
        progress = opened.enter_context(CheckProgress(Console(stderr=True, quiet=True)))
        runtimes = {
            side: opened.enter_context(
                open_runtime(
                    config, catalog=catalog, placement=where, run=f"{run}-{side}", guardian=guardian
                )
            )
            for side in Side
        }
        shared = catalog.path / "apps" / "shared"
        backings = opened.enter_context(
            open_backings(
                runtimes[Side.BASE], workload.needs, shared, progress, knobs=config.server
            )
        )
        versions = {
            side: StackVersion(
                stack,
                Origin(label=_label(stack)),
                runtimes[side],
                backings.of_side(str(side), runtimes[side]),
                progress,
            )
            for side in Side
        }
        step_aside(where)
        yield Ring(versions, workload, where, runtimes[Side.BASE], guardian)


def _label(stack: Stack) -> str:
    return f"{stack.id} of this toolkit"


def measure(given: argparse.Namespace, kinds: Sequence[Kind], results: Results) -> None:
    """Measure rounds of one pair of each kind until there are as many as wanted."""
    with ring(given) as made:
        while True:
            counts = {kind: len(_alike(results.records, kind, given)) for kind in kinds}
            least = min(counts.values())
            if least >= given.pairs:
                return
            due = [kind for kind in kinds if counts[kind] == least]
            random.shuffle(due)
            for kind in due:
                began = time.monotonic()
                check = made.pair(kind, given.stack)
                record = _record(check, kind, time.monotonic() - began)
                if record is None:
                    print(f"{_name(kind)}: no sound pair", file=sys.stderr)
                    continue
                results.append(record, check.host, check.runtime)
                print(f"{least + 1:3}/{given.pairs} {_name(kind)}: {_line(record)}", flush=True)


def _record(check: Check, kind: Kind, seconds: float) -> Record | None:
    pairs = check.series(1)
    if not pairs:
        return None
    (duel,) = pairs[0].duels.values()
    found: Record = {
        "at": check.started_at,
        "stack": check.stack,
        "workloads": list(check.workloads),
        "burst": kind[0],
        "seconds": kind[1],
        "busy": round(duel.base.busy + duel.candidate.busy, 2),
        "bursts": duel.base.bursts + duel.candidate.bursts,
        "answered": duel.base.answered + duel.candidate.answered,
        "seconds_with_start": round(seconds, 1),
        "seed": check.seed,
        "load_average": [round(value, 2) for value in check.host.load_average],
        "foreign": rounded(duel.host.server_foreign or 0.0),
        "steal": rounded(duel.host.server_steal or 0.0),
    }
    return found | {str(metric): values_of(pairs, metric)[0] for metric in Metric}


def _alike(records: Sequence[Record], kind: Kind, given: argparse.Namespace) -> list[Record]:
    wanted = (*kind, given.stack, [given.workload])
    keys = ("burst", "seconds", "stack", "workloads")
    return [record for record in records if tuple(record[key] for key in keys) == wanted]


def _name(kind: Kind) -> str:
    return f"bursts of {kind[0]:g} s, pairs of {kind[1]:g} s"


def _line(record: Record) -> str:
    changes = ", ".join(
        f"{metric} {record[metric][1] / record[metric][0] - 1:+.1%}" for metric in SHOWN
    )
    return f"{changes}; {record['bursts']} bursts, foreign {record['foreign']:.0%}"


# What it comes to


def summarize(records: Sequence[Record], kinds: Sequence[Kind], given: argparse.Namespace) -> None:
    """Print the spread of each kind."""
    columns = [head for metric in SHOWN for head in (f"{metric}: sd", "95 %", "by MAD")]
    table = Table("burst", "pair", "lasted", "pairs", *columns)
    for kind in kinds:
        alike = _alike(records, kind, given)
        if not alike:
            continue
        cells: list[str] = []
        for metric in SHOWN:
            logs = log_ratios([record[metric] for record in alike])
            cells += _spread(logs)
        lasted = median(record["busy"] for record in alike)
        table.add_row(
            f"{kind[0]:g} s", f"{kind[1]:g} s", f"{lasted:.1f} s", f"{len(alike)}", *cells
        )
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def _spread(logs: Sequence[float]) -> tuple[str, str, str]:
    if len(logs) < 2:
        return "-", "-", "-"
    low, high = bootstrap(logs)
    middle = median(logs)
    robust = _AS_NORMAL * median(abs(value - middle) for value in logs)
    return f"{stdev(logs):.1%}", f"{low:.1%} to {high:.1%}", f"{robust:.1%}"


def bootstrap(values: Sequence[float]) -> tuple[float, float]:
    """Give the interval of a standard deviation: 2.5 and 97.5 % of those of resamples."""
    chance = random.Random(SEED)
    found = sorted(stdev(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return found[RESAMPLES // 40], found[-1 - RESAMPLES // 40]


def main() -> int:
    """Measure, or show what is stored."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20, help="of each kind")
    parser.add_argument("--bursts", default=",".join(f"{burst:g}" for burst in BURSTS))
    parser.add_argument("--seconds", default=",".join(f"{seconds:g}" for seconds in SECONDS))
    parser.add_argument("--stack", default=STACK)
    parser.add_argument("--workload", default=WORKLOAD)
    parser.add_argument("--runtime", default="auto", choices=["auto", "docker", "process"])
    parser.add_argument("--results", type=Path, default=REFERENCE / "gate_noise.json")
    parser.add_argument("--summary", action="store_true", help="measure nothing")
    given = parser.parse_args()
    bursts, seconds = (tuple(map(float, text.split(","))) for text in (given.bursts, given.seconds))
    kinds = [
        (burst, length)
        for burst in bursts
        for length in seconds
        # a block of four bursts is the least there is: shorter pairs would be the same as longer
        if length == max(seconds) or 4 * burst <= length
    ]
    results = Results(given.results, "gate_noise.py", {"users": CheckSettings().users})
    if not given.summary:
        with interruptible():
            measure(given, kinds, results)
    summarize(results.records, kinds, given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
