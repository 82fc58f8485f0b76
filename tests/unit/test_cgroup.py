import os
from pathlib import Path

import pytest

from toolkit.runtime.cgroup import Cgroup, find

ID = "f" * 64
ME = os.getpid()


def tree(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def version_2(root: Path, group: str = f"system.slice/docker-{ID}.scope", **more: str) -> None:
    tree(
        root,
        {
            "proc/7/cgroup": f"0::/{group}\n",
            f"cg/{group}/cpu.stat": (
                "usage_usec 1700000\nuser_usec 1500000\nsystem_usec 200000\n"
                "nr_periods 9\nnr_throttled 3\nthrottled_usec 250000\n"
            ),
            f"cg/{group}/memory.current": "1000\n",
            f"cg/{group}/memory.stat": "anon 5\ninactive_file 400\n",
            f"cg/{group}/memory.events": "low 0\noom 3\noom_kill 2\n",
            f"cg/{group}/memory.swap.current": "128\n",
            f"cg/{group}/cgroup.procs": "",
            **{f"cg/{group}/{name}": text for name, text in more.items()},
        },
    )


def version_1(root: Path, **more: str) -> None:
    memory = f"cg/memory/docker/{ID}"
    tree(
        root,
        {
            "proc/7/cgroup": (
                f"12:cpu,cpuacct:/docker/{ID}\n4:memory:/docker/{ID}\n"
                f"1:name=systemd:/docker/{ID}\n0::/\n"
            ),
            f"cg/cpuacct/docker/{ID}/cpuacct.usage": "6400000000\n",
            f"cg/cpuacct/docker/{ID}/cpuacct.usage_user": "2500000000\n",
            f"cg/cpuacct/docker/{ID}/cpuacct.usage_sys": "700000000\n",
            f"cg/cpu/docker/{ID}/cpu.stat": "nr_periods 9\nthrottled_time 250000000\n",
            f"{memory}/memory.usage_in_bytes": "1000\n",
            f"{memory}/memory.stat": "inactive_file 1\ntotal_inactive_file 300\ntotal_swap 64\n",
            f"{memory}/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
            f"{memory}/cgroup.procs": "",
            **{f"{memory}/{name}": text for name, text in more.items()},
        },
    )


def found(root: Path) -> Cgroup:
    group = find(7, ID, proc=root / "proc", mount=root / "cg")
    assert group is not None
    return group


def test_version_2_is_read(tmp_path: Path) -> None:
    version_2(tmp_path)
    usage = found(tmp_path).usage()
    assert (usage.cpu_user, usage.cpu_system, usage.cpu) == (1.5, 0.2, 1.7)
    assert usage.memory == 600
    assert (usage.throttled, usage.oom_kills, usage.swapped) == (0.25, 2, 128)


def test_version_1_is_read(tmp_path: Path) -> None:
    version_1(tmp_path)
    usage = found(tmp_path).usage()
    # the sum is measured; its parts are sampled, twice too few here, and only divide it
    assert (usage.cpu_user, usage.cpu_system) == pytest.approx((5.0, 1.4))
    assert usage.cpu == pytest.approx(6.4)
    assert usage.memory == 700
    assert (usage.throttled, usage.oom_kills, usage.swapped) == (0.25, 4, 64)


def test_memory_is_never_less_than_nothing(tmp_path: Path) -> None:
    """The two numbers are read one after the other: the cache may have grown meanwhile."""
    version_2(tmp_path, **{"memory.stat": "inactive_file 5000\n"})
    assert found(tmp_path).usage().memory == 0


@pytest.mark.parametrize(
    ("missing", "field"),
    [("memory.events", "oom_kills"), ("memory.swap.current", "swapped")],
)
def test_what_an_older_kernel_does_not_show_is_not_known(
    tmp_path: Path, missing: str, field: str
) -> None:
    version_2(tmp_path)
    next(tmp_path.rglob(missing)).unlink()
    assert getattr(found(tmp_path).usage(), field) is None


def test_without_a_quota_version_2_was_never_throttled(tmp_path: Path) -> None:
    """The line is there only where the controller of the CPU is on."""
    version_2(tmp_path, **{"cpu.stat": "usage_usec 3\nuser_usec 2\nsystem_usec 1\n"})
    assert found(tmp_path).usage().throttled == 0


def test_without_the_quotas_controller_throttling_in_version_1_is_not_known(
    tmp_path: Path,
) -> None:
    version_1(tmp_path)
    next((tmp_path / "cg/cpu").rglob("cpu.stat")).unlink()
    assert found(tmp_path).usage().throttled is None


def test_processes_are_those_of_the_group(tmp_path: Path) -> None:
    """This one, which is there, and one that has gone meanwhile."""
    version_2(tmp_path, **{"cgroup.procs": f"{ME}\n4194305\n"})
    usage = found(tmp_path).usage()
    assert usage.processes is not None
    assert [pid for pid, _ in usage.processes] == [ME]
    assert usage.threads is not None
    assert usage.threads >= 1
    assert usage.switches is not None
    assert usage.switches > 0
    assert usage.open_files is not None
    assert 0 < usage.open_files <= 1


def test_processes_are_not_looked_at_where_only_the_cost_is_wanted(tmp_path: Path) -> None:
    """A database has dozens, and is read while the load runs."""
    version_2(tmp_path, **{"cgroup.procs": f"{ME}\n"})
    every, cost = found(tmp_path).usage(), found(tmp_path).usage(each=False)
    assert every.processes is not None
    assert (cost.processes, cost.threads, cost.open_files) == (None, None, None)
    assert (cost.cpu_user, cost.memory) == (every.cpu_user, every.memory)


@pytest.mark.parametrize("procs", ["", "0\n0\n", "4194305\n"])
def test_processes_of_another_pid_namespace_are_not_known(tmp_path: Path, procs: str) -> None:
    """The kernel writes 0 for a process that is not visible from here (cgroups(7))."""
    version_2(tmp_path, **{"cgroup.procs": procs})
    usage = found(tmp_path).usage()
    assert (usage.processes, usage.threads, usage.switches, usage.open_files) == (None,) * 4
    assert usage.memory == 600


def test_a_process_of_another_container_is_not_taken_for_it(tmp_path: Path) -> None:
    tree(tmp_path, {"proc/7/cgroup": "0::/system.slice/docker-other.scope\n"})
    assert find(7, ID, proc=tmp_path / "proc", mount=tmp_path / "cg") is None


def test_controllers_of_version_1_may_have_groups_of_their_own(tmp_path: Path) -> None:
    version_1(tmp_path)
    (tmp_path / "cg/memory/docker").rename(tmp_path / "cg/memory/elsewhere")
    lines = f"12:cpu,cpuacct:/docker/{ID}\n4:memory:/elsewhere/{ID}\n"
    (tmp_path / "proc/7/cgroup").write_text(lines)
    usage = found(tmp_path).usage()
    assert (usage.memory, usage.throttled) == (700, 0.25)
    assert usage.cpu == pytest.approx(6.4)


def test_a_group_that_is_not_mounted_here_gives_nothing(tmp_path: Path) -> None:
    version_1(tmp_path)
    next(tmp_path.rglob("memory.usage_in_bytes")).unlink()
    assert find(7, ID, proc=tmp_path / "proc", mount=tmp_path / "cg") is None


def test_a_process_that_is_not_shown_here_gives_nothing(tmp_path: Path) -> None:
    assert find(7, ID, proc=tmp_path, mount=tmp_path) is None


def test_a_group_that_went_with_its_container_is_an_error(tmp_path: Path) -> None:
    version_2(tmp_path)
    group = found(tmp_path)
    next(tmp_path.rglob("cpu.stat")).unlink()
    with pytest.raises(OSError, match=r"cpu\.stat"):
        group.usage()
