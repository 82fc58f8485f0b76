"""What a shell's text consists of: words with what stands for something else, and commands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Characters as they are."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """``$NAME`` or ``${NAME:-instead}``.

    Attributes:
        raw: As written.
        operator: What stands before ``instead``, "" without any: "-", ":-", "=", ":=", ...
    """

    name: str
    raw: str
    quoted: bool
    operator: str = ""
    instead: "Word | None" = None


@dataclass(frozen=True, slots=True)
class Computed:
    """What only running something tells: ``$(nproc)``, ``$((N + 1))``, ``${NAME%.*}``."""

    raw: str
    quoted: bool


Part = Text | Variable | Computed


@dataclass(frozen=True, slots=True)
class Word:
    """A word, before what stands for something else in it is put in."""

    parts: tuple[Part, ...]
    line: int

    @property
    def literal(self) -> str | None:
        """Its text if it is written without quotes and substitutions, as keywords have to be."""
        texts = [part.text for part in self.parts if isinstance(part, Text) and not part.quoted]
        return "".join(texts) if len(texts) == len(self.parts) else None


@dataclass(frozen=True, slots=True)
class Operator:
    """``;``, ``&&``, ``>``, a line's end ..."""

    text: str
    line: int


Token = Word | Operator


@dataclass(frozen=True, slots=True)
class Simple:
    """A program or builtin with its arguments, or assignments alone.

    Attributes:
        assigned: ``NAME=value`` in front of it.
        redirected: Whether its input or output is.
    """

    assigned: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    line: int
    redirected: bool = False


@dataclass(frozen=True, slots=True)
class If:
    """Each condition with what is done then; the last without a condition: ``else``."""

    branches: tuple[tuple["Script | None", "Script"], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A word and what is done for which patterns."""

    word: Word
    arms: tuple[tuple[tuple[Word, ...], "Script"], ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """``for``, ``while``, ``until``."""

    condition: "Script"
    body: "Script"


@dataclass(frozen=True, slots=True)
class Group:
    """``{ ...; }`` or ``( ... )``."""

    body: "Script"
    subshell: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A definition."""

    name: str
    body: "Script"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands with ``|`` between them, or one with ``!`` before it."""

    commands: tuple["Node", ...]
    negated: bool = False


Node = Simple | If | Case | Loop | Group | Function | Pipeline


@dataclass(frozen=True, slots=True)
class Item:
    """A command in a list.

    Attributes:
        after: The operator before it: "", "&&" or "||".
        background: Whether the shell does not wait for it: ``&``.
    """

    node: Node
    after: str = ""
    background: bool = False


Script = tuple[Item, ...]
