"""What Linux tells of a server's processes, read straight from /proc: readings must be cheap.

proc(5), https://man7.org/linux/man-pages/man5/proc.5.html
"""

import resource
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_MOST_THREADS = 64
"""Threads from which context switches are not read: it would take longer than it is worth."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A set of processes at one moment; see ``measured.Usage`` for the fields."""

    processes: tuple[tuple[int, float], ...]
    threads: int
    open_files: float | None
    switches: int | None


def read_tree(pids: Iterable[int], *, proc: Path = _PROC) -> Tree | None:
    """Read processes by id; those that have gone meanwhile are left out.

    Returns:
        None where this machine does not show them.
    """
    processes: list[tuple[int, float]] = []
    threads = switches = 0
    fullest = 0.0
    files_known = False
    for pid in pids:
        folder = proc / str(pid)
        with suppress(OSError, ValueError, IndexError):
            # after the name, which may hold anything: state is field 3, start time field 22
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            processes.append((pid, float(fields[19])))
            tasks = [task.name for task in (folder / "task").iterdir()]
            threads += len(tasks)
            if threads <= _MOST_THREADS:
                switches += sum(_switches(folder / "task" / task / "status") for task in tasks)
        with suppress(OSError):
            fullest = max(fullest, len(list((folder / "fd").iterdir())) / _limit(pid))
            files_known = True
    if not processes:
        return None
    return Tree(
        processes=tuple(sorted(processes)),
        threads=threads,
        open_files=fullest if files_known else None,
        switches=switches if threads <= _MOST_THREADS else None,
    )


def descendants(pid: int, *, proc: Path = _PROC) -> list[int] | None:
    """Give the processes that a process has started, and those that they have.

    Only they are looked at. To find out the parent of every process of the machine, as psutil does,
    takes milliseconds, in which the load generator may wait for the CPU and calls it latency.

    Returns:
        None where this machine does not show them.
    """
    if not (proc / str(pid) / "task" / str(pid) / "children").exists():
        return None
    found: list[int] = []
    parents = [pid]
    while parents:
        with suppress(OSError):  # it has ended
            for task in (proc / str(parents.pop()) / "task").iterdir():
                children = [int(child) for child in (task / "children").read_text().split()]
                found += children
                parents += children
    return found


def _switches(status: Path) -> int:
    total = 0
    with suppress(OSError):
        for line in status.read_text().splitlines():
            if "ctxt_switches" in line:
                total += int(line.partition(":")[2])
    return total


def _limit(pid: int) -> int:
    """Give the soft limit of open files of a process."""
    if not hasattr(resource, "prlimit"):
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    soft = resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
    return soft if soft > 0 else 2**31
