"""What Linux tells of a server's processes, read straight from /proc: readings must be cheap.

proc(5), https://man7.org/linux/man-pages/man5/proc.5.html
"""

import os
import resource
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
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


@dataclass(frozen=True, slots=True)
class Cost:
    """What a set of processes has used, in seconds and bytes, and who they are as in ``Tree``."""

    cpu_user: float
    cpu_system: float
    memory: int
    processes: tuple[tuple[int, float], ...]


def read_cost(pids: Iterable[int], *, proc: Path = _PROC) -> Cost | None:
    """Read CPU time and memory only, which takes a tenth of the time that all the rest does.

    Memory is an upper bound: what each process has for itself, where a page that a fork shares with
    its parent counts for both, and once the most that one of them shows of files and shared memory.
    The exact number (PSS) has the kernel look at every page of every process.

    Returns:
        None where this machine does not show them, or none of them is left.
    """
    user = system = own = shared = 0
    processes: list[tuple[int, float]] = []
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):
            # times are fields 14 to 17: those of ended children are the last two
            fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
            _, resident, common = (proc / str(pid) / "statm").read_text().split()[:3]
            user += int(fields[11]) + int(fields[13])
            system += int(fields[12]) + int(fields[14])
            own += int(resident) - int(common)
            shared = max(shared, int(common))
            processes.append((pid, float(fields[19])))
    if not processes:
        return None
    memory = (own + shared) * resource.getpagesize()
    return Cost(user / _TICKS, system / _TICKS, memory, tuple(sorted(processes)))


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
