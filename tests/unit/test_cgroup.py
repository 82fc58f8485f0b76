from pathlib import Path

import pytest

from toolkit.runtime.cgroup import find

ID = "f" * 64


def tree(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_version_2_is_read(tmp_path: Path) -> None:
    group = f"system.slice/docker-{ID}.scope"
    tree(
        tmp_path,
        {
            "proc/7/cgroup": f"0::/{group}\n",
            f"cg/{group}/cpu.stat": "usage_usec 1500000\nuser_usec 1\n",
            f"cg/{group}/memory.current": "1000\n",
            f"cg/{group}/memory.stat": "anon 5\ninactive_file 400\n",
        },
    )
    found = find(7, ID, proc=tmp_path / "proc", mount=tmp_path / "cg")
    assert found is not None
    usage = found.usage()
    assert (usage.cpu, usage.memory) == (1.5, 600)


def test_version_1_is_read(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "proc/7/cgroup": f"4:memory:/docker/{ID}\n2:cpuacct:/docker/{ID}\n0::/\n",
            f"cg/cpuacct/docker/{ID}/cpuacct.usage": "2500000000\n",
            f"cg/memory/docker/{ID}/memory.usage_in_bytes": "1000\n",
            f"cg/memory/docker/{ID}/memory.stat": "inactive_file 1\ntotal_inactive_file 300\n",
        },
    )
    found = find(7, ID, proc=tmp_path / "proc", mount=tmp_path / "cg")
    assert found is not None
    usage = found.usage()
    assert (usage.cpu, usage.memory) == (2.5, 700)


def test_a_process_of_another_container_is_not_taken_for_it(tmp_path: Path) -> None:
    tree(tmp_path, {"proc/7/cgroup": "0::/system.slice/docker-other.scope\n"})
    assert find(7, ID, proc=tmp_path / "proc", mount=tmp_path / "cg") is None


def test_a_process_that_is_not_shown_here_gives_nothing(tmp_path: Path) -> None:
    assert find(7, ID, proc=tmp_path, mount=tmp_path) is None


def test_a_group_that_went_with_its_container_is_an_error(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "proc/7/cgroup": f"0::/{ID}\n",
            f"cg/{ID}/cpu.stat": "usage_usec 1\n",
            f"cg/{ID}/memory.current": "1\n",
        },
    )
    found = find(7, ID, proc=tmp_path / "proc", mount=tmp_path / "cg")
    assert found is not None
    (tmp_path / "cg" / ID / "cpu.stat").unlink()
    with pytest.raises(OSError, match=r"cpu\.stat"):
        found.usage()
