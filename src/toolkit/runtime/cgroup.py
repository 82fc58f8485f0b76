"""Read what a container uses from its control group, where this machine shows it.

The engine's own answer takes up to a second (it publishes once a second), which blurs the ends of
a window of two. Both versions of control groups are read:
https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/{cpuacct,memory}.html beside it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.model import Usage

_MOUNT = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Cgroup:
    """Files of one control group.

    Attributes:
        cpu: ``cpu.stat`` (version 2) or ``cpuacct.usage`` (version 1).
        memory: ``memory.current`` or ``memory.usage_in_bytes``, with ``memory.stat`` beside it.
    """

    cpu: Path
    memory: Path

    def usage(self) -> Usage:
        """Read CPU time, and memory without the page cache that can be given up at once.

        Raises:
            OSError: The group has gone, with its container.
        """
        at = time.monotonic()
        cpu = self.cpu.read_text()
        if self.cpu.name == "cpu.stat":
            seconds = int(_members(cpu)["usage_usec"]) / 1e6
        else:
            seconds = int(cpu) / 1e9
        detail = _members((self.memory.parent / "memory.stat").read_text())
        cache = detail.get("total_inactive_file", detail["inactive_file"])
        charged = int(self.memory.read_text())
        return Usage(at=at, cpu=seconds, memory=max(charged - int(cache), 0))


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
    files = {}
    for controller, candidates in _candidates().items():
        for names, path in paths.items():
            if container not in path or (names and controller not in names.split(",")):
                continue
            folder = mount / (controller if names else "") / path
            found = next((folder / name for name in candidates if (folder / name).is_file()), None)
            if found is not None:
                files[controller] = found
    if len(files) < len(_candidates()):
        return None
    return Cgroup(cpu=files["cpuacct"], memory=files["memory"])


def _candidates() -> dict[str, tuple[str, ...]]:
    """File names by the controller of version 1 that has them, those of version 2 first."""
    return {
        "cpuacct": ("cpu.stat", "cpuacct.usage"),
        "memory": ("memory.current", "memory.usage_in_bytes"),
    }


def _members(text: str) -> dict[str, str]:
    return dict(_pairs(text))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        yield name, value
