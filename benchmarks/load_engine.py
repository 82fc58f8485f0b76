"""How fast and how exact the load generator is, beside wrk and Locust's own clients.

Side by side in one run, on one core, in rounds of shuffled order:

1. 64 connections against nginx on another core: answers/s and the generator's CPU per request;
2. 64 connections against a server that answers after 5 ms, and knows how long it really took;
3. a server that answers after 1 ms and freezes for 400 ms in every 4 s: closed loops, and open ones
   that count from the intended start. For arrivals at any time the truth follows from the freeze:
   latencies beyond x have the share (0.4 - x) / 4, so p95 is 200 ms and p99 360 ms.

Needs nginx and wrk (Debian: apt-get install nginx-light wrk) and two CPUs.
"""

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import toolkit.load
from toolkit.histogram import LatencyHistogram
from toolkit.host import read_host
from toolkit.load.engine import LocustEngine
from toolkit.machine import siblings
from toolkit.model import Arrivals, Phase, Placement, Workload
from toolkit.placement import place
from toolkit.ports import Tick
from toolkit.runtime.guardian import Guardian
from toolkit.runtime.ready import free_port
from toolkit.stats import paired_ratio
from toolkit.store import utc_now

CONNECTIONS = 64
DELAY = 0.005
FREEZE, EVERY = 0.4, 4.0
OPEN_RATE = 200.0
FREEZING_USERS = 10
CLIENTS = {"SocketUser": "null_socket", "FastHttpUser": "null_fast", "HttpUser": "null_http"}
WAYS = [
    "SocketUser, open poisson",
    "SocketUser, open constant",
    "SocketUser, closed",
    "FastHttpUser, closed",
    "wrk, closed",
]
SEED = 20261124

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
    location / {{ default_type application/json; return 200 '{{"message":"Hello, World!"}}'; }}
  }}
}}
"""

WRK_SAYS = """
done = function(summary, latency, requests)
  io.write(string.format('{"requests": %d, "seconds": %f, "50": %f, "95": %f, "99": %f}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6,
    latency:percentile(95) / 1e6, latency:percentile(99) / 1e6))
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of a generator: answers/s, CPU seconds per answer, percentiles in seconds."""

    rate: float
    cpu: float
    p50: float
    p95: float
    p99: float
    truth: dict[str, float] = field(default_factory=dict)


@dataclass
class Bench:
    """What all runs share."""

    placement: Placement
    guardian: Guardian
    seconds: float
    folder: Path

    def sample(self, generator: str, url: str, truth: "Truth | None" = None) -> Sample:
        """Let a generator load a target once, in a closed loop."""
        if generator == "wrk":
            return self._wrk(url, truth, CONNECTIONS, self.seconds)
        phase = Phase(users=CONNECTIONS, duration=self.seconds, settle=0.5, least=1000)
        return self._locust(generator, url, phase, truth)

    def freezing(self, way: str, url: str) -> Sample:
        """Load the server that freezes once; ``way`` is a generator and the kind of its loop."""
        generator, _, loop = way.partition(", ")
        seconds = 3 * EVERY
        if generator == "wrk":
            return self._wrk(url, None, FREEZING_USERS, seconds)
        if loop == "closed":
            phase = Phase(users=FREEZING_USERS, duration=seconds, settle=0.5)
        else:
            arrivals = Arrivals(loop.removeprefix("open "))
            phase = Phase(
                users=256, duration=seconds, settle=0.5, rate=OPEN_RATE, part=1.0, arrivals=arrivals
            )
        return self._locust(generator, url, phase, None)

    def _locust(self, generator: str, url: str, phase: Phase, truth: "Truth | None") -> Sample:
        workload = Workload(
            name="null",
            summary="",
            path=Path(toolkit.load.__file__).with_name(CLIENTS[generator] + ".py"),
        )
        with LocustEngine(phase.users, self.placement, self.guardian).open(workload) as session:
            session.aim(url)
            result = session.run(phase, truth or Truth(None))
        if result.failed or not result.requests:
            raise SystemExit(f"{generator}: {result.requests} answers, errors {result.errors}")
        p50, p95, p99 = LatencyHistogram.decode(result.latency).percentiles(50, 95, 99)
        return Sample(
            rate=result.throughput,
            cpu=result.use.cpu / result.throughput,
            p50=p50,
            p95=p95,
            p99=p99,
            truth=truth.found if truth else {},
        )

    def _wrk(self, url: str, truth: "Truth | None", connections: int, seconds: float) -> Sample:
        script = self.folder / "says.lua"
        script.write_text(WRK_SAYS)
        if truth:
            truth.window_opened()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [
                *_pinned(self.placement.client_cpus),
                *("wrk", "-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s"),
                *("-s", str(script), url),
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if truth:
            truth.window_closed()
        said = json.loads(done.stdout.splitlines()[-1])
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Sample(
            rate=said["requests"] / said["seconds"],
            cpu=cpu / said["requests"],
            p50=said["50"],
            p95=said["95"],
            p99=said["99"],
            truth=truth.found if truth else {},
        )


class Truth:
    """Asks the server how long it took, at both ends of a window; a ``LoadWatch``."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self.found: dict[str, float] = {}

    def window_opened(self) -> None:
        """Begin anew."""
        self._ask()

    def window_closed(self) -> None:
        """Read what it was."""
        self.found = self._ask()

    def ticked(self, tick: Tick) -> None:
        """Nothing to do."""

    def _ask(self) -> dict[str, float]:
        if self._url is None:
            return {}
        with urllib.request.urlopen(f"{self._url}/truth", timeout=5) as answer:
            found: dict[str, float] = json.load(answer)
            return found


def _pinned(cpus: tuple[int, ...]) -> list[str]:
    return ["taskset", "-c", ",".join(map(str, cpus))]


@contextlib.contextmanager
def _started(command: list[str], cpus: tuple[int, ...]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([*_pinned(cpus), *command], stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def nginx(bench: Bench) -> Iterator[str]:
    """Start nginx with one process on the server's CPUs."""
    port = free_port(0)
    config = bench.folder / "nginx.conf"
    config.write_text(NGINX.format(folder=bench.folder, port=port))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    url = f"http://127.0.0.1:{port}"
    with _started(
        [program, "-c", str(config), "-e", "stderr"], bench.placement.server_cpus
    ) as process:
        while process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
                break
        else:
            raise SystemExit("nginx does not start")
        yield url


@contextlib.contextmanager
def delaying(bench: Bench, *seconds: float) -> Iterator[str]:
    """Start the server that answers after a known time, see delay_server.py."""
    port = free_port(0)
    script = Path(__file__).with_name("delay_server.py")
    with _started(
        [sys.executable, str(script), str(port), *map(str, seconds)], bench.placement.server_cpus
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield f"http://127.0.0.1:{port}"


Samples = dict[str, list[Sample]]


def in_rounds(
    generators: list[str], rounds: int, once: Callable[[str], Sample], title: str
) -> Samples:
    """Run all generators once a round, in shuffled order."""
    order = random.Random(SEED)
    samples: Samples = {name: [] for name in generators}
    for number in range(1, rounds + 1):
        for name in order.sample(generators, len(generators)):
            print(f"\r{title}: round {number}/{rounds}, {name:14}", end="", file=sys.stderr)
            samples[name].append(once(name))
    print(file=sys.stderr)
    return samples


def show_rates(samples: Samples) -> dict[str, str]:
    """Print answers/s and CPU, and the ratios within rounds; give the ratios."""
    print(f"\nnginx, {CONNECTIONS} connections, one generator core: medians of the rounds")
    for name, found in samples.items():
        rate, cpu = median(s.rate for s in found), median(s.cpu for s in found)
        print(f"  {name:14} {rate:9,.0f} req/s   {cpu * 1e6:6.1f} us of generator CPU per request")
    ratios = {}
    for mine, other in (("SocketUser", "FastHttpUser"), ("SocketUser", "wrk")):
        if mine not in samples or other not in samples:
            continue
        ours, theirs = ([sample.rate for sample in samples[name]] for name in (mine, other))
        ratio = paired_ratio(ours, theirs)
        interval = (
            "no interval: too few rounds"
            if ratio.low is None
            else f"[{ratio.low:.2f}, {ratio.high:.2f}]"
        )
        ratios[f"{mine} / {other}"] = f"{ratio.value:.2f} {interval}"
        print(f"  {mine} / {other}: {ratio.value:.2f} {interval}")
    return ratios


def show_errors(samples: Samples) -> None:
    """Print by how much each generator reports more than the server took."""
    print(
        f"\nserver with {DELAY * 1e3:g} ms of delay, {CONNECTIONS} connections: reported minus "
        "true, ms; medians of the rounds [least, most]"
    )
    for name, found in samples.items():
        texts = []
        for rank, attribute in (("50", "p50"), ("99", "p99")):
            errors = sorted(1e3 * (getattr(s, attribute) - s.truth[rank]) for s in found)
            texts.append(f"p{rank} {median(errors):+.2f} [{errors[0]:+.2f}, {errors[-1]:+.2f}]")
        truth = [median(1e3 * s.truth[rank] for s in found) for rank in ("50", "99")]
        print(f"  {name:14} {'   '.join(texts)}   (truth {truth[0]:.2f} / {truth[1]:.2f})")


def show_freezes(samples: Samples) -> None:
    """Print what each way makes of a server that freezes."""
    print(
        f"\nserver that freezes {FREEZE * 1e3:g} ms in every {EVERY:g} s; truth: p95 200, p99 360 "
        "ms; medians of the rounds"
    )
    for way, found in samples.items():
        rate, p50, p95, p99 = (
            median(getattr(sample, name) for sample in found)
            for name in ("rate", "p50", "p95", "p99")
        )
        print(
            f"  {way:28} {rate:7,.0f} req/s   p50 {p50 * 1e3:5.2f}   p95 {p95 * 1e3:6.1f}   "
            f"p99 {p99 * 1e3:6.1f} ms"
        )


def main() -> int:
    """Measure, print, and write what was measured if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0, help="measured in each run")
    parser.add_argument("--output", type=Path, help="JSON file for all samples")
    given = parser.parse_args()
    for program in ("wrk", "taskset"):
        if shutil.which(program) is None:
            raise SystemExit(f"there is no {program}: apt-get install nginx-light wrk util-linux")
    host = read_host()
    placement = place(
        allowed=host.allowed_cpus,
        siblings=siblings(host.allowed_cpus),
        cpus=1.0,
        client_cpus=1,
        memory=2**30,
    )
    if len(host.allowed_cpus) < 2:
        raise SystemExit("this takes two CPUs: one for the target, one for the generator")
    os.sched_setaffinity(0, placement.client_cpus)
    with tempfile.TemporaryDirectory() as folder, Guardian() as guardian:
        bench = Bench(placement, guardian, given.seconds, Path(folder))
        everyone = ["wrk", *CLIENTS]
        with nginx(bench) as url:
            rates = in_rounds(everyone, given.rounds, lambda g: bench.sample(g, url), "nginx")
        with delaying(bench, DELAY) as url:
            errors = in_rounds(
                everyone, given.rounds, lambda g: bench.sample(g, url, Truth(url)), "5 ms"
            )
        with delaying(bench, 0.001, FREEZE, EVERY) as url:
            freezes = in_rounds(
                WAYS, max(given.rounds // 3, 1), lambda way: bench.freezing(way, url), "freeze"
            )
    ratios = show_rates(rates)
    show_errors(errors)
    show_freezes(freezes)
    if given.output:
        document = {
            "what": "benchmarks/load_engine.py",
            "at": utc_now(),
            "machine": f"{host.cpus} CPUs, {host.cpu_model}, {host.system}, Python {host.python}",
            "ratios": ratios,
            "nginx": _plain(rates),
            "delay": _plain(errors),
            "freeze": _plain(freezes),
        }
        given.output.write_text(json.dumps(document, indent=1) + "\n")
    return 0


def _plain(samples: Samples) -> dict[str, list[dict[str, object]]]:
    return {name: [asdict(sample) for sample in found] for name, found in samples.items()}


if __name__ == "__main__":
    sys.exit(main())
