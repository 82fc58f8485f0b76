"""How long `toolkit --help` takes, beside a bare start of Python, measured in turns in one run."""

import statistics
import subprocess
import sys
import time

ROUNDS = 15
LIMIT = 0.3
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import click": [sys.executable, "-c", "import click"],
    "toolkit --help": [sys.executable, "-m", "toolkit", "--help"],
}


def main() -> int:
    """Print the medians and their ratio; end with 1 if --help takes longer than the limit."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    bare = medians["python -c pass"]
    for name, median in medians.items():
        print(f"{name:16} {median * 1e3:6.0f} ms  {median / bare:5.2f} x a bare start")
    return int(medians["toolkit --help"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
