"""pylock.toml, the lock file that is no tool's own (PEP 751).

https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from collections.abc import Sequence

from toolkit.project.packages.addresses import Notes, archive_url, inside, vcs_url
from toolkit.project.packages.files import Broken, Table, quoted
from toolkit.project.packages.markers import NEVER, condition_of, decide_by, marker_of
from toolkit.project.packages.pins import Found, Pin, locked
from toolkit.spelling import did_you_mean

VERSION = "1"


def read(lock: Table, *, extras: Sequence[str]) -> Found:
    """Read what a project installs: all, but for other extras and groups than it says itself.

    Args:
        lock: The file.
        extras: Of the project, that are asked for.

    Raises:
        Broken: It is of another version, does not have an extra, or is damaged.
    """
    version = lock.text("lock-version")
    if version.split(".")[0] != VERSION:
        raise Broken(
            f"it is of version {quoted(version)}, known is {VERSION}.x",
            "Name a requirements file that says the same.",
        )
    if "packages" not in lock:
        raise Broken("it has no list of packages")
    for extra in extras:
        if extra not in lock.texts("extras"):
            hint = did_you_mean(extra, lock.texts("extras"))
            raise Broken(f"there is no extra {quoted(extra)}", hint)
    # the standard's word for what is installed if nobody asks for anything else
    decide = decide_by(extras, lock.texts("default-groups"))
    notes = Notes()
    pins = []
    for package in lock.tables("packages"):
        condition = condition_of(package.text("marker"), decide)
        if condition == NEVER:
            continue
        pin = _pin(package, marker_of(condition), notes)
        if pin is not None:
            pins.append(pin)
    return Found(
        pins=tuple(pins),
        notes=notes.texts(),
        python=lock.text("requires-python"),
        local=tuple(sorted(notes.local)),
    )


def _pin(package: Table, marker: str, notes: Notes) -> Pin | None:
    name = package.text("name")
    vcs, archive = package.table("vcs"), package.table("archive")
    for source in (package.table("directory"), vcs, archive):
        if "path" in source and "url" not in source:
            notes.add_local(inside(source.text("path")))
            return None
    if "url" in vcs:
        url = vcs_url(
            vcs.text("url"),
            vcs.text("commit-id"),
            vcs.text("subdirectory"),
            kind=vcs.text("type", "git"),
        )
        notes.add_url(name, url)
        return locked(name, url=url, marker=marker)
    if "url" in archive:
        url = archive_url(archive.text("url"), archive.text("subdirectory"))
        notes.add_url(name, url)
        return locked(name, url=url, marker=marker, hashes=_hashes(archive))
    files = [*package.tables("wheels"), *([package.table("sdist")] if "sdist" in package else [])]
    if "version" not in package or not files:
        raise Broken(f"{quoted(package.where)} says no version, or no files")
    notes.add_index(package.text("index"))
    hashes = [each for file in files for each in _hashes(file)]
    return locked(name, version=package.text("version"), marker=marker, hashes=hashes)


def _hashes(file: Table) -> list[str]:
    table = file.table("hashes")
    return [f"{kind}:{table.text(kind)}" for kind in table.values]
