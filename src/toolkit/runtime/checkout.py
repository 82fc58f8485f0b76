"""Versions of a project in git, each checked out into a folder of its own."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from toolkit.errors import ConfigError, EnvironmentFault
from toolkit.runtime.guardian import Guardian

WORKTREE = "worktree"
"""The name of what is in the project's folder now, committed or not."""

_SHORT = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The files of a project at one version.

    Attributes:
        folder: The project's own, which may be a part of its repository.
        label: For people: ``main (3f2a1c9de)``.
        identity: The commit, with a digest of what is not committed.
    """

    folder: Path
    label: str
    identity: str


@contextlib.contextmanager
def checked_out(
    folder: Path, ref: str, guardian: Guardian, *, without: str = ""
) -> Iterator[Checkout]:
    """Copy a commit, branch or tag, or what is in the folder now, elsewhere until the end.

    Both kinds of copies are made alike, or the difference would be measured: the files that git
    knows, and in a folder the new ones that it does not ignore; no ``.git``, nothing of submodules.
    The repository is only read, so neither what is being worked at nor its worktrees change.

    Args:
        folder: The project's.
        ref: As git knows it, or ``worktree`` for what is in the folder now.
        guardian: Told what to remove should this process be killed.
        without: What is written into the folder by the toolkit itself, and no change of it.

    Raises:
        ConfigError: There is no such ref, or the folder is in no git repository.
        EnvironmentFault: git is not there, or there is no space.
    """
    commit = _resolve(folder, "HEAD" if ref == WORKTREE else ref)
    inner = _git(folder, "rev-parse", "--show-prefix").rstrip("\n")
    with (
        tempfile.TemporaryDirectory(prefix="toolkit-checkout-") as name,
        guardian.watching_folder(name),
    ):
        place = Path(name) / "tree"
        place.mkdir()
        if ref == WORKTREE:
            paths = _paths(without)
            label, identity = _describe(folder, commit, paths)
            _copy(folder, place, inner, paths)
        else:
            label, identity = f"{ref} ({commit[:_SHORT]})", commit
            _extract(folder, commit, place)
        yield Checkout(folder=place / inner, label=label, identity=identity)


def _extract(folder: Path, commit: str, place: Path) -> None:
    """Write the files of a commit, as git does for a new worktree: with filters and line ends."""
    index = str(place.with_name("index"))
    quiet = ("-c", "core.splitIndex=false", "-c", "core.fsmonitor=false")
    flags = ("--reset", "-u", "--no-sparse-checkout", "--no-recurse-submodules")
    whole = (*quiet, f"--work-tree={place}", "read-tree", *flags, commit)
    _git(folder, *whole, environment={"GIT_INDEX_FILE": index})


def _copy(folder: Path, place: Path, inner: str, paths: tuple[str, ...]) -> None:
    """Copy the files of the repository that git knows or would add."""
    top = Path(_git(folder, "rev-parse", "--show-toplevel").rstrip("\n"))
    left_out = [inner + path.removeprefix(_EXCLUDE) for path in paths[1:]]
    listed = _git(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    # a repository within this one that git does not know ends with a slash
    names = [name for name in dict.fromkeys(listed.split("\0")[:-1]) if name[-1] != "/"]
    links = {name for name in names if (top / name).is_symlink()}
    try:
        for name in names:
            above = {str(part) for part in PurePosixPath(name).parents}
            # the file may be gone, with a link in the place of its folder
            if not above & links and not {name, *above} & {*left_out}:
                _copy_file(top / name, place / name)
        (place / inner).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(
            f"the files of {folder} cannot be copied: {error.strerror or error}",
            hint="Set TMPDIR to a folder with space that you may write to.",
        ) from error


def _copy_file(source: Path, target: Path) -> None:
    if source.is_symlink() or source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        # as new as the files of a commit are
        shutil.copy(source, target, follow_symlinks=False)
    elif source.is_dir():  # a submodule, empty as in a commit
        target.mkdir(parents=True)


_EXCLUDE = ":(exclude)"


def _paths(without: str) -> tuple[str, ...]:
    if not without or Path(without).is_absolute():
        return (".",)
    return (".", f"{_EXCLUDE}{PurePosixPath(without)}")


def _describe(folder: Path, commit: str, paths: tuple[str, ...]) -> tuple[str, str]:
    """Give label and identity of what is in the folder now."""
    changes = _git(folder, "status", "--porcelain", "--untracked-files=all", *paths)
    if not changes:
        return f"working tree ({commit[:_SHORT]}, unchanged)", commit
    digest = hashlib.sha256(os.fsencode(_git(folder, "diff", "HEAD", "--binary", *paths)))
    added = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", *paths)
    for name in added.split("\0")[:-1]:
        digest.update(_content(folder, name))
    label = f"working tree ({commit[:_SHORT]} and changes)"
    return label, f"{commit}+{digest.hexdigest()[:16]}"


def _content(folder: Path, name: str) -> bytes:
    # a repository within this one is named as a folder; then the name has to do
    file = folder / name
    return os.fsencode(name) + (file.read_bytes() if file.is_file() else b"")


def _resolve(folder: Path, ref: str) -> str:
    try:
        return _git(
            folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"
        ).strip()
    except ConfigError as error:
        _git(folder, "rev-parse", "--git-dir")
        raise ConfigError(
            f"git knows no {ref!r} here",
            hint="A shallow clone has few commits: `git fetch --unshallow`, or fetch-depth: 0 in a "
            "workflow, gets the others.",
        ) from error


def _git(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    git = shutil.which("git")
    if git is None:
        raise EnvironmentFault(
            "git is not installed, which versions are taken from",
            hint="Install git, or give two images with --base-image and --candidate-image.",
        )
    done = subprocess.run(
        [git, "-C", str(folder), *arguments],
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        verb = next(text for text in arguments if not text.startswith("-") and "=" not in text)
        raise ConfigError(f"git {verb} failed in {folder}: {(said or ['it says nothing'])[-1]}")
    return os.fsdecode(done.stdout)
