"""Tells how an app of Connexion is called: that has changed with its third version."""

import re

from toolkit.model import Interface
from toolkit.reading import Files

_FILES = frozenset({"pyproject.toml", "uv.lock", "poetry.lock"})
_MAJOR = re.compile(
    r"(?i)\bconnexion(?:\[[^\]\n]*\])?[\"']?\s*"
    r"(?:\n?version\s*=\s*\"|[=~]=\s*|>=\s*(?=[3-9]))(\d+)"
)


def interface_of_connexion(files: Files) -> Interface | None:
    """Tell by the version that a project asks for, None if it does not say.

    https://connexion.readthedocs.io/en/latest/v3.html
    """
    majors: set[str] = set()
    for path in files.paths:
        name = path.rpartition("/")[2]
        if name in _FILES or (name.startswith("requirements") and name.endswith(".txt")):
            majors.update(_MAJOR.findall(files.text(path) or ""))
    if majors and all(int(major) >= 3 for major in majors):
        return Interface.ASGI
    return Interface.WSGI if majors == {"2"} else None
