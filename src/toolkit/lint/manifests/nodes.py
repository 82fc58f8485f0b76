"""Values of a file that know where they stand: what the readers of YAML look at."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType

from toolkit.lint.facts import Fact, Where
from toolkit.reading import ReadError

MOST_STEPS = 1_000_000
"""Over the nodes of a file, in which an alias of a few bytes may stand for much."""

_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)


class Kind(Enum):
    """What a node is."""

    MISSING = auto()
    """What somebody asked for that is not there."""
    NULL = auto()
    SCALAR = auto()
    LIST = auto()
    MAP = auto()


@dataclass(slots=True)
class Steps:
    """How many more steps over the nodes of a file may be taken."""

    left: int = MOST_STEPS

    def take(self, count: int) -> None:
        """Take some.

        Raises:
            ReadError: There are no more.
        """
        self.left -= count
        if self.left < 0:
            raise ReadError("it stands for too much, by aliases or ranges")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """A value, or the absence of one.

    Attributes:
        where: Of a map's value: where its key stands.
        tag: Such as "!reset", "" without one.
        whole: The text of a scalar; ask for ``text``, likewise.
        members: Of a list; ask for ``entries``, which count as steps.
        fields: Of a map, those of ``<<`` among them.
        steps: That may be taken, shared by all nodes of the file.
    """

    kind: Kind
    where: Where
    tag: str = ""
    whole: str = ""
    members: tuple["Node", ...] = ()
    fields: Mapping[str, "Node"] = field(default_factory=lambda: MappingProxyType({}))
    steps: Steps

    @property
    def given(self) -> bool:
        """Whether it is there and not null."""
        return self.kind not in {Kind.MISSING, Kind.NULL}

    def at(self, *keys: str) -> "Node":
        """Give the value under a key, and under a key of that; a missing node if there is none."""
        node = self
        for key in keys:
            found = node.fields.get(key)
            if found is None:
                return Node(kind=Kind.MISSING, where=node.where, steps=node.steps)
            node = found
        return node

    def items(self) -> Iterator[tuple[str, "Node"]]:
        """Give keys and values of a map, nothing of anything else."""
        self.steps.take(len(self.fields))
        yield from self.fields.items()

    @property
    def entries(self) -> tuple["Node", ...]:
        """Nodes of a list, none of anything else."""
        self.steps.take(len(self.members))
        return self.members

    @property
    def text(self) -> str | None:
        """What a scalar says, as it is written; None of anything else."""
        if self.kind is not Kind.SCALAR:
            return None
        self.steps.take(1 + len(self.whole) // 64)
        return self.whole

    @property
    def truth(self) -> bool | None:
        """What a scalar says, if it says yes or no."""
        return _TRUTHS.get((self.text or "").strip().lower())

    @property
    def integer(self) -> int | None:
        """What a scalar says, if it is a whole number."""
        text = (self.text or "").strip()
        return int(text) if _WHOLE.fullmatch(text) else None

    @property
    def words(self) -> tuple[str, ...] | None:
        """Scalars of a list; None of anything else, or if others are among them."""
        if self.kind is not Kind.LIST:
            return None
        texts = [entry.text for entry in self.entries]
        words = tuple(text for text in texts if text is not None)
        return words if len(words) == len(texts) else None

    @property
    def text_fact(self) -> Fact[str] | None:
        """Its text and where it stands, None of what is no scalar or empty."""
        text = self.text
        return Fact(text, self.where) if text else None

    @property
    def integer_fact(self) -> Fact[int] | None:
        """Likewise of a whole number."""
        number = self.integer
        return None if number is None else Fact(number, self.where)

    @property
    def truth_fact(self) -> Fact[bool] | None:
        """Likewise of a yes or no."""
        truth = self.truth
        return None if truth is None else Fact(truth, self.where)

    def scalar(self, text: str, where: Where | None = None) -> "Node":
        """Make one of the same file."""
        return Node(kind=Kind.SCALAR, where=where or self.where, whole=text, steps=self.steps)

    def null(self) -> "Node":
        """Make one that is null, at the same place."""
        return Node(kind=Kind.NULL, where=self.where, steps=self.steps)

    def listed(self, members: Iterable["Node"]) -> "Node":
        """Make a list, at the same place."""
        found = tuple(members)
        self.steps.take(len(found))
        return Node(kind=Kind.LIST, where=self.where, members=found, steps=self.steps)

    def mapped(self, fields: Mapping[str, "Node"]) -> "Node":
        """Make a map, at the same place."""
        self.steps.take(len(fields))
        return Node(
            kind=Kind.MAP, where=self.where, fields=MappingProxyType(dict(fields)), steps=self.steps
        )
