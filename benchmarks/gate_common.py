"""What the scripts about `toolkit check` share: checks as subprocesses, results that grow, bounds.

Imported by them, so they are started as modules from the checkout's root:
``.venv/bin/python -m benchmarks.gate_false_alarms``.
"""

import contextlib
import json
import math
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from statistics import median, stdev
from types import FrameType
from typing import Any, TypeVar

from scipy.stats import beta

from toolkit.changes import Verdict
from toolkit.check import looks
from toolkit.check_store import load_check
from toolkit.checked import Check, CheckSettings, Duel, Metric, Pair, Sample, Side, VersionFacts
from toolkit.host import read_host
from toolkit.judgement import Assessment, assess, look
from toolkit.measured import Host, HostUse, RuntimeFacts
from toolkit.model import Knobs, Placement
from toolkit.store import utc_now, write_whole

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "results" / "reference"
CONFIDENCE = 0.95
STACK, WORKLOAD = "flask/gunicorn-gthread", "list"

_LONGEST_CHECK = 3600.0
_PATIENCE = 60.0
_FAILURES = 3
"""Checks in a row that gave no document, after which something is wrong with the machine."""

_DIGITS = 5
_COMPARED = ("cpus", "cpu_model", "system", "runtime", "engine")

Record = dict[str, Any]
Document = dict[str, Any]
Series = Mapping[int, Sequence[Pair]]
R = TypeVar("R")


# Results that grow


class Results:
    """A result file: one JSON document with a list that every finished check is appended to.

    Args:
        path: Where; what is in it already is kept.
        what: The script.
        parameters: What holds for all its checks.

    Attributes:
        document: All of it.
        records: Its list of checks ...
        calibrations: ... and what was measured for them beforehand.
    """

    def __init__(self, path: Path, what: str, parameters: Mapping[str, Any]) -> None:
        self._path = path
        self.document: Document = {
            "what": f"benchmarks/{what}",
            "date": utc_now(),
            "machine": {},
            "toolkit": "",
            "parameters": dict(parameters),
            "checks": [],
        }
        if path.exists():
            self.document = json.loads(path.read_text(encoding="utf-8"))
            if self.document.get("what") != f"benchmarks/{what}":
                raise SystemExit(f"{path.name} is a result of another script; take --results")
        self.records: list[Record] = self.document["checks"]
        self.calibrations: list[Record] = self.document.get("calibrations", [])

    def append(self, record: Record, host: Host, runtime: RuntimeFacts) -> None:
        """Add a check and write the file.

        Raises:
            SystemExit: The file is of another machine or runtime, whose numbers are not mixed.
        """
        self._compare(host, runtime)
        self.records.append(record)
        self.write()

    def calibrate(self, record: Record, host: Host, runtime: RuntimeFacts) -> None:
        """Add what was measured out before and write the file.

        Raises:
            SystemExit: See ``append``.
        """
        self._compare(host, runtime)
        self.calibrations.append(record)
        self.document["calibrations"] = self.calibrations
        self.write()

    def _compare(self, host: Host, runtime: RuntimeFacts) -> None:
        """See to it that all numbers are of one machine."""
        found = machine_of(host, runtime)
        known = self.document["machine"] = self.document["machine"] or found
        self.document["toolkit"] = self.document["toolkit"] or host.toolkit
        differing = [key for key in _COMPARED if known.get(key) != found.get(key)]
        if differing:
            raise SystemExit(
                f"{self._path.name} is from elsewhere ({', '.join(differing)}); take --results"
            )

    def write(self) -> None:
        """Write the file in place of its earlier state."""
        write_whole(self._path.absolute(), text_of(self.document))


def begun(what: str, **fields: object) -> Document:
    """Begin a result file: what made it, when and on which machine.

    Args:
        what: The script.
        fields: What is in it besides.
    """
    host = read_host()
    return {
        "what": f"benchmarks/{what}",
        "date": utc_now(),
        "machine": machine_of(host),
        "toolkit": host.toolkit,
        **fields,
    }


def stored(path: Path) -> Document | None:
    """Read a result file, None: there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def text_of(document: Document) -> str:
    """Write a document as JSON with a line for each key, and for each item of a list."""
    lines = []
    for key, value in document.items():
        if isinstance(value, list) and value:
            items = ",\n".join(f"  {json.dumps(item)}" for item in value)
            lines.append(f" {json.dumps(key)}: [\n{items}\n ]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def machine_of(host: Host, runtime: RuntimeFacts | None = None) -> dict[str, Any]:
    """Describe a machine, without anything that names it or its user."""
    found: dict[str, Any] = {
        "cpus": host.cpus,
        "cpu_model": host.cpu_model,
        "system": host.system,
        "memory": host.memory,
        "cgroup": host.cgroup,
        "python": host.python,
    }
    if runtime is not None:
        found |= {"runtime": runtime.name, "engine": runtime.engine}
    return found


# Checks as a user starts them


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A check that came to an end.

    Attributes:
        check: What it measured, None if it did not come that far.
        code: Exit code.
        said: What it told people.
        seconds: That all of it took, building included.
    """

    check: Check | None
    code: int
    said: str
    seconds: float


def run_check(arguments: Sequence[str], folder: Path | None = None) -> Done:
    """Run ``toolkit check`` in a process of its own and read what it wrote.

    It is in a session of its own: Ctrl-C reaches this script only, which ends it once and waits
    until it has cleaned up.

    Args:
        arguments: Of the command.
        folder: Where, such as a repository; None: a folder without any settings.
    """
    with tempfile.TemporaryDirectory(prefix="toolkit-gate-") as name:
        scratch = Path(name)
        output, log = scratch / "check.json", scratch / "said"
        command = [sys.executable, "-m", "toolkit", "check", *arguments]
        command += ["--results", str(scratch), "--output", f"json={output}"]
        began = time.monotonic()
        with log.open("wb") as said:
            process = subprocess.Popen(
                command,
                cwd=folder or scratch,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        try:
            code = process.wait(_LONGEST_CHECK)
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_PATIENCE)
                if process.poll() is None:
                    process.kill()
                    process.wait()
        return Done(
            check=load_check(output) if output.exists() else None,
            code=code,
            said=log.read_text(errors="replace"),
            seconds=time.monotonic() - began,
        )


class Patience:
    """Gives up when several checks in a row could not be made at all."""

    def __init__(self) -> None:
        self._failures = 0

    def told(self, done: Done) -> bool:
        """Say whether a check gave something to record.

        Raises:
            SystemExit: The last ones did not.
        """
        if done.check is not None:
            self._failures = 0
            return True
        self._failures += 1
        print(f"no check (exit code {done.code}):\n{done.said.strip()}", file=sys.stderr)
        if self._failures >= _FAILURES or done.code == 2:
            raise SystemExit("given up")
        return False


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end this script as Ctrl-C does, with all its clean-up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(
            "interrupted; what was finished is stored, and the next start goes on"
        ) from None
    finally:
        signal.signal(signal.SIGTERM, before)


# What is kept of a check


def record_of(done: Done, **more: object) -> Record:
    """Say what is kept of a check: what it says, how it went, and the values of every pair."""
    check = done.check
    assert check is not None
    found = assess(check)
    pairs = {number: check.series(number) for number in (1, 2)}
    duels = [duel for pair in (*pairs[1], *pairs[2]) for duel in pair.duels.values()]
    end = datetime.fromisoformat(check.finished_at or check.started_at)
    return {
        "at": check.started_at,
        **more,
        "stack": check.stack,
        "workloads": list(check.workloads),
        "tolerance": check.settings.tolerance,
        "seed": check.seed,
        "verdict": str(found.verdict),
        "exit_code": done.code,
        "confirmed": found.confirmed,
        "pairs": found.pairs,
        "lost": found.lost,
        "seconds": round((end - datetime.fromisoformat(check.started_at)).total_seconds()),
        "seconds_with_building": round(done.seconds),
        "load_average": [round(value, 2) for value in check.host.load_average],
        "foreign": _middle(duel.host.server_foreign for duel in duels),
        "foreign_most": _most(duel.host.server_foreign for duel in duels),
        "client_foreign": _middle(duel.host.client_foreign for duel in duels),
        "steal": _middle(duel.host.server_steal for duel in duels),
        "steal_most": _most(duel.host.server_steal for duel in duels),
        "idle": _middle(duel.host.server_idle for duel in duels),
        "client_cpu": _middle(duel.client_cpu for duel in duels),
        "reasons": [scrubbed(text) for text in found.reasons],
        "findings": {finding.rule: times for finding, times in found.findings},
        "changes": {
            str(change.metric): {
                "change": rounded(change.change),
                "low": None if change.ratio.low is None else rounded(change.ratio.low - 1),
                "high": None if change.ratio.high is None else rounded(change.ratio.high - 1),
                "spread": spread_of(values_of((*pairs[1], *pairs[2]), change.metric)),
                "verdict": str(change.verdict) if change.gated else None,
            }
            for change in found.changes
        },
        "values": {
            str(number): {str(metric): values_of(pairs[number], metric) for metric in Metric}
            for number in (1, 2)
            if pairs[number]
        },
    }


def values_of(pairs: Sequence[Pair], metric: Metric) -> list[list[float] | None]:
    """Give a metric of base and candidate by pair: the geometric mean of its workloads."""
    found: list[list[float] | None] = []
    for pair in pairs:
        sides = []
        for side in Side:
            values = [duel.of(side).value(metric) for duel in pair.duels.values()]
            known = [value for value in values if value is not None]
            if known and len(known) == len(values):
                mean = math.exp(math.fsum(map(math.log, known)) / len(known))
                sides.append(rounded(mean))
        found.append(sides if len(sides) == len(Side) else None)
    return found


def spread_of(values: Sequence[Sequence[float] | None]) -> float | None:
    """Give the standard deviation of the pairs' log ratios, None with fewer than two."""
    logs = log_ratios(values)
    return rounded(stdev(logs)) if len(logs) > 1 else None


def log_ratios(values: Sequence[Sequence[float] | None]) -> list[float]:
    """Give the log ratios, candidate to base, of the pairs in which both are known."""
    return [math.log(pair[1] / pair[0]) for pair in values if pair is not None]


def rounded(value: float) -> float:
    """Keep as many digits as any measurement has."""
    return float(f"{value:.{_DIGITS}g}")


def scrubbed(text: str) -> str:
    """Leave out where things lie on this machine."""
    for folder in (str(ROOT), str(Path.home()), tempfile.gettempdir()):
        if len(folder) > 1:
            text = text.replace(folder, "...")
    return text


def _middle(values: Iterator[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(median(known), 4) if known else None


def _most(values: Iterator[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(max(known), 4) if known else None


# Judging again


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSample(Sample):
    """One side of a pair of which only the values of its metrics are known."""

    values: Mapping[Metric, float] = field(default_factory=dict)

    def value(self, metric: Metric, *, at_rate: bool = False) -> float | None:
        """See ``checked.Sample``."""
        return self.values.get(metric)


def pairs_of(values: Mapping[str, Sequence[Sequence[float] | None]], series: int) -> list[Pair]:
    """Make pairs again of the values that are kept of a series.

    Args:
        values: By metric, base and candidate of each pair.
        series: Its number.
    """
    count = max(map(len, values.values()))
    found = []
    for number in range(count):
        sides = []
        for side in range(2):
            known = {
                Metric(metric): pair[side]
                for metric, pairs in values.items()
                if (pair := pairs[number]) is not None
            }
            sides.append(
                KnownSample(cpu=0.0, busy=0.0, bursts=0, memory=0, endpoints={}, values=known)
            )
        duel = Duel(base=sides[0], candidate=sides[1], client_cpu=0.0, host=HostUse())
        found.append(
            Pair(number=number + 1, series=series, seed=0, started_at="", duels={"all": duel})
        )
    return found


def judge_again(series: Series, settings: CheckSettings) -> Assessment:
    """Judge pairs in the order in which they came, as a check does that stops as soon as it can.

    Where they end before the verdict is clear, it is inconclusive: the real check stopped there.

    Args:
        series: The pairs of the comparison (1) and of its confirmation (2).
        settings: How it is judged.
    """
    check = replace(_NOTHING, settings=settings)
    for number in (1, 2):
        before, pairs = check.pairs, series.get(number, ())
        for count in looks(settings.max_pairs):
            check = replace(check, pairs=(*before, *pairs[:count]))
            found = look(check, number)
            if found is not Verdict.INCONCLUSIVE or count >= len(pairs):
                break
        if look(check, 1) is not Verdict.REGRESSION or not settings.confirm:
            break
    return assess(check)


_SIDE = VersionFacts(label="", identity="")
_NOTHING = Check(
    id="",
    started_at="",
    host=Host(
        system="",
        cpu_model="",
        cpus=2,
        allowed_cpus=(0, 1),
        cpu_quota=None,
        memory=0,
        cgroup="",
        governor="",
        load_average=(0.0, 0.0, 0.0),
        python="",
        toolkit="",
        locust="",
    ),
    runtime=RuntimeFacts(name="", reason="", network="", memory_kind=""),
    placement=Placement(server_cpus=(0,), client_cpus=(1,), cpus=1.0, memory=0),
    knobs=Knobs(),
    settings=CheckSettings(),
    base=_SIDE,
    candidate=_SIDE,
    workloads=("all",),
    seed=0,
)


# Bounds of a share (Clopper and Pearson, Biometrika 26, 1934)


def at_most(found: int, of: int) -> float:
    """Give the share that the true one does not exceed, with 95 % confidence (one-sided)."""
    return 1.0 if found >= of else float(beta.ppf(CONFIDENCE, found + 1, of - found))


def at_least(found: int, of: int) -> float:
    """Give the share that the true one reaches, with 95 % confidence (one-sided)."""
    return 0.0 if found <= 0 else float(beta.ppf(1 - CONFIDENCE, found, of - found + 1))


def of_each(records: Sequence[R], key: Callable[[R], Any]) -> dict[Any, list[R]]:
    """Sort records into groups, in the order in which these came."""
    groups: dict[Any, list[R]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups
