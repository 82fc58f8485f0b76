"""Where PostgreSQL is looked for, who runs it, and where its data go."""

from pathlib import Path

import pytest

from toolkit.errors import EnvironmentFault
from toolkit.runtime import cluster, postgres
from toolkit.runtime.cluster import find_binaries, folders_for_data, user_for_server


def install(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)


def test_what_is_on_path_is_taken_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "path", "initdb", "postgres")
    install(tmp_path / "debian" / "17" / "bin", "initdb", "postgres")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    found = find_binaries(tmp_path / "debian")
    assert found.initdb == str(tmp_path / "path" / "initdb")
    assert found.server == str(tmp_path / "path" / "postgres")


def test_debians_folders_are_searched_the_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("9", "15", "17"):
        install(tmp_path / version / "bin", "initdb", "postgres")
    # a client alone is no server, whatever its version
    install(tmp_path / "18" / "bin", "psql")
    install(tmp_path / "lost+found" / "bin", "initdb", "postgres")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert find_binaries(tmp_path).server == str(tmp_path / "17" / "bin" / "postgres")


def test_without_postgresql_the_fault_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentFault, match="not installed") as caught:
        find_binaries(tmp_path)
    assert "apt-get install postgresql" in caught.value.hint
    assert "--runtime docker" in caught.value.hint


def test_only_root_needs_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert user_for_server() is None
    monkeypatch.setattr("os.geteuid", lambda: 0)
    found = user_for_server()
    assert found is not None
    assert 0 not in found


def test_root_without_an_unprivileged_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(cluster, "_UNPRIVILEGED", ("no-such-user",))
    with pytest.raises(EnvironmentFault, match="no-such-user"):
        user_for_server()


def test_data_go_to_memory_only_where_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(cluster, "_ROOM", 0)
    assert next(folders_for_data(None, memory)) == memory
    monkeypatch.setattr(cluster, "_ROOM", 2**62)
    assert memory not in folders_for_data(None, memory)
    assert tmp_path / "nothing" not in folders_for_data(None, tmp_path / "nothing")


def test_a_folder_that_others_cannot_reach_holds_no_data_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed" / "temporary"
    closed.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    monkeypatch.setattr("tempfile.tempdir", str(closed))
    assert closed in folders_for_data(None, tmp_path / "nothing")
    assert closed not in folders_for_data((65534, 65534), tmp_path / "nothing")


def test_the_report_names_the_settings_that_are_in_force() -> None:
    arguments = postgres.arguments(host="127.0.0.1", port=5, more="1")
    assert arguments[:4] == ["-c", "listen_addresses=127.0.0.1", "-c", "port=5"]
    assert arguments[-2:] == ["-c", "more=1"]
    summary = postgres.facts("17.1", "here").summary
    assert summary.startswith("PostgreSQL 17.1 (here); ")
    named = summary.partition("; ")[2].split(", ")
    assert "fsync=off" in named
    assert set(named) <= set(arguments)
