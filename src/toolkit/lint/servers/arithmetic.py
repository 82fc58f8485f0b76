"""Operators and functions of Python that are computed: those whose results do not grow."""

import ast
import operator
from collections.abc import Callable, Mapping
from functools import reduce
from re import compile as pattern

from toolkit.lint.servers.settings import UNKNOWN, truth_of

_FORMAT = pattern(r"(?:[^%]|%[sdi%])*")
_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
COMPARISONS: Mapping[type[ast.cmpop], Callable[..., bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "abs": abs,
    "bool": bool,
    "float": float,
    "int": int,
    "len": len,
    "max": max,
    "min": min,
    "round": round,
    "str": str,
    "strtobool": truth_of,
    "distutils.util.strtobool": truth_of,
    "math.ceil": lambda value: -int(-value // 1),
    "math.floor": lambda value: int(value // 1),
}


def unary(operation: ast.unaryop, value: object) -> object:
    """Compute ``not`` and the negative."""
    if isinstance(operation, ast.Not):
        return not value
    if isinstance(operation, ast.USub) and isinstance(value, int | float):
        return -value
    return UNKNOWN


def binary(operation: ast.operator, left: object, right: object) -> object:
    """Compute what stands between two values."""
    if isinstance(left, str):
        if isinstance(operation, ast.Add) and isinstance(right, str):
            return left + right
        if isinstance(operation, ast.Mod) and _FORMAT.fullmatch(left):
            return left % (tuple(right) if isinstance(right, list) else right)
        return UNKNOWN
    compute = _ARITHMETIC.get(type(operation))
    numbers = [value for value in (left, right) if isinstance(value, int | float)]
    return UNKNOWN if compute is None or len(numbers) < 2 else reduce(compute, numbers)
