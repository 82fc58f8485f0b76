"""How the image of a project is built: what is asked of the engine, and what is removed."""

from pathlib import Path

import pytest

from toolkit.catalog import Catalog
from toolkit.config import ImageConfig
from toolkit.errors import StackError
from toolkit.model import Project
from toolkit.runtime.images import Images

BUILT = "sha256:new"


class FakeEngine:
    """Holds some images, by name or id."""

    def __init__(self, **images: str) -> None:
        self.images = images
        self.removed: list[str] = []

    def image_id(self, tag: str) -> str | None:
        return self.images.get("tag") if tag.startswith("toolkit/project:") else tag

    def has_image(self, tag: str) -> bool:
        return tag in self.images.values()

    def remove_unused(self, image: str) -> None:
        self.removed.append(image)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Give a project, and a docker command that says it has built its image."""
    docker = tmp_path / "docker"
    docker.write_text(
        "#!/bin/sh\n"
        f'echo "$@" > {tmp_path}/asked\n'
        f'while [ "$1" != --iidfile ]; do shift; done\nprintf {BUILT} > "$2"\n'
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return Project(name="shop (base)", folder=tmp_path, dockerfile="Dockerfile")


class Quiet:
    """An observer that nothing is kept of."""

    def noted(self, message: str) -> None:
        pass


def build(engine: FakeEngine, project: Project) -> str:
    images = Images(engine, Catalog(Path()), ImageConfig())  # type: ignore[arg-type]
    return images.of_project(project, Quiet())  # type: ignore[arg-type]


def test_what_was_built_is_known_by_its_id_and_labelled(project: Project, tmp_path: Path) -> None:
    assert build(FakeEngine(built=BUILT), project) == BUILT
    asked = (tmp_path / "asked").read_text()
    assert "--label toolkit.project=shop (base)" in asked
    assert "--label toolkit.builder=" in asked


def test_an_image_that_the_engine_does_not_hold_is_told_of(project: Project) -> None:
    """As a builder in a container of its own leaves it; the name may mean an older one here."""
    with pytest.raises(StackError, match="the engine does not hold it") as raised:
        build(FakeEngine(tag="sha256:old"), project)
    assert "buildx" in raised.value.hint


@pytest.mark.parametrize(
    ("before", "removed"),
    [({}, []), ({"tag": BUILT}, []), ({"tag": "sha256:old"}, ["sha256:old"])],
)
def test_there_is_one_image_of_each_side(
    project: Project, before: dict[str, str], removed: list[str]
) -> None:
    engine = FakeEngine(built=BUILT, **before)
    build(engine, project)
    assert engine.removed == removed
