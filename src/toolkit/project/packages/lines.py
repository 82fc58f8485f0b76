"""Lines of a requirements file: where one ends, and whether it is an option, a path, an address.

https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote

from packaging.utils import parse_sdist_filename, parse_wheel_filename

from toolkit.project.packages.addresses import archive_url
from toolkit.project.packages.files import Broken, quoted

DIRECT = re.compile(r"[\w.-]+\s*(?:\[[^\]]*\]\s*)?@\s*")
"""The part of ``name @ address`` before the address."""

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$")
_OPTION = re.compile(r"(--?[A-Za-z][\w-]*)(?:\s*=\s*|\s+)?(.*)")
_SHORT = re.compile(r"-([rcei])\s*=?\s*(.+)")
_ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz")


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """Give lines with their numbers, without comments and with those that go on in the next."""
    parts: list[str] = []
    first = 0
    # the empty line ends what a backslash at the end of the file leaves open
    for number, raw in enumerate((*text.split("\n"), ""), start=1):
        first = first if parts else number
        if re.match(r"\s*#", raw):
            # a comment ends a line, backslash or not
            parts.append(f" {raw}")
        elif raw.endswith("\\"):
            parts.append(raw[:-1])
            continue
        else:
            parts.append(raw)
        line = _COMMENT.sub("", "".join(parts)).strip()
        parts = []
        if line:
            yield first, line


def option_of(line: str) -> tuple[str, str]:
    """Split an option from its value; a requirement has none."""
    if not line.startswith("-"):
        return "", line
    short = _SHORT.fullmatch(line)
    if short and not line.startswith("--"):
        return f"-{short[1]}", short[2].strip()
    match = _OPTION.fullmatch(line)
    return (match[1], match[2].strip()) if match else (line.split(maxsplit=1)[0], "")


def unquoted(text: str) -> str:
    """Take off quotes around the whole of a text."""
    return text[1:-1] if re.fullmatch(r"\"[^\"]*\"|'[^']*'", text) else text


def is_path(text: str) -> bool:
    """Tell whether a requirement is a folder or an archive of this machine."""
    direct = DIRECT.match(text)
    address = text[direct.end() :] if direct else text
    if address.startswith("file:"):
        return True
    if "://" in text or (direct and re.match(r"[\w.+-]+:", address)):
        return False
    place = text.partition(";")[0].strip()
    return place.startswith((".", "/", "~")) or "/" in place or "\\" in place or _is_archive(place)


def _is_archive(place: str) -> bool:
    return place.lower().endswith(_ARCHIVES)


def named(text: str) -> tuple[str, list[str]]:
    """Give the address of a package the form ``name @ address``, and the hashes it names."""
    address, _, marker = text.partition(" ;") if " ;" in text else text.partition("; ")
    address, _, fragment = address.strip().partition("#")
    said = parse_qs(fragment)
    hashes = [f"{kind}:{value}" for kind, values in said.items() for value in values]
    name = said.get("egg", [""])[0] or _name_of_archive(unquote(address.rsplit("/", 1)[-1]))
    if not name:
        raise Broken(f"{quoted(address)} does not say its package", "Write `name @ address`.")
    part = said.get("subdirectory", [""])[0]
    suffix = f" ; {marker.strip()}" if marker.strip() else ""
    return f"{name} @ {archive_url(address, part)}{suffix}", hashes


def _name_of_archive(file: str) -> str:
    try:
        if file.endswith(".whl"):
            return parse_wheel_filename(file)[0]
        return parse_sdist_filename(file)[0]
    except ValueError:
        return ""
