"""A deployment gets into a folder, and nothing of anybody else's gets lost."""

from pathlib import Path

import pytest

from toolkit.deployment.rendering import Written
from toolkit.deployment.writing import MARK, require_place, write
from toolkit.errors import ConfigError, EnvironmentFault

FILES = {MARK: Written(b"where from"), "deep/er/run": Written(b"#!/bin/sh\n", executable=True)}


def test_files_are_written_with_their_folders_and_modes(tmp_path: Path) -> None:
    write(FILES, tmp_path / "out")
    assert (tmp_path / "out" / MARK).read_bytes() == b"where from"
    assert (tmp_path / "out" / "deep" / "er" / "run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out" / MARK).stat().st_mode & 0o777 == 0o644


def test_a_deployment_may_be_written_over_and_what_lies_beside_it_stays(tmp_path: Path) -> None:
    """Secrets, above all, that were made for it."""
    write(FILES, tmp_path)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "SECRET_KEY").write_text("mine")
    require_place(tmp_path, force=False)
    write({MARK: Written(b"anew")}, tmp_path)
    assert (tmp_path / MARK).read_bytes() == b"anew"
    assert (tmp_path / "secrets" / "SECRET_KEY").read_text() == "mine"
    assert (tmp_path / "deep" / "er" / "run").exists()


def test_what_is_no_command_any_more_cannot_be_run(tmp_path: Path) -> None:
    write(FILES, tmp_path)
    write({"deep/er/run": Written(b"text")}, tmp_path)
    assert (tmp_path / "deep" / "er" / "run").stat().st_mode & 0o777 == 0o644


def test_the_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigError, match="holds files that are not of an earlier deployment"):
        require_place(tmp_path, force=False)
    require_place(tmp_path, force=True)


def test_an_empty_folder_and_none_at_all_will_do(tmp_path: Path) -> None:
    require_place(tmp_path, force=False)
    require_place(tmp_path / "new", force=False)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    for force in (False, True):
        with pytest.raises(ConfigError, match="is a file"):
            require_place(tmp_path / "out", force=force)


def test_what_cannot_be_written_is_the_machines_fault(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").touch()
    with pytest.raises(EnvironmentFault, match="cannot write to") as raised:
        write(FILES, tmp_path / "out")
    assert raised.value.exit_code == 3
