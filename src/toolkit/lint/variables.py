"""Variables in compose files (``${NAME:-default}``) and the files that give them (``.env``).

A variable that nobody here gives is set elsewhere, or by whoever starts the thing: it stays in the
text as ``${NAME}``. A number with it in is then none, which is what is known of it.
"""

import re
from collections.abc import Mapping

from toolkit.lint.facts import Fact, Where
from toolkit.reading import lines_of

MOST_DEPTH = 20
MOST_GROWTH = 1_000_000
"""Characters that variables may add to a file; as each may hold others, they could grow a lot."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")
_BRACE = re.compile(r"[{}]")
_ASSIGNMENT = re.compile(
    r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*(?:([=:])\s*(.*))?", re.DOTALL
)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\([$\"\\nrt])")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "$": "$$"}


def unknown(name: str) -> str:
    """Write a variable whose value is not known."""
    return f"${{{name}}}"


class Interpolation:
    """Puts the variables that are known into texts, and defaults for those that are not.

    Args:
        known: Values by name; may grow.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self._left = MOST_GROWTH

    def __call__(self, text: str) -> str:
        """Give a text in which ``$NAME``, ``${NAME:-default}`` and so on are replaced.

        Two dollar signs stand for one.
        """
        return self._interpolate(text, 0) if "$" in text else text

    def _interpolate(self, text: str, depth: int) -> str:
        parts: list[str] = []
        closing = _closing(text)
        position = 0
        while (dollar := text.find("$", position)) >= 0:
            parts.append(text[position:dollar])
            value, position = self._replaced(text, dollar, closing, depth)
            self._left -= len(value)
            if self._left < 0:
                return text
            parts.append(value)
        return "".join([*parts, text[position:]])

    def _replaced(
        self, text: str, dollar: int, closing: Mapping[int, int], depth: int
    ) -> tuple[str, int]:
        """Give what stands for the variable at a dollar sign, and where it ends."""
        after = dollar + 1
        if text.startswith("$", after):
            return "$", after + 1
        braced = text.startswith("{", after)
        name = _NAME.match(text, after + braced)
        if name is None:
            return "$", after
        if not braced:
            return self._value(name[0]), name.end()
        end = closing.get(after)
        if end is None or depth >= MOST_DEPTH:
            return "$", after
        operator = _OPERATOR.match(text, name.end(), end)
        if operator is None:
            return self._value(name[0]), end + 1
        return self._chosen(name[0], operator[0], text[operator.end() : end], depth), end + 1

    def _value(self, name: str) -> str:
        return self._known.get(name, unknown(name))

    def _chosen(self, name: str, operator: str, other: str, depth: int) -> str:
        value = self._known.get(name)
        given = value is not None and (value != "" or not operator.startswith(":"))
        if operator.endswith("+"):
            return self._interpolate(other, depth + 1) if given else ""
        if given:
            return self._value(name)
        # without its value a variable that must be given ("?") stops Compose: somebody gives it
        return unknown(name) if operator.endswith("?") else self._interpolate(other, depth + 1)


def _closing(text: str) -> Mapping[int, int]:
    """Tell where each brace is closed."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            opened.append(brace.start())
        elif opened:
            found[opened.pop()] = brace.start()
    return found


def read_env(path: str, text: str) -> dict[str, Fact[str]]:
    """Read a file of variables as Docker Compose does; lines that are none are passed over.

    Args:
        path: Of the file.
        text: ``NAME=value`` by lines, values in quotes or not, of which those in double quotes and
            bare ones may hold variables that stand before them.
    """
    found: dict[str, Fact[str]] = {}
    values: dict[str, str] = {}
    interpolate = Interpolation(values)
    for number, line in lines_of(text):
        assignment = _ASSIGNMENT.match(line.strip())
        if assignment is None:
            continue
        name = assignment[1]
        value = unknown(name)  # a name alone passes on the variable of whoever starts it
        if assignment[2]:
            value = _value(assignment[3], interpolate)
        elif assignment.end() != len(line.strip()):
            continue
        found[name] = Fact(value, Where(path, number))
        values[name] = value
    return found


def _value(raw: str, interpolate: Interpolation) -> str:
    if raw.startswith("'") and (end := raw.find("'", 1)) > 0:
        return raw[1:end]
    if quoted := _QUOTED.match(raw):
        return interpolate(_ESCAPED.sub(lambda at: _ESCAPES.get(at[1], at[1]), quoted[1]))
    return interpolate(raw.partition(" #")[0].rstrip())
