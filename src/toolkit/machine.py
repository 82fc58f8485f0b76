"""What a machine is, from the files in which Linux shows it.

Also run in a container on another machine (``python -c``), so standard library only, and nothing
else of the toolkit.
"""

import contextlib
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

_CPU = Path("/sys/devices/system/cpu")
_CGROUP = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


def describe() -> dict[str, object]:
    """Describe the machine as it is now, as JSON can say it; a container sees its host.

    Returns:
        See ``measured.ServerHost``; beside that ``boot``, ``allowed`` (CPUs) and ``siblings``.
    """
    allowed = sorted(os.sched_getaffinity(0))
    return {
        "boot": boot_id(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu_model": cpu_model(),
        "cpus": os.cpu_count() or 1,
        "allowed": allowed,
        "siblings": {cpu: sorted(found) for cpu, found in siblings(allowed).items()},
        "memory": memory(),
        "cgroup": cgroup_version(),
        "governor": governor(allowed),
        "load_average": os.getloadavg(),
    }


def boot_id() -> str:
    """Tell this machine, since it was started, from all others; empty where Linux does not."""
    return read(_PROC / "sys/kernel/random/boot_id")


def machine_id() -> str:
    """Tell this machine from others, as far as it has a name."""
    return f"{platform.node()}-{read(Path('/etc/machine-id'))[:8]}".strip("-")


def siblings(cpus: Sequence[int]) -> dict[int, frozenset[int]]:
    """For each CPU those that share its physical core, itself included, as far as Linux tells."""
    found: dict[int, frozenset[int]] = {}
    for cpu in cpus:
        text = read(_CPU / f"cpu{cpu}" / "topology" / "thread_siblings_list")
        found[cpu] = parse_cpu_list(text) or frozenset({cpu})
    return found


def parse_cpu_list(text: str) -> frozenset[int]:
    """Read a kernel CPU list such as ``0-3,8``; empty for anything else."""
    cpus: set[int] = set()
    try:
        for part in filter(None, text.split(",")):
            first, _, last = part.partition("-")
            cpus.update(range(int(first), int(last or first) + 1))
    except ValueError:
        return frozenset()
    return frozenset(cpus)


def memory() -> int:
    """Bytes of memory, 0 where Linux does not tell."""
    for line in read(_PROC / "meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0


def cgroup_version() -> str:
    """``v2``, ``v1`` or ``none``."""
    if (_CGROUP / "cgroup.controllers").exists():
        return "v2"
    return "v1" if (_CGROUP / "cpu").exists() else "none"


def governor(cpus: Sequence[int]) -> str:
    """The frequency governors of the CPUs, ``unknown`` where Linux does not tell."""
    files = (_CPU / f"cpu{cpu}" / "cpufreq" / "scaling_governor" for cpu in cpus)
    found = sorted({read(file) for file in files} - {""})
    return ", ".join(found) or "unknown"


def cpu_model() -> str:
    """What the CPU calls itself, or else the kind it is of."""
    for line in read(_PROC / "cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def read(file: Path) -> str:
    """Read a small file; empty where there is none."""
    with contextlib.suppress(OSError):
        return file.read_text(encoding="utf-8").strip()
    return ""


if __name__ == "__main__":
    print(json.dumps(describe()))  # noqa: T201 - standard output is this program's answer
