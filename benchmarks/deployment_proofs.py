"""What a rendered deployment loses while it is restarted, stopped, recycled, killed and beset.

``.venv/bin/python -m benchmarks.deployment_proofs [--tries N] [--only SCENARIO ...] [SERVER ...]``

Each server is deployed as ``toolkit deploy --target compose`` renders it (two replicas behind
nginx, PostgreSQL) with two workers, four of gunicorn-sync and one process of those that have no
more, and 50 requests/s are sent all the time: half on kept connections, half on new ones, GET and
POST, some of them in flight at any moment. A request is lost if its answer is not the right one,
whatever the reason; no client sends anything again.

rolling: ./rolling-restart. stop: `docker stop` of one replica, and its start. recycle: max_requests
is 120, so that each worker is replaced several times; recycle-direct: the same without the proxy,
on one replica. kill: SIGKILL of one worker, or of the process where there is but one. slow: 50
clients that take 6 s to send a request; slow-direct: the same at the server. linger: clients that
read their answer and do not close, at nginx and at the server. reload: SIGHUP to the first process
of granian, which then replaces its workers one after the other. oom, once: the app takes more
memory than it has, in the first process of its container and in a worker.

``--tries`` says how often; what is in the result file counts. The times depend on what else the
machine does, the counts do not.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.deployment_load import (
    Load,
    Tally,
    beside_lingering,
    beside_slow,
    during,
    mixture,
    tally,
)
from benchmarks.deployment_stack import (
    Container,
    Deployment,
    Images,
    answers,
    fetch,
    kill,
    render,
    until,
)
from benchmarks.gate_common import REFERENCE, machine_of, text_of
from toolkit.catalog import Catalog, root
from toolkit.errors import EnvironmentFault
from toolkit.host import read_host
from toolkit.model import Interface, Server
from toolkit.store import utc_now, write_whole

RESULTS = REFERENCE / "deployment_proofs.json"
APPS = {Interface.WSGI: "flask", Interface.ASGI: "fastapi"}
SERVERS = (
    *("gunicorn-sync", "gunicorn-gthread", "gunicorn-gevent", "gunicorn-asgi", "gunicorn-uvicorn"),
    *("uvicorn", "granian-wsgi", "granian-asgi", "uwsgi", "hypercorn"),
    *("waitress", "cheroot", "gevent-pywsgi"),
)
MAX_REQUESTS = 120
WORKERS, SYNC_WORKERS, THREADS = 2, 4, 8
BEFORE, AFTER = 2.0, 4.0
RECYCLING = 24.0
ALONE, BESET = 5.0, 12.0
SLOW_CLIENTS = 50
LINGERING, ASKED = 4, 20
_REPLACED_WITHIN = 60.0
_SHOWN = (
    *("seconds", "stop_seconds", "exit_code", "replaced", "workers_seen", "replaced_after"),
    *("restarts", "events", "behind_proxy", "direct"),
)

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a scenario found.

    Attributes:
        load: The fates of the constant load, None: there was none.
        more: What else, by name.
    """

    load: Tally | None
    more: dict[str, Any] = field(default_factory=dict)


Scenario = Callable[[Deployment], Found]


def rolling(deployment: Deployment) -> Found:
    """Replace all replicas by the rendered script."""
    before = {one.id for one in deployment.containers()}

    def restart() -> None:
        deployment.script("rolling-restart")

    seconds, load = loaded(deployment, restart)
    replaced = len({one.id for one in deployment.containers()} - before)
    return Found(load=load, more={"seconds": seconds, "replaced": replaced})


def stop(deployment: Deployment) -> Found:
    """Stop one replica as the engine does, with the rendered grace, and start it again."""
    (one, *_) = deployment.containers()
    ended: dict[str, Any] = {}

    def restart() -> None:
        began = time.monotonic()
        deployment.compose("stop", one.service)
        ended["stop_seconds"] = round(time.monotonic() - began, 1)
        ended["exit_code"] = one.facts["State"]["ExitCode"]
        deployment.compose("start", one.service)
        until(lambda: answers(one.address), f"{one.service} after its start")

    seconds, load = loaded(deployment, restart)
    return Found(load=load, more={"seconds": seconds, **ended})


def recycle(deployment: Deployment, seconds: float = RECYCLING) -> Found:
    """Let workers be replaced after so many requests."""
    return _recycled(deployment, Load(deployment.proxy, mixture()), seconds)


def recycle_direct(deployment: Deployment) -> Found:
    """The same, with clients at the server itself."""
    (one, *_) = deployment.containers()
    return _recycled(deployment, Load(one.address, mixture()), RECYCLING)


def _recycled(deployment: Deployment, load: Load, seconds: float) -> Found:
    seen: set[int] = set()
    containers = deployment.containers()

    def watch() -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seen.update(worker.pid for one in containers for worker in one.workers())
            time.sleep(0.5)

    fates = during(load, watch, before=0.0, after=0.0)
    return Found(load=tally(fates), more={"workers_seen": len(seen)})


def killed(deployment: Deployment) -> Found:
    """Kill one worker at once, as the kernel does where memory is short."""
    (one, *_) = deployment.containers()
    # something else may just have been forked
    before = min((one.workers() for _ in range(3)), key=len)
    victim = before[0]
    replaced: dict[str, Any] = {"single_process": len(before) == 1}

    def end() -> None:
        kill(victim)
        # a container restarted under the same id has other processes
        try:
            seconds = until(
                lambda: _replaced(one, victim.pid, len(before)), "a new worker", _REPLACED_WITHIN
            )
        except EnvironmentFault as fault:
            raise EnvironmentFault(f"{fault}; before {before}, now {one.processes()}") from fault
        replaced["replaced_after"] = round(seconds, 1)
        until(lambda: answers(one.address), f"{one.service} after the kill")

    _, load = loaded(deployment, end)
    replaced["restarts"] = one.facts["RestartCount"]
    return Found(load=load, more=replaced)


def _replaced(one: Container, victim: int, count: int) -> bool:
    pids = [worker.pid for worker in one.workers()]
    return len(pids) >= count and victim not in pids


def slow(deployment: Deployment) -> Found:
    """Have many slow clients at the proxy."""
    return _beset(Load(deployment.proxy, mixture()), Load(deployment.proxy, mixture()), deployment)


def slow_direct(deployment: Deployment) -> Found:
    """Have many slow clients at the server itself."""
    (one, *_) = deployment.containers()
    return _beset(Load(one.address, mixture()), Load(one.address, mixture()), deployment)


def _beset(alone: Load, beset: Load, deployment: Deployment) -> Found:
    without = tally(during(alone, lambda: time.sleep(ALONE), before=0.0, after=0.0))
    address = beset.address
    fates, slow_clients = beside_slow(beset, address, SLOW_CLIENTS, BESET)
    until(lambda: answers(deployment.proxy), "an answer after slow clients")
    return Found(
        load=tally(fates),
        more={
            "alone": asdict(without),
            "slow_answered": slow_clients.answered,
            "slow_lost": dict(slow_clients.lost),
        },
    )


def linger(deployment: Deployment) -> Found:
    """Have clients that read their answer and do not close."""
    (one, *_) = deployment.containers()
    waits = {
        "behind_proxy": round(beside_lingering(deployment.proxy, LINGERING, ASKED), 3),
        "direct": round(beside_lingering(one.address, LINGERING, ASKED), 3),
    }
    return Found(load=None, more=waits)


def reload(deployment: Deployment) -> Found:
    """Have granian replace its workers."""
    (one, *_) = deployment.containers()
    before = {worker.pid for worker in one.workers()}

    def hang_up() -> None:
        subprocess.run(
            ["docker", "kill", "--signal", "HUP", one.id], check=True, capture_output=True
        )
        until(
            lambda: not before & {worker.pid for worker in one.workers()},
            "new workers",
            _REPLACED_WITHIN,
        )

    seconds, load = loaded(deployment, hang_up)
    return Found(load=load, more={"seconds": seconds})


def oom(deployment: Deployment) -> Found:
    """Have the app of one replica take more memory than it has."""
    (one, *_) = deployment.containers()
    before = one.workers()
    seen: dict[str, Any] = {"single_process": len(before) == 1}
    began = time.time()

    def fill() -> None:
        sizes = iter(range(100_000, 90_000, -1))

        def is_out() -> bool:
            fetch(one.address, f"/api/export?rows={next(sizes)}")
            return "oom" in one.events(began)

        until(is_out, "the end of the memory", _REPLACED_WITHIN)
        until(
            lambda: len(one.workers()) >= len(before) and answers(one.address),
            "what was out of memory",
            _REPLACED_WITHIN,
        )

    seconds, load = loaded(deployment, fill)
    seen |= {"seconds": seconds, "restarts": one.facts["RestartCount"]}
    return Found(load=load, more={**seen, "events": [*dict.fromkeys(one.events(began))]})


def loaded(deployment: Deployment, action: Callable[[], None]) -> tuple[float, Tally]:
    """Do something under the load; give the seconds that it took, and the load's fates."""
    took: list[float] = []

    def timed() -> None:
        began = time.monotonic()
        action()
        took.append(time.monotonic() - began)

    fates = during(Load(deployment.proxy, mixture()), timed, before=BEFORE, after=AFTER)
    return round(took[0], 1), tally(fates)


STEADY: dict[str, Scenario] = {
    "rolling": rolling,
    "stop": stop,
    "kill": killed,
    "slow": slow,
    "slow-direct": slow_direct,
    "linger": linger,
    "reload": reload,
}
RECYCLED: dict[str, Scenario] = {"recycle": recycle, "recycle-direct": recycle_direct}
MEMORY: dict[str, Scenario] = {"oom": oom}
SCENARIOS = (*STEADY, *RECYCLED, *MEMORY)
OUT_OF_MEMORY = {"waitress": "144m", "gunicorn-gthread": "240m"}
"""Servers that take too much memory: in the first process of the container, and in a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Scenarios that one deployment of a server is for.

    Attributes:
        server: The server.
        options: How it is rendered.
        scenarios: By name.
    """

    server: Server
    options: tuple[str, ...]
    scenarios: dict[str, Scenario]

    @property
    def stack(self) -> str:
        """The id of the stack."""
        return f"{APPS[self.server.interfaces[0]]}/{self.server.name}"


def parts_of(server: Server) -> Iterator[Part]:
    """Give the deployments of a server, each with the scenarios that it is for."""
    workers = SYNC_WORKERS if server.name == "gunicorn-sync" else WORKERS
    options = ["--workers", str(workers)] if "workers" in server.knobs else []
    options += ["--threads", str(THREADS)] if "threads" in server.knobs else []
    steady = {name: one for name, one in STEADY.items() if name != "reload" or _reloads(server)}
    yield Part(server=server, options=tuple(options), scenarios=steady)
    if "max_requests" in server.knobs:
        low = (*options, "--max-requests", str(MAX_REQUESTS))
        yield Part(server=server, options=low, scenarios=RECYCLED)
    if server.name in OUT_OF_MEMORY:
        little = (*options, "--memory", OUT_OF_MEMORY[server.name])
        yield Part(server=server, options=little, scenarios=MEMORY)


def _reloads(server: Server) -> bool:
    """Whether it has, instead of max_requests, a signal to replace its workers."""
    return server.name.startswith("granian")


class Results:
    """The result file: a record for each try of a scenario on a server, in the order of their end.

    Args:
        path: Where; what is in it already is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.document: dict[str, Any] = {
            "what": "benchmarks/deployment_proofs.py",
            "machine": {},
            "parameters": {
                "rates": {kind.name: kind.rate for kind in mixture()},
                "max_requests": MAX_REQUESTS,
                "slow_clients": SLOW_CLIENTS,
                "lingering": LINGERING,
            },
            "proofs": [],
        }
        if path.exists():
            self.document = json.loads(path.read_text(encoding="utf-8"))
        self.records: list[Record] = self.document["proofs"]

    def tries(self, server: str, scenario: str) -> int:
        """Count how often it came to an end."""
        case = (server, scenario)
        return sum(_case(one) == case and "failed" not in one for one in self.records)

    def put(self, record: Record) -> None:
        """Add a record; what failed before it is forgotten."""
        case = _case(record)
        self.records[:] = [one for one in self.records if _case(one) != case or "failed" not in one]
        self.records.append(record)
        self.document["machine"] = machine_of(read_host())
        write_whole(self._path.absolute(), text_of(self.document))


def _case(record: Record) -> tuple[str, str]:
    return record["server"], record["scenario"]


def prove(part: Part, names: Sequence[str], images: Images, results: Results) -> Iterator[Record]:
    """Deploy a server and go through these scenarios; give what each found."""
    left = list(names)
    while left:
        with tempfile.TemporaryDirectory(prefix="toolkit-proofs-") as name:
            deployment = Deployment(folder=Path(name), images=images)
            render(part.stack, deployment.folder, images, part.options)
            deployment.build()
            with deployment.running():
                packages = deployment.packages()
                for scenario, found in _until_failed(left, part, deployment):
                    record = {
                        "server": part.server.name,
                        "scenario": scenario,
                        "stack": part.stack,
                        "options": " ".join(part.options),
                        "date": utc_now(),
                        "packages": packages,
                        **found,
                    }
                    results.put(record)
                    yield record


def _until_failed(
    left: list[str], part: Part, deployment: Deployment
) -> Iterator[tuple[str, Record]]:
    """Go through scenarios, taking each from the list; what failed leaves nothing to go on with."""
    while left:
        name = left.pop(0)
        found = _attempt(part.scenarios[name], deployment)
        yield name, found
        if "failed" in found:
            return


def _attempt(scenario: Scenario, deployment: Deployment) -> Record:
    try:
        deployment.settle()
        began = time.time()
        found = scenario(deployment)
    except (EnvironmentFault, OSError, ValueError) as error:
        return {"failed": str(error), "said": deployment.last_words()}
    load = {} if found.load is None else asdict(found.load)
    return {**load, **found.more, "proxy_complains": deployment.complaints(began)}


def show(records: Sequence[Record], console: Console) -> None:
    """Print a table of what was lost, and of what else was found."""
    table = Table(title="Requests lost under constant load, of so many sent", title_justify="left")
    for column in ("server", "scenario", "lost", "sent", "gap s", "longest s", "found"):
        table.add_column(column, overflow="fold")
    for one in sorted(records, key=_place):
        lost = sum(one.get("lost", {}).values())
        table.add_row(
            one["server"],
            one["scenario"],
            "failed" if "failed" in one else "-" if "sent" not in one else str(lost),
            str(one.get("sent", "-")),
            str(one.get("gap", "-")),
            str(one.get("slowest", "-")),
            _remark(one),
        )
    console.print(table)


def _place(record: Record) -> tuple[int, int]:
    server = record["server"]
    order = SERVERS.index(server) if server in SERVERS else len(SERVERS)
    return order, SCENARIOS.index(record["scenario"])


def _remark(record: Record) -> str:
    if "failed" in record:
        return str(record["failed"]).splitlines()[0]
    if record["scenario"].startswith("slow"):
        alone = record["alone"]
        return (
            f"p99 {record['p99'] * 1e3:.0f} ms, alone {alone['p99'] * 1e3:.0f} ms; slow: "
            f"{record['slow_answered']} answered, {sum(record['slow_lost'].values())} lost"
        )
    known = [name for name in _SHOWN if name in record]
    said = [f"{name} {record[name]}" for name in known]
    kinds = [f"{count} {kind}" for kind, count in record.get("lost_kinds", {}).items()]
    reasons = [f"{count} {reason}" for reason, count in record.get("lost", {}).items()]
    return "; ".join([*said, *kinds, *reasons])


def go_through(
    chosen: Sequence[str], wanted: Callable[[str, str], bool], results: Results, say: Console
) -> Iterator[Record]:
    """Prove what is wanted of these servers; give the records, also of what cannot be deployed."""
    images = Images.found()
    known = {server.name: server for server in Catalog(root()).servers}
    for part in [part for name in chosen for part in parts_of(known[name])]:
        name = part.server.name
        try:
            for record in prove(
                part, [one for one in part.scenarios if wanted(name, one)], images, results
            ):
                say.print(f"{name} {record['scenario']}: {_remark(record) or 'nothing lost'}")
                yield record
        except EnvironmentFault as fault:
            # the others may do better
            yield {"server": name, "scenario": next(iter(part.scenarios)), "failed": str(fault)}


def main() -> int:
    """Go through the scenarios that are not in the result file yet, and print what they found.

    Returns:
        1 if a scenario came to no end, else 0: what was lost is a finding, and no fault of this.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", metavar="SERVER", help="default: all")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=SCENARIOS)
    parser.add_argument("--tries", type=int, default=1, help="how often in all (default: 1)")
    parser.add_argument("--summary", action="store_true", help="print what was done, do nothing")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    results = Results(arguments.results)
    if arguments.summary:
        show(results.records, Console())
        return 0

    def wanted(server: str, scenario: str) -> bool:
        return scenario in arguments.only and results.tries(server, scenario) < arguments.tries

    # a terminated script removes what it started, as an interrupted one does
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = arguments.servers or SERVERS
    done = [
        record
        for _ in range(arguments.tries)
        for record in go_through(chosen, wanted, results, Console(stderr=True))
    ]
    show(done, Console())
    return 1 if any("failed" in one for one in done) else 0


if __name__ == "__main__":
    sys.exit(main())
