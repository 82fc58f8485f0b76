"""A stack with other requirements: its own pins, with those of a file in their place."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from toolkit.catalog import Catalog
from toolkit.errors import ConfigError
from toolkit.model import Stack

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?=\s*(?:[\[(<>=!~;@]|$))")
_LOCK = "requirements.txt"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "tests")


def with_requirements(catalog: Catalog, stack: Stack, file: Path, place: Path) -> Catalog:
    """Copy what a stack is built from, with the requirements of a file in place of its own.

    What the file does not name stays as the stack has it pinned, so a file of one line changes one
    package, and a whole lock file changes all. Hashes are left out: a file has them of all packages
    or of none, and these come from two.

    Args:
        catalog: That of the stack.
        stack: Which.
        file: Requirements, one a line, as ``pip freeze`` writes them.
        place: A new folder for the copy.

    Raises:
        ConfigError: The file is not there, or refers to others.
    """
    wanted = _read(file)
    for part in ("apps/shared", f"apps/{stack.app.name}", "deploy/servers", "docker"):
        shutil.copytree(catalog.path / part, place / part, ignore=_LEFT_OUT)
    locks = (stack.app.path / _LOCK, stack.server.path / _LOCK)
    copies = (
        place / "apps" / stack.app.name / _LOCK,
        place / "deploy" / "servers" / stack.server.name / _LOCK,
    )
    for lock, copy in zip(locks, copies, strict=True):
        kept = {name: line for name, line in _read(lock).items() if name not in wanted}
        copy.write_text(_lines(kept.values()), encoding="utf-8")
    with copies[0].open("a", encoding="utf-8") as own:
        own.write(_lines(wanted.values()))
    return Catalog(place)


def _lines(requirements: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in requirements)


def _read(file: Path) -> dict[str, str]:
    """Give the requirements of a file by the normal form of their names (PEP 503)."""
    try:
        text = file.read_text(encoding="utf-8").replace("\\\n", " ")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {getattr(error, 'strerror', None) or error}") from error
    found = {}
    for raw in text.splitlines():
        line = re.split(r"\s--hash=|(?:^|\s)#", raw)[0].strip()
        if not line:
            continue
        name = _NAME.match(line)
        if name is None:
            raise ConfigError(
                f"{file}: {line!r} is no requirement",
                hint="Give a flat file with a package a line, as `pip freeze` writes it.",
            )
        found[re.sub(r"[-_.]+", "-", name[0]).lower()] = line
    return found
