"""Which environment a project of one's own gets."""

from pathlib import Path

import pytest

from toolkit.config import ImageConfig
from toolkit.model import Project
from toolkit.runtime import environments


class Quiet:
    """An observer that nothing is told."""


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the environments asked for, none of which is made."""
    names: list[str] = []
    monkeypatch.setattr(environments, "_ensure", lambda name, *_: names.append(name))
    return names


def ask(folder: Path, *install: str, identity: str = "c0ffee") -> None:
    project = Project(name="x", folder=folder, identity=identity, install=install)
    environments.ensure_project_environment(project, ImageConfig(), Quiet())  # type: ignore[arg-type]


def test_two_versions_with_the_same_requirements_share_one(
    named: list[str], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "requirements.txt").write_text("flask==3.1.3\n")
        ask(tmp_path / name, "-r", "requirements.txt", identity=name)
    assert named[0] == named[1]


def test_another_requirement_makes_another_one(named: list[str], tmp_path: Path) -> None:
    for version in ("3.1.2", "3.1.3"):
        (tmp_path / "requirements.txt").write_text(f"flask=={version}\n")
        ask(tmp_path, "-r", "requirements.txt")
    assert named[0] != named[1]


def test_what_is_installed_from_the_folder_goes_by_its_identity(
    named: list[str], tmp_path: Path
) -> None:
    """Not by all that lies in it: results of earlier checks do, too."""
    ask(tmp_path, ".", identity="one")
    (tmp_path / "results").mkdir()
    ask(tmp_path, ".", identity="one")
    ask(tmp_path, ".", identity="two")
    assert named[0] == named[1] != named[2]
