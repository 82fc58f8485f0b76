"""Which file of a project's folder says what is installed.

They are looked for in this order:

1. locks: uv.lock (also that of a workspace above), poetry.lock, pdm.lock, pylock.toml, Pipfile.lock
2. requirements.txt, then what says that it is for production (``requirements/production.txt``,
   ``requirements/prod*.txt``, ``requirements-production.txt``, ``requirements-prod*.txt``, with
   ``_`` too), then what such files usually share (``requirements/base.txt``,
   ``requirements/common.txt``, ``requirements/requirements.txt``)
3. what is only asked for, mostly without versions: pyproject.toml, setup.cfg

requirements.txt comes before the files for production because hosting services install it by that
name; where it is not what runs in production, the user is told what was passed over.
"""

from collections.abc import Iterator
from pathlib import Path

from toolkit.project.packages import uv_lock
from toolkit.project.packages.files import Broken, read_toml

UV = "uv.lock"
PYPROJECT = "pyproject.toml"
LOCKS = (UV, "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock")
DECLARED = (PYPROJECT, "setup.cfg")
LISTS = (
    "requirements.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/prod*.txt",
    "requirements[-_]production.txt",
    "requirements[-_]prod.txt",
    "requirements[-_]prod*.txt",
    "requirements/base.txt",
    "requirements/common.txt",
    "requirements/requirements.txt",
)
WRITE_ONE = (
    "Write a requirements.txt with a package a line (`pip freeze > requirements.txt`), name "
    "another file with --requirements, or the packages with --install."
)
NOT_READ = {
    "setup.py": f"It would have to be run, which is never done. {WRITE_ONE}",
    "Pipfile": "`pipenv lock` writes the lock that is read.",
    "requirements.in": "`uv pip compile requirements.in -o requirements.txt` writes what is read.",
    "environment.yml": WRITE_ONE,
}
"""What says what is installed and is not read, and what to do then."""

_MOST_LEVELS = 8
"""Folders above the project's in which a workspace's lock is looked for."""


def candidates(folder: Path) -> Iterator[str]:
    """Give the files that there are, best first, relative to the folder."""
    locks = [name for name in LOCKS if (folder / name).is_file()]
    yield from locks
    if not locks and (folder / PYPROJECT).is_file():
        yield from _workspace_locks(folder)
    yield from _lists(folder)
    yield from (name for name in DECLARED if (folder / name).is_file())


def _workspace_locks(folder: Path) -> Iterator[str]:
    """Give a lock of a folder above that knows this one as a member of its workspace."""
    inner = folder.resolve()
    for number, above in enumerate(inner.parents[:_MOST_LEVELS], start=1):
        file = above / UV
        if file.is_file():
            try:
                known = uv_lock.knows(read_toml(file), inner.relative_to(above).as_posix())
            except Broken:
                # it need not be this project's
                return
            if known:
                yield f"{'../' * number}{UV}"
            return
        if (above / ".git").exists():
            return


def _lists(folder: Path) -> Iterator[str]:
    found: dict[str, None] = {}
    for pattern in LISTS:
        files = sorted(file for file in folder.glob(pattern) if file.is_file())
        found.update((file.relative_to(folder).as_posix(), None) for file in files)
    yield from found
