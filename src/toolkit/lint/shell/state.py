"""What a shell remembers between its commands, and the builtins that change it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from toolkit.lint.facts import Fact
from toolkit.lint.shell.values import Values, Variables, merge

_NOTHING = frozenset(
    {
        ":",
        "alias",
        "break",
        "continue",
        "declare",
        "echo",
        "eval",
        "false",
        "getopts",
        "hash",
        "let",
        "printf",
        "pwd",
    }
    | {"read", "shopt", "sleep", "true", "type", "ulimit", "umask", "wait"}
)
"""Builtins, and programs as good as builtins, that set nothing of interest and start nothing."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a branch may change."""

    variables: Variables
    args: tuple[Fact[str], ...]
    workdir: str


@dataclass(slots=True)
class State:
    """The state of a shell.

    Attributes:
        exported: Names of the variables that programs get.
        workdir: That was changed to.
        forwards: Whether it does something of its own at SIGTERM: a trap is set.
    """

    values: Values
    exported: set[str] = field(default_factory=set)
    workdir: str = ""
    forwards: bool = False

    def snapshot(self) -> Snapshot:
        """Give what a branch may change."""
        return Snapshot(dict(self.values.variables), tuple(self.values.args), self.workdir)

    def become(self, outcomes: Sequence[Snapshot]) -> None:
        """Go on after branches, of which it is not known which one was taken."""
        first = outcomes[0]
        self.values.variables = merge([outcome.variables for outcome in outcomes])
        self.values.args = first.args
        if any(outcome.args != first.args for outcome in outcomes):
            where = self.values.where(0)
            self.values.args = (*first.args[:1], Fact("$@", where))
        self.workdir = first.workdir

    def declare(self, words: Sequence[Fact[str]]) -> None:
        """Do what ``export NAME=value`` and its kin do."""
        for word in words[1:]:
            name, equals, value = word.value.partition("=")
            if equals:
                self.values.variables[name] = Fact(value, word.where)
            if words[0].value == "export":
                self.exported.add(name)

    def builtin(self, name: str, rest: Sequence[Fact[str]]) -> bool:
        """Do what a builtin does; tell whether it is one."""
        first = rest[0].value if rest else ""
        match name:
            case "set":
                self._set(rest)
            case "shift":
                count = int(first) if first.isdecimal() and len(first) < 4 else 1
                self.values.args = [*self.values.args[:1], *self.values.args[1 + count :]]
            case "cd":
                self.workdir = str(PurePosixPath(self.workdir or ".", first)) if first else ""
            case "trap":
                signals = {fact.value.removeprefix("SIG") for fact in rest[1:]}
                self.forwards |= bool(signals & {"TERM", "15"}) and first not in ("", "-")
            case "unset":
                for fact in rest:
                    self.values.variables.pop(fact.value, None)
            case _:
                return name in _NOTHING
        return True

    def _set(self, rest: Sequence[Fact[str]]) -> None:
        at = 0
        while at < len(rest) and rest[at].value.startswith(("-", "+")):
            at += 1
            if rest[at - 1].value == "--":
                break
            if rest[at - 1].value.endswith("o") and at < len(rest):
                at += 1
        if at < len(rest) or (at and rest[at - 1].value == "--"):
            self.values.args = [*self.values.args[:1], *rest[at:]]
