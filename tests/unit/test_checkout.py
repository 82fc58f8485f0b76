"""Versions of a project in git: what is checked out, what it is called, that nothing is left."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.errors import ConfigError, EnvironmentFault
from toolkit.runtime.checkout import WORKTREE, Checkout, checked_out


class FakeGuardian:
    """Remembers what it watches, and what it has watched."""

    def __init__(self) -> None:
        self.watching: list[str] = []
        self.watched: list[str] = []

    @contextlib.contextmanager
    def watching_folder(self, path: str) -> Iterator[None]:
        self.watching.append(path)
        self.watched.append(path)
        try:
            yield
        finally:
            self.watching.remove(path)


class Repository:
    """A project in git."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self, **files: str) -> str:
        """Write ``app_py="text"`` to app.py, commit it, give the commit."""
        for name, text in files.items():
            self.write(name.replace("_", "."), text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a change")
        return self.git("rev-parse", "HEAD")

    @property
    def worktrees(self) -> list[str]:
        return self.git("worktree", "list", "--porcelain").split("\n\n")


@pytest.fixture(autouse=True)
def git_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give git a name to commit by, and none of this user's settings."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@localhost",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@localhost",
        "GIT_CEILING_DIRECTORIES": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def repository(tmp_path: Path, temporary: Path) -> Repository:
    return Repository(tmp_path / "shop")


@pytest.fixture
def guardian() -> FakeGuardian:
    return FakeGuardian()


def checkout(
    folder: Path, ref: str, guardian: FakeGuardian, without: str = ""
) -> contextlib.AbstractContextManager[Checkout]:
    return checked_out(folder, ref, guardian, without=without)  # type: ignore[arg-type]


# commits


@pytest.mark.parametrize("ref", ["old", "v1", "v1-annotated", "HEAD~1", "main~1", "short", "full"])
def test_a_version_is_named_as_git_names_it(
    repository: Repository, guardian: FakeGuardian, ref: str
) -> None:
    first = repository.commit(app_py="first")
    repository.git("branch", "old")
    repository.git("tag", "v1")
    repository.git("tag", "--annotate", "--message", "one", "v1-annotated")
    repository.commit(app_py="second", new_py="new")
    ref = {"short": first[:7], "full": first}.get(ref, ref)
    with checkout(repository.folder, ref, guardian) as found:
        assert (found.folder / "app.py").read_text() == "first"
        assert not (found.folder / "new.py").exists()
        assert found.identity == first
        assert found.label == f"{ref} ({first[:9]})"
        # what somebody works at is left alone
        assert (repository.folder / "app.py").read_text() == "second"
        assert found.folder != repository.folder


def test_two_versions_can_be_there_at_once_even_the_same_one(
    repository: Repository, guardian: FakeGuardian
) -> None:
    repository.commit(app_py="only")
    with (
        checkout(repository.folder, "main", guardian) as one,
        checkout(repository.folder, "main", guardian) as other,
    ):
        assert one.folder != other.folder
        assert (one.identity, one.label) == (other.identity, other.label)


def test_a_project_may_be_a_part_of_its_repository(
    repository: Repository, guardian: FakeGuardian
) -> None:
    repository.write("services/shop/app.py", "first")
    first = repository.commit(readme="all")
    repository.write("services/shop/app.py", "second")
    repository.commit()
    project = repository.folder / "services" / "shop"
    with checkout(project, "HEAD~1", guardian) as found:
        assert (found.folder / "app.py").read_text() == "first"
        assert not (found.folder / "readme").exists()
        assert found.identity == first


def test_changes_that_are_not_committed_are_not_checked_out(
    repository: Repository, guardian: FakeGuardian
) -> None:
    repository.commit(app_py="committed")
    repository.write("app.py", "changed")
    repository.write("new.py", "new")
    before = repository.git("status", "--porcelain")
    with checkout(repository.folder, "HEAD", guardian) as found:
        assert (found.folder / "app.py").read_text() == "committed"
        assert not (found.folder / "new.py").exists()
    assert repository.git("status", "--porcelain") == before


# the end


def test_at_the_end_nothing_is_left(
    repository: Repository, guardian: FakeGuardian, temporary: Path
) -> None:
    repository.commit(app_py="only")
    with checkout(repository.folder, "main", guardian) as found:
        assert guardian.watching == [str(found.folder.parent)]
        (found.folder / "made-by-the-build").write_text("")
    assert list(temporary.iterdir()) == []
    assert guardian.watching == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_exception_nothing_is_left_either(
    repository: Repository,
    guardian: FakeGuardian,
    temporary: Path,
    error: type[BaseException],
) -> None:
    repository.commit(app_py="only")
    with pytest.raises(error), checkout(repository.folder, "main", guardian):
        raise error
    assert list(temporary.iterdir()) == []


def test_what_git_knows_of_the_users_own_worktrees_stays(
    repository: Repository, guardian: FakeGuardian, tmp_path: Path
) -> None:
    """Also of one whose folder is not there now, such as one on a disk that is not mounted."""
    repository.commit(app_py="only")
    away = tmp_path / "away"
    repository.git("worktree", "add", "--detach", str(away), "main")
    shutil.rmtree(away)
    before = repository.worktrees
    index = (repository.folder / ".git" / "index").read_bytes()
    for ref in ("main", WORKTREE):
        with checkout(repository.folder, ref, guardian):
            assert repository.worktrees == before
    assert repository.worktrees == before
    assert len(before) == 2
    assert (repository.folder / ".git" / "index").read_bytes() == index


# both alike


def listed(folder: Path) -> dict[str, tuple[int, str]]:
    """Give mode and content of all that lies in a folder."""

    def content(item: Path) -> str:
        if item.is_symlink():
            return str(item.readlink())
        return item.read_text() if item.is_file() else ""

    return {
        str(item.relative_to(folder)): (item.lstat().st_mode, content(item))
        for item in folder.rglob("*")
    }


def test_a_folder_and_its_commit_are_copied_alike(
    repository: Repository, guardian: FakeGuardian, tmp_path: Path
) -> None:
    """Nothing that is ignored, no .git, no submodule; modes, links and line ends as they are."""
    part = Repository(tmp_path / "part")
    part.commit(part_py="part")
    repository.write(".gitignore", ".env\n__pycache__/\n")
    repository.write(".gitattributes", "*.bat text eol=crlf\n")
    repository.write("run.sh", "exit 0\n")
    (repository.folder / "run.sh").chmod(0o755)
    (repository.folder / "link").symlink_to("run.sh")
    (repository.folder / "lost").symlink_to("nowhere")
    repository.write("start.bat", "rem\r\n")
    repository.write("services/shop/gr\u00f6\u00dfer.py", "x = 1\n")
    allow = ("-c", "protocol.file.allow=always")
    repository.git(*allow, "submodule", "--quiet", "add", str(part.folder), "part")
    repository.commit(app_py="only")
    repository.write(".env", "SECRET=1")
    repository.write("__pycache__/app.pyc", "")
    with (
        checkout(repository.folder, "main", guardian) as commit,
        checkout(repository.folder, WORKTREE, guardian) as worktree,
    ):
        found = listed(worktree.folder)
        assert found == listed(commit.folder)
        assert found["part"][1] == ""
        assert "part/part.py" not in found
        assert not {".git", ".env", "__pycache__"} & found.keys()
        assert {"link", "lost", "services/shop/gr\u00f6\u00dfer.py"} <= found.keys()
        assert found["start.bat"][1] == (repository.folder / "start.bat").read_text()


def test_what_is_new_is_in_the_copy_and_what_is_deleted_is_not(
    repository: Repository, guardian: FakeGuardian
) -> None:
    repository.commit(app_py="committed", old_py="old")
    repository.write("app.py", "changed")
    repository.write("sub/new.py", "new")
    repository.write("results/checks/1/check.json", "{}")
    (repository.folder / "old.py").unlink()
    with checkout(repository.folder, WORKTREE, guardian, "results/") as found:
        names = {name for name, (_, text) in listed(found.folder).items() if text}
        assert names == {"app.py", "sub/new.py"}
        assert (found.folder / "app.py").read_text() == "changed"
        # what the app writes is written into the copy
        (found.folder / "app.py").write_text("")
    assert (repository.folder / "app.py").read_text() == "changed"


def test_a_folder_that_became_a_link_is_one_in_the_copy(
    repository: Repository, guardian: FakeGuardian
) -> None:
    repository.write("data/a.txt", "a")
    repository.write("other/a.txt", "other")
    repository.commit()
    shutil.rmtree(repository.folder / "data")
    (repository.folder / "data").symlink_to("other")
    with checkout(repository.folder, WORKTREE, guardian) as found:
        assert (found.folder / "data").is_symlink()
        assert (found.folder / "data" / "a.txt").read_text() == "other"


def test_a_part_of_a_repository_finds_what_lies_beside_it(
    repository: Repository, guardian: FakeGuardian
) -> None:
    repository.write("common/shared.py", "shared")
    repository.write("services/shop/app.py", "app")
    repository.write("results/own.txt", "no result of the toolkit's")
    repository.commit()
    project = repository.folder / "services" / "shop"
    for ref in ("main", WORKTREE):
        with checkout(project, ref, guardian, "results") as found:
            assert (found.folder / "app.py").read_text() == "app"
            assert (found.folder / "../../common/shared.py").read_text() == "shared"
            assert (found.folder / "../../results/own.txt").is_file()


# the working tree


def test_a_working_tree_without_changes_is_its_commit(
    repository: Repository, guardian: FakeGuardian, temporary: Path
) -> None:
    commit = repository.commit(app_py="only")
    with checkout(repository.folder, WORKTREE, guardian) as found:
        assert found.identity == commit
        assert found.label == f"working tree ({commit[:9]}, unchanged)"
        assert guardian.watching == [str(found.folder.parent)]
        assert (found.folder / "app.py").read_text() == "only"
    assert list(temporary.iterdir()) == []
    assert guardian.watching == []
    assert (repository.folder / "app.py").is_file()


def identity(folder: Path, without: str = "") -> str:
    with checkout(folder, WORKTREE, FakeGuardian(), without) as found:
        return found.identity


@pytest.mark.parametrize(
    ("part", "name", "staged"),
    [
        ("", "app.py", False),
        ("", "new.py", True),
        ("", "two words.py", False),
        ("services/shop/", "app.py", True),
        ("services/shop/", "größer.py", False),
        ("services/shop/", "sub/new.py", False),
    ],
)
def test_a_changed_working_tree_is_known_by_its_content(
    repository: Repository, part: str, name: str, staged: bool
) -> None:
    """Whether git knows the file already or not, and whatever its name."""
    repository.write(f"{part}app.py", "committed")
    commit = repository.commit()
    project = repository.folder / part

    def changed(text: str) -> str:
        repository.write(f"{part}{name}", text)
        if staged:
            repository.git("add", "--all")
        return identity(project)

    once, other, again = changed("once"), changed("other"), changed("once")
    assert once == again
    assert len({commit, once, other}) == 3
    assert once.startswith(f"{commit}+")


def test_a_label_tells_of_changes(repository: Repository, guardian: FakeGuardian) -> None:
    commit = repository.commit(app_py="committed")
    (repository.folder / "app.py").unlink()
    with checkout(repository.folder, WORKTREE, guardian) as found:
        assert found.label == f"working tree ({commit[:9]} and changes)"


def test_what_lies_outside_the_project_or_is_ignored_is_no_change_of_it(
    repository: Repository,
) -> None:
    repository.write("services/shop/app.py", "committed")
    repository.write(".gitignore", "*.log\n")
    commit = repository.commit()
    project = repository.folder / "services" / "shop"
    repository.write("services/other.py", "new")
    repository.write("services/shop/server.log", "a line")
    assert identity(project) == commit


def test_what_the_toolkit_writes_itself_is_no_change(repository: Repository) -> None:
    commit = repository.commit(app_py="committed")
    repository.write("results/checks/1/check.json", "{}")
    assert identity(repository.folder, without="results") == commit
    assert identity(repository.folder) != commit
    repository.write("app.py", "changed")
    changed = identity(repository.folder, without="results")
    repository.write("results/checks/2/check.json", "{}")
    assert identity(repository.folder, without="results") == changed != commit


def test_results_elsewhere_are_none_of_gits_business(
    repository: Repository, tmp_path: Path
) -> None:
    commit = repository.commit(app_py="committed")
    assert identity(repository.folder, without=str(tmp_path / "results")) == commit


# what cannot be had


@pytest.mark.parametrize("ref", ["no-such-branch", "0123456789", "--help", "main:app.py", ""])
def test_an_unknown_version_is_one_line_with_a_hint_on_shallow_clones(
    repository: Repository, guardian: FakeGuardian, temporary: Path, ref: str
) -> None:
    repository.commit(app_py="only")
    with pytest.raises(ConfigError) as raised, checkout(repository.folder, ref, guardian):
        pass
    assert str(raised.value) == f"git knows no {ref!r} here"
    assert "git fetch --unshallow" in raised.value.hint
    assert "fetch-depth: 0" in raised.value.hint
    assert list(temporary.iterdir()) == []


def test_a_commit_that_a_shallow_clone_has_not_is_unknown(
    repository: Repository, guardian: FakeGuardian, tmp_path: Path
) -> None:
    first = repository.commit(app_py="first")
    repository.commit(app_py="second")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", "--depth", "1", f"file://{repository.folder}", str(clone))
    with pytest.raises(ConfigError, match="git knows no"), checkout(clone, first, guardian):
        pass


@pytest.mark.parametrize("ref", ["main", WORKTREE])
def test_a_folder_in_no_repository_is_one_line(
    tmp_path: Path, guardian: FakeGuardian, ref: str
) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    with pytest.raises(ConfigError) as raised, checkout(folder, ref, guardian):
        pass
    assert "not a git repository" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("ref", ["main", WORKTREE])
def test_a_repository_without_a_commit_is_one_line(
    repository: Repository, guardian: FakeGuardian, ref: str
) -> None:
    with pytest.raises(ConfigError) as raised, checkout(repository.folder, ref, guardian):
        pass
    assert str(raised.value).startswith("git knows no ")


def test_without_git_the_environment_is_at_fault(
    repository: Repository, guardian: FakeGuardian, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(app_py="only")
    monkeypatch.setenv("PATH", "")
    with (
        pytest.raises(EnvironmentFault) as raised,
        checkout(repository.folder, "main", guardian),
    ):
        pass
    assert "--base-image" in raised.value.hint
