"""Poetry's version constraints in the words of PEP 440.

Rules: https://python-poetry.org/docs/dependency-specification/#version-constraints
"""

import re
from collections.abc import Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from toolkit.project.packages.files import Broken, quoted

_PART = re.compile(r"(\^|~=|~|===|==|!=|<=|>=|<|>|=)?\s*([^\s,|^~<>=!]+)")


def specifier_of(constraint: str) -> str:
    """Translate a constraint such as ``^2.1``, ``~2.1``, ``2.*`` or ``>=2,<3``.

    Args:
        constraint: No alternatives (``||``).

    Raises:
        Broken: It is none.
    """
    text = constraint.strip()
    if text in ("", "*"):
        return ""
    clauses: list[str] = []
    position = 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            raise Broken(f"{quoted(constraint)} is no version constraint")
        clauses += _clauses(part[1] or "", part[2], constraint)
        position = part.end()
        separator = re.compile(r"[\s,]*").match(text, position)
        position = separator.end() if separator else position
    try:
        return str(SpecifierSet(",".join(clauses)))
    except InvalidSpecifier as error:
        raise Broken(f"{quoted(constraint)} is no version constraint") from error


def alternatives(constraint: str) -> tuple[str, ...]:
    """Split a constraint at its alternatives, ``>=1,<2 || >=3`` or with one bar."""
    return tuple(part.strip() for part in re.split(r"\|\|?", constraint))


def allows(constraint: str, version: str) -> bool:
    """Tell whether a version will do.

    Raises:
        Broken: The constraint is none.
    """
    try:
        return any(
            SpecifierSet(specifier_of(part)).contains(version, prereleases=True)
            for part in alternatives(constraint)
        )
    except InvalidVersion:
        return False


def python_marker(constraint: str) -> str:
    """Translate a constraint on Python into a marker; empty: any Python.

    Raises:
        Broken: The constraint is none.
    """
    markers = []
    for part in alternatives(constraint):
        clauses = [_marker(str(each)) for each in SpecifierSet(specifier_of(part))]
        if not clauses:
            return ""
        markers.append(" and ".join(sorted(clauses)))
    return markers[0] if len(markers) == 1 else " or ".join(f"({each})" for each in markers)


def _marker(clause: str) -> str:
    operator, version = re.split(r"(?<=[=<>~!])(?=[^=<>~!])", clause, maxsplit=1)
    # 3.10 is every 3.10.x for `python_version`, as people mean it; 3.10.2 needs the full version
    whole = version.removesuffix(".*").count(".") < 2
    name = "python_version" if whole and operator in ("<", ">=") else "python_full_version"
    return f'{name} {operator} "{version}"'


def _clauses(operator: str, text: str, constraint: str) -> list[str]:
    if text == "*":
        return []
    wildcard = re.fullmatch(r"(\d+(?:\.\d+)*)\.[*xX]", text)
    if wildcard:
        if operator in ("", "=", "==", "^", "~"):
            return [f"=={wildcard[1]}.*"]
        text = f"{wildcard[1]}.*" if operator == "!=" else wildcard[1]
        return [f"{operator}{text}"]
    if operator in ("", "="):
        return [f"=={text}"]
    if operator not in ("^", "~"):
        return [f"{operator}{text}"]
    try:
        release = Version(text).release
    except InvalidVersion as error:
        raise Broken(f"{quoted(constraint)} is no version constraint") from error
    upper = _caret(release) if operator == "^" else _tilde(release)
    return [f">={text}", f"<{'.'.join(map(str, upper))}"]


def _caret(release: Sequence[int]) -> tuple[int, ...]:
    """Raise the leftmost part that is not zero, or the last of those that are given."""
    place = next((n for n, part in enumerate(release) if part), len(release) - 1)
    return (*release[:place], release[place] + 1, *(0 for _ in release[place + 1 :]))


def _tilde(release: Sequence[int]) -> tuple[int, ...]:
    """Raise the minor part, or the major if that is all there is."""
    place = min(1, len(release) - 1)
    return (*release[:place], release[place] + 1)
