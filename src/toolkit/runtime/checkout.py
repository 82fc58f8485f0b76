"""Versions of a project in git, each checked out into a folder of its own."""

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
    """Check out a commit, branch or tag beside the project, and remove it at the end.

    Args:
        folder: The project's.
        ref: As git knows it, or ``worktree`` for what is in the folder now.
        guardian: Told what to remove should this process be killed.
        without: What is written into the folder by the toolkit itself, and no change of it.

    Raises:
        ConfigError: There is no such ref, or the folder is in no git repository.
        EnvironmentFault: git is not there, or there is no space.
    """
    if ref == WORKTREE:
        yield _as_it_is(folder, without)
        return
    commit = _resolve(folder, ref)
    inner = _git(folder, "rev-parse", "--show-prefix").strip()
    with (
        tempfile.TemporaryDirectory(prefix="toolkit-checkout-") as name,
        guardian.watching_folder(name),
    ):
        place = Path(name) / "tree"
        # what a killed toolkit has left is known to git until it is told to look
        _git(folder, "worktree", "prune")
        _git(folder, "worktree", "add", "--detach", "--force", str(place), commit)
        try:
            yield Checkout(
                folder=place / inner, label=f"{ref} ({commit[:_SHORT]})", identity=commit
            )
        finally:
            _git(folder, "worktree", "remove", "--force", str(place))


def _as_it_is(folder: Path, without: str) -> Checkout:
    commit = _resolve(folder, "HEAD")
    paths = [".", f":(exclude){without}"] if without and not Path(without).is_absolute() else ["."]
    changes = _git(folder, "status", "--porcelain", "--untracked-files=all", *paths)
    if not changes:
        return Checkout(
            folder=folder, label=f"working tree ({commit[:_SHORT]}, unchanged)", identity=commit
        )
    digest = hashlib.sha256(_git(folder, "diff", "HEAD", "--binary", *paths).encode())
    added = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", *paths)
    for name in added.split("\0")[:-1]:
        digest.update(_content(folder, name))
    return Checkout(
        folder=folder,
        label=f"working tree ({commit[:_SHORT]} and changes)",
        identity=f"{commit}+{digest.hexdigest()[:16]}",
    )


def _content(folder: Path, name: str) -> bytes:
    # a repository within this one is named as a folder; then the name has to do
    file = folder / name
    return name.encode() + (file.read_bytes() if file.is_file() else b"")


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


def _git(folder: Path, *arguments: str) -> str:
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
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise ConfigError(f"git {arguments[0]} failed in {folder}: {reason}")
    return done.stdout
