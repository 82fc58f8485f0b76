"""Processes on a planted /proc; this one stands in where the kernel is asked for a limit."""

import os
import resource
from pathlib import Path

import pytest

from toolkit.runtime import proctree
from toolkit.runtime.proctree import descendants, read_cost, read_tree

ME = os.getpid()


def plant(
    proc: Path,
    pid: int,
    *,
    start: int = 500,
    name: str = "python",
    switches: tuple[int, ...] = (10,),
    files: int | None = 3,
) -> None:
    """Write what Linux shows of a process: as many threads as numbers of switches."""
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    # from proc(5): state is field 3, the start time field 22
    rest = ["S", *map(str, range(4, 22)), str(start), "23", "24"]
    (folder / "stat").write_text(f"{pid} ({name}) {' '.join(rest)}\n")
    for number, count in enumerate(switches):
        task = folder / "task" / str(pid + number)
        task.mkdir(parents=True)
        (task / "status").write_text(
            f"Name:\t{name}\nvoluntary_ctxt_switches:\t{count}\nnonvoluntary_ctxt_switches:\t1\n"
        )
    if files is not None:
        (folder / "fd").mkdir()
        for number in range(files):
            (folder / "fd" / str(number)).touch()


def test_processes_are_told_by_number_and_start(tmp_path: Path) -> None:
    plant(tmp_path, 20, start=700)
    plant(tmp_path, 3, start=900)
    tree = read_tree([20, 3], proc=tmp_path)
    assert tree is not None
    assert tree.processes == ((3, 900.0), (20, 700.0))


@pytest.mark.parametrize("name", ["python", "a b", "x) S 1 2 3 (y", ")", "\n"])
def test_a_name_may_hold_anything(tmp_path: Path, name: str) -> None:
    plant(tmp_path, 3, start=900, name=name)
    tree = read_tree([3], proc=tmp_path)
    assert tree is not None
    assert tree.processes == ((3, 900.0),)


def test_threads_and_their_switches_are_added_up(tmp_path: Path) -> None:
    plant(tmp_path, 3, switches=(10, 20))
    plant(tmp_path, 8, switches=(5,))
    tree = read_tree([3, 8], proc=tmp_path)
    assert tree is not None
    assert (tree.threads, tree.switches) == (3, 35 + 3)


def test_of_very_many_threads_the_switches_are_not_read(tmp_path: Path) -> None:
    plant(tmp_path, 3, switches=(1,) * proctree._MOST_THREADS)
    plant(tmp_path, 900, switches=(1,))
    full, more = read_tree([3], proc=tmp_path), read_tree([3, 900], proc=tmp_path)
    assert full is not None
    assert full.switches == 2 * proctree._MOST_THREADS
    assert more is not None
    assert (more.threads, more.switches) == (proctree._MOST_THREADS + 1, None)


def test_open_files_are_a_part_of_the_limit_of_the_process_that_has_the_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {3: 100, 8: 10, 9: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "prlimit", lambda pid, _: (limits[pid], 1000))
    plant(tmp_path, 3, files=40)
    plant(tmp_path, 8, files=5)
    plant(tmp_path, 9, files=50)
    tree = read_tree([3, 8, 9], proc=tmp_path)
    assert tree is not None
    assert tree.open_files == 0.5
    unlimited = read_tree([9], proc=tmp_path)
    assert unlimited is not None
    assert unlimited.open_files == pytest.approx(0, abs=1e-6)


def test_the_limit_is_that_of_the_kernel(tmp_path: Path) -> None:
    plant(tmp_path, ME, files=7)
    tree = read_tree([ME], proc=tmp_path)
    assert tree is not None
    assert tree.open_files == pytest.approx(7 / resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def test_files_of_another_users_process_are_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(pid: int, _: int) -> tuple[int, int]:
        raise PermissionError

    monkeypatch.setattr(resource, "prlimit", refused)
    plant(tmp_path, 3)
    tree = read_tree([3], proc=tmp_path)
    assert tree is not None
    assert (tree.open_files, tree.threads) == (None, 1)


def test_a_process_that_has_gone_meanwhile_is_left_out(tmp_path: Path) -> None:
    plant(tmp_path, 3)
    tree = read_tree([3, 4], proc=tmp_path)
    assert tree is not None
    assert [pid for pid, _ in tree.processes] == [3]


def test_a_thread_that_has_gone_meanwhile_has_no_switches(tmp_path: Path) -> None:
    plant(tmp_path, 3, switches=(10, 20))
    (tmp_path / "3/task/4/status").unlink()
    tree = read_tree([3], proc=tmp_path)
    assert tree is not None
    assert (tree.threads, tree.switches) == (2, 11)


def test_where_no_process_is_shown_nothing_is_known(tmp_path: Path) -> None:
    assert read_tree([3], proc=tmp_path) is None
    assert read_tree([], proc=tmp_path) is None


def test_this_process_is_read_from_the_real_proc() -> None:
    tree = read_tree([ME])
    assert tree is not None
    ((pid, start),) = tree.processes
    assert pid == ME
    assert start > 0
    assert tree.threads >= 1


# who started whom


def children(proc: Path, pid: int, *by_task: str) -> None:
    """Write which processes each thread of a process has started."""
    for number, text in enumerate(by_task):
        task = proc / str(pid) / "task" / str(pid + number)
        task.mkdir(parents=True)
        (task / "children").write_text(text)


def test_descendants_are_those_of_all_threads_and_generations(tmp_path: Path) -> None:
    children(tmp_path, 10, "20 30 ", "40 ")
    children(tmp_path, 20, "21 ")
    children(tmp_path, 21, "")
    children(tmp_path, 30, "")
    children(tmp_path, 40, "")
    children(tmp_path, 99, "98 ")
    found = descendants(10, proc=tmp_path)
    assert found is not None
    assert sorted(found) == [20, 21, 30, 40]
    assert descendants(30, proc=tmp_path) == []


def test_a_descendant_that_has_gone_meanwhile_has_none(tmp_path: Path) -> None:
    children(tmp_path, 10, "20 30 ")
    children(tmp_path, 20, "21 ")
    children(tmp_path, 21, "")
    assert sorted(descendants(10, proc=tmp_path) or []) == [20, 21, 30]


def test_where_children_are_not_shown_descendants_are_not_known(tmp_path: Path) -> None:
    plant(tmp_path, 10)
    assert descendants(10, proc=tmp_path) is None
    assert descendants(11, proc=tmp_path) is None


def test_cost_is_added_up_with_that_of_ended_children_and_what_is_shared_counts_once(
    tmp_path: Path,
) -> None:
    for pid, resident, shared in ((3, 100, 60), (4, 50, 45)):
        plant(tmp_path, pid, start=pid * 10)
        (tmp_path / str(pid) / "statm").write_text(f"1000 {resident} {shared} 1 0 1 0\n")
    cost = read_cost([4, 3, 99], proc=tmp_path)
    assert cost is not None
    # `plant` writes its number into each field from proc(5)
    ticks = os.sysconf("SC_CLK_TCK")
    assert cost.cpu_user == 2 * (14 + 16) / ticks
    assert cost.cpu_system == 2 * (15 + 17) / ticks
    assert cost.memory == (40 + 5 + 60) * resource.getpagesize()
    assert cost.processes == ((3, 30.0), (4, 40.0))


def test_there_is_no_cost_of_what_has_gone(tmp_path: Path) -> None:
    assert read_cost([3], proc=tmp_path) is None
