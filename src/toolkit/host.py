"""Facts about this machine: what is measured on, and what limits it."""

import contextlib
import importlib.metadata
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

import toolkit
from toolkit.machine import cgroup_version, cpu_model, governor, read
from toolkit.measured import CpuTimes, Host, HostReading

_CPU = Path("/sys/devices/system/cpu")
_CGROUP = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


def read_host() -> Host:
    """Describe the machine as it is now."""
    return Host(
        system=f"{platform.system()} {platform.release()}",
        cpu_model=cpu_model(),
        cpus=os.cpu_count() or 1,
        allowed_cpus=allowed_cpus(),
        cpu_quota=cpu_quota(),
        memory=int(psutil.virtual_memory().total),
        cgroup=cgroup_version(),
        governor=governor(allowed_cpus()),
        load_average=psutil.getloadavg(),
        python=platform.python_version(),
        toolkit=toolkit.__version__,
        locust=importlib.metadata.version("locust"),
    )


def allowed_cpus() -> tuple[int, ...]:
    """Logical CPUs this process may use; empty where the platform cannot pin."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    return tuple(sorted(os.sched_getaffinity(0)))


def read_counters(server_cpus: Sequence[int], client_cpus: Sequence[int]) -> HostReading:
    """Read what the machine has done so far; see ``HostReading``.

    A CPU is idle when nobody wants it. Time in which a hypervisor runs somebody else is neither
    idle nor busy, and neither is the kernel's work for the network, which no process is charged
    with.
    """
    times = psutil.cpu_times(percpu=True)
    at = time.monotonic()
    return HostReading(
        at=at,
        wall=time.time() - at,
        server=_times_of(server_cpus, times),
        client=_times_of(client_cpus, times),
        swapped=_swapped_pages(),
        frequency=_frequency(server_cpus),
        ports=_ports_in_use(),
    )


def _times_of(cpus: Sequence[int], times: Sequence[Any]) -> CpuTimes | None:
    if not cpus or max(cpus) >= len(times):
        return None
    mine = [times[cpu] for cpu in cpus]
    return CpuTimes(
        busy=sum(cpu.user + cpu.system + getattr(cpu, "nice", 0.0) for cpu in mine),
        idle=sum(cpu.idle + getattr(cpu, "iowait", 0.0) for cpu in mine),
        steal=sum(getattr(cpu, "steal", 0.0) for cpu in mine),
    )


def _swapped_pages() -> int | None:
    lines = dict(line.split() for line in read(_PROC / "vmstat").splitlines())
    if "pswpin" not in lines:
        return None
    return int(lines["pswpin"]) + int(lines["pswpout"])


def _frequency(cpus: Sequence[int]) -> float | None:
    texts = [read(_CPU / f"cpu{cpu}" / "cpufreq" / "scaling_cur_freq") for cpu in cpus]
    known = [float(text) * 1e3 for text in texts if text.isdigit()]
    return sum(known) / len(known) if known else None


def _ports_in_use() -> float | None:
    """Sockets of TCP as part of the local ports there are.

    Those in TIME_WAIT count unless the kernel uses their ports again on loopback, as it does by
    default (tcp_tw_reuse 2, https://docs.kernel.org/networking/ip-sysctl.html).
    """
    settings = _PROC / "sys/net/ipv4"
    first_last = read(settings / "ip_local_port_range").split()
    tcp = next((x for x in read(_PROC / "net/sockstat").splitlines() if x.startswith("TCP:")), "")
    words = tcp.split()
    if len(first_last) != 2 or "inuse" not in words or "tw" not in words:
        return None
    used = int(words[words.index("inuse") + 1])
    if read(settings / "tcp_tw_reuse") not in ("1", "2"):
        used += int(words[words.index("tw") + 1])
    return used / (int(first_last[1]) - int(first_last[0]) + 1)


def cpu_quota() -> float | None:
    """Cores this process's control group may use at once, None without a quota.

    ``cpu.max`` in cgroup v2, ``cpu.cfs_quota_us`` in v1; ``os.cpu_count`` knows neither.
    """
    quota, _, period = read(_CGROUP / "cpu.max").partition(" ")
    if not quota:
        quota = read(_CGROUP / "cpu" / "cpu.cfs_quota_us")
        period = read(_CGROUP / "cpu" / "cpu.cfs_period_us")
    with contextlib.suppress(ValueError):
        if int(quota) > 0:
            return int(quota) / int(period)
    return None


def memory_limit() -> int | None:
    """Bytes this process's control group may use, None without a limit."""
    text = read(_CGROUP / "memory.max") or read(_CGROUP / "memory" / "memory.limit_in_bytes")
    # version 1 writes the largest number of pages for "none"
    return int(text) if text.isdigit() and int(text) < 2**60 else None
