"""nginx's configuration in a folder: which files are read, with what they include."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from posixpath import basename, dirname, join, normpath

from toolkit.lint.facts import Proxy
from toolkit.lint.locating import Locator, in_common
from toolkit.lint.nginx import nginx
from toolkit.lint.nginx.keeping import Version
from toolkit.reading import Files, ReadError

_FOLDER = "/etc/nginx"
_SITES = frozenset({"conf.d", "sites-available", "sites-enabled", "vhosts.d"})
_DOCUMENTATION = re.compile(r"(?:^|/)docs?/")
"""A configuration there shows others what to write."""

_MOST_CONFIGURATIONS = 500
_MOST_INCLUDED = 100
_MOST_CHARACTERS = 3_000_000
"""Of what is included; what people write includes a few thousand."""
_MOST_FILES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A container that runs nginx.

    Attributes:
        path: Of the file that describes it.
        version: Of nginx, None: not known.
        variables: Of its environment, for templates.
        files: That it has: the path in it, the path in the folder.
    """

    path: str
    version: Version | None
    variables: Mapping[str, str]
    files: tuple[tuple[str, str], ...]


def files_of(locator: Locator) -> tuple[tuple[str, str], ...]:
    """Give the files of a container that nginx may include."""
    found = ((target, path) for target, path in locator.targets() if nginx.may_be_nginx(path))
    return tuple(islice(found, _MOST_FILES))


@dataclass(frozen=True, slots=True)
class Configured:
    """What the files say.

    Attributes:
        paths: That were read.
        unread: Reasons, by path.
    """

    proxies: tuple[Proxy, ...]
    paths: tuple[str, ...]
    unread: Mapping[str, ReadError]


def read_folder(files: Files, hosts: Sequence[Host]) -> Configured:
    """Read all of nginx's configuration.

    Args:
        files: Of the folder.
        hosts: Containers that run nginx.
    """
    found = _configurations(files)
    unread: dict[str, ReadError] = {}
    for path in list(found)[_MOST_CONFIGURATIONS:]:
        del found[path]
        unread[path] = ReadError(f"only {_MOST_CONFIGURATIONS} configurations of nginx are read")
    reader = _Reader(files, hosts)
    included: dict[str, frozenset[str]] = {}
    for path, text in found.items():
        try:
            included[path] = reader.read([(path, text)]).included
        except ReadError as error:
            unread[path] = error
    roots = _roots(included)
    proxies: list[Proxy] = []
    for folder in sorted({dirname(path) for path in roots}):
        beside = [(path, found[path]) for path in roots if dirname(path) == folder]
        proxies.extend(reader.read(beside).proxies)
    # a file that two others include is found twice
    unique = tuple(dict.fromkeys(proxies))
    return Configured(unique, tuple(sorted({*included, *_all(included)})), unread)


def _roots(included: Mapping[str, frozenset[str]]) -> list[str]:
    """Give the files that no other takes in; of those that take in each other, the first."""
    taken = _all(included)
    roots = [path for path in included if path not in taken]
    reached = _all({path: included[path] for path in roots})
    for path in included:
        if path in taken and path not in reached:
            roots.append(path)
            reached |= included[path]
    return roots


def _all(included: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*included.values())


def _configurations(files: Files) -> dict[str, str]:
    paths = (path for path in files.paths if not _DOCUMENTATION.search(path))
    texts = ((path, files.text(path)) for path in paths if nginx.may_be_nginx(path))
    return {path: text for path, text in texts if text is not None and nginx.is_nginx(path, text)}


class _Reader:
    """Reads configurations with what they include, up to a limit for all of them."""

    def __init__(self, files: Files, hosts: Sequence[Host]) -> None:
        self._files = files
        self._hosts = hosts
        self._left = _MOST_CHARACTERS

    def read(self, roots: Sequence[tuple[str, str]]) -> nginx.Read:
        """Read files of one folder.

        Raises:
            ReadError: One of them, or one that it includes, cannot be read.
        """
        near = _near(self._hosts, roots[0][0])
        versions = {host.version for host in near}
        variables: dict[str, str] = {}
        for host in near:
            variables.update(host.variables)
        return nginx.read_all(
            roots,
            include=lambda path, pattern: self._include(near, path, pattern),
            version=versions.pop() if len(versions) == 1 else None,
            variables=variables,
        )

    def _include(self, hosts: Sequence[Host], path: str, pattern: str) -> Sequence[tuple[str, str]]:
        if self._left < 0:
            return ()
        for candidates in _included(self._files, hosts, path, pattern):
            read = [(name, self._files.text(name)) for name in candidates if name != path]
            given = [(name, text) for name, text in read if text is not None]
            if given:
                # many that include each other would be without end
                self._left -= sum(len(text) + 100 for _, text in given)
                return given[:_MOST_INCLUDED]
        return ()


def _near(hosts: Sequence[Host], path: str) -> list[Host]:
    """Give the hosts that are described nearest to a file."""
    most = max((in_common(host.path, path) for host in hosts), default=0)
    return [host for host in hosts if in_common(host.path, path) == most]


def _included(files: Files, hosts: Sequence[Host], path: str, pattern: str) -> Iterator[list[str]]:
    """Give what an ``include`` can mean, the likeliest first."""
    inside = normpath(join(_FOLDER, pattern))
    for host in hosts:
        yield [source for target, source in host.files if fnmatchcase(target, inside)]
    short = inside.removeprefix(f"{_FOLDER}/").lstrip("/")
    for folder in dict.fromkeys([dirname(path), dirname(dirname(path))]):
        beside = normpath(join(folder, short))
        yield [
            name
            for name in files.inside(_fixed(beside))
            if fnmatchcase(name, beside) and name.count("/") == beside.count("/")
        ]
    # without a container that says where it goes, a site beside the main file is meant for it
    if basename(dirname(short)) in _SITES and "*" in short:
        yield [
            name
            for name in files.inside(dirname(path))
            if dirname(name) == dirname(path)
            and fnmatchcase(basename(name), basename(short))
            and nginx.is_site(name, files.text(name) or "")
        ]


def _fixed(pattern: str) -> str:
    """Give the folder of a pattern as far as it has no asterisks."""
    before = dirname(re.split(r"[*?\[]", pattern, maxsplit=1)[0])
    return "" if before in {".", "/"} else before
