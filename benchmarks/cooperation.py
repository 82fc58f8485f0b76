"""How many waits do n requests take that each wait 100 ms for the upstream, sent all at once?

``.venv/bin/python benchmarks/cooperation.py [--write FILE]``: about one where a server gives way
while it waits, n on a sync worker. One server process each, on the process runtime; the clients are
threads of this script. The median of five tries, after one that is not counted.
"""

import argparse
import http.client
import json
import threading
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from toolkit.backing import open_backings
from toolkit.cli.wiring import session
from toolkit.config import Config, RuntimeConfig
from toolkit.host import read_host
from toolkit.model import Need
from toolkit.progress import Progress
from toolkit.store import utc_now

STACKS = (
    "flask/gunicorn-sync",
    "flask/gunicorn-gthread",
    "flask/gunicorn-gevent",
    "flask/gevent-pywsgi",
    "django/gunicorn-gevent",
    "bottle/gunicorn-gevent",
    "flask-async/gunicorn-sync",
    "flask-async/gunicorn-gthread",
    "fastapi/uvicorn",
    "litestar/uvicorn",
    "quart/uvicorn",
)
REQUESTS = 20
WAIT_MS = 100
TRIES = 5


def waits(url: str) -> float:
    """Send the requests at the same moment; give the time until the last answer, in waits."""
    address = urlsplit(url).netloc
    together = threading.Barrier(REQUESTS + 1)
    wrong: list[int] = []

    def ask() -> None:
        connection = http.client.HTTPConnection(address, timeout=60)
        connection.connect()
        together.wait()
        connection.request("GET", f"/upstream?delay_ms={WAIT_MS}&token=t")
        response = connection.getresponse()
        response.read()
        if response.status != http.client.OK:
            wrong.append(response.status)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(REQUESTS)]
    for thread in threads:
        thread.start()
    together.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    if wrong:
        raise SystemExit(f"{len(wrong)} answers were wrong: {wrong}")
    return (time.perf_counter() - began) / (WAIT_MS / 1000)


def main() -> None:
    """Measure all stacks and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="store the result as JSON")
    arguments = parser.parse_args()
    console = Console()
    table = Table("stack", "waits", title=f"{REQUESTS} requests that wait {WAIT_MS} ms at once")
    found: dict[str, float] = {}
    config = Config(runtime=RuntimeConfig(kind="process"))
    with session(config, "cooperation") as parts, Progress(console) as progress:
        shared = parts.catalog.path / "apps" / "shared"
        with open_backings(
            parts.runtime, [Need.UPSTREAM], shared, progress, knobs=config.server
        ) as backings:
            for stack in parts.catalog.select_stacks(STACKS):
                parts.runtime.prepare(stack, progress)
                environment = backings.environment(stack)
                with parts.runtime.serve(stack, environment) as service:
                    tries = [waits(service.url) for _ in range(1 + TRIES)]
                found[stack.id] = round(median(tries[1:]), 2)
                table.add_row(stack.id, f"{found[stack.id]:.2f}")
    console.print(table)
    if arguments.write:
        host = read_host()
        document = {
            "date": utc_now(),
            "machine": f"{host.cpus} CPUs, {host.cpu_model}, {host.system}",
            "python": host.python,
            "requests": REQUESTS,
            "wait_ms": WAIT_MS,
            "waits": found,
        }
        arguments.write.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
