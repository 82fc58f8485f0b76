"""Values in Python source, computed without running it: what a configuration file comes to.

Only arithmetic on numbers, texts, variables of the environment and names that were set before.
What grows (powers, repeated texts, formats with a width) is not computed.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from toolkit.lint.facts import Fact
from toolkit.lint.servers.arithmetic import COMPARISONS, FUNCTIONS, binary, unary
from toolkit.lint.servers.settings import UNKNOWN, ByCpus, Unknown, from_text

_MOST_DEEP = 60
_MOST_LETTERS = 10_000
_MOST_ITEMS = 200
_LARGEST = 10**15

_METHODS = frozenset(
    {"endswith", "isdigit", "lower", "lstrip", "rstrip", "split", "startswith", "strip", "upper"}
)
_CPUS = frozenset({"cpu_count", "process_cpu_count", "sched_getaffinity"})
_ENVIRONMENT = frozenset({"environ.get", "getenv", "os.environ.get", "os.getenv"})
_READS_QUOTA = ("cpu.max", "cfs_quota", "cgroup")


@dataclass(slots=True)
class Evaluator:
    """Names and what they stand for.

    Attributes:
        env: Variables of the environment; those not in it are not set.
        names: Values by name.
        functions: That the file defines.
        call: Gives what a function of the file returns.
    """

    env: Mapping[str, Fact[str]]
    names: dict[str, object] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    call: Callable[[ast.FunctionDef, ast.Call], object] = lambda _function, _call: UNKNOWN
    _depth: int = 0
    _asking: dict[str, "_Asks"] = field(default_factory=dict)

    def value(self, node: ast.expr | None) -> object:
        """Give the value of an expression, UNKNOWN if it takes more than is here."""
        if node is None:
            return None
        if self._depth > _MOST_DEEP:
            return UNKNOWN
        self._depth += 1
        try:
            found = self._value(node)
        except (ArithmeticError, TypeError, ValueError, LookupError, AttributeError):
            found = UNKNOWN
        finally:
            self._depth -= 1
        if isinstance(found, str) and len(found) > _MOST_LETTERS:
            return UNKNOWN
        if isinstance(found, int | float) and abs(found) > _LARGEST:
            return UNKNOWN
        return found

    def _value(self, node: ast.expr) -> object:
        found: object = UNKNOWN
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as plain):
                found = plain
            case ast.Name():
                found = self.names.get(node.id, UNKNOWN)
            case ast.List() | ast.Tuple():
                found = self._list(node)
            case ast.JoinedStr():
                found = self._joined(node)
            case ast.BoolOp():
                found = self._either(node)
            case ast.IfExp():
                found = self._if(node)
            case ast.Call():
                found = self._call(node)
            case ast.Subscript():
                found = self._item(node)
            case _:
                found = self._computed(node)
        return found

    def _computed(self, node: ast.expr) -> object:
        match node:
            case ast.BinOp():
                operands = [self.value(node.left), self.value(node.right)]
            case ast.UnaryOp():
                operands = [self.value(node.operand)]
            case ast.Compare():
                operands = [self.value(node.left), self.value(node.comparators[0])]
            case _:
                return UNKNOWN
        if any(isinstance(operand, ByCpus) for operand in operands):
            return UNKNOWN if isinstance(node, ast.Compare) else _by_cpus(node)
        if not all(_is_known(operand) for operand in operands):
            return UNKNOWN
        if isinstance(node, ast.Compare):
            compare = COMPARISONS.get(type(node.ops[0]))
            return UNKNOWN if compare is None or len(node.ops) > 1 else compare(*operands)
        if isinstance(node, ast.UnaryOp):
            return unary(node.op, operands[0])
        return binary(node.op, *operands)

    def _list(self, node: ast.List | ast.Tuple) -> object:
        # lists of lists of the same lists would grow without end
        found = [self.value(item) for item in node.elts[:_MOST_ITEMS]]
        nested = any(isinstance(item, list) for item in found)
        return UNKNOWN if nested or len(node.elts) > _MOST_ITEMS else found

    def _joined(self, node: ast.JoinedStr) -> object:
        texts: list[str] = []
        for part in node.values:
            inner = part.value if isinstance(part, ast.FormattedValue) else part
            if isinstance(part, ast.FormattedValue) and part.format_spec is not None:
                return UNKNOWN
            found = self.value(inner)
            if not _is_known(found) or isinstance(found, list | ByCpus):
                return UNKNOWN
            texts.append(str(found))
        return "".join(texts)

    def _either(self, node: ast.BoolOp) -> object:
        operands = [self.value(operand) for operand in node.values]
        for operand in operands:
            if isinstance(operand, ByCpus) or not _is_known(operand):
                by_cpus = any(isinstance(other, ByCpus) for other in operands)
                return _by_cpus(node) if by_cpus else UNKNOWN
            if bool(operand) is isinstance(node.op, ast.Or):
                return operand
        return operands[-1]

    def _if(self, node: ast.IfExp) -> object:
        condition = self.value(node.test)
        if _is_known(condition) and not isinstance(condition, ByCpus):
            return self.value(node.body if condition else node.orelse)
        one, other = self.value(node.body), self.value(node.orelse)
        if isinstance(one, ByCpus) or isinstance(other, ByCpus):
            return _by_cpus(node)
        return one if _is_known(one) and one == other else UNKNOWN

    def _item(self, node: ast.Subscript) -> object:
        if _dotted(node.value) in ("os.environ", "environ"):
            found = self.variable(self.value(node.slice), UNKNOWN)
            return UNKNOWN if found is None else found
        container, at = self.value(node.value), self.value(node.slice)
        if isinstance(container, list) and isinstance(at, int):
            found = container[at]
            return found if _is_known(found) else UNKNOWN
        return UNKNOWN

    def variable(self, name: object, default: object) -> object:
        """Give a variable of the environment."""
        if not isinstance(name, str):
            return UNKNOWN
        found = self.env.get(name)
        return default if found is None else from_text(found.value)

    def _call(self, node: ast.Call) -> object:
        name = _dotted(node.func)
        last = node.func.attr if isinstance(node.func, ast.Attribute) else name
        if name in self.functions:
            return self._own(node, self.functions[name])
        if name in _ENVIRONMENT and node.args:
            default = node.args[1] if len(node.args) > 1 else _keyword(node, "default")
            return self.variable(self.value(node.args[0]), self.value(default))
        if last in _CPUS:
            return _by_cpus(node)
        if name in FUNCTIONS and not node.keywords:
            operands = [self.value(argument) for argument in node.args]
            flat = [x for o in operands for x in (o if isinstance(o, list) else [o])]
            if any(isinstance(operand, ByCpus) for operand in flat):
                return _by_cpus(node)
            if not all(_is_known(operand) for operand in flat):
                return UNKNOWN
            return FUNCTIONS[name](*operands)
        if isinstance(node.func, ast.Attribute) and last in _METHODS:
            text = self.value(node.func.value)
            operands = [self.value(argument) for argument in node.args]
            if isinstance(text, str) and all(isinstance(operand, str) for operand in operands):
                return getattr(text, last)(*operands)
        return UNKNOWN

    def _own(self, node: ast.Call, function: ast.FunctionDef) -> object:
        if function.name not in self._asking:
            self._asking[function.name] = _asks(function)
        asks = self._asking[function.name]
        if asks is _Asks.QUOTA:
            return UNKNOWN
        found = self.call(function, node)
        if isinstance(found, Unknown) and asks is _Asks.CPUS:
            return _by_cpus(node)
        return found


class _Asks(Enum):
    """What a function of the file asks the machine."""

    NOTHING = auto()
    CPUS = auto()
    QUOTA = auto()


def _asks(function: ast.FunctionDef) -> _Asks:
    inside = list(ast.walk(function))
    texts = [item.value for item in inside if isinstance(item, ast.Constant)]
    if any(word in text for text in texts if isinstance(text, str) for word in _READS_QUOTA):
        return _Asks.QUOTA
    calls = [_dotted(item.func) for item in inside if isinstance(item, ast.Call)]
    asks_cpus = any(name.rpartition(".")[2] in _CPUS for name in calls)
    return _Asks.CPUS if asks_cpus else _Asks.NOTHING


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((item.value for item in node.keywords if item.arg == name), None)


def _dotted(node: ast.expr) -> str:
    """Give a name with dots, "" if it is none."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(names)]) if isinstance(node, ast.Name) else ""


def _is_known(value: object) -> bool:
    if isinstance(value, list):
        return all(_is_known(item) for item in value)
    return not isinstance(value, Unknown)


def _by_cpus(node: ast.expr) -> ByCpus:
    return ByCpus(ast.unparse(node)[:200])
