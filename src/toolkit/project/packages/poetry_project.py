"""What Poetry reads of a pyproject.toml: its own table of dependencies beside the standard one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from toolkit.project.packages.addresses import Notes, archive_url, inside, vcs_url
from toolkit.project.packages.constraints import alternatives, python_marker, specifier_of
from toolkit.project.packages.files import Broken, Table, quoted
from toolkit.project.packages.markers import all_of, condition_of, marker_of
from toolkit.project.packages.pins import Found, Pin, pin_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """One line of a table of dependencies.

    Attributes:
        name: In normal form.
        constraint: In Poetry's words.
        extras: Asked of it, in normal form.
        marker: Where it is wanted, its constraint on Python included.
        optional: Wanted for an extra alone.
        table: What else it says, such as where the package comes from.
    """

    name: str
    constraint: str
    extras: tuple[str, ...]
    marker: str
    optional: bool
    table: Table


def dependencies_of(table: Table) -> Iterator[Dependency]:
    """Read ``name = "^1"``, ``name = {version = "^1", ...}``, or a list of those.

    Raises:
        Broken: It is something else.
    """
    for name, value in table.values.items():
        if name == "python":
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                entry = Table({"version": each}, name)
            elif isinstance(each, dict):
                entry = Table(each, name)
            else:
                raise Broken(f"{quoted(name)} is no dependency")
            yield Dependency(
                name=canonicalize_name(name),
                constraint=entry.text("version", "*"),
                extras=tuple(sorted(canonicalize_name(each) for each in entry.texts("extras"))),
                marker=_marker(entry),
                optional=entry.flag("optional"),
                table=entry,
            )


def python_of(constraint: str) -> str:
    """Translate which Pythons a project is for; empty if it cannot be said in PEP 440."""
    parts = alternatives(constraint)
    return specifier_of(parts[0]) if len(parts) == 1 else ""


def read(poetry: Table, extras: Sequence[str]) -> Found:
    """Read ``[tool.poetry]``, without a lock.

    Args:
        poetry: That table.
        extras: Those asked for.

    Raises:
        Broken: It is damaged.
    """
    wanted = {
        canonicalize_name(name) for extra in extras for name in poetry.table("extras").texts(extra)
    }
    notes = Notes()
    pins = []
    for dependency in dependencies_of(poetry.table("dependencies")):
        if dependency.optional and dependency.name not in wanted:
            continue
        pin = _pin(dependency, notes)
        if pin is not None:
            pins.append(pin)
    python = poetry.table("dependencies").values.get("python", "")
    return Found(
        pins=tuple(pins),
        notes=notes.texts(),
        python=python_of(python) if isinstance(python, str) else "",
        local=tuple(sorted(notes.local)),
    )


def git_url(table: Table, revision: str) -> str:
    """Give the address of a dependency from a repository."""
    return vcs_url(table.text("git"), revision, table.text("subdirectory"))


def _pin(dependency: Dependency, notes: Notes) -> Pin | None:
    table = dependency.table
    for key in ("path", "file"):
        if key in table:
            notes.add_local(inside(table.text(key)))
            return None
    name = dependency.name + (f"[{','.join(dependency.extras)}]" if dependency.extras else "")
    marker = f" ; {dependency.marker}" if dependency.marker else ""
    url = ""
    if "git" in table:
        url = git_url(table, table.text("rev") or table.text("tag") or table.text("branch"))
    elif "url" in table:
        url = archive_url(table.text("url"), table.text("subdirectory"))
    if url:
        notes.add_url(dependency.name, url)
        return pin_of(f"{name} @ {url}{marker}")
    parts = alternatives(dependency.constraint)
    if len(parts) > 1:
        notes.told.append(
            f"Any version of {dependency.name} is taken: {quoted(dependency.constraint)} cannot be "
            "said to pip."
        )
        return pin_of(name + marker)
    return pin_of(name + specifier_of(parts[0]) + marker)


def _marker(entry: Table) -> str:
    condition = condition_of(entry.text("markers"))
    python = python_marker(entry.text("python", "*"))
    return marker_of(all_of(condition, condition_of(python)))
