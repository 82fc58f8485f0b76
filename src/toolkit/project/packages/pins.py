"""What is installed, one package a line, as pip reads it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from toolkit.project.packages.files import Broken, quoted

MOST_LENGTH = 20_000
"""Of a requirement without its hashes. What stands in a lock has some hundreds."""

HASH_OPTION = re.compile(r"\s--hash(?:=|\s+)(\S+)")
VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
"""What pip replaces by a variable of its environment, wherever it stands in a line."""

_STRONG_HASH = re.compile(r"(?:sha256|sha384|sha512):[0-9a-f]{64,128}")
_REMOTE = re.compile(r"(?:(?:git|hg|svn|bzr)\+)?(?:https?|ssh|git|svn)://\S+")
_COMMIT = re.compile(r"(?:git|hg)\+[^#]*@[0-9a-f]{40,64}(?:#|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A package that is installed.

    Attributes:
        name: In normal form (PEP 503).
        extras: Of it, in normal form, sorted.
        specifier: Which versions will do, ``==1.0`` or ``<3,>=2``; empty: any.
        url: Where it comes from instead of an index; then there is no specifier.
        marker: Where it is installed (PEP 508); empty: everywhere.
        hashes: Of all its files, ``sha256:...``, sorted; only such as pip takes.
    """

    name: str
    extras: tuple[str, ...] = ()
    specifier: str = ""
    url: str = ""
    marker: str = ""
    hashes: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether it is the same at every installation."""
        if self.url:
            return is_archive(self.url) or _COMMIT.match(self.url) is not None
        return any(
            each.operator == "===" or (each.operator == "==" and not each.version.endswith("*"))
            for each in SpecifierSet(self.specifier)
        )

    def line(self, *, hashes: bool) -> str:
        """Write it as a line of a requirements file."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        source = f" @ {self.url}" if self.url else self.specifier
        marker = f" ; {self.marker}" if self.marker else ""
        options = "".join(f" --hash={each}" for each in self.hashes) if hashes else ""
        return f"{self.name}{extras}{source}{marker}{options}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a file says.

    Attributes:
        pins: What is installed.
        constraints: Which versions will do of packages that others may ask for.
        notes: What the user should know.
        python: Which Pythons it is for (PEP 440); empty: not said.
        local: Folders and archives, relative to the project, that are not installed.
        used: Other files that were read for it, relative to the project.
    """

    pins: tuple[Pin, ...]
    constraints: tuple[Pin, ...] = ()
    notes: tuple[str, ...] = ()
    python: str = ""
    local: tuple[str, ...] = ()
    used: tuple[str, ...] = ()


def is_archive(url: str) -> bool:
    """Tell whether an address is that of one file, which pip can check by a hash."""
    return url.startswith(("http://", "https://"))


def pin_of(text: str, hashes: Iterable[str] = ()) -> Pin:
    """Read a requirement (PEP 508).

    Raises:
        Broken: It is none, or names what is no package of an index and no public address.
    """
    if len(text) > MOST_LENGTH:
        raise Broken(f"{quoted(text)} is too long for a requirement")
    try:
        required = Requirement(text)
    except (ValueError, RecursionError) as error:
        raise Broken(f"{quoted(text)} is no requirement") from error
    return _checked(
        Pin(
            name=canonicalize_name(required.name),
            extras=tuple(sorted({canonicalize_name(each) for each in required.extras})),
            specifier=str(required.specifier),
            url=required.url or "",
            marker=str(required.marker or ""),
            hashes=strong(hashes),
        )
    )


def locked(
    name: str, *, version: str = "", url: str = "", marker: str = "", hashes: Iterable[str] = ()
) -> Pin:
    """Give a package as a lock has it.

    Raises:
        Broken: Name, version, address or marker are none.
    """
    source = f" @ {url}" if url else f"=={version}" if version else ""
    return pin_of(f"{name}{source}" + (f" ; {marker}" if marker else ""), hashes)


def strong(hashes: Iterable[str]) -> tuple[str, ...]:
    """Keep those hashes that pip takes."""
    return tuple(sorted({each for each in hashes if _STRONG_HASH.fullmatch(each)}))


def render(pins: Iterable[Pin]) -> str:
    """Write pins as a file for ``pip install -r``.

    Hashes are written if every pin has them: pip wants them of all packages or of none.
    """
    pins = tuple(pins)
    hashes = are_hashed(pins)
    return "".join(f"{pin.line(hashes=hashes)}\n" for pin in pins)


def are_hashed(pins: Iterable[Pin]) -> bool:
    """Tell whether pip can check every file of them; not of none, where there is nothing to do."""
    pins = tuple(pins)
    return bool(pins) and all(pin.hashes and pin.exact for pin in pins)


def parse(text: str) -> tuple[Pin, ...]:
    """Read what ``render`` writes.

    Raises:
        Broken: A line is no requirement.
    """
    return tuple(_parsed(line) for line in text.split("\n") if line)


def canonical(marker: str) -> str:
    """Write a marker the way ``packaging`` does.

    Raises:
        Broken: It is none.
    """
    try:
        return str(Marker(marker)) if marker else ""
    except (ValueError, RecursionError) as error:
        raise Broken(f"{quoted(marker)} is no environment marker") from error


def _parsed(line: str) -> Pin:
    return pin_of(HASH_OPTION.split(line)[0], HASH_OPTION.findall(line))


def _checked(pin: Pin) -> Pin:
    """Give what pip will understand as it is meant, and as nothing else."""
    line = pin.line(hashes=False)
    if pin.url and not _REMOTE.fullmatch(pin.url):
        raise Broken(f"{quoted(pin.url)} is no address that can be installed from anywhere")
    # a value of a marker may hold anything: another line, an option, what pip takes for a comment
    if not line.isprintable() or re.search(r"\s[#-]|\\$", line):
        raise Broken(f"{quoted(line)} cannot be written into a requirements file")
    if VARIABLE.search(line):
        raise Broken(f"{quoted(line)} names a variable of the environment")
    return pin
