"""Which environment a project of one's own gets, and whose programs run in it."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.config import ImageConfig
from toolkit.errors import ConfigError, StackError
from toolkit.model import Knobs, Placement, Project
from toolkit.runtime import environments
from toolkit.runtime.process import ProcessRuntime


class Quiet:
    """An observer that keeps what it is told."""

    def noted(self, message: str) -> None:
        pass


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the environments asked for, none of which is made; empty: one that is not kept."""
    names: list[str] = []
    monkeypatch.setattr(environments, "_ensure", lambda name, *_: names.append(name))
    monkeypatch.setattr(environments, "_install", lambda *_, **__: names.append(""))
    return names


def ask(folder: Path, *install: str, identity: str = "c0ffee", index: str = "") -> Path:
    project = Project(name="x", folder=folder, identity=identity, install=install)
    return environments.ensure_project_environment(
        project,
        ImageConfig(index_url=index),
        Quiet(),  # type: ignore[arg-type]
        lambda: folder / "place",
    )


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


PLAIN = """\
# pinned
flask==3.1.3 \\
    --hash=sha256:aaaa
gunicorn >= 23, < 26 ; python_version > "3.8"
uvicorn[standard]~=0.30  # for later
itsdangerous
"""


@pytest.mark.parametrize(
    "install",
    [
        ("-r", "plain.txt"),
        ("--requirement", "plain.txt", "-c", "plain.txt"),
        ("flask==3.1.3", "gunicorn[gevent]>=23"),
        ("flask", "-r", "plain.txt"),
    ],
)
def test_what_is_wholly_known_beforehand_is_kept(
    named: list[str], tmp_path: Path, install: tuple[str, ...]
) -> None:
    (tmp_path / "plain.txt").write_text(PLAIN)
    ask(tmp_path, *install)
    ask(tmp_path, *install)
    ask(tmp_path, *install, index="http://127.0.0.1/simple")
    assert named[0].startswith("project-")
    assert named[0] == named[1] != named[2]


@pytest.mark.parametrize(
    "install",
    [
        (".",),
        ("-e", "."),
        (".[prod]",),
        ("./shop",),
        ("/srv/shop",),
        ("shop-1.0-py3-none-any.whl",),
        ("git+https://127.0.0.1/shop.git",),
        ("shop @ file:///srv/shop",),
        ("--requirement=plain.txt",),
        ("-rplain.txt",),
        ("--pre", "flask"),
        ("-r", "none.txt"),
        ("-r",),
        ("-r", "nested.txt"),
        ("-r", "constrained.txt"),
        ("-r", "editable.txt"),
        ("-r", "path.txt"),
        ("-r", "url.txt"),
        ("-r", "archive.txt"),
        ("flask", "-c", "nested.txt"),
    ],
)
def test_what_may_hide_more_gets_a_new_one_each_time(
    named: list[str], tmp_path: Path, install: tuple[str, ...]
) -> None:
    """Or both sides would share one, or run the code of the one that made it."""
    for name, line in {
        "plain": "",
        "nested": "-r plain.txt",
        "constrained": "-c plain.txt",
        "editable": "-e .",
        "path": "./shop",
        "url": "shop @ https://127.0.0.1/shop.tar.gz",
        "archive": "shop-1.0-py3-none-any.whl",
    }.items():
        (tmp_path / f"{name}.txt").write_text(f"{PLAIN}{line}\n")
    (tmp_path / "shop-1.0-py3-none-any.whl").write_text("")
    assert ask(tmp_path, *install) == tmp_path / "place" / "environment"
    assert named == [""]


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let nothing be installed, and environments be made in no time."""
    file = tmp_path / "uv"
    file.write_text("#!/bin/sh\n[ $1 = venv ] || { echo no such package; exit 1; }\n")
    file.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda *_, **__: str(file))


@pytest.mark.usefixtures("unreachable")
def test_packages_that_cannot_be_installed_can_be_told_from_a_broken_machine(
    tmp_path: Path,
) -> None:
    with pytest.raises(environments.InstallFault, match="cannot be installed") as raised:
        ask(tmp_path, ".")
    assert raised.value.log == "no such package"


def test_packages_that_do_not_fit_together_are_what_was_asked_for_and_no_broken_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "uv"
    said = "No solution found when resolving dependencies: flask==99"
    file.write_text(f"#!/bin/sh\n[ $1 = venv ] || {{ echo '{said}' >&2; exit 1; }}\n")
    file.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda *_, **__: str(file))
    with pytest.raises(environments.UnmetFault, match="fit together") as raised:
        ask(tmp_path, ".")
    assert (raised.value.exit_code, raised.value.log) == (2, said)


# whose programs run


class NoGuardian:
    """Watches nothing."""

    @contextlib.contextmanager
    def watching_folder(self, path: str) -> Iterator[None]:
        yield

    @contextlib.contextmanager
    def watching_group(self, leader: int, **_: object) -> Iterator[None]:
        yield


@pytest.fixture
def runtime() -> Iterator[ProcessRuntime]:
    with contextlib.closing(
        ProcessRuntime(
            image=ImageConfig(),
            knobs=Knobs(),
            placement=Placement(server_cpus=(), client_cpus=(), cpus=1.0, memory=2**29),
            reason="asked for",
            guardian=NoGuardian(),  # type: ignore[arg-type]
        )
    ) as found:
        yield found


def program(folder: Path, name: str, text: str = "exit 0") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


MADE_OF = """echo '{"python": "3.0", "packages": {"shop": "1"}}'"""


def shop(folder: Path, *command: str, install: tuple[str, ...] = ()) -> Project:
    return Project(name="shop (base)", folder=folder, command=command, install=install)


def test_a_program_that_is_not_installed_is_not_taken_from_elsewhere(
    runtime: ProcessRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or both versions would run with the packages of whoever calls."""
    monkeypatch.setattr("toolkit.runtime.process.ensure_project_environment", lambda *_: tmp_path)
    program(tmp_path / "bin", "python", MADE_OF)
    program(tmp_path / "elsewhere", "gunicorn")
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    with pytest.raises(ConfigError) as raised:
        runtime.prepare_project(shop(tmp_path, "gunicorn", install=("flask",)), Quiet())  # type: ignore[arg-type]
    assert str(raised.value) == "gunicorn is not installed by --install for shop (base)"
    for command in ("python", "/bin/sh", "./start"):
        project = shop(tmp_path, command, install=("flask",))
        found = runtime.prepare_project(project, Quiet())  # type: ignore[arg-type]
        assert found.packages == {"shop": "1"}


def test_without_anything_to_install_the_packages_at_hand_are_told_of(
    runtime: ProcessRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_hand = tmp_path / "venv" / "bin"
    program(at_hand, "gunicorn")
    program(at_hand, "python", MADE_OF)
    monkeypatch.setenv("PATH", str(at_hand))
    told: list[str] = []
    observer = Quiet()
    monkeypatch.setattr(observer, "noted", told.append)
    found = runtime.prepare_project(shop(tmp_path, "gunicorn"), observer)  # type: ignore[arg-type]
    assert (found.python, found.packages) == ("3.0", {"shop": "1"})
    assert told == ["shop (base) runs with the packages at hand: there is no --install."]
    assert any("packages at hand" in note for note in runtime.facts.notes)


def test_a_program_of_no_python_leaves_the_packages_unknown_or_those_of_this_one(
    runtime: ProcessRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = runtime.prepare_project(shop(tmp_path, "no-such-program"), Quiet())  # type: ignore[arg-type]
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    program(tmp_path, "python", "exit 1")
    found = runtime.prepare_project(shop(tmp_path, "python"), Quiet())  # type: ignore[arg-type]
    assert (found.python, found.packages) == ("", {})


def test_an_environment_that_is_not_kept_is_gone_at_the_end(
    runtime: ProcessRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(folder: Path, *_: object, **__: object) -> None:
        program(folder / "bin", "python", MADE_OF)

    monkeypatch.setattr(environments, "_install", install)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    runtime.prepare_project(shop(tmp_path, "python", install=("-e", ".")), Quiet())  # type: ignore[arg-type]
    assert len(list(tmp_path.glob("toolkit-environment-*"))) == 1
    runtime.close()
    assert list(tmp_path.iterdir()) == []


def test_whoever_waits_for_a_project_in_vain_is_sent_to_its_own_flags(
    runtime: ProcessRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`toolkit up` knows nothing of it."""
    monkeypatch.setattr("toolkit.runtime.process._START_TIMEOUT", 0.05)
    project = shop(tmp_path, "/bin/sleep", "60")
    with pytest.raises(StackError) as raised, runtime.serve_project(project):
        pass
    for flag in ("--port", "--health", "--command"):
        assert flag in raised.value.hint
    assert "toolkit up" not in raised.value.hint
