"""What an app's constraints mean for the packages of a server, which the toolkit pins. Pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet

from toolkit.project.packages.dependencies import Requirements, logical_lines, name_of, names
from toolkit.project.packages.pins import HASH_OPTION, Pin, parse, pin_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is limited, and how packages must be installed for that.

    Attributes:
        text: Lines for ``pip install -c``; empty: there is nothing to limit.
        hashed: Whether files are checked by their hashes. pip wants an exact version of everything
            then, and a limit is not one: where one decides what is installed, nothing is checked.
        excluded: Of each package of a server that may not have the toolkit's version, that version
            and what it must be instead.
    """

    text: str
    hashed: bool
    excluded: dict[str, tuple[str, str]]

    def applied(self, lines: Iterable[str]) -> Iterator[str]:
        """Give the lines of a server's lock, without a version where ours may not be."""
        for line in lines:
            pin = _pin(line) if name_of(line) in self.excluded else None
            if pin is None:
                yield line if self.hashed else HASH_OPTION.sub("", line)
            else:
                yield replace(pin, specifier="", hashes=()).line(hashes=False)


def limits_of(requirements: Requirements, locks: Iterable[str]) -> Limits:
    """Say what an app's constraints limit.

    A marker of a constraint is not asked: it is taken to apply to the Python of the servers.

    Args:
        requirements: What the app installs.
        locks: Of all servers that it is laid out beside.
    """
    constraints = parse(requirements.constraints)
    own = names(requirements)
    excluded = {
        pin.name: (version, constraint.specifier)
        for lock in locks
        for pin in map(_pin, logical_lines(lock))
        if pin is not None and pin.name not in own
        for constraint, version in _forbidding(pin, constraints)
    }
    # with hashes all versions are fixed: limits of what is not installed say nothing
    decides = bool(excluded) or _are_listed(constraints, own)
    hashed = requirements.hashed and not decides
    return Limits(
        # hashes in it would have pip ask for those of all packages
        text="" if hashed else "".join(f"{pin.line(hashes=False)}\n" for pin in constraints),
        hashed=hashed,
        excluded=excluded,
    )


def _are_listed(constraints: Iterable[Pin], own: Collection[str]) -> bool:
    """Tell whether there are limits of listed packages that reading could not apply itself."""
    return any(constraint.name in own for constraint in constraints)


def _forbidding(pin: Pin, constraints: Iterable[Pin]) -> Iterator[tuple[Pin, str]]:
    exact = next((item.version for item in SpecifierSet(pin.specifier)), "")
    for constraint in constraints:
        if constraint.name == pin.name and not SpecifierSet(constraint.specifier).contains(
            exact, prereleases=True
        ):
            yield constraint, exact


def _pin(line: str) -> Pin | None:
    return pin_of(HASH_OPTION.split(line)[0]) if name_of(line) else None
