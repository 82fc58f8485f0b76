"""Read what a container uses from its control group, where this machine shows it.

The engine's own answer takes up to a second (it publishes once a second), which blurs the ends of
a window of two. Both versions of control groups are read:
https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/{cpuacct,memory}.html beside it.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.measured import Usage
from toolkit.runtime.proctree import read_tree

_MOUNT = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Cgroup:
    """Folders of one control group, by controller; the same one thrice in version 2.

    Attributes:
        version: 1 or 2.
        account: With ``cpu.stat`` (version 2) or ``cpuacct.usage`` (version 1).
        quota: With ``cpu.stat``; None where that is not shown.
        memory: With ``memory.current`` or ``memory.usage_in_bytes``.
    """

    version: int
    account: Path
    quota: Path | None
    memory: Path

    def usage(self, *, each: bool = True) -> Usage:
        """Read what its processes use; memory without the page cache that can be given up at once.

        Args:
            each: Whether every process is looked at, for threads, files and switches: with dozens
                of them that takes tens of milliseconds of somebody's CPU.

        Raises:
            OSError: The group has gone, with its container.
        """
        at = time.monotonic()
        user, system = self._cpu()
        detail = _members((self.memory / "memory.stat").read_text())
        cache = int(detail.get("total_inactive_file", detail["inactive_file"]))
        tree = read_tree(self._pids()) if each else None
        return Usage(
            at=at,
            cpu_user=user,
            cpu_system=system,
            memory=max(int((self.memory / self._name_of_memory).read_text()) - cache, 0),
            throttled=self._throttled(),
            oom_kills=self._oom_kills(),
            processes=None if tree is None else tree.processes,
            threads=None if tree is None else tree.threads,
            open_files=None if tree is None else tree.open_files,
            switches=None if tree is None else tree.switches,
            swapped=self._swapped(detail),
        )

    def _pids(self) -> Iterator[int]:
        return map(int, (self.memory / "cgroup.procs").read_text().split())

    @property
    def _name_of_memory(self) -> str:
        return "memory.current" if self.version == 2 else "memory.usage_in_bytes"

    def _cpu(self) -> tuple[float, float]:
        if self.version == 2:
            stat = _members((self.account / "cpu.stat").read_text())
            return int(stat["user_usec"]) / 1e6, int(stat["system_usec"]) / 1e6
        total, user, system = (
            int((self.account / f"cpuacct.{name}").read_text()) / 1e9
            for name in ("usage", "usage_user", "usage_sys")
        )
        return divided(total, user, system)

    def _throttled(self) -> float | None:
        if self.quota is None:
            return None
        stat = _members((self.quota / "cpu.stat").read_text())
        if self.version == 2:
            return int(stat.get("throttled_usec", 0)) / 1e6
        return int(stat.get("throttled_time", 0)) / 1e9

    def _oom_kills(self) -> int | None:
        file = "memory.events" if self.version == 2 else "memory.oom_control"
        with contextlib.suppress(OSError):
            kills = _members((self.memory / file).read_text()).get("oom_kill")
            return None if kills is None else int(kills)
        return None

    def _swapped(self, detail: dict[str, str]) -> int | None:
        if self.version == 2:
            with contextlib.suppress(OSError):
                return int((self.memory / "memory.swap.current").read_text())
            return None
        swapped = detail.get("total_swap", detail.get("swap"))
        return None if swapped is None else int(swapped)


def divided(total: float, user: float, system: float) -> tuple[float, float]:
    """Divide exact CPU seconds as the sampled ones are, which are off by tens of per cent.

    Version 1 counts what runs when the clock ticks, so short bursts count for all or for nothing;
    only the sum is measured. Version 2 does this itself (``cputime_adjust`` in kernel/sched).
    """
    sampled = user + system
    if not sampled:
        return total, 0.0
    return total * user / sampled, total * system / sampled


def find(pid: int, container: str, *, proc: Path = _PROC, mount: Path = _MOUNT) -> Cgroup | None:
    """Find the control group of a container by the process that leads it.

    Args:
        pid: That process, as the engine numbers it ...
        container: ... and the container's full id. A group without it in its name is none of this
            container's: the engine may number processes of another machine.
        proc: Where processes are shown.
        mount: Where control groups are.

    Returns:
        None where its files cannot be read from here.
    """
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return None
    # HIERARCHY:CONTROLLERS:PATH; version 2 has one line, without controllers
    paths = {names: path.lstrip("/") for _, names, path in (line.split(":", 2) for line in lines)}
    folders: dict[str, Path] = {}
    version = 1
    for names, path in paths.items():
        if container not in path:
            continue
        for controller, file in _FILES[1 if names else 2].items():
            if names and controller not in names.split(","):
                continue
            folder = mount / (controller if names else "") / path
            if controller not in folders and (folder / file).is_file():
                folders[controller] = folder
                version = 1 if names else 2
    if not {"cpuacct", "memory"} <= folders.keys():
        return None
    return Cgroup(version, folders["cpuacct"], folders.get("cpu"), folders["memory"])


_FILES = {
    1: {"cpuacct": "cpuacct.usage", "cpu": "cpu.stat", "memory": "memory.usage_in_bytes"},
    2: {"cpuacct": "cpu.stat", "cpu": "cpu.stat", "memory": "memory.current"},
}
"""By version, controller and the file that shows that a folder is its."""


def _members(text: str) -> dict[str, str]:
    return dict(_pairs(text))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        yield name, value
