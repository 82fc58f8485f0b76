"""What a load process more costs the master: CPU, bytes, and time to collect what was counted.

``.venv/bin/python -m benchmarks.load_scale [--rounds N] [--summary]`` starts 1, 2, 4 and 8 load
processes here as a load host would (``toolkit.load.remote``), all on the last CPU, and lets each
send 50 requests/s to a target that answers at once; the master and this script are on the first. In
shuffled order, in rounds. Measured are the master's CPU time in the window, the bytes it gets while
the load runs (how it goes, heartbeats, Locust's own statistics) and after it (the counts), and the
time from the end of the window to the result. ``ss`` of iproute2 counts the bytes.
"""

import argparse
import contextlib
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

import toolkit.load
from benchmarks.gate_common import REFERENCE, begun, rounded, text_of
from toolkit.host import allowed_cpus
from toolkit.load.calibrate import null_target
from toolkit.load.engine import LocustEngine
from toolkit.load.protocol import MASTER_VARIABLE
from toolkit.model import Phase, Placement, Workload
from toolkit.ports import Tick
from toolkit.runtime.guardian import Guardian, kill_group
from toolkit.store import write_whole
from toolkit.usage import slope

_RESULTS = REFERENCE / "load_scale.json"
_SIZES = (1, 2, 4, 8)
_RATE = 50.0
_SECONDS = 5.0
_METRICS = {
    "cpu": "master's CPU, % of a core",
    "bytes_per_second": "bytes/s while the load runs",
    "bytes_of_counts": "bytes of the counts of a phase",
    "collected": "ms from the end of the window to the result",
}
_RECEIVED = re.compile(r"bytes_received:(\d+)")
Record = dict[str, Any]


class Here:
    """Load processes on this machine, in the place of other hosts' (``ports.Fleet``)."""

    address = "127.0.0.1"

    def __init__(self, size: int, cpu: int, guardian: Guardian) -> None:
        self.size = size
        self.port = 0
        self.patience = 90
        self.facts = ()
        self._cpu = cpu
        self._guardian = guardian

    def miss_nobody(self) -> None:
        """See ``ports.Fleet``."""

    @contextlib.contextmanager
    def joining(self, port: int) -> Iterator[None]:
        """See ``ports.Fleet``."""
        self.port = port
        variables = {**os.environ, MASTER_VARIABLE: f"{self.address}:{port}"}
        with contextlib.ExitStack() as stack:
            for _ in range(self.size):
                process = subprocess.Popen(
                    ["taskset", "-c", str(self._cpu), sys.executable, "-m", "toolkit.load.remote"],
                    env=variables,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
                stack.callback(process.wait)
                stack.callback(kill_group, process.pid, grace=0, reap=process.poll)
                stack.enter_context(self._guardian.watching_group(process.pid))
            yield


@dataclass
class Watch:
    """Reads what the master has used and got at both ends of the window."""

    fleet: Here
    found: dict[str, float] = field(default_factory=dict)

    def window_opened(self) -> None:
        """See ``ports.LoadWatch``."""
        self._read("opened")

    def window_closed(self) -> None:
        """See ``ports.LoadWatch``."""
        self._read("closed")

    def ticked(self, tick: Tick) -> None:
        """See ``ports.LoadWatch``."""

    def _read(self, end: str) -> None:
        (master,) = (
            child
            for child in psutil.Process().children()
            if "toolkit.load.inside" in child.cmdline()
        )
        times = master.cpu_times()
        self.found |= {
            f"{end} at": time.monotonic(),
            f"{end} cpu": times.user + times.system,
            f"{end} bytes": float(received(self.fleet.port)),
        }


def received(port: int) -> int:
    """Count the bytes that have come to a port over connections that are open."""
    done = subprocess.run(
        ["ss", "--tcp", "--info", "--no-header", f"sport = :{port}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return sum(map(int, _RECEIVED.findall(done.stdout)))


def main() -> None:
    """Measure, store and show."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--results", type=Path, default=_RESULTS)
    parser.add_argument("--summary", action="store_true", help="measure nothing")
    given = parser.parse_args()
    if given.summary:
        show(json.loads(given.results.read_text(encoding="utf-8"))["samples"], Console())
        return
    document = begun("load_scale", parameters={"rate_each": _RATE, "seconds": _SECONDS}, samples=[])
    first = Placement(server_cpus=allowed_cpus()[:1], client_cpus=(), cpus=1.0, memory=2**29)
    with Guardian() as guardian, null_target(first, guardian) as url:
        for number in range(1, given.rounds + 1):
            for size in random.Random(number).sample(_SIZES, len(_SIZES)):
                record = {"round": number, "workers": size, **sample(size, url, guardian)}
                document["samples"].append(record)
                write_whole(given.results.absolute(), text_of(document))
                print(json.dumps(record), flush=True)
    show(document["samples"], Console())


def sample(size: int, url: str, guardian: Guardian) -> Record:
    """Let so many load processes work once."""
    cpus = allowed_cpus()
    fleet = Here(size, cpus[-1], guardian)
    watch = Watch(fleet)
    where = Placement(server_cpus=(), client_cpus=cpus[:1], cpus=1.0, memory=2**29)
    file = Path(toolkit.load.__file__).with_name("null_socket.py")
    phase = Phase(users=8 * size, duration=_SECONDS, settle=1.0, rate=_RATE * size, part=0.5)
    engine = LocustEngine(8 * size, where, guardian, fleet=fleet)
    with engine.open(Workload(name="null", summary="", path=file)) as session:
        session.aim(url)
        result = session.run(phase, watch)
        ended = time.monotonic()
        all_bytes = received(fleet.port)
    found = watch.found
    seconds = found["closed at"] - found["opened at"]
    if result.failed or len(result.workers) not in (size, 0):
        raise SystemExit(f"{size} load processes: {result.errors}")
    return {
        "requests": result.requests,
        "cpu": rounded(100 * (found["closed cpu"] - found["opened cpu"]) / seconds),
        "bytes_per_second": rounded((found["closed bytes"] - found["opened bytes"]) / seconds),
        "bytes_of_counts": all_bytes - int(found["closed bytes"]),
        "collected": rounded(1e3 * (ended - found["closed at"])),
    }


def show(samples: Sequence[Record], console: Console) -> None:
    """Print the medians by the number of load processes, and what one more costs."""
    sizes = sorted({item["workers"] for item in samples})
    table = Table("", *map(str, sizes), "each more")
    for metric, title in _METRICS.items():
        medians = [
            median(item[metric] for item in samples if item["workers"] == size) for size in sizes
        ]
        more = slope([*zip(map(float, sizes), medians, strict=True)])
        table.add_row(title, *(f"{value:,.1f}" for value in medians), f"{more or 0:,.1f}")
    console.print(table)


if __name__ == "__main__":
    main()
