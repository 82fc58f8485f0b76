"""A user's own app, laid out as the reference apps are: what builds and serves those does the rest.

PLACE/apps/NAME/        the project's files, app.toml, requirements.txt, toolkit_app.py, and
                        toolkit_constraints.txt where there is something to limit
PLACE/apps/shared/      empty
PLACE/deploy/servers/   the servers, without the packages that the app pins itself
PLACE/docker/           the recipe
"""

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.catalog import CONSTRAINTS, Catalog
from toolkit.project.installed import describe
from toolkit.project.limiting import limits_of
from toolkit.project.packages.dependencies import Requirements, logical_lines, name_of, names
from toolkit.project.packages.pins import HASH_OPTION

MODULE = "toolkit_app"
"""What servers import: the app by one name, however it is made."""

_LOCK = "requirements.txt"
_LEFT_OUT = shutil.ignore_patterns("__pycache__")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnApp:
    """What is known of a user's own app.

    Attributes:
        name: Of the app in stacks: ``NAME/gunicorn-sync``.
        summary: One line.
        target: ``module:attribute``, or a factory with its call: ``module:create_app()``.
        interface: wsgi or asgi.
        search: Folders of it that modules are imported from, besides its own.
        health: Path that answers 200 while it serves.
        prepare: Commands that make the tables of its database, once.
        before: Commands that are run before each start of a server.
        writable: Folders that its processes may write to.
        requirements: What it installs.
    """

    name: str
    summary: str
    target: str
    interface: str
    search: tuple[str, ...]
    health: str
    prepare: tuple[tuple[str, ...], ...] = ()
    before: tuple[tuple[str, ...], ...]
    writable: tuple[str, ...]
    requirements: Requirements


def stage(own: OwnApp, sources: Path | None, installation: Catalog, place: Path) -> Catalog:
    """Lay out an app and what it is built with.

    Args:
        own: The app.
        sources: Its files; None: there are none, its packages are all of it.
        installation: Recipe and servers.
        place: A new folder.
    """
    app = place / "apps" / own.name
    if sources is None:
        app.mkdir(parents=True)
    else:
        shutil.copytree(sources, app, symlinks=True, ignore=_LEFT_OUT)
        describe(app)
    (place / "apps" / "shared").mkdir()
    # an image takes the folder along, and there are no empty ones in a build context
    (place / "apps" / "shared" / "README.md").write_text("Nothing: an app of its own.\n")
    for part in ("deploy/servers", "docker"):
        shutil.copytree(installation.path / part, place / part, ignore=_LEFT_OUT)
    _pin(own.requirements, app, sorted((place / "deploy" / "servers").glob(f"*/{_LOCK}")))
    (app / "app.toml").write_text(_described(own), encoding="utf-8")
    (app / f"{MODULE}.py").write_text(_module(own.target), encoding="utf-8")
    return Catalog(place)


def _pin(requirements: Requirements, app: Path, locks: Sequence[Path]) -> None:
    """Write what is installed: the app's packages, and in servers' locks what they leave open.

    The app's own versions are what it is deployed with; pip refuses them if the server cannot work
    with them.
    """
    found = {lock: lock.read_text(encoding="utf-8") for lock in locks}
    limits = limits_of(requirements, found.values())
    lines = logical_lines(requirements.text)
    own = lines if limits.hashed else [HASH_OPTION.sub("", line) for line in lines]
    (app / _LOCK).write_text(_text(own), encoding="utf-8")
    if limits.text:
        (app / CONSTRAINTS).write_text(limits.text, encoding="utf-8")
    left_out = names(requirements)
    for lock, text in found.items():
        kept = (line for line in logical_lines(text) if name_of(line) not in left_out)
        lock.write_text(_text(limits.applied(kept)), encoding="utf-8")


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _described(own: OwnApp) -> str:
    values: Mapping[str, object] = {
        "summary": own.summary,
        "interface": own.interface,
        "target": f"{MODULE}:app",
        "health": own.health,
        "prepare": [list(command) for command in own.prepare],
        "before": [list(command) for command in own.before],
        "search": list(own.search),
        "writable": list(own.writable),
    }
    # strings and lists of strings are spelt in TOML as in JSON, true and false as well
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    return "\n".join([*lines, "wheels_only = false", ""])


def _module(target: str) -> str:
    module, _, attribute = target.partition(":")
    name = re.split(r"[.(]", attribute)[0]
    return f'"""What servers import."""\n\nfrom {module} import {name}\n\napp = {attribute}\n'
