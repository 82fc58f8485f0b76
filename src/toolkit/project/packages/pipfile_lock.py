"""Pipfile.lock: https://pipenv.pypa.io/en/latest/pipfile.html."""

from toolkit.project.packages.addresses import Notes, archive_url, inside, vcs_url
from toolkit.project.packages.files import Broken, Table, quoted
from toolkit.project.packages.pins import Found, Pin, canonical, pin_of

VERSION = 6
_VCS = ("git", "hg", "svn", "bzr")


def read(lock: Table) -> Found:
    """Read what a project installs.

    Raises:
        Broken: It is of another version, or damaged.
    """
    meta = lock.table("_meta")
    if meta.values.get("pipfile-spec") != VERSION:
        raise Broken(
            f"it is of version {quoted(str(meta.values.get('pipfile-spec')))}, known is {VERSION}",
            "Name what `pipenv requirements` writes.",
        )
    notes = Notes()
    for source in meta.tables("sources"):
        notes.add_index(source.text("url"))
    default = lock.table("default")
    pins = []
    for name in default.values:
        pin = _pin(name, default.table(name), notes)
        if pin is not None:
            pins.append(pin)
    requires = meta.table("requires")
    version = requires.text("python_full_version") or requires.text("python_version")
    python = f"=={version}" if version.count(".") > 1 else f"=={version}.*" if version else ""
    return Found(
        pins=tuple(pins),
        notes=notes.texts(),
        python=python,
        local=tuple(sorted(notes.local)),
    )


def _pin(name: str, package: Table, notes: Notes) -> Pin | None:
    for key in ("path", "file"):
        if key in package:
            if key == "file" and "://" in package.text(key):
                break
            notes.add_local(inside(package.text(key)))
            return None
    marker = canonical(package.text("markers"))
    suffix = f" ; {marker}" if marker else ""
    kind = next((kind for kind in _VCS if kind in package), "")
    if kind:
        subdirectory = package.text("subdirectory")
        url = vcs_url(package.text(kind), package.text("ref"), subdirectory, kind=kind)
    else:
        url = archive_url(package.text("file"), package.text("subdirectory"))
    if url:
        notes.add_url(name, url)
        return pin_of(f"{name} @ {url}{suffix}", package.texts("hashes"))
    version = package.text("version", "*")
    specifier = "" if version == "*" else version
    return pin_of(f"{name}{specifier}{suffix}", package.texts("hashes"))
