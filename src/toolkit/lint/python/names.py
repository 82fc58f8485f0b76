"""What names in a Python source stand for, as far as its text tells: imports and constants."""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

_LONGEST_CHAIN = 32


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a module.

    Attributes:
        module: Its own, as it lies in the folder: "src.app.health".
        imported: What was imported under a name: {"sa": "sqlalchemy"}.
        constants: What is assigned once, at the top level.
    """

    module: str
    imported: Mapping[str, str]
    constants: Mapping[str, ast.expr]

    @classmethod
    def of(cls, path: str, nodes: Iterable[ast.AST], tree: ast.Module) -> "Names":
        """Collect the names.

        Args:
            path: Of the file.
            nodes: All of the tree.
            tree: For what is assigned at the top.
        """
        pure = PurePosixPath(path)
        package = pure.parent.parts
        parts = package if pure.stem == "__init__" else (*package, pure.stem)
        imported: dict[str, str] = {}
        for node in nodes:
            if isinstance(node, ast.Import):
                for item in node.names:
                    name = item.asname or item.name.partition(".")[0]
                    imported[name] = item.name if item.asname else name
            elif isinstance(node, ast.ImportFrom):
                origin = _origin(node, package)
                for item in node.names:
                    imported[item.asname or item.name] = f"{origin}.{item.name}"
        return cls(".".join(parts), imported, _constants(tree))

    def dotted(self, node: ast.expr) -> str:
        """Give an attribute of attributes of a name as it is written, "" if it is none."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute) and len(parts) < _LONGEST_CHAIN:
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([node.id, *reversed(parts)])

    def origin(self, node: ast.expr) -> str:
        """Give what it is by the imports: "sqlalchemy.create_engine"; of its own by the module."""
        root, dot, rest = self.dotted(node).partition(".")
        if not root:
            return ""
        if root in self.imported:
            return self.imported[root] + dot + rest
        return f"{self.module}.{root}{dot}{rest}"

    def literal(self, node: ast.expr | None) -> object:
        """Give the value of a constant or of a name of one; None: it is none, or is None."""
        if isinstance(node, ast.Name):
            node = self.constants.get(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = node.operand
            if isinstance(inner, ast.Constant) and isinstance(inner.value, int):
                return -inner.value
        return node.value if isinstance(node, ast.Constant) else None

    def integer(self, node: ast.expr | None) -> int | None:
        """Give the value of an integer, None if it is none."""
        value = self.literal(node)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def string(self, node: ast.expr | None) -> str | None:
        """Give the value of a string, None if it is none."""
        value = self.literal(node)
        return value if isinstance(value, str) else None


def _origin(node: ast.ImportFrom, package: tuple[str, ...]) -> str:
    if not node.level:
        return node.module or ""
    base = package[: len(package) - (node.level - 1)]
    return ".".join([*base, *([node.module] if node.module else [])])


def _constants(tree: ast.Module) -> Mapping[str, ast.expr]:
    found: dict[str, ast.expr] = {}
    again: set[str] = set()
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign):
                if target.id in found:
                    again.add(target.id)
                if node.value is not None:
                    found[target.id] = node.value
    return {name: value for name, value in found.items() if name not in again}


def keywords_of(call: ast.Call) -> dict[str, ast.expr] | None:
    """Give a call's arguments by keyword, None where ``**`` hides some."""
    if any(item.arg is None for item in call.keywords):
        return None
    return {item.arg: item.value for item in call.keywords if item.arg is not None}
