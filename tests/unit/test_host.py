"""The machine, on planted /proc and /sys trees."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from toolkit import host, machine

Plant = Callable[[str, str], None]

SOCKSTAT = """sockets: used 300
TCP: inuse 40 orphan 1 tw 60 alloc 50 mem 5
UDP: inuse 4 mem 2
"""


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Write a file below the planted ``proc``, ``cpu`` or ``cgroup``."""
    for module in (host, machine):
        monkeypatch.setattr(module, "_PROC", tmp_path / "proc")
        monkeypatch.setattr(module, "_CPU", tmp_path / "cpu")
        monkeypatch.setattr(module, "_CGROUP", tmp_path / "cgroup")

    def write(name: str, text: str) -> None:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return write


@pytest.fixture
def two_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [
        SimpleNamespace(
            user=10.0, nice=1.0, system=4.0, idle=80.0, iowait=2.0, irq=9.0, softirq=9.0, steal=3.0
        ),
        SimpleNamespace(user=20.0, system=5.0, idle=70.0),
    ]
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: times)


@pytest.mark.usefixtures("two_cpus")
def test_busy_is_what_processes_did_and_idle_what_nobody_wanted(plant: Plant) -> None:
    """Interrupts are neither, time stolen by a hypervisor is a thing of its own."""
    reading = host.read_counters((0,), (0, 1))
    assert reading.server is not None
    assert (reading.server.busy, reading.server.idle, reading.server.steal) == (15, 82, 3)
    assert reading.client is not None
    assert (reading.client.busy, reading.client.idle, reading.client.steal) == (40, 152, 3)


@pytest.mark.usefixtures("two_cpus")
def test_cpus_that_are_not_pinned_or_not_shown_have_no_times(plant: Plant) -> None:
    reading = host.read_counters((), (1, 2))
    assert (reading.server, reading.client) == (None, None)


@pytest.mark.usefixtures("two_cpus")
def test_the_wall_clock_is_told_by_its_distance_from_the_one_that_nobody_sets(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = SimpleNamespace(monotonic=lambda: 70.0, time=lambda: 1000.0)
    monkeypatch.setattr(host, "time", clocks)
    reading = host.read_counters((0,), (1,))
    assert (reading.at, reading.wall) == (70.0, 930.0)


@pytest.mark.usefixtures("two_cpus")
def test_what_linux_does_not_show_is_not_known(plant: Plant) -> None:
    reading = host.read_counters((0,), (1,))
    assert (reading.swapped, reading.frequency, reading.ports) == (None, None, None)


@pytest.mark.usefixtures("two_cpus")
def test_all_of_a_reading_comes_from_the_files_of_its_kind(plant: Plant) -> None:
    plant("proc/vmstat", "nr_free_pages 9\npswpin 30\npswpout 4\n")
    plant("cpu/cpu0/cpufreq/scaling_cur_freq", "2000000\n")
    plant("cpu/cpu1/cpufreq/scaling_cur_freq", "3000000\n")
    plant("proc/net/sockstat", SOCKSTAT)
    plant("proc/sys/net/ipv4/ip_local_port_range", "1000\t1999\n")
    plant("proc/sys/net/ipv4/tcp_tw_reuse", "2\n")
    reading = host.read_counters((0,), (1,))
    assert (reading.swapped, reading.frequency, reading.ports) == (34, 2e9, 0.04)
    assert host.read_counters((0, 1), ()).frequency == 2.5e9


@pytest.mark.parametrize(("reuse", "used"), [("0", 100), ("1", 40), ("2", 40), (None, 100)])
def test_waiting_ports_are_in_use_unless_the_kernel_uses_them_again(
    plant: Plant, reuse: str | None, used: int
) -> None:
    plant("proc/net/sockstat", SOCKSTAT)
    plant("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
    if reuse is not None:
        plant("proc/sys/net/ipv4/tcp_tw_reuse", f"{reuse}\n")
    assert host._ports_in_use() == pytest.approx(used / (60999 - 32768 + 1))


@pytest.mark.parametrize(
    ("sockstat", "ports"),
    [("", "1000 1999"), ("UDP: inuse 4 mem 2\n", "1000 1999"), (SOCKSTAT, ""), (SOCKSTAT, "1000")],
)
def test_ports_that_are_not_shown_whole_are_not_known(
    plant: Plant, sockstat: str, ports: str
) -> None:
    plant("proc/net/sockstat", sockstat)
    plant("proc/sys/net/ipv4/ip_local_port_range", ports)
    assert host._ports_in_use() is None


def test_a_cpu_without_a_frequency_does_not_count_in_the_mean(plant: Plant) -> None:
    plant("cpu/cpu0/cpufreq/scaling_cur_freq", "2000000\n")
    plant("cpu/cpu1/cpufreq/scaling_cur_freq", "<unknown>\n")
    assert host._frequency((0, 1, 2)) == 2e9
    assert host._frequency((1, 2)) is None


def test_a_kernel_without_swap_counters_tells_nothing_of_swap(plant: Plant) -> None:
    plant("proc/vmstat", "nr_free_pages 9\n")
    assert host._swapped_pages() is None


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_the_cpu_quota_is_read_in_both_versions_of_control_groups(
    plant: Plant, files: dict[str, str], quota: float | None
) -> None:
    for name, text in files.items():
        plant(f"cgroup/{name}", text)
    assert host.cpu_quota() == quota


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.max": "536870912\n"}, 2**29),
        ({"memory.max": "max\n"}, None),
        ({"memory/memory.limit_in_bytes": "536870912\n"}, 2**29),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ({}, None),
    ],
)
def test_the_memory_limit_is_read_in_both_versions_of_control_groups(
    plant: Plant, files: dict[str, str], limit: int | None
) -> None:
    for name, text in files.items():
        plant(f"cgroup/{name}", text)
    assert host.memory_limit() == limit


@pytest.mark.parametrize(
    ("file", "version"),
    [("cgroup/cgroup.controllers", "v2"), ("cgroup/cpu/tasks", "v1"), ("other", "none")],
)
def test_the_version_of_control_groups_is_told(plant: Plant, file: str, version: str) -> None:
    plant(file, "")
    assert machine.cgroup_version() == version


def test_siblings_are_those_of_the_physical_core_or_the_cpu_alone(plant: Plant) -> None:
    plant("cpu/cpu0/topology/thread_siblings_list", "0,4\n")
    assert machine.siblings((0, 1)) == {0: {0, 4}, 1: {1}}


def test_governors_are_named_once(plant: Plant) -> None:
    plant("cpu/cpu0/cpufreq/scaling_governor", "powersave\n")
    plant("cpu/cpu1/cpufreq/scaling_governor", "powersave\n")
    assert machine.governor((0, 1)) == "powersave"
    assert machine.governor((2,)) == "unknown"
