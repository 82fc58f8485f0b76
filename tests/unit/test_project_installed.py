"""A project that is not installed is known to importlib.metadata as one that is."""

from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from toolkit.project.installed import describe


def known(folder: Path, pyproject: str) -> list[Distribution]:
    (folder / "pyproject.toml").write_text(pyproject, encoding="utf-8")
    describe(folder)
    return list(distributions(path=[str(folder)]))


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ('[project]\nname = "My.Shop"\nversion = "1.2"\n', "My.Shop", "1.2"),
        ('[tool.poetry]\nname = "shop"\nversion = "3"\n', "shop", "3"),
        ('[project]\nname = "shop"\ndynamic = ["version"]\n', "shop", "0"),
    ],
)
def test_a_project_finds_its_own_version(
    tmp_path: Path, text: str, name: str, version: str
) -> None:
    (found,) = known(tmp_path, text)
    assert (found.metadata["Name"], found.version) == (name, version)


def test_commands_of_plug_ins_are_found(tmp_path: Path) -> None:
    text = '[project]\nname = "a"\n[project.entry-points."flask.commands"]\nx = "a.cli:x"\n'
    (found,) = known(tmp_path, text)
    (point,) = found.entry_points
    assert (point.group, point.name, point.value) == ("flask.commands", "x", "a.cli:x")


@pytest.mark.parametrize(
    "text",
    [
        "[project",
        '[project]\nname = "../../out"\n',
        '[project]\nname = "a"\nversion = "1/../../../out"\n',
        '[project]\nname = "a\\nb"\n',
        '[project]\nname = "a"\nentry-points = 1\n',
        "[tool.other]\n",
    ],
)
def test_what_names_no_project_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    assert known(tmp_path, text) == []
    assert [file.name for file in tmp_path.iterdir()] == ["pyproject.toml"]
