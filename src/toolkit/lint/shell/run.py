"""Which command a script comes to, found by going through it as a shell would.

What runs is never run: a command is taken to succeed, a test is judged by the variables that the
files set, and where that does not tell, every branch is looked at. Among the commands that are
found the one that serves an app counts, else what takes the shell's place, else the last.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from toolkit.lint.facts import Fact, Where
from toolkit.lint.shell.conditions import judge
from toolkit.lint.shell.flow import Flow
from toolkit.lint.shell.serving import serves
from toolkit.lint.shell.state import State
from toolkit.lint.shell.syntax import parse
from toolkit.lint.shell.tree import Function, Node, Script, Simple
from toolkit.lint.shell.values import Values
from toolkit.lint.shell.wrappers import Args
from toolkit.reading import ReadError

_MOST_CALLS = 12
_MOST_WORDS = 2_000
_DESCRIPTOR = re.compile(r"\{\w+\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A program that is started.

    Attributes:
        args: Without wrappers.
        shell: Whether a shell stays above it and keeps signals from it.
        workdir: That was changed to, "" if none was.
    """

    args: Args
    shell: bool = False
    env: Mapping[str, Fact[str]] = field(default_factory=dict)
    workdir: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a program finds when it starts."""

    env: Mapping[str, Fact[str]]
    workdir: str = ""
    depth: int = 0


Start = Callable[[Args, Surroundings], Started | None]
"""Follow a command to the program that it comes to, None: there is none."""

Find = Callable[[str], tuple[str, str] | None]
"""Give the path in the folder and the text of a script by its path in the container."""


@dataclass(frozen=True, slots=True)
class _Found:
    started: Started
    replaces: bool
    background: bool
    last_of: int
    """Of how many commands it is the last, 0 if it is in a group, a loop, a pipeline."""


class Shell(Flow):
    """A shell that goes through a script for the programs that it starts."""

    def __init__(
        self,
        values: Values,
        start: Start,
        find: Find,
        around: Surroundings,
        *,
        replaces: bool = False,
    ) -> None:
        """Begin a shell.

        Args:
            values: Its variables and arguments.
            start: Follows the programs that it starts.
            find: Finds what is sourced.
            around: What it finds itself in.
            replaces: Whether the last command of ``-c`` takes its place without being told to by
                ``exec``.
        """
        super().__init__(State(values, workdir=around.workdir))
        self._start = start
        self._find = find
        self._around = around
        self._replaces = replaces
        self._functions: dict[str, tuple[Function, Callable[[int], Where]]] = {}
        self._found: list[_Found] = []
        self._commands = 0
        self._calls = 0

    def run(self, script: Script) -> Started | None:
        """Give the program that a script comes to.

        Raises:
            ReadError: It takes too many steps, or has too many words.
        """
        self.items(script)
        best: _Found | None = None
        for found in self._found:
            if best is None or self._weight(found) >= self._weight(best):
                best = found
        if best is None:
            return None
        started = best.started
        by_itself = self._replaces and best.last_of == self._commands and not best.background
        stays = not (best.replaces or self.state.forwards or by_itself)
        return Started(
            args=started.args,
            shell=started.shell or stays,
            env=started.env,
            workdir=started.workdir,
        )

    @staticmethod
    def _weight(found: _Found) -> tuple[int, bool, bool]:
        return serves(found.started.args), found.replaces, not found.background

    def define(self, node: Function) -> None:
        """Remember a function and where it stands."""
        self._functions[node.name] = (node, self.state.values.where)

    def in_background(self, node: Node) -> None:
        """Go through a command that nobody waits for."""
        count = len(self._found)
        self.subshell((node,))
        for at in range(count, len(self._found)):
            self._found[at] = replace(self._found[at], replaces=False, background=True, last_of=0)

    def simple(self, node: Simple) -> bool | None:
        """Do a command; tell whether it succeeds, None: not known."""
        self.external = False
        assigned = self._assigned(node)
        words: list[Fact[str]] = []
        for word in node.words:
            words += self.state.values.words(word)
            if len(words) > _MOST_WORDS:
                raise ReadError("too many words")
        if not words:
            self.state.values.variables.update(assigned)
            return True
        name, rest = words[0].value, words[1:]
        if name in self._functions:
            return self._call(name, words)
        if name in ("[", "[[", "test"):
            blank = [
                fact for word in node.words for fact in self.state.values.words(word, blank=True)
            ]
            return judge([fact.value for fact in blank])
        if name in ("export", "declare", "typeset", "local", "readonly"):
            self.state.declare(words)
            return True
        if name in (".", "source") and rest:
            return self._source(rest)
        if name in ("exit", "return"):
            self.ended = name == "exit" or not self._calls
            return True
        if self.state.builtin(name, rest):
            return name != "false"
        return self._program(node, words, assigned)

    def _assigned(self, node: Simple) -> dict[str, Fact[str]]:
        where = self.state.values.where
        return {
            name: Fact(self.state.values.text(word), where(word.line))
            for name, word in node.assigned
        }

    def _call(self, name: str, words: Sequence[Fact[str]]) -> bool | None:
        if self._calls >= _MOST_CALLS:
            return None
        function, where = self._functions[name]
        args, here = self.state.values.args, self.state.values.where
        self.state.values.args, self.state.values.where = words, where
        self._calls += 1
        self.inside += 1
        status = self.items(function.body)
        self.inside -= 1
        self._calls -= 1
        self.state.values.args, self.state.values.where = args, here
        return status

    def _source(self, rest: Sequence[Fact[str]]) -> bool | None:
        found = self._find(rest[0].value) if self._calls < _MOST_CALLS else None
        if found is None:
            return True
        path, text = found
        here = self.state.values.where
        self.state.values.where = lambda line: Where(path, line)
        self._calls += 1
        self.inside += 1
        try:
            self.items(parse(text))
        except ReadError:
            return None  # a file of another kind: what it sets is not known
        finally:
            self.inside -= 1
            self._calls -= 1
            self.state.values.where = here
        return True

    def _program(
        self, node: Simple, words: Sequence[Fact[str]], assigned: Mapping[str, Fact[str]]
    ) -> bool | None:
        self.external = True
        self._commands += 1
        replaces = words[0].value == "exec"
        if replaces and all(_DESCRIPTOR.fullmatch(word.value) for word in words[1:]):
            return True  # `exec > log`, `exec {log}> log`
        exported = self.state.exported | set(self._around.env)
        env = {
            name: self.state.values.variables[name]
            for name in exported & set(self.state.values.variables)
        }
        around = Surroundings({**env, **assigned}, self.state.workdir, self._around.depth + 1)
        started = self._start(tuple(words), around)
        if started is not None:
            alone = not (self.inside or self.subshells or node.redirected)
            self._found.append(
                _Found(
                    started,
                    replaces and not self.subshells,
                    background=False,
                    last_of=self._commands if alone else 0,
                )
            )
        self.ended = replaces
        return None
