# /// script
# requires-python = ">=3.11"
# dependencies = ["aiohttp==3.*", "httpx==0.28.*", "urllib3==2.*"]
# ///
"""What a call of another service costs the caller, by HTTP client and calls at once.

``.venv/bin/uv run --no-project benchmarks/http_clients.py [--write FILE]``: CPU time of this
process per call, against the toolkit's own upstream (another process), which answers after 20 ms.
The clients take turns; the median of five tries each. The reference apps use urllib3 and aiohttp.
"""

import argparse
import asyncio
import json
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from statistics import median

import aiohttp
import httpx
import urllib3

DELAYING = Path(__file__).parent.parent / "src" / "toolkit" / "delaying.py"
PATH = "/upstream?delay_ms=20&token=t"
AT_ONCE = (4, 16, 64)
CALLS, TRIES = 1024, 5
LIMITS = httpx.Limits(max_connections=256, max_keepalive_connections=256)


def with_urllib3(url: str, at_once: int) -> None:
    """Call from so many threads."""
    pool = urllib3.connection_from_url(url, maxsize=256)
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(lambda _: pool.request("GET", PATH).json(), range(CALLS)))


def with_httpx(url: str, at_once: int) -> None:
    """Call from so many threads."""
    with (
        httpx.Client(base_url=url, limits=LIMITS) as client,
        ThreadPoolExecutor(at_once) as threads,
    ):
        list(threads.map(lambda _: client.get(PATH).json(), range(CALLS)))


def with_httpx_async(url: str, at_once: int) -> None:
    """Call from so many tasks."""

    async def main() -> None:
        async with httpx.AsyncClient(base_url=url, limits=LIMITS) as client:

            async def work() -> None:
                for _ in range(CALLS // at_once):
                    (await client.get(PATH)).json()

            await asyncio.gather(*(work() for _ in range(at_once)))

    asyncio.run(main())


def with_aiohttp(url: str, at_once: int) -> None:
    """Call from so many tasks."""

    async def main() -> None:
        connector = aiohttp.TCPConnector(limit=256)
        async with aiohttp.ClientSession(url, connector=connector) as client:

            async def work() -> None:
                for _ in range(CALLS // at_once):
                    async with client.get(PATH) as answer:
                        await answer.json()

            await asyncio.gather(*(work() for _ in range(at_once)))

    asyncio.run(main())


CLIENTS: dict[str, Callable[[str, int], None]] = {
    "urllib3, threads": with_urllib3,
    "httpx, threads": with_httpx,
    "aiohttp, tasks": with_aiohttp,
    "httpx, tasks": with_httpx_async,
}


def measure(url: str) -> dict[str, dict[str, float]]:
    """Give microseconds of CPU per call, by client and calls at once."""
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(TRIES):
        for at_once in AT_ONCE:
            for name, call in CLIENTS.items():
                began = time.process_time()
                call(url, at_once)
                used = (time.process_time() - began) / CALLS * 1e6
                found.setdefault(name, {}).setdefault(str(at_once), []).append(used)
    return {
        name: {at_once: round(median(values)) for at_once, values in columns.items()}
        for name, columns in found.items()
    }


def main() -> None:
    """Measure all clients and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="store the result as JSON")
    arguments = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    upstream = subprocess.Popen([sys.executable, "-I", str(DELAYING), "127.0.0.1", str(port)])
    try:
        time.sleep(1)
        found = measure(f"http://127.0.0.1:{port}")
    finally:
        upstream.terminate()
        upstream.wait()
    print(f"{'us of CPU per call, calls at once':36}", *(f"{number:>7}" for number in AT_ONCE))
    for name, columns in found.items():
        print(f"{name:36}", *(f"{columns[str(number)]:>7}" for number in AT_ONCE))
    if arguments.write:
        document = {
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "python": platform.python_version(),
            "versions": {name: version(name) for name in ("aiohttp", "httpx", "urllib3")},
            "microseconds_per_call": found,
        }
        arguments.write.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
