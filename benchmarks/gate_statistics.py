"""How often `toolkit check` errs and what it finds, by simulation of its rule; no server runs.

``.venv/bin/python -m benchmarks.gate_statistics [--runs N] [--results FILE]``, about a minute of a
core. The project's own functions judge (``changes.decide``, ``judgement.look``,
``stats.paired_ratio``, ``check.looks``); only the log ratios of the pairs are drawn. Kinds of their
noise, each with the standard deviation that is given:

normal    independent, Gaussian
heavy     independent: Student's t with 4 degrees of freedom, and in 4 % of the pairs on either side
          a stall (exponential, three times the standard deviation of the rest)
drifting  half of the variance lasts from pair to pair (autoregressive, 0.8), and from the
          comparison into its confirmation: the interval assumes that this does not happen

Three metrics at once: CPU with that noise, throughput with one and a half times as much, of which
half comes from the same cause, memory with 0.1 % and steps of 4 % in 3 % of the pairs on either
side. A change of 10 % there is 10 % more CPU and a throughput of 1/1.1.
"""

import argparse
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.gate_common import (
    REFERENCE,
    judge_again,
    machine_of,
    of_each,
    pairs_of,
    text_of,
)
from toolkit.changes import Verdict, decide
from toolkit.check import looks
from toolkit.checked import ALPHA, CheckSettings
from toolkit.host import read_host
from toolkit.stats import Ratio, paired_ratio
from toolkit.store import utc_now, write_whole

SPREADS = (0.015, 0.03, 0.05, 0.08)
CHANGES = (0.0, 0.05, 0.1, 0.15, 0.2)
TOLERANCES = (0.05, 0.1)
MOST_PAIRS = 20
SEED = 20261126

PERSISTENCE, LASTING = 0.8, 0.5
STALLS, STALL = 0.04, 3.0
_HEAVY = math.sqrt(2 + 2 * 2 * (2 * STALLS * STALL**2 - (STALLS * STALL) ** 2))
"""Standard deviation of the heavy noise before it is scaled: 2 is the variance of t with 4."""

MEMORY, STEPS, STEP = 0.001, 0.03, 0.04

Noise = Iterator[float]
chance = random.Random(SEED)


def normal(spread: float) -> Noise:
    """Draw independent Gaussian noise."""
    while True:
        yield chance.gauss(0, spread)


def heavy(spread: float) -> Noise:
    """Draw noise with heavy tails, and stalls of either side."""
    scale = spread / _HEAVY
    while True:
        value = chance.gauss(0, 1) / math.sqrt(chance.gammavariate(2, 0.5))
        for sign in (-1, 1):
            if chance.random() < STALLS:
                value += sign * chance.expovariate(1 / (math.sqrt(2) * STALL))
        yield scale * value


def drifting(spread: float) -> Noise:
    """Draw noise half of which lasts into the next pair."""
    lasting, fresh = spread * math.sqrt(LASTING), spread * math.sqrt(1 - LASTING)
    now = chance.gauss(0, lasting)
    while True:
        yield now + chance.gauss(0, fresh)
        now = PERSISTENCE * now + math.sqrt(1 - PERSISTENCE**2) * chance.gauss(0, lasting)


NOISES: Mapping[str, Callable[[float], Noise]] = {
    "normal": normal,
    "heavy": heavy,
    "drifting": drifting,
}


class Sequential:
    """The pairs of a series, and what each look at them gives."""

    def __init__(self, noise: Noise, change: float) -> None:
        self._ratios = [(1 + change) * math.exp(next(noise)) for _ in range(MOST_PAIRS)]
        self._seen: dict[int, Ratio] = {}

    def ratio(self, pairs: int) -> Ratio:
        """Give the interval after so many pairs."""
        if pairs not in self._seen:
            taken = self._ratios[:pairs]
            self._seen[pairs] = paired_ratio(taken, [1.0] * pairs, 1 - 2 * ALPHA)
        return self._seen[pairs]

    def verdict(self, tolerance: float) -> tuple[Verdict, int]:
        """Give what the first look that is decided says, and after how many pairs that is."""
        found, pairs = Verdict.INCONCLUSIVE, 0
        for pairs in looks(MOST_PAIRS):
            found = decide(self.ratio(pairs), tolerance)
            if found is not Verdict.INCONCLUSIVE:
                break
        return found, pairs


class Tally:
    """Verdicts, and the pairs they took."""

    def __init__(self) -> None:
        self._verdicts: Counter[Verdict] = Counter()
        self._pairs = 0

    def add(self, verdict: Verdict, pairs: int) -> None:
        """Count a check."""
        self._verdicts[verdict] += 1
        self._pairs += pairs

    def result(self) -> dict[str, float]:
        """Give the share of each verdict and the mean number of pairs."""
        runs = self._verdicts.total()
        shares = {
            str(verdict): round(self._verdicts[verdict] / runs, 4)
            for verdict in Verdict
            if verdict is not Verdict.INVALID
        }
        return {**shares, "pairs": round(self._pairs / runs, 2)}


def one_metric(kind: str, spread: float, change: float, runs: int) -> Iterator[dict[str, Any]]:
    """Judge one metric, at each tolerance, with and without confirmation."""
    tallies = {(t, c): Tally() for t in TOLERANCES for c in (False, True)}
    for _ in range(runs):
        noise = NOISES[kind](spread)
        first, second = Sequential(noise, change), None
        for tolerance in TOLERANCES:
            verdict, pairs = first.verdict(tolerance)
            tallies[tolerance, False].add(verdict, pairs)
            if verdict is Verdict.REGRESSION:
                second = second or Sequential(noise, change)
                again, more = second.verdict(tolerance)
                verdict = again if again is Verdict.REGRESSION else Verdict.INCONCLUSIVE
                pairs += more
            tallies[tolerance, True].add(verdict, pairs)
    for (tolerance, confirmed), tally in tallies.items():
        yield {
            "noise": kind,
            "spread": spread,
            "change": change,
            "tolerance": tolerance,
            "confirmed": confirmed,
            "runs": runs,
            **tally.result(),
        }


def three_metrics(spread: float, change: float, runs: int) -> Iterator[dict[str, Any]]:
    """Judge CPU, throughput and memory together, by ``judgement.look`` and ``assess``."""
    tallies = {(t, c): Tally() for t in TOLERANCES for c in (False, True)}
    for _ in range(runs):
        series = {number: pairs_of(_made_up(spread, change), number) for number in (1, 2)}
        for (tolerance, confirm), tally in tallies.items():
            settings = CheckSettings(tolerance=tolerance, max_pairs=MOST_PAIRS, confirm=confirm)
            found = judge_again(series, settings)
            tally.add(found.verdict, found.pairs)
    for (tolerance, confirm), tally in tallies.items():
        yield {
            "spread": spread,
            "change": change,
            "tolerance": tolerance,
            "confirmed": confirm,
            "runs": runs,
            **tally.result(),
        }


def _made_up(spread: float, change: float) -> dict[str, list[list[float]]]:
    values: dict[str, list[list[float]]] = {"cpu": [], "throughput": [], "memory": []}
    for _ in range(MOST_PAIRS):
        cause, own = chance.gauss(0, spread), chance.gauss(0, spread)
        values["cpu"].append([1.0, (1 + change) * math.exp(cause)])
        rate = 1.5 * (cause + own) / math.sqrt(2)
        values["throughput"].append([1.0, math.exp(-rate) / (1 + change)])
        values["memory"].append([_memory(), _memory()])
    return values


def _memory() -> float:
    stepped = chance.random() < STEPS
    return 50 * 2**20 * math.exp(chance.gauss(0, MEMORY) + (STEP if stepped else 0))


def coverage(kind: str, runs: int) -> dict[str, Any]:
    """Count how often each look's interval holds the truth, and how often all of them do."""
    held = dict.fromkeys(looks(MOST_PAIRS), 0)
    left_out = above = 0
    for _ in range(runs):
        series = Sequential(NOISES[kind](0.03), 0.0)
        ratios = {pairs: series.ratio(pairs) for pairs in held}
        for pairs, ratio in ratios.items():
            held[pairs] += ratio.tie is True
        left_out += any(ratio.tie is False for ratio in ratios.values())
        above += any(ratio.low is not None and ratio.low > 1 for ratio in ratios.values())
    return {
        "noise": kind,
        "runs": runs,
        **{f"after {pairs}": round(count / runs, 4) for pairs, count in held.items()},
        "left out at some look": round(left_out / runs, 4),
        "above at some look": round(above / runs, 4),
    }


def _show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a line for each rule and noise, a column for each true change."""
    changes = sorted({row["change"] for row in rows})
    lines = of_each(rows, lambda row: (row.get("noise", ""), row["spread"], row["tolerance"]))
    heads = "".join(f"{f'truly {change:+.0%}':>26}" for change in changes)
    print(f"  {'noise':9}{'spread':>6}{'tolerance':>10}  {'':9}{heads}")
    for (noise, spread, tolerance), found in lines.items():
        for confirmed in (False, True):
            cells = {row["change"]: _cell(row) for row in found if row["confirmed"] is confirmed}
            rule = "confirmed" if confirmed else "once"
            shown = "".join(f"{cells[change]:>26}" for change in changes)
            print(f"  {noise:9}{spread:>6.1%}{tolerance:>10.0%}  {rule:9}{shown}")


def _cell(row: Mapping[str, Any]) -> str:
    verdicts = (Verdict.REGRESSION, Verdict.FINE, Verdict.IMPROVED, Verdict.INCONCLUSIVE)
    shares = "/".join(f"{100 * row[str(verdict)]:.3g}" for verdict in verdicts)
    return f"{shares} {row['pairs']:4.1f}"


def main() -> int:
    """Simulate, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, help="checks per row")
    parser.add_argument("--results", type=Path, default=REFERENCE / "gate_statistics.json")
    given = parser.parse_args()
    began, date, host = time.perf_counter(), utc_now(), read_host()
    covered = [coverage(kind, 4 * given.runs) for kind in NOISES]
    single = [
        row
        for kind in NOISES
        for spread in SPREADS
        for change in CHANGES
        # what is rare must be seen often enough to be counted
        for row in one_metric(kind, spread, change, given.runs * (1 if change else 2))
    ]
    several = [
        row
        for spread in (0.015, 0.03)
        for change in (0.0, 0.1)
        for row in three_metrics(spread, change, given.runs // 5)
    ]
    print(f"intervals of {1 - 2 * ALPHA:.1%}: how often they hold the truth, one metric")
    for row in covered:
        shares = ", ".join(f"{key} {row[key]:.2%}" for key in row if key.startswith("after"))
        print(
            f"  {row['noise']:9} {shares}; truth left out at some look "
            f"{row['left out at some look']:.2%}, on the one side {row['above at some look']:.2%}"
        )
    print(
        "\nshares of the verdicts in %: regression/no regression/improved/inconclusive, and the "
        "mean number of pairs, those of the confirmation included\none metric:"
    )
    _show(single)
    print("three metrics at once:")
    _show(several)
    took = time.perf_counter() - began
    print(f"took {took:.0f} s")
    document = {
        "what": "benchmarks/gate_statistics.py",
        "date": date,
        "machine": machine_of(host),
        "toolkit": host.toolkit,
        "parameters": {
            "seed": SEED,
            "looks": looks(MOST_PAIRS),
            "one_sided_level_of_a_look": ALPHA,
            "heavy": {"degrees": 4, "stalls_of_a_side": STALLS, "mean_of_a_stall": STALL},
            "drifting": {"persistence": PERSISTENCE, "part_of_the_variance": LASTING},
            "memory": {"spread": MEMORY, "steps_of_a_side": STEPS, "step": STEP},
        },
        "seconds": round(took),
        "coverage": covered,
        "one_metric": single,
        "three_metrics": several,
    }
    write_whole(given.results.absolute(), text_of(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
