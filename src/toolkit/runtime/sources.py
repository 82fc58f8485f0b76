"""The files of a project, copied: those that git knows, or all that look like its own."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from toolkit.errors import ConfigError, EnvironmentFault
from toolkit.runtime.guardian import Guardian

_FOREIGN = frozenset({"__pycache__", "node_modules"})
_MOST_BYTES = 500 * 2**20


@contextlib.contextmanager
def sources_of(folder: Path, guardian: Guardian, *, without: str = "") -> Iterator[Path]:
    """Copy a project elsewhere until the end; give the copy.

    In a git repository these are the files that git knows and the new ones that it does not ignore.
    Elsewhere it is all but virtual environments, packages of Node and bytecode. Hidden files are
    left out in any case: images have none, and secrets lie in them.

    Args:
        folder: The project's.
        guardian: Told what to remove should this process be killed.
        without: What is written into the folder by the toolkit itself.

    Raises:
        ConfigError: There is too much in it.
        EnvironmentFault: It cannot be read, or there is no space.
    """
    with (
        tempfile.TemporaryDirectory(prefix="toolkit-sources-") as name,
        guardian.watching_folder(name),
    ):
        place = Path(name) / "tree"
        place.mkdir()
        try:
            _copy(folder, place, folder / without if without else None)
        except OSError as error:
            raise EnvironmentFault(f"{folder} cannot be copied: {error}") from error
        yield place


def _copy(folder: Path, place: Path, without: Path | None) -> None:
    known = _known_to_git(folder)
    # all are named before the first is copied: the copy may lie within the project
    files = [
        file
        for file in (_own_files(folder) if known is None else known)
        if without is None or not file.is_relative_to(without)
    ]
    _require_few_bytes(files, folder)
    for file in files:
        target = place / file.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target, follow_symlinks=False)


def _require_few_bytes(files: Sequence[Path], folder: Path) -> None:
    sizes: Counter[str] = Counter()
    for file in files:
        sizes[file.relative_to(folder).parts[0]] += file.lstat().st_size
    if sizes.total() > _MOST_BYTES:
        ((largest, size),) = sizes.most_common(1)
        raise ConfigError(
            f"{folder} holds more than {_MOST_BYTES // 2**20} MiB of its own, "
            f"{size // 2**20} MiB of it in {largest}",
            hint="What git ignores is left out: ignore data, or make it a repository.",
        )


def _known_to_git(folder: Path) -> list[Path] | None:
    """List what git knows or would add; None without git, or in no repository."""
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run(
        [git, "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        return None
    names = dict.fromkeys(os.fsdecode(done.stdout).split("\0")[:-1])
    # a file may be gone, or be a repository of its own
    files = (folder / name for name in names if not re.search(r"(^|/)\.", name))
    # none at all: the folder is one that git ignores
    return [file for file in files if file.is_symlink() or file.is_file()] or None


def _own_files(folder: Path) -> Iterator[Path]:
    for name, folders, files in os.walk(folder):
        here = Path(name)
        folders[:] = [
            inner
            for inner in folders
            if inner not in _FOREIGN
            and not inner.startswith(".")
            and not inner.endswith(".egg-info")
            and not (here / inner / "pyvenv.cfg").is_file()
        ]
        for file in files:
            if not file.startswith(".") and (here / file).is_file():
                yield here / file
