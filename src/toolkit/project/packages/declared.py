"""What a project asks for itself, without a lock: pyproject.toml and setup.cfg.

https://packaging.python.org/en/latest/specifications/pyproject-toml/
https://setuptools.pypa.io/en/latest/userguide/declarative_config.html
"""

import configparser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.utils import canonicalize_name

from toolkit.project.packages import poetry_project, requirements_file
from toolkit.project.packages.addresses import Notes, archive_url, inside, vcs_url
from toolkit.project.packages.files import Broken, Table, quoted
from toolkit.project.packages.pins import Found, Pin, pin_of
from toolkit.spelling import did_you_mean


def read_pyproject(file: Table, folder: Path, extras: Sequence[str]) -> Found | None:
    """Read what a pyproject.toml asks for; None if it leaves that to others.

    Args:
        file: It.
        folder: Of the project, for the files that it names.
        extras: Those asked for.

    Raises:
        Broken: It is damaged, or has no such extra.
    """
    project, tools = file.table("project"), file.table("tool")
    poetry, uv = tools.table("poetry"), tools.table("uv")
    if "dependencies" in project.texts("dynamic") and "dependencies" not in poetry:
        return _limited(_dynamic(tools, project, folder, extras), uv)
    if project.values and "dependencies" not in project.texts("dynamic"):
        return _limited(_standard(project, uv.table("sources"), extras), uv)
    if "dependencies" in poetry:
        _check(extras, poetry.table("extras"))
        return poetry_project.read(poetry, extras)
    return None


def _limited(found: Found | None, uv: Table) -> Found | None:
    """Apply what ``constraint-dependencies`` of ``[tool.uv]`` says of versions.

    https://docs.astral.sh/uv/reference/settings/#constraint-dependencies
    """
    if found is None:
        return None
    limits = [pin_of(text) for text in uv.texts("constraint-dependencies")]
    pins, rest = requirements_file.constrained(found.pins, (*found.constraints, *limits))
    return replace(found, pins=pins, constraints=rest)


def read_setup_cfg(text: str, folder: Path, extras: Sequence[str]) -> Found | None:
    """Read what a setup.cfg asks for; None if it says nothing of it.

    Raises:
        Broken: It is damaged, or has no such extra.
    """
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise Broken("it cannot be read as a file of sections") from error
    value = parser.get("options", "install_requires", fallback="").strip()
    if not value:
        return None
    optional = "options.extras_require"
    options = parser.options(optional) if parser.has_section(optional) else []
    known: dict[str, str] = {canonicalize_name(option): option for option in options}
    for extra in extras:
        if extra not in known:
            raise Broken(f"there is no extra {quoted(extra)}", did_you_mean(extra, known))
    values = [value, *(parser.get(optional, known[extra]).strip() for extra in extras)]
    parts = []
    for each in values:
        if each.startswith("file:"):
            names = [name.strip() for name in each.removeprefix("file:").split(",")]
            parts += [requirements_file.read(folder, inside(name)).found for name in names if name]
        else:
            lines = each.split("\n") if "\n" in each else each.split(";")
            pins = tuple(pin_of(line.strip()) for line in lines if line.strip())
            parts.append(Found(pins=pins))
    python = parser.get("options", "python_requires", fallback="").strip()
    return replace(joined(parts), python=python)


def joined(parts: Sequence[Found]) -> Found:
    """Put together what several files say."""
    return Found(
        pins=tuple(dict.fromkeys(pin for part in parts for pin in part.pins)),
        constraints=tuple(dict.fromkeys(pin for part in parts for pin in part.constraints)),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        python=next((part.python for part in parts if part.python), ""),
        local=tuple(sorted({place for part in parts for place in part.local})),
        used=tuple(sorted({name for part in parts for name in part.used})),
    )


def _check(extras: Sequence[str], known: Table) -> None:
    for extra in extras:
        if extra not in known:
            raise Broken(f"there is no extra {quoted(extra)}", did_you_mean(extra, known.values))


def _standard(project: Table, sources: Table, extras: Sequence[str]) -> Found:
    optional = project.table("optional-dependencies")
    optional = Table({canonicalize_name(k): v for k, v in optional.values.items()}, optional.where)
    _check(extras, optional)
    own = canonicalize_name(project.text("name"))
    notes = Notes()
    pins: dict[Pin, None] = {}
    waiting = [*project.texts("dependencies"), *(t for e in extras for t in optional.texts(e))]
    asked = set(extras)
    by_name: dict[str, str] = {canonicalize_name(key): key for key in sources.values}
    while waiting:
        pin = pin_of(waiting.pop(0))
        if pin.name == own:
            # an extra that is the sum of others: shop[all] = shop[cache,mail]
            new = [extra for extra in pin.extras if extra not in asked and extra in optional]
            asked.update(new)
            waiting += [text for extra in new for text in optional.texts(extra)]
            continue
        for each in _sourced(pin, sources, by_name, notes):
            if each.url:
                notes.add_url(each.name, each.url)
            pins[each] = None
    return Found(
        pins=tuple(pins),
        notes=notes.texts(),
        python=project.text("requires-python"),
        local=tuple(sorted(notes.local)),
    )


def _sourced(pin: Pin, sources: Table, by_name: Mapping[str, str], notes: Notes) -> Iterator[Pin]:
    """Take a package from where ``[tool.uv.sources]`` says; an index may have a namesake."""
    key = by_name.get(pin.name)
    several = isinstance(sources.values.get(key or ""), list)
    if key is None or several:
        if several:
            notes.told.append(f"Not taken over: the several sources of {pin.name}.")
        yield pin
        return
    source = sources.table(key)
    url = ""
    if "git" in source:
        revision = source.text("rev") or source.text("tag") or source.text("branch")
        url = vcs_url(source.text("git"), revision, source.text("subdirectory"))
    elif "url" in source:
        url = archive_url(source.text("url"), source.text("subdirectory"))
    elif "path" in source:
        notes.add_local(inside(source.text("path")))
        return
    elif source.flag("workspace"):
        notes.add_local(f"{pin.name} (of the workspace)")
        return
    name = pin.name + (f"[{','.join(pin.extras)}]" if pin.extras else "")
    marker = f" ; {pin.marker}" if pin.marker else ""
    yield pin_of(f"{name} @ {url}{marker}") if url else pin


def _dynamic(tools: Table, project: Table, folder: Path, extras: Sequence[str]) -> Found | None:
    """Read the files that setuptools (or a plug-in of hatch) takes the dependencies from."""
    dynamic = tools.table("setuptools").table("dynamic")
    hook = tools.table("hatch").table("metadata").table("hooks").table("requirements_txt")
    names = [*_files(dynamic.table("dependencies"), "file"), *_files(hook, "files")]
    optional = dynamic.table("optional-dependencies")
    if not names:
        return None
    for extra in extras:
        names += _files(optional.table(extra), "file")
    _check(extras, optional if optional.values else project.table("optional-dependencies"))
    parts = [requirements_file.read(folder, inside(name)).found for name in names]
    texts = [t for e in extras for t in project.table("optional-dependencies").texts(e)]
    found = joined([*parts, Found(pins=tuple(pin_of(text) for text in texts))])
    used = tuple(sorted({*found.used, *map(inside, names)}))
    return replace(found, python=project.text("requires-python"), used=used)


def _files(table: Table, key: str) -> tuple[str, ...]:
    value = table.values.get(key, [])
    return (value,) if isinstance(value, str) else table.texts(key)
