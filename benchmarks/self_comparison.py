"""How often `toolkit bench --aa` calls a tie: a stack against itself, run after run.

Every run is the command as a user gives it, in a process of its own. What remains of the arguments
is passed on, as in `self_comparison.py --runs 20 --output FILE -- --runtime process`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from toolkit.errors import ConfigError
from toolkit.host import read_host
from toolkit.noise import NoiseFloor, noise_floors
from toolkit.store import Store, utc_now

_INTERESTING = (0, 4)
"""Exit codes of a bench that came to its end; 4 says that some trials were not valid."""


def once(stack: str, arguments: list[str]) -> NoiseFloor | None:
    """Run the command; give what it found, None if too few trials were valid for a ratio."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "toolkit", "bench", "--aa", stack, "--results", folder]
        done = subprocess.run([*command, *arguments], check=False, capture_output=True, text=True)
        if done.returncode not in _INTERESTING:
            raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")
        try:
            floors = noise_floors(Store(Path(folder)).load())
        except ConfigError as error:
            raise SystemExit(str(error)) from None
    return floors[0] if floors else None


def main() -> int:
    """Run, print, and write what was found if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--stack", default="flask/gunicorn-gthread")
    parser.add_argument("--output", type=Path, help="JSON file for all ratios")
    parser.add_argument("arguments", nargs="*", help="passed on to toolkit bench")
    given = parser.parse_args()
    host, began = read_host(), utc_now()
    found: list[NoiseFloor] = []
    for number in range(1, given.runs + 1):
        floor = once(given.stack, given.arguments)
        if floor is None or floor.ratio.low is None or floor.ratio.high is None:
            print(f"run {number:2}: too few valid rounds for an interval", flush=True)
            continue
        found.append(floor)
        ratio = floor.ratio
        print(
            f"run {number:2}: {ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] "
            f"{'tie' if ratio.tie else 'DIFFERENCE'}, {ratio.pairs} rounds",
            flush=True,
        )
    ties = sum(floor.ratio.tie is True for floor in found)
    print(f"{ties} of {given.runs} runs of {given.stack} against itself called a tie")
    if found:
        spreads = [floor.spread for floor in found if floor.spread is not None]
        widths = [floor.ratio.precision or 0.0 for floor in found]
        print(
            f"medians of the runs: one round is off by {median(spreads):.1%} (standard deviation), "
            f"differences are told from {median(widths):.1%} on"
        )
    if given.output:
        document = {
            "what": "benchmarks/self_comparison.py",
            "at": began,
            "machine": f"{host.cpus} CPUs, {host.cpu_model}, {host.system}",
            "stack": given.stack,
            "arguments": given.arguments,
            "runs": given.runs,
            "ties": ties,
            "found": [
                {
                    "ratio": floor.ratio.value,
                    "low": floor.ratio.low,
                    "high": floor.ratio.high,
                    "rounds": floor.ratio.pairs,
                    "tie": floor.ratio.tie,
                    "spread": floor.spread,
                }
                for floor in found
            ],
        }
        given.output.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
