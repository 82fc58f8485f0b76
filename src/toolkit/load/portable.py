"""A locustfile as it is sent to other hosts: with the parameters that it has here. Pure."""

import ast

from toolkit import parameters


def with_parameters(text: str, query: str) -> str:
    """Put the values of parameters into a locustfile, before anything in it reads them.

    Args:
        text: Of the locustfile.
        query: The values, see ``parameters``.

    Raises:
        SyntaxError: It is not Python.
    """
    line = f"__import__('os').environ[{parameters.VARIABLE!r}] = {query!r}\n"
    lines = text.splitlines(keepends=True)
    start = _first_statement(ast.parse(text))
    return "".join((*lines[:start], line, *lines[start:]))


def _first_statement(module: ast.Module) -> int:
    """Count the lines that must come first: the docstring, and imports from the future."""
    start = 0
    for number, statement in enumerate(module.body):
        is_docstring = (
            number == 0
            and isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
        )
        is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not is_docstring and not is_future:
            break
        start = statement.end_lineno or 0
    return start
