"""What a shell puts in place of ``$NAME``, as far as that is known without running anything.

What is not known stays as it is written, so that a ``$`` in a word always means that its value is
not known.
"""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

from toolkit.lint.facts import Fact, Where
from toolkit.lint.shell.tree import Computed, Part, Text, Variable, Word

Variables = Mapping[str, Fact[str]]

_MOST_LETTERS = 10_000
"""Of a word: variables that double each other would grow without end."""


def is_known(text: str) -> bool:
    """Tell whether a word holds nothing that only running it tells."""
    return "$" not in text and "`" not in text


@dataclass(slots=True)
class Values:
    """Variables and arguments of a shell.

    Attributes:
        variables: By name; those not in it are not set, as far as is known.
        args: $0, $1 ...
        where: Of a line.
    """

    where: Callable[[int], Where]
    variables: MutableMapping[str, Fact[str]] = field(default_factory=dict)
    args: Sequence[Fact[str]] = ()

    def words(self, word: Word, *, blank: bool = False) -> list[Fact[str]]:
        """Give the words that a word becomes.

        Args:
            word: Any.
            blank: Whether what is not set is empty, as it is for a test, rather than not known.
        """
        only = [part for part in word.parts if not (isinstance(part, Text) and not part.text)]
        if len(only) == 1 and isinstance(only[0], Variable) and only[0].name in ("@", "*"):
            return list(self.args[1:])
        where = self.where(word.line)
        fields: list[str] = [""]
        begun = False
        for part in word.parts:
            text = self._of_part(part, blank=blank)
            splits = isinstance(part, Variable) and not part.quoted and is_known(text)
            if splits and text.split() != [text]:
                pieces = text[:_MOST_LETTERS].split()
                fields[-1] += pieces[0] if pieces else ""
                fields.extend(pieces[1:])
                begun = begun or bool(pieces)
            else:
                fields[-1] += text
                begun = begun or bool(text) or (isinstance(part, Text) and part.quoted)
        return [Fact(text[:_MOST_LETTERS], where) for text in fields] if begun else []

    def text(self, word: Word, *, blank: bool = False) -> str:
        """Give a word's value where it is not split: in an assignment, in ``case``."""
        return "".join(self._of_part(part, blank=blank) for part in word.parts)[:_MOST_LETTERS]

    def _of_part(self, part: Part, *, blank: bool) -> str:
        if isinstance(part, Text):
            return part.text
        if isinstance(part, Computed):
            return part.raw
        value = self._value(part.name)
        if part.instead is None or part.operator in ("?", ":?", ""):
            return ("" if blank else part.raw) if value is None else value
        is_set = value is not None and not (part.operator.startswith(":") and not value)
        if part.operator.endswith("+"):
            return self.text(part.instead, blank=blank) if is_set else ""
        if is_set:
            return value or ""
        instead = self.text(part.instead, blank=blank)
        if part.operator.endswith("="):
            self.variables[part.name] = Fact(instead, self.where(part.instead.line))
        return instead

    def _value(self, name: str) -> str | None:
        if name.isdecimal():
            at = int(name) if len(name) < 4 else len(self.args)
            return self.args[at].value if at < len(self.args) else ""
        if name == "#":
            return str(max(0, len(self.args) - 1))
        if name in ("@", "*"):
            return " ".join(arg.value for arg in self.args[1:])
        found = self.variables.get(name)
        return None if found is None else found.value


def merge(
    outcomes: Sequence[Variables],
) -> dict[str, Fact[str]]:
    """Give the variables after a branch of which it is not known which way it goes."""
    names = {name for outcome in outcomes for name in outcome}
    merged: dict[str, Fact[str]] = {}
    for name in names:
        facts = [outcome.get(name) for outcome in outcomes]
        first = next(fact for fact in facts if fact is not None)
        same = all(fact is not None and fact.value == first.value for fact in facts)
        merged[name] = first if same else Fact(f"${name}", first.where)
    return merged
