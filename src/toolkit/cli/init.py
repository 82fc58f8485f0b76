"""``toolkit init``."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli.options import common

if TYPE_CHECKING:
    from toolkit.project.apps.found import FoundApp
    from toolkit.project.apps.routes import Route
    from toolkit.project.packages.dependencies import Requirements

_LEADS_ELSEWHERE = re.compile(r"(?i)(log|sign)[-_]?out|callback|redirect")
_OFFERED = 4
_SHOWN = 12


@click.command()
@click.argument(
    "folder",
    default=".",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--app", "target", default="", metavar="TARGET", help="The app: module:attribute.")
@click.option("--print", "only_print", is_flag=True, help="Show the settings, write nothing.")
@common
def command(folder: Path, target: str, only_print: bool, config_file: Path | None) -> int:
    """Look at a project and write settings for it: its app, its packages, paths to request.

    Nothing of the project is run. The settings go into its pyproject.toml, or into a toolkit.toml
    where it has none; `toolkit bench` in that folder measures the app then.
    """
    from toolkit.errors import ConfigError
    from toolkit.project.apps.lookup import find_app
    from toolkit.project.apps.routes import find_routes
    from toolkit.project.packages.dependencies import find_requirements

    file = config_file or _file_of(folder)
    if not only_print:
        _require_new(file)
    found = find_app(folder, target)
    try:
        requirements: Requirements | None = find_requirements(folder, beside=found.file)
    except ConfigError as error:
        requirements, problem = None, f"{error}. {error.hint}".rstrip()
    else:
        problem = ""
    text = "\n".join(
        settings_of(
            found,
            requirements,
            find_routes(folder, found),
            table="tool.toolkit.app" if file.name == "pyproject.toml" else "app",
            problem=problem,
        )
    )
    if only_print:
        click.echo(text)
        return 0
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(f"{before.rstrip()}\n\n{text}\n".lstrip(), encoding="utf-8")
    click.echo(f"Wrote [{text.partition('[')[2].partition(']')[0]}] into {file}:\n\n{text}\n")
    there = "" if folder.resolve() == Path.cwd() else f" {shlex.quote(str(folder))}"
    where = f" --config {shlex.quote(str(config_file))}" if config_file else ""
    click.echo(f"Look at it, then try: toolkit bench{there}{where} --quick")
    return 0


def settings_of(
    found: "FoundApp",
    requirements: "Requirements | None",
    routes: "Sequence[Route]",
    *,
    table: str,
    problem: str = "",
) -> Iterator[str]:
    """Give the lines of commented settings for a project.

    Args:
        found: Its app.
        requirements: What it installs, None if that is not known.
        routes: What can be requested.
        table: Name of the table of settings.
        problem: Why it is not known what it installs.
    """
    yield f"[{table}]"
    yield _comment(found.reason)
    yield f"target = {json.dumps(found.target)}"
    for other in found.others[:_OFFERED]:
        yield _comment(f"or: {json.dumps(other.target)}, {other.reason}")
    if found.interface is None:
        yield "# its source does not show which of the two it is"
        yield '# interface = "wsgi"'
    yield ""
    if requirements is None:
        yield _comment(problem)
        yield '# requirements = "requirements.txt"'
    else:
        yield "# what it installs; without this line it is looked for"
        yield f"requirements = {json.dumps(requirements.source)}"
        for note in requirements.notes:
            yield _comment(note)
    yield ""
    yield "# what is requested, each path a workload of its own; or a locustfile"
    fixed = [route for route in routes if route.fixed and not route.guarded and _is_page(route)]
    paths = list(dict.fromkeys(route.path for route in fixed))
    yield f"get = {json.dumps(paths[:_OFFERED] or ['/'])}"
    others = [f"{route.method} {route.path}" for route in routes if route.path not in paths[:4]]
    if others:
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        yield _comment(f"there are also: {', '.join(others[:_SHOWN])}{more}")
    yield '# post = ["/items=@body.json"]'
    yield '# locustfile = "tests/load.py"'
    yield ""
    yield "# run before each start of a server, such as a migration"
    yield "# before = []"
    yield "# folders that it writes to; in a container they begin empty"
    yield '# writable = ["instance"]'
    yield ""
    yield f"# [{table}.environment]"
    yield '# APP_CONFIG = "production"'


def _is_page(route: "Route") -> bool:
    """Say whether a path may be one that answers, and does not lead elsewhere."""
    return not _LEADS_ELSEWHERE.search(route.path)


def _comment(text: str) -> str:
    # a name of somebody's file must not end the line
    return "# " + "".join(sign if sign.isprintable() else "?" for sign in text)


def _file_of(folder: Path) -> Path:
    project = folder / "pyproject.toml"
    has_own = (folder / "toolkit.toml").exists()
    return project if project.exists() and not has_own else folder / "toolkit.toml"


def _require_new(file: Path) -> None:
    """See that no settings of an app are overwritten.

    Raises:
        ConfigError: There are some.
    """
    import tomllib

    from toolkit.errors import ConfigError

    if not file.exists():
        return
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error
    if file.name == "pyproject.toml":
        data = data.get("tool", {}).get("toolkit", {})
    if "app" in data:
        raise ConfigError(
            f"{file} has settings of an app already",
            hint="Remove that table, or see what it would be with --print.",
        )
