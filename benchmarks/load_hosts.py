"""Is a server's capacity and latency the same, whether one host makes the load or two do?

``.venv/bin/python -m benchmarks.load_hosts [--rounds N] [--summary]``, as root: two Docker daemons
in network namespaces of their own act as load hosts (``tests/docker/hosts.py``), and a container on
this machine's first CPU is what they load, the Flask app on gunicorn with threads. In each round it
is benched from one host and from both, in shuffled order, with as many users: its capacity, and its
latency at a rate that is always the same. The load processes of both hosts share the last CPU, so
that they have no more of it than the one. Ratios are taken within rounds. What is stored is not
measured again; ``--again`` begins anew.
"""

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table

from benchmarks.gate_common import REFERENCE, begun, rounded, stored, text_of
from tests.docker.hosts import HERE, DockerHost, docker_hosts
from toolkit.catalog import Catalog, root
from toolkit.config import ImageConfig
from toolkit.progress import Progress
from toolkit.runtime.engine import Engine
from toolkit.runtime.images import DEBIAN_BASE, DEFAULT_BASE, Images
from toolkit.stats import paired_ratio
from toolkit.store import write_whole

_RESULTS = REFERENCE / "load_hosts.json"
_STACK = "flask/gunicorn-gthread"
_PATH = "/api/assets"
_USERS = 16
_PORT = 8123
_MOST = 100_000
"""Requests/s: more than this server has."""

_RATE = 300.0
"""Requests/s at which latency is taken: a quarter of what it has at the least."""

_METRICS = ("capacity", "p50", "p99")
Record = dict[str, Any]


def main() -> None:
    """Measure, store and show."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--results", type=Path, default=_RESULTS)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--summary", action="store_true", help="measure nothing")
    given = parser.parse_args()
    document = (None if given.again else stored(given.results)) or begun(
        "load_hosts",
        parameters={"stack": _STACK, "path": _PATH, "users": _USERS, "rate": _RATE},
        rounds=[],
    )
    if not given.summary:
        _measure(given, document)
    show(document["rounds"], Console())


def _measure(given: argparse.Namespace, document: dict[str, Any]) -> None:
    quiet = Progress(Console(quiet=True))
    with contextlib.closing(Engine.connect()) as engine:
        images = Images(engine, Catalog(root()), ImageConfig())
        load = images.of_load(quiet)
        (stack,) = Catalog(root()).select_stacks((_STACK,))
        served = images.of_stack(stack, quiet)
        bases = [name for name in (DEFAULT_BASE, DEBIAN_BASE) if engine.has_image(name)]
    with docker_hosts("toolkit-a", "toolkit-b") as hosts, _serving(served) as url:
        for host in hosts:
            for image in (load, *bases):
                host.give(image)
        for number in range(len(document["rounds"]) + 1, given.rounds + 1):
            sides = {"one": hosts[:1], "two": hosts}
            order = random.Random(number).sample([*sides], 2)
            found = {name: _bench(url, sides[name]) for name in order}
            record = {"round": number, "order": order, **found}
            document["rounds"].append(record)
            write_whole(given.results.absolute(), text_of(document))
            print(json.dumps(record), flush=True)


@contextlib.contextmanager
def _serving(image: str) -> Iterator[str]:
    name = "toolkit-load-hosts-target"
    command = [
        *("docker", "run", "--detach", "--rm", "--name", name, "--network", "host"),
        *("--cpuset-cpus", "0", "--memory", "512m", "--env", f"SECRET_KEY={token_hex(32)}"),
        *("--env", f"HOST={HERE}", "--env", f"PORT={_PORT}", image),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    try:
        url = f"http://{HERE}:{_PORT}"
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), urlopen(f"{url}{_PATH}", timeout=2):
                break
            if time.monotonic() > deadline:
                raise SystemExit("the server does not answer")
            time.sleep(0.1)
        yield url
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=False, stdout=subprocess.DEVNULL)


def _bench(url: str, hosts: Sequence[DockerHost]) -> Record:
    """Bench from hosts: capacity, and latency at a rate."""
    full = _row(url, hosts, "--most-rate", str(_MOST), "--rates", "none", "--duration", "3")
    # a closed loop that is held back to twice the rate, of which it is a half
    held = _row(
        *(url, hosts, "--most-rate", str(2 * _RATE), "--rates", "50%", "--rate-rounds", "1"),
        *("--duration", "2"),
    )
    at = next(iter(held["at_rates"]), None)
    rules = {item["rule"] for row in (full, held) for item in row["findings"]}
    findings = sorted(rules - {"rate-capped"})
    if full["throughput"] is None or at is None:
        return {"failed": str(full["failures"] + held["failures"]), "findings": findings}
    return {
        "capacity": rounded(full["throughput"]["value"]),
        "rate": rounded(at["rate"]),
        "p50": rounded(at["latency"]["p50"]),
        "p99": rounded(at["latency"]["p99"]),
        "errors": full["error_rate"] + held["error_rate"],
        "findings": findings,
    }


def _row(url: str, hosts: Sequence[DockerHost], *more: str) -> Record:
    """Bench once from hosts; give the row of the one server."""
    with tempfile.TemporaryDirectory(prefix="toolkit-hosts-") as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "toolkit", "bench", "--target", url, "--get", _PATH),
                *("--yes-this-is-mine", "--users", str(_USERS), "--rounds", "1", *more),
                *("--load-hosts", ",".join(host.url for host in hosts), "--load-workers", "1"),
                *("--load-address", HERE, "--results", folder, "--json", "--quiet"),
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    if not done.stdout.strip():
        raise SystemExit(f"no document (exit code {done.returncode})\n{done.stderr}")
    ((row,),) = [table["rows"] for table in json.loads(done.stdout)["workloads"]]
    found: Record = row
    return found


def show(rounds: Sequence[Record], console: Console) -> None:
    """Print two hosts' numbers as parts of one host's."""
    whole = [r for r in rounds if all("capacity" in r[side] for side in ("one", "two"))]
    table = Table("two hosts to one", "ratio", "95 %", "rounds")
    for metric in _METRICS if whole else ():
        ratio = paired_ratio([r["two"][metric] for r in whole], [r["one"][metric] for r in whole])
        low, high = ratio.low, ratio.high
        interval = "-" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"
        table.add_row(metric, f"{ratio.value:.3f}", interval, str(ratio.pairs))
    console.print(table)


if __name__ == "__main__":
    main()
