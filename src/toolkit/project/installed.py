"""What Python knows of a project that is installed, for one that is only imported from its folder.

Apps ask ``importlib.metadata`` for their own version, and Flask for the commands of plug-ins. Both
read a folder ``NAME-VERSION.dist-info`` beside the modules, which an installation would write:
https://packaging.python.org/en/latest/specifications/recording-installed-packages/
"""

import re
from collections.abc import Iterator
from pathlib import Path

from toolkit.project.packages.files import Broken, Table, read_toml

_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,98}[A-Za-z0-9])?")
_VERSION = re.compile(r"[\w.+!-]{1,100}")
_UNKNOWN = "0"
"""Version of a project whose version only its build knows."""


def describe(folder: Path) -> None:
    """Write the metadata that an installation of a folder's project would have.

    Args:
        folder: A copy of the project's, in which modules are searched.
    """
    try:
        said = _said(read_toml(folder / "pyproject.toml"))
        name, version = said.text("name"), said.text("version") or _UNKNOWN
        entry_points = "\n".join(_entry_points(said))
    except Broken:
        return
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        return
    place = folder / f"{re.sub(r'[-_.]+', '_', name)}-{version}.dist-info"
    place.mkdir(exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (place / "METADATA").write_text(metadata, encoding="utf-8")
    (place / "entry_points.txt").write_text(entry_points, encoding="utf-8")


def _said(file: Table) -> Table:
    """Give the table that names a project: the standard's, or Poetry's own."""
    standard = file.table("project")
    return standard if "name" in standard else file.table("tool").table("poetry")


def _entry_points(said: Table) -> Iterator[str]:
    groups = said.table("entry-points")
    for group in groups.values:
        yield f"[{group}]"
        points = groups.table(group)
        yield from (f"{name} = {points.text(name)}" for name in points.values)
