"""Where a package is installed: environment markers (PEP 508) that can be combined.

A condition is an "or" of clauses, a clause an "and" of comparisons. Written like that, conditions
over several paths through a lock can be put together, compared and shortened.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from itertools import product

from packaging.version import InvalidVersion, Version

from toolkit.project.packages.files import Broken
from toolkit.project.packages.pins import canonical

Comparison = tuple[str, str, str]
"""Left side, operator, right side, as ``packaging`` writes them: ``("os_name", "==", '"nt"')``."""

Clause = frozenset[Comparison]
Condition = frozenset[Clause]

ALWAYS: Condition = frozenset({frozenset()})
NEVER: Condition = frozenset()

MOST_CLAUSES = 128
"""Of a condition. Locks of large projects have up to a dozen."""

MOST_COMPARISONS = 64
"""Of a clause."""

Decide = Callable[[Comparison], bool | None]

_SIDE = r"(\"[^\"]*\"|'[^']*'|[a-z_]+)"
_TOKEN = re.compile(rf"\s*(?:([()]|and\b|or\b)|{_SIDE} (not in|in|===|[=~!<>]=|[<>]) {_SIDE})")
_INVERSE = {"==": "!=", "<": ">=", "<=": ">", "in": "not in"}
_INVERSE |= {inverse: operator for operator, inverse in _INVERSE.items()}
_PYTHON = frozenset({"python_version", "python_full_version"})
_ONE_OF_A_KIND = frozenset({"sys_platform", "os_name", "platform_system", "implementation_name"})


def too_tangled() -> Broken:
    """Say that a lock's conditions grow beyond all bounds."""
    return Broken(
        "its markers are too tangled to be put together",
        "Export it (`uv export`, `poetry export`, `pdm export`) and name that file.",
    )


def decide_by(extras: Collection[str], groups: Collection[str] = ()) -> Decide:
    """Give what knows the comparisons with extras and groups, and leaves all others open.

    Args:
        extras: Those that are asked for, in normal form.
        groups: Dependency groups that are asked for.
    """

    def decide(comparison: Comparison) -> bool | None:
        left, operator, right = comparison
        if "extra" in (left, right):
            value = (left if right == "extra" else right)[1:-1]
            return (value in extras) == (operator == "==")
        asked = {"extras": extras, "dependency_groups": groups}.get(right)
        if asked is None:
            return None
        return (left[1:-1] in asked) == (operator == "in")

    return decide


def condition_of(marker: str, decide: Decide = lambda _: None) -> Condition:
    """Read a marker; an empty one holds always.

    Args:
        marker: What to read.
        decide: Tells of a comparison whether it is known to be true or false.

    Raises:
        Broken: It is none, or too tangled.
    """
    if not marker:
        return ALWAYS
    tokens = _tokens(canonical(marker))
    try:
        return _any(tokens, decide)
    except RecursionError as error:
        raise too_tangled() from error


def marker_of(condition: Condition) -> str:
    """Write a condition as a marker; one that holds always as an empty text."""
    if frozenset() in condition:
        return ""
    clauses = sorted(sorted(" ".join(each) for each in clause) for clause in condition)
    if len(clauses) == 1:
        return " and ".join(clauses[0])
    return " or ".join(
        f"({' and '.join(clause)})" if len(clause) > 1 else clause[0] for clause in clauses
    )


def any_of(conditions: Iterable[Condition]) -> Condition:
    """Give what holds where one of the conditions does.

    Raises:
        Broken: It is too tangled.
    """
    found: set[Clause] = set()
    for condition in conditions:
        for clause in condition:
            _add(clause, found)
    return frozenset(found)


def all_of(one: Condition, other: Condition) -> Condition:
    """Give what holds where both conditions do.

    Raises:
        Broken: It is too tangled.
    """
    if one == ALWAYS:
        return other
    if other == ALWAYS:
        return one
    met: set[Clause] = set()
    for left, right in product(one, other):
        clause = _met(left | right)
        if clause is not None:
            _add(clause, met)
    return frozenset(met)


def _add(clause: Clause, found: set[Clause]) -> None:
    """Add a clause that says something new, in place of those that say less."""
    if len(clause) > MOST_COMPARISONS:
        raise too_tangled()
    for comparison in clause:
        inverse = _inverse(comparison)
        # the same with and without: it does not matter
        if inverse is not None and (clause - {comparison}) | {inverse} in found:
            _add(clause - {comparison}, found)
            return
    if any(_covers(known, clause) for known in found):
        return
    found -= {known for known in found if _covers(clause, known)}
    found.add(clause)
    if len(found) > MOST_CLAUSES:
        raise too_tangled()


def _covers(wide: Clause, narrow: Clause) -> bool:
    """Tell whether one clause holds wherever another does."""
    if wide <= narrow:
        return True
    return all(
        each in narrow or (each[0] in _PYTHON and any(_implies(other, each) for other in narrow))
        for each in wide
    )


def _inverse(comparison: Comparison) -> Comparison | None:
    left, operator, right = comparison
    inverse = _INVERSE.get(operator)
    return None if inverse is None else (left, inverse, right)


def _met(clause: Clause) -> Clause | None:
    """Shorten a clause; None if it never holds."""
    if len(clause) > 2 * MOST_COMPARISONS:
        raise too_tangled()
    kinds: dict[str, str] = {}
    for left, operator, right in clause:
        if _inverse((left, operator, right)) in clause:
            return None
        if (
            operator == "=="
            and left in _ONE_OF_A_KIND
            and right[0] in "\"'"
            and kinds.setdefault(left, right) != right
        ):
            return None
    needless = {
        weaker
        for weaker in clause
        if weaker[0] in _PYTHON and any(_implies(other, weaker) for other in clause)
    }
    return clause - needless


def _implies(one: Comparison, other: Comparison) -> bool:
    """Tell whether one bound of Python's version makes another needless."""
    if one == other or one[0] != other[0] or one[1] != other[1] or one[1] not in ("<", ">="):
        return False
    first, second = _version(one[2]), _version(other[2])
    if first is None or second is None:
        return False
    return first < second if one[1] == "<" else first > second


@lru_cache(maxsize=256)
def _version(literal: str) -> Version | None:
    try:
        return Version(literal[1:-1])
    except InvalidVersion:
        return None


def _tokens(marker: str) -> Iterator[str | Comparison]:
    position = 0
    while position < len(marker):
        token = _TOKEN.match(marker, position)
        assert token is not None, marker  # noqa: S101 - it is what `packaging` wrote
        sign, left, operator, right = token.groups()
        yield sign or (left, operator, right)
        position = token.end()


def _any(tokens: Iterator[str | Comparison], decide: Decide) -> Condition:
    """Read up to the end or to the bracket that closes."""
    parts: list[Condition] = []
    part = ALWAYS
    for read in tokens:
        if read == ")":
            break
        if read == "or":
            parts.append(part)
            part = ALWAYS
        elif read == "(":
            part = all_of(part, _any(tokens, decide))
        elif not isinstance(read, str):
            part = all_of(part, _known(read, decide))
    return any_of([*parts, part])


def _known(comparison: Comparison, decide: Decide) -> Condition:
    known = decide(comparison)
    if known is None:
        return frozenset({frozenset({comparison})})
    return ALWAYS if known else NEVER
