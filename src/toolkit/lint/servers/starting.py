"""What the reader of a server's settings is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from posixpath import join, normpath

from toolkit.lint.facts import Command, Fact, Where

ConfigFinder = Callable[[str], tuple[str, str] | None]
"""Give the path in the folder and the text of a file by its absolute path in the container; None:
it is not known to be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """A server that is started.

    Attributes:
        command: Without shells and wrappers.
        env: All variables that it gets.
        workdir: That it starts in.
        find: Finds its files.
        version: That the project pins.
    """

    command: Command
    env: Mapping[str, Fact[str]]
    workdir: str
    find: ConfigFinder
    version: Fact[str] | None = None

    @property
    def where(self) -> Where:
        """Where the command stands."""
        return self.command.where

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words after the program."""
        return self.command.words[1:]

    def place(self, at: int) -> Where:
        """Tell where one of the arguments stands."""
        places = self.command.places[1:]
        return places[at] if at < len(places) else self.where

    def file(self, location: str) -> tuple[str, str] | None:
        """Give path and text of a file that it is told to read, relative to its folder."""
        return self.find(normpath(join(self.workdir or "/", location)))
