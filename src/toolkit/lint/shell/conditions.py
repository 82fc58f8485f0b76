"""What ``[ ... ]`` says, as far as that is known from the words in it alone."""

import operator as op
from collections.abc import Callable, Mapping, Sequence

from toolkit.lint.shell.values import is_known

_NUMBERS: Mapping[str, Callable[[int, int], bool]] = {
    "-eq": op.eq,
    "-ne": op.ne,
    "-gt": op.gt,
    "-ge": op.ge,
    "-lt": op.lt,
    "-le": op.le,
}


def judge(words: Sequence[str]) -> bool | None:
    """Judge a test.

    Args:
        words: As a shell has them after it put in the variables, with ``[`` or ``test``.

    Returns:
        What it says, None if that depends on files, on the time, on a value that is not known.
    """
    ends = {"[": "]", "[[": "]]"}.get(words[0])
    inside = list(words[1:])
    if ends is not None and inside and inside[-1] == ends:
        inside.pop()
    negated = bool(inside) and inside[0] == "!"
    said = _judge(inside[negated:])
    return said if said is None or not negated else not said


def _judge(words: Sequence[str]) -> bool | None:
    if not all(is_known(word) for word in words):
        return None
    match words:
        case [] | ["-n"] | ["-z"]:
            return words == ["-z"]  # of a variable without quotes that is not set nothing is left
        case ["-n", text] | [text]:
            return bool(text)
        case ["-z", text]:
            return not text
        case [left, "=" | "==" | "!=" as operator, right]:
            return (left == right) == (operator != "!=")
        case ["=" | "==" | "!=" as operator, right]:
            return (not right) == (operator != "!=")
        case [left, operator, right] if operator in _NUMBERS:
            return _compare(left, operator, right)
    return None


def _compare(left: str, operator: str, right: str) -> bool | None:
    if not (left.isdecimal() and right.isdecimal() and len(left) < 10 and len(right) < 10):
        return None
    return _NUMBERS[operator](int(left), int(right))
