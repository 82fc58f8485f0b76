"""Lists, branches and loops of a shell's script, gone through without running anything.

A command is taken to succeed; a test is judged by the variables that the files set; where that does
not tell, every branch is gone through, and what they set differently is not known afterwards.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fnmatch import fnmatchcase

from toolkit.lint.shell.state import State
from toolkit.lint.shell.tree import (
    Case,
    Function,
    Group,
    If,
    Item,
    Loop,
    Node,
    Pipeline,
    Script,
    Simple,
)
from toolkit.lint.shell.values import is_known
from toolkit.reading import ReadError

_MOST_STEPS = 2_000


class Flow(ABC):
    """A shell that goes through a script.

    Attributes:
        ended: Whether it went no further: by ``exit``, or because a program took its place.
        inside: In how many groups, branches, loops, pipelines and functions it is.
        subshells: In how many processes of their own.
        external: Whether the last command was a program.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.ended = False
        self.inside = 0
        self.subshells = 0
        self.external = False
        self._steps = 0

    @abstractmethod
    def simple(self, node: Simple) -> bool | None:
        """Do a command; tell whether it succeeds, None: not known."""

    @abstractmethod
    def define(self, node: Function) -> None:
        """Remember a function."""

    @abstractmethod
    def in_background(self, node: Node) -> None:
        """Go through a command that nobody waits for."""

    def items(self, items: Script) -> bool | None:
        """Go through a list; tell whether its last command succeeds, None: not known."""
        status: bool | None = True
        for item in items:
            if self.ended:
                break
            if item.after:
                # a program is taken to succeed: what stands after || is for when it does not
                known = True if status is None and self.external else status
                if known is (item.after == "||"):
                    continue
                if known is None:
                    status = self._perhaps(item)
                    continue
            status = self._item(item)
        return status

    def _perhaps(self, item: Item) -> bool | None:
        before = self.state.snapshot()
        status = self._item(item)
        self.state.become([before] if self.ended else [before, self.state.snapshot()])
        self.ended = False
        return status

    def _item(self, item: Item) -> bool | None:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise ReadError("too long a script")
        if not item.background:
            return self._node(item.node)
        self.in_background(item.node)
        return True

    def _node(self, node: Node) -> bool | None:
        match node:
            case Simple():
                return self.simple(node)
            case If():
                return self._if(node)
            case Case():
                return self._case(node)
            case Loop():
                return self._loop(node)
            case Group():
                self.inside += 1
                if node.subshell:
                    self.subshell(tuple(item.node for item in node.body))
                    status: bool | None = True
                else:
                    status = self.items(node.body)
                self.inside -= 1
                return status
            case Function():
                self.define(node)
                return True
            case Pipeline():
                return self._pipeline(node)

    def subshell(self, nodes: Sequence[Node]) -> None:
        """Go through commands in a process of their own: none of them takes the shell's place."""
        before = self.state.snapshot()
        self.subshells += 1
        for node in nodes:
            if not self.ended:
                self._node(node)
        self.subshells -= 1
        self.ended = False
        self.state.become([before])

    def _pipeline(self, node: Pipeline) -> bool | None:
        if len(node.commands) == 1:
            status = self._node(node.commands[0])
            return None if status is None else not status
        self.inside += 1
        for command in node.commands:
            self.subshell((command,))
        self.inside -= 1
        self.external = True
        return None

    def _if(self, node: If) -> bool | None:
        bodies: list[Script] = []
        surely = False
        for condition, body in node.branches:
            status = True if condition is None else self.items(condition)
            if self.ended:
                return None
            if status is not False:
                bodies.append(body)
            if status is True:
                surely = True
                break
        return self._one_of(bodies, surely=surely)

    def _case(self, node: Case) -> bool | None:
        word = self.state.values.text(node.word, blank=True)
        bodies: list[Script] = []
        for patterns, body in node.arms:
            texts = [self.state.values.text(pattern) for pattern in patterns]
            if not is_known(word):
                bodies.append(body)
            elif any(fnmatchcase(word, text) for text in texts):
                return self._one_of([body], surely=True)
        return self._one_of(bodies, surely=False)

    def _one_of(self, bodies: Sequence[Script], *, surely: bool) -> bool | None:
        """Go through one of several scripts, all of them if it is not known which.

        Args:
            bodies: That it may be.
            surely: Whether it is one of them.
        """
        self.inside += 1
        before = self.state.snapshot()
        outcomes = [] if surely else [before]
        status: bool | None = True
        for body in bodies:
            self.state.become([before])
            status = self.items(body)
            if not self.ended:
                outcomes.append(self.state.snapshot())
            self.ended = False
        self.inside -= 1
        self.ended = not outcomes
        self.state.become(outcomes or [before])
        return status if len(bodies) == 1 and surely else None

    def _loop(self, node: Loop) -> bool | None:
        self.inside += 1
        before = self.state.snapshot()
        self.items(node.condition)
        self.items(node.body)
        self.ended = False
        self.state.become([before, self.state.snapshot()])
        self.inside -= 1
        return True
