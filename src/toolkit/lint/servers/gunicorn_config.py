"""gunicorn's configuration file, which is Python, read without running it."""

import ast
from collections.abc import Mapping, Sequence

from toolkit.lint.facts import Fact, Where
from toolkit.lint.servers.evaluating import Evaluator
from toolkit.lint.servers.settings import UNKNOWN, ByCpus, Unknown, from_text
from toolkit.reading import ReadError, python_of

_MOST_STEPS = 5_000
_MOST_CALLS = 10


def read(
    path: str, text: str, env: Mapping[str, Fact[str]]
) -> tuple[dict[str, Fact[object]], bool]:
    """Read a configuration file.

    Args:
        path: Of the file.
        text: Its content.
        env: Variables; those not in it are not set.

    Returns:
        The names that it sets, with their values (``UNKNOWN`` and ``ByCpus`` among them), and
        whether that is all: not if it takes names from elsewhere.

    Raises:
        ReadError: It is no Python.
    """
    runner = _Runner(path, env)
    try:
        runner.block(python_of(text).body)
    except _Return:
        pass  # a `return` outside of functions: gunicorn will say so
    except (RecursionError, ValueError) as error:
        raise ReadError("not Python, or nested too deeply") from error
    found: dict[str, Fact[object]] = {
        name: Fact(value, Where(path, runner.lines.get(name, 0)))
        for name, value in runner.evaluator.names.items()
    }
    return {**found, **runner.copied}, runner.complete


class _Return(Exception):
    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


class _Runner:
    """Goes through statements.

    Attributes:
        lines: Where each name was set last.
        complete: Whether all names are known that are set.
        copied: Settings that are taken from the environment by a loop over it.
    """

    def __init__(self, path: str, env: Mapping[str, Fact[str]]) -> None:
        self.evaluator = Evaluator(env, call=self._call)
        self.lines: dict[str, int] = {}
        self.complete = True
        self.copied: dict[str, Fact[object]] = {}
        self._path = path
        self._env = env
        self._steps = 0
        self._calls = 0

    def block(self, statements: Sequence[ast.stmt]) -> None:
        """Go through statements."""
        for statement in statements:
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise ReadError("too long a configuration")
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                self._assignment(node)
            case ast.If():
                self._if(node)
            case ast.Try():
                self.block([*node.body, *node.orelse, *node.finalbody])
            case ast.With():
                self.block(node.body)
            case ast.For() | ast.While() | ast.Match():
                self._repeated(node)
            case ast.FunctionDef():
                self.evaluator.functions[node.name] = node
            case ast.ImportFrom():
                self.complete = self.complete and all(name.name != "*" for name in node.names)
            case ast.Return():
                raise _Return(self.evaluator.value(node.value))
            case _:
                pass

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        if isinstance(node, ast.AugAssign):
            sum_of = ast.BinOp(_loaded(node.target), node.op, node.value)
            self._assign(node.target, self.evaluator.value(ast.copy_location(sum_of, node)))
        elif isinstance(node, ast.Assign):
            value = self.evaluator.value(node.value)
            for target in node.targets:
                self._assign(target, value)
        elif node.value is not None:
            self._assign(node.target, self.evaluator.value(node.value))

    def _assign(self, target: ast.expr, value: object) -> None:
        if isinstance(target, ast.Name):
            self.evaluator.names[target.id] = value
            self.lines[target.id] = target.lineno
        elif isinstance(target, ast.Tuple | ast.List):
            values = value if isinstance(value, list) else []
            for at, item in enumerate(target.elts):
                fits = len(values) == len(target.elts)
                self._assign(item, values[at] if fits else UNKNOWN)
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Call):
            self.complete = False  # globals()[name] = ...

    def _if(self, node: ast.If) -> None:
        condition = self.evaluator.value(node.test)
        if not isinstance(condition, Unknown | ByCpus | list):
            self.block(node.body if condition else node.orelse)
            return
        before = dict(self.evaluator.names)
        outcomes: list[dict[str, object]] = []
        for body in (node.body, node.orelse):
            self.evaluator.names = dict(before)
            try:
                self.block(body)
            except _Return:
                raise _Return(UNKNOWN) from None
            outcomes.append(self.evaluator.names)
        self.evaluator.names = _merged(*outcomes)

    def _repeated(self, node: ast.stmt) -> None:
        """Take what a loop sets for not known, except where it copies the environment."""
        inside = list(ast.walk(node))
        names = {item.id for item in inside if isinstance(item, ast.Name)}
        texts = {item.value for item in inside if isinstance(item, ast.Constant)}
        if names & {"globals", "locals", "vars"}:
            # for name, value in os.environ.items(): if name.startswith("GUNICORN_"): ...
            if "GUNICORN_" not in texts:
                self.complete = False
            for name, fact in self._env.items():
                if name.startswith("GUNICORN_") and "GUNICORN_" in texts:
                    setting = name.removeprefix("GUNICORN_").lower()
                    self.copied[setting] = Fact(from_text(fact.value), fact.where)
            return
        for item in inside:
            if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
                self._assign(item, UNKNOWN)

    def _call(self, function: ast.FunctionDef, call: ast.Call) -> object:
        arguments = function.args
        starred = arguments.vararg or arguments.kwarg or arguments.posonlyargs
        if self._calls >= _MOST_CALLS or starred or any(item.arg is None for item in call.keywords):
            return UNKNOWN
        names = [item.arg for item in arguments.args]
        defaults = dict(zip(reversed(names), reversed(arguments.defaults), strict=False))
        given = {**defaults, **dict(zip(names, call.args, strict=False))}
        given.update({item.arg: item.value for item in call.keywords if item.arg is not None})
        values = {name: self.evaluator.value(node) for name, node in given.items()}
        before, lines = self.evaluator.names, dict(self.lines)
        self.evaluator.names = {**before, **values}
        self._calls += 1
        try:
            self.block(function.body)
        except _Return as returned:
            return returned.value
        finally:
            self._calls -= 1
            self.evaluator.names, self.lines = before, lines
        return None


def _loaded(target: ast.expr) -> ast.expr:
    return ast.Name(target.id, ast.Load()) if isinstance(target, ast.Name) else target


def _merged(one: Mapping[str, object], other: Mapping[str, object]) -> dict[str, object]:
    """Give the names after a branch of which it is not known which way it goes."""
    merged: dict[str, object] = {}
    for name in one.keys() | other.keys():
        left, right = one.get(name, UNKNOWN), other.get(name, UNKNOWN)
        by_cpus = next((value for value in (left, right) if isinstance(value, ByCpus)), None)
        same = type(left) is type(right) and left == right
        merged[name] = left if same else (by_cpus or UNKNOWN)
    return merged
