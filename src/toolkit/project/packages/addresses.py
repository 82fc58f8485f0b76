"""Packages that come from elsewhere than an index: their addresses, and what the user is told."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from toolkit.project.packages.files import Broken, quoted

_SCP = re.compile(r"(?:[\w.-]+@)?[\w.-]+:[^/:][^:]*")
_PUBLIC = frozenset({"pypi.org", "pypi.python.org", "files.pythonhosted.org"})


def vcs_url(url: str, revision: str, subdirectory: str = "", *, kind: str = "git") -> str:
    """Give the address of a repository in a form that pip takes.

    Args:
        url: Of the repository, with or without ``git+``, also ``git@host:path``.
        revision: Commit, tag or branch; empty: what is newest.
        subdirectory: Where in it the package lies.
        kind: Of repository: git, hg, svn, bzr.
    """
    address = url.removeprefix(f"{kind}+")
    if "://" not in address and _SCP.fullmatch(address):
        host, path = address.split(":", 1)
        address = f"ssh://{host}/{path}"
    at = f"@{revision}" if revision else ""
    fragment = f"#subdirectory={subdirectory}" if subdirectory else ""
    return f"{kind}+{address}{at}{fragment}"


def archive_url(url: str, subdirectory: str = "") -> str:
    """Give the address of an archive without what is not for pip."""
    return url.split("#", 1)[0] + (f"#subdirectory={subdirectory}" if subdirectory else "")


def inside(path: str, base: str = ".") -> str:
    """Give a path of the project's folder in its shortest form.

    Args:
        path: Relative to the base.
        base: Folder in the project.

    Raises:
        Broken: It leads out of the folder.
    """
    parts: list[str] = []
    for part in (*PurePosixPath(base).parts, *PurePosixPath(path.replace("\\", "/")).parts):
        if part == "..":
            if not parts:
                break
            parts.pop()
        else:
            parts.append(part)
    else:
        if not PurePosixPath(path).is_absolute():
            return "/".join(parts) or "."
    raise Broken(
        f"{quoted(path)} lies outside of the project's folder",
        "Give the folder that holds both.",
    )


@dataclass(slots=True)
class Notes:
    """What a reader comes across, told once it is through.

    Attributes:
        told: Notes that are ready.
        itself: Whether the project itself is a package that is left out.
        local: Folders and archives that are left out.
        fetched: Names of packages that come from addresses.
        hosts: Of package indexes.
        secret: Names of packages with a password in their address.
    """

    told: list[str] = field(default_factory=list)
    itself: bool = False
    local: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    secret: list[str] = field(default_factory=list)

    def add_index(self, url: str) -> None:
        """Remember an index; one that is a folder is none that could be asked."""
        host = _host(url)
        if host and host not in _PUBLIC:
            self.hosts.add(host)

    def add_url(self, name: str, url: str) -> None:
        """Remember a package that comes from an address."""
        self.fetched.append(name)
        if _has_password(url):
            self.secret.append(name)

    def add_local(self, path: str) -> None:
        """Remember what of the project's folder is left out: itself, or a part."""
        if path == ".":
            self.itself = True
        else:
            self.local.append(path)

    def texts(self) -> tuple[str, ...]:
        """Give all that there is to tell."""
        notes = list(self.told)
        if self.itself:
            notes.append("The project itself is not installed: it is used from its folder.")
        if self.local:
            notes.append(f"Not installed, because they lie in the project: {_listed(self.local)}.")
        if self.fetched:
            notes.append(f"Installed from addresses instead of an index: {_listed(self.fetched)}.")
        if self.secret:
            notes.append(f"An address with a password goes into the image: {_listed(self.secret)}.")
        if self.hosts:
            notes.append(
                f"Packages come from an index of their own ({_listed(self.hosts)}), which is not "
                "taken over: --index-url sets it."
            )
        return tuple(notes)


def _listed(texts: Iterable[str]) -> str:
    several = sorted(set(texts))
    more = len(several) - 5
    return ", ".join(several[:5]) + (f" and {more} more" if more > 0 else "")


def _host(url: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host if re.fullmatch(r"[\w.:-]+", host) else ""


def _has_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    # a user alone is how tokens are given over https, and no secret over ssh
    return parts.password is not None or (bool(parts.username) and "ssh" not in parts.scheme)
